import { describe, expect, test } from 'vitest';
import { addMultifd, Multifd, type MultifdResult } from '../../../src/lib/vmstate/multifd.ts';
import { Problems } from '../../../src/lib/vmstate/problem.ts';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { capture, packet, sync } from '../../support/multifd.ts';

const PAGE = 4096;

function index(): RamIndex {
  const ram = new RamIndex();
  for (const idstr of ['pc.ram', 'vga.vram']) {
    ram.addBlock({ idstr, usedLength: 64 * PAGE, pageSize: PAGE, start: 0, end: 0 });
  }
  return ram;
}
const inputs = (...captures: Buffer[]): { name: string; source: ReturnType<typeof bytesSource> }[] =>
  captures.map((bytes, i) => ({ name: `channel-${i}`, source: bytesSource(bytes) }));

/** Kind, page, source and first byte of every record. */
async function records(ram: RamIndex): Promise<(readonly [number, number, number, number])[]> {
  const out = [];
  const byte = new Uint8Array(1);
  for (let i = 0; i < ram.count; i++) {
    const { kind, page, offset, source } = ram.at(i);
    if (kind === PageKind.normal) await ram.sources[source]!.read(offset, byte);
    out.push([kind, page, source, kind === PageKind.normal ? byte[0]! : 0] as const);
  }
  return out;
}

async function add(...captures: Buffer[]): Promise<{ ram: RamIndex; problems: Problems; result: MultifdResult }> {
  const ram = index();
  const problems = new Problems();
  return { ram, problems, result: await addMultifd(inputs(...captures), ram, problems) };
}

describe('the order of pages', () => {
  test('between two syncs it goes by packet number, over all channels', async () => {
    const one = capture(0, packet({ num: 0, normal: [[0, 1]] }), packet({ num: 3, normal: [[3 * PAGE, 4]] }), sync(4));
    const two = capture(
      1,
      packet({ num: 1, normal: [[PAGE, 2]] }),
      packet({ num: 2, normal: [[2 * PAGE, 3]] }),
      sync(5)
    );
    const { ram, problems, result } = await add(one, two);
    expect(problems.list).toEqual([]);
    expect((await records(ram)).map(([, page, source, byte]) => [page, source, byte])).toEqual([
      [0, 1, 1],
      [1, 2, 2],
      [2, 2, 3],
      [3, 1, 4]
    ]);
    expect(result.syncs).toEqual([4]);
    expect(result.packets.map((p) => [p.channel, p.packetNum, p.sync])).toEqual([
      [0, 0, false],
      [1, 1, false],
      [1, 2, false],
      [0, 3, false],
      [0, 4, true],
      [1, 5, true]
    ]);
  });

  test('what comes behind a sync comes behind all channels before it, whatever its number', async () => {
    // The second channel was slow: its page of the first round has a number above one of the second round.
    const one = capture(0, sync(1), packet({ num: 2, normal: [[0, 9]] }), sync(4));
    const two = capture(1, packet({ num: 3, normal: [[0, 1]] }), sync(0), sync(5));
    const { ram, result } = await add(one, two);
    expect((await records(ram)).map((r) => r[3])).toEqual([1, 9]);
    expect(result.syncs).toEqual([1, 2]);
  });

  test('up to 8.2 a SYNC packet may have pages, which lie before it', async () => {
    const one = capture(0, packet({ flags: 1, num: 7, normal: [[0, 1]] }), packet({ num: 7, normal: [[0, 2]] }));
    const { ram, result } = await add(one);
    expect((await records(ram)).map((r) => r[3])).toEqual([1, 2]);
    expect(result.syncs).toEqual([1]);
    expect(result.channels[0]).toMatchObject({ sender: '<= 8.2', id: 0, packets: 2 });
  });

  test('marks of the main channel put records of both in order', async () => {
    const ram = index();
    const problems = new Problems();
    const page = (num: number, fill: number): Uint8Array => packet({ num, normal: [[0, fill]] });
    const channel = capture(0, sync(0), page(1, 5), sync(2), page(3, 6), sync(4));
    const zero = (): void => ram.add(PageKind.zero, 0, 0, 0, 0, 0, 0);
    for (const marks of [['eos'], ['flush', 'eos']] as const) {
      const from = ram.count;
      const multifd = await Multifd.open(inputs(channel), ram, problems);
      const mark = async (): Promise<void> => {
        for (const m of marks) await multifd.synchronise(m);
      };
      await mark();
      await mark();
      zero();
      await multifd.finish();
      const order = [];
      for (let i = from; i < ram.count; i++) order.push(ram.kindOf(i));
      expect(order).toEqual([PageKind.normal, PageKind.zero, PageKind.normal]);
    }
    expect(problems.list).toEqual([]);
  });

  test('EOS does not count where MULTIFD_FLUSH does', async () => {
    const ram = index();
    const channel = capture(0, sync(0), packet({ num: 1, normal: [[0, 5]] }), sync(2));
    const multifd = await Multifd.open(inputs(channel), ram, new Problems());
    await multifd.synchronise('flush');
    for (let i = 0; i < 5; i++) await multifd.synchronise('eos');
    expect(ram.count).toBe(0);
    await multifd.synchronise('flush');
    expect(ram.count).toBe(1);
  });
});

describe('a page on two channels between two syncs', () => {
  const pages = (fill: number, num: number): Uint8Array => packet({ num, normal: [[0x3000, fill]] });

  test('is a race where the contents differ, and a note says so', async () => {
    const { problems, result } = await add(capture(0, pages(1, 0), sync(3)), capture(1, pages(2, 1), sync(2)));
    expect(result.races).toEqual([{ page: 3, earlier: 0, later: 1 }]);
    expect(problems.list).toMatchObject([{ code: 'multifd-race', severity: 'note', at: 64 + 1344 }]);
    expect(problems.list[0]!.message).toContain('channel-1: another channel carried page 0x3000 of pc.ram');
  });

  test.each([
    ['the contents are the same', capture(0, pages(1, 0), sync(3)), capture(1, pages(1, 1), sync(2))],
    ['one channel carried both', capture(0, pages(1, 0), pages(2, 1), sync(3)), capture(1, sync(2))],
    ['a sync lies between', capture(0, pages(1, 0), sync(1), sync(4)), capture(1, sync(2), pages(2, 3), sync(5))]
  ])('is none where %s', async (_, one, two) => {
    const { problems, result } = await add(one, two);
    expect(result.races).toEqual([]);
    expect(problems.list).toEqual([]);
  });
});

describe('packets', () => {
  test('zero pages stand behind the normal ones in a packet of 9.0', async () => {
    const one = capture(3, packet({ normal: [[PAGE, 7]], zero: [0, 5 * PAGE] }), packet({ zero: [PAGE], num: 1 }));
    const { ram, result, problems } = await add(one);
    expect(problems.list).toEqual([]);
    expect((await records(ram)).sort((a, b) => a[1] - b[1] || a[0] - b[0])).toEqual([
      [PageKind.zero, 0, 1, 0],
      [PageKind.zero, 1, 1, 0],
      [PageKind.normal, 1, 1, 7],
      [PageKind.zero, 5, 1, 0]
    ]);
    expect(ram.kindOf(ram.latest(1))).toBe(PageKind.zero);
    expect(result.channels[0]).toMatchObject({ id: 3, sender: '>= 9.0', bytes: one.length });
    expect([...result.channels[0]!.uuid!]).toEqual(new Array(16).fill(0xaa));
  });

  test('a stale next_packet_size of a SYNC packet without pages (7.2) is no payload', async () => {
    const { ram, problems } = await add(capture(0, packet({ flags: 1, size: 524288 }), packet({ normal: [[0, 1]] })));
    expect(problems.list).toEqual([]);
    expect(ram.count).toBe(1);
  });

  test('pages go to the block that the packet names', async () => {
    const { ram } = await add(capture(0, packet({ block: 'vga.vram', normal: [[PAGE, 1]] })));
    expect(ram.pageOf(0)).toBe(65);
  });

  test('device state (10.0) is listed', async () => {
    const device = new Uint8Array(276 + 10);
    const view = new DataView(device.buffer);
    [0x11223344, 1, 64].forEach((word, i) => view.setUint32(4 * i, word));
    device.set(Buffer.from('0000:00:05.0/vfio'), 12);
    view.setUint32(268, 2);
    view.setUint32(272, 10);
    const { result, problems, ram } = await add(capture(0, device, packet({ normal: [[0, 1]] })));
    expect(problems.list).toEqual([]);
    expect(ram.count).toBe(1);
    expect(result.packets[0]).toMatchObject({
      name: '0000:00:05.0/vfio',
      start: 64,
      end: 64 + 286,
      deviceState: { instance: 2, bytes: 10 }
    });
  });
});

describe('bad captures', () => {
  const good = packet({ normal: [[0, 1]] });
  const cases: [string, Buffer, string, number, string][] = [
    ['an empty one', Buffer.alloc(0), 'multifd-init', 0, 'ends in its first message'],
    ['another magic', Buffer.concat([good, good]).subarray(1), 'multifd-init', 0, 'received packet magic 22334400'],
    ['another packet magic', capture(0, good, new Uint8Array(1344)), 'multifd-packet', 64 + good.length, 'magic 0'],
    ['too many pages', capture(0, packet({ allocated: 129 })), 'multifd-packet', 64, '129 pages, expected 128'],
    ['more pages than fit', capture(0, packet({ allocated: 0, normal: [[0, 1]] })), 'multifd-packet', 64, 'exceeds'],
    [
      'more zero pages than fit',
      capture(0, packet({ allocated: 1, zero: [0, 1] })),
      'multifd-packet',
      64,
      '2 zero pages'
    ],
    ['a cut header', capture(0, good.subarray(0, 700)), 'multifd-truncated', 64, 'ends in a packet header'],
    ['a cut page', capture(0, good.subarray(0, 3000)), 'multifd-truncated', 1408, 'ends in the contents of a packet'],
    ['an unknown block', capture(0, packet({ block: 'ram9', normal: [[0, 1]] })), 'multifd-block', 128, '"ram9"'],
    ['an offset beyond the block', capture(0, packet({ normal: [[64 * PAGE, 1]] })), 'multifd-offset', 384, 'too long'],
    ['an odd offset', capture(0, packet({ normal: [[100, 1]] })), 'multifd-offset', 384, 'offset'],
    ['hardware compression', capture(0, packet({ flags: 8, normal: [[0, 1]] })), 'multifd-damaged', 1408, 'qpl']
  ];
  for (const [name, bytes, code, at, message] of cases) {
    test(`${name}: a problem says where`, async () => {
      const { problems } = await add(bytes);
      expect(problems.list[0]).toMatchObject({ code, at, severity: 'warning' });
      expect(problems.list[0]!.message).toContain(message);
      expect(problems.list[0]!.message).toContain('channel-0');
    });
  }

  test('what came before the damage is kept, and the other channels go on', async () => {
    const { ram } = await add(capture(0, good, good.subarray(0, 2000)), capture(1, packet({ normal: [[PAGE, 1]] })));
    expect(ram.count).toBe(2);
  });
});
