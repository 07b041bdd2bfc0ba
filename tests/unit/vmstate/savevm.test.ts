import { deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Problem } from '../../../src/lib/vmstate/problem.ts';
import { readPage } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot, type ReadOptions } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange, type ByteStream } from '../../../src/lib/vmstate/source.ts';
import { descriptionTable, type VMStateDescription } from '../../../src/lib/vmstate/vmstate.ts';
import { fieldsOf } from '../../../src/lib/vmstate/vmstate.ts';
import { u32 } from '../../../src/lib/vmstate/vmstate-types.ts';
import {
  bytes,
  capabilities,
  command,
  configuration,
  counted,
  end,
  EOF,
  EOS,
  footer,
  full,
  HEADER,
  page,
  part,
  ramStart,
  start,
  subsection,
  u16be,
  u32be,
  u64be,
  zeroPage,
  zeros,
  type Piece
} from '../../support/bytes.ts';

const field = fieldsOf<{ a: number; b: number }>();
const vmstate_pair: VMStateDescription<{ a: number; b: number }> = {
  name: 'pair',
  version: 2,
  minimumVersion: 1,
  fields: [field('a', u32), field('b', u32, 2)]
};
const descriptions = descriptionTable([vmstate_pair]);

const read = (...pieces: Piece[]): Promise<Snapshot> => readSnapshot(bytesSource(bytes(...pieces)), { descriptions });
/** Without the note that most of the little blocks' pages were never sent, which has a test of its own. */
const told = (s: Snapshot): Problem[] => s.problems.filter((p) => p.code !== 'ram-not-in-stream');
const codes = (s: Snapshot): string[] => told(s).map((p) => p.code);
const oneBlock = start(0, 'ram', 4, ramStart([['pc.ram', 0x4000]]));

/** The same bytes as a stream that comes once, in pieces of an awkward size. */
function once(input: Uint8Array, piece = 7): ByteStream {
  let at = 0;
  return {
    read: (target) => {
      const part = input.subarray(at, at + Math.min(piece, target.length));
      target.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    }
  };
}

describe('framing', () => {
  test('a stream has a header, a configuration, sections and an end, each with its bytes', async () => {
    const s = await read(HEADER, configuration('pc-i440fx-7.2'), full(3, 'pair', 2, u32be(7), u32be(9)), EOF);
    expect(s.problems).toEqual([]);
    expect(s.configuration).toEqual({ machine: 'pc-i440fx-7.2', capabilities: [] });
    expect(s.sections.map((x) => [x.kind, x.start, x.end])).toEqual([
      ['header', 0, 8],
      ['configuration', 8, 26],
      ['full', 26, 57],
      ['eof', 57, 58]
    ]);
    expect(s.sections[2]).toMatchObject({ name: 'pair', sectionId: 3, version: 2, bodyStart: 44, bodyEnd: 52 });
    expect(s.sections[2]!.fields).toMatchObject([
      { name: 'a', start: 44, end: 48, value: 7 },
      { name: 'b', start: 48, end: 52, value: 9 }
    ]);
  });

  test('a stream of before 2.4 has neither configuration nor footers', async () => {
    const section = [4, u32be(3), counted('pair'), u32be(0), u32be(1), u32be(7)];
    const s = await read(HEADER, section, section, EOF);
    expect(s.problems).toEqual([]);
    expect(s.sections.map((x) => x.kind)).toEqual(['header', 'full', 'full', 'eof']);
  });

  test('target page bits, capabilities and uuid are subsections of the configuration', async () => {
    const uuid = Array.from({ length: 16 }, (_, i) => i);
    const s = await read(
      ...[HEADER, configuration('none', subsection('configuration/target-page-bits', 1, u32be(12)))],
      ...[capabilities('x-ignore-shared'), subsection('configuration/uuid', 1, uuid), EOF]
    );
    expect(s.configuration).toEqual({
      ...{ machine: 'none', capabilities: ['x-ignore-shared'], targetPageBits: 12 },
      uuid: Uint8Array.from(uuid)
    });
  });

  test('what is no stream is said to be none', async () => {
    expect(codes(await read('this is text, not a migration stream'))).toContain('not-a-stream');
  });

  test('version 2 is refused as QEMU refuses it', async () => {
    const s = await read('QEVM', u32be(2), zeros(20));
    expect(s.problems).toMatchObject([{ code: 'stream-version', at: 4, hint: expect.stringContaining('obsolete') }]);
  });

  test('a section footer names the section it closes', async () => {
    const s = await read(HEADER, 4, u32be(4), counted('pair'), u32be(0), u32be(1), u32be(7), footer(4), [
      [4, u32be(4), counted('pair'), u32be(0), u32be(1), u32be(7), footer(5), EOF]
    ]);
    expect(s.problems).toContainEqual(expect.objectContaining({ code: 'footer-mismatch', at: 57 }));
  });

  test('a section that is longer than its description is kept to its footer, the misfit is named', async () => {
    const s = await read(HEADER, full(1, 'pair', 2, u32be(1), u32be(2), u32be(3)), full(2, 'pair', 1, u32be(4)), EOF);
    expect(s.problems).toMatchObject([{ code: 'section-mismatch', section: 'pair/0', at: 34, path: 'b' }]);
    expect(s.sections[1]).toMatchObject({ opaque: true, bodyStart: 26, bodyEnd: 38 });
    expect(s.sections[2]!.fields).toMatchObject([{ name: 'a', value: 4 }]);
  });

  test('a section that nobody knows is kept as bytes', async () => {
    const s = await read(HEADER, full(1, 'frob', 1, 'abc'), full(2, 'pair', 1, u32be(4)), EOF);
    expect(s.problems).toEqual([]);
    expect(s.sections[1]).toMatchObject({ name: 'frob', opaque: true, bodyEnd: 29, fields: [] });
    expect(s.sections[2]).toMatchObject({ name: 'pair', decodedBy: 'description' });
  });

  test('a section that nobody knows decodes by the JSON at the end', async () => {
    const json = JSON.stringify({
      page_size: 4096,
      devices: [
        {
          name: 'frob',
          instance_id: 0,
          vmsd_name: 'frob',
          version: 1,
          fields: [{ name: 'x', type: 'uint16', size: 2 }]
        }
      ]
    });
    const s = await read(HEADER, full(1, 'frob', 1, u16be(0x1234)), EOF, 6, u32be(json.length), json);
    expect(s.problems).toEqual([]);
    expect(s.sections[1]).toMatchObject({ decodedBy: 'vmdescription' });
    expect(s.sections[1]!.fields).toMatchObject([{ name: 'x', value: 0x1234 }]);
    expect(s.vmdescription?.json).toEqual(JSON.parse(json));
  });

  test('commands are named, a packaged stream is read in its place', async () => {
    const inner = bytes(command(4), full(2, 'pair', 1, u32be(4)), command(2, u32be(3)), command(5));
    const s = await read(HEADER, oneBlock, command(2, u32be(1)), command(7, u32be(inner.length)), inner, end(0, EOS));
    expect(codes(s)).toEqual([]);
    const names = s.sections.map((x) => [x.name, x.inside]);
    expect(names.slice(3)).toEqual([
      ['PACKAGED', undefined],
      ['POSTCOPY_LISTEN', 3],
      ['pair', 3],
      ['PING', 3],
      ['POSTCOPY_RUN', 3],
      ['ram', undefined]
    ]);
    expect(s.features.postcopy).toBe(true);
  });

  test.each([
    ['in the header', 6],
    ['in the configuration', 15],
    ['in a section header', 30],
    ['in a body', 46],
    ['in a footer', 55],
    ['before EOF', 57]
  ])('a stream that ends %s keeps what came before and says where', async (_, length) => {
    const whole = bytes(HEADER, configuration('pc-i440fx-7.2'), full(3, 'pair', 2, u32be(7), u32be(9)), EOF);
    const s = await readSnapshot(bytesSource(whole.subarray(0, length)), { descriptions });
    expect(s.problems).toContainEqual(expect.objectContaining({ severity: 'fatal' }));
    expect(s.problems.every((p) => p.at <= length)).toBe(true);
    expect(s.end).toBe(length);
  });

  test('an unknown section type ends reading, the rest is one unreadable piece', async () => {
    const s = await read(HEADER, 0x55, zeros(10));
    expect(s.problems).toMatchObject([{ code: 'section-type', at: 8 }]);
    expect(s.sections[1]).toMatchObject({ kind: 'unreadable', start: 8, end: 19 });
  });

  test('bytes behind the end are a note', async () => {
    expect((await read(HEADER, EOF, 1, 2, 3)).problems).toMatchObject([
      { code: 'trailing-bytes', severity: 'note', at: 9 }
    ]);
  });

  test('a stream that comes in pieces reads as one that is at hand, and can be read again', async () => {
    const whole = bytes(
      ...[HEADER, configuration('pc'), oneBlock, part(0, page(0, 1, 'pc.ram'), zeroPage(0x1000), page(0x2000, 1), EOS)],
      ...[end(0, EOS), full(3, 'pair', 2, u32be(7), u32be(9)), EOF]
    );
    const at = await readSnapshot(bytesSource(whole), { descriptions });
    const piped = await readSnapshot(once(whole), { descriptions });
    expect(piped.sections).toEqual(at.sections);
    expect(await readRange(piped.bytes, 0, piped.end)).toEqual(whole);
    // Two equal pages are held once.
    expect(piped.ram.store.count).toBe(1);
    expect(await readPage(piped, 2)).toEqual(new Uint8Array(4096).fill(1));
  });
});

describe('ram', () => {
  const ram = (...body: Piece[]): Promise<Snapshot> => read(HEADER, oneBlock, part(0, ...body, EOS), end(0, EOS), EOF);

  test('the block list gives names, lengths and their bytes', async () => {
    const s = await read(
      HEADER,
      start(
        0,
        'ram',
        4,
        ramStart([
          ['pc.ram', 0x8000],
          ['pc.bios', 0x2000]
        ])
      ),
      EOF
    );
    expect(s.ram.blocks).toMatchObject([
      { idstr: 'pc.ram', usedLength: 0x8000, firstPage: 0, pages: 8, start: 33, end: 48 },
      { idstr: 'pc.bios', usedLength: 0x2000, firstPage: 8, pages: 2 }
    ]);
  });

  test('zero and normal pages, named and continued', async () => {
    const s = await ram(zeroPage(0, 'pc.ram'), page(0x1000, 5), page(0x2000, 0), zeroPage(0x3000));
    expect(told(s)).toEqual([]);
    expect(Array.from({ length: s.ram.count }, (_, i) => [s.ram.kindOf(i), s.ram.pageOf(i)])).toEqual([
      [1, 0],
      [2, 1],
      [2, 2],
      [1, 3]
    ]);
    expect(await readPage(s, 1)).toEqual(new Uint8Array(4096).fill(5));
  });

  test('an XBZRLE delta is applied to what the page was', async () => {
    // zero run 2, two new bytes (SDM of it: migration/xbzrle.c)
    const delta = [2, 2, 0xaa, 0xbb];
    const s = await ram(page(0x1000, 5, 'pc.ram'), u64be(0x1000 + 0x40 + 0x20), 1, u16be(delta.length), delta);
    expect(told(s)).toEqual([]);
    const now = await readPage(s, 1);
    expect([...now.subarray(0, 5)]).toEqual([5, 5, 0xaa, 0xbb, 5]);
  });

  test('a compressed page is inflated', async () => {
    const packed = deflateSync(new Uint8Array(4096).fill(9));
    const s = await ram(u64be(0x100), counted('pc.ram'), u32be(packed.length), packed);
    expect(told(s)).toEqual([]);
    expect(await readPage(s, 0)).toEqual(new Uint8Array(4096).fill(9));
  });

  test('a page filled with another byte, as before 1.5, is kept and noted', async () => {
    const s = await ram(u64be(2), counted('pc.ram'), 0x55);
    expect(told(s)).toMatchObject([{ code: 'ram-fill', message: 'Found a zero page with value 85' }]);
    expect(await readPage(s, 0)).toEqual(new Uint8Array(4096).fill(0x55));
  });

  test('x-ignore-shared brings addresses', async () => {
    const block = start(0, 'ram', 4, ramStart([['mem0', 0x4000, u64be(0x100000)]]));
    const s = await read(HEADER, configuration('pc', capabilities('x-ignore-shared')), block, EOF);
    expect(s.ram.blocks).toMatchObject([{ idstr: 'mem0', gpa: 0x100000 }]);
    expect(s.features.ignoreShared).toBe(true);
  });

  test('postcopy brings page sizes of huge-page blocks, in the middle of the list and at its end', async () => {
    const list = ramStart([
      ['huge', 0x200000, u64be(0x200000)],
      ['plain', 0x4000],
      ['last', 0x200000, u64be(0x200000)]
    ]);
    const advise = command(3, u64be(0x201000), u64be(0x1000));
    const s = await read(HEADER, advise, start(0, 'ram', 4, list), EOF);
    expect(told(s)).toEqual([]);
    expect(s.ram.blocks.map((b) => b.pageSize)).toEqual([0x200000, 4096, 0x200000]);
  });

  test.each([
    ['RAM_SAVE_FLAG_HOOK', u64be(0x80), 'rdma-hook'],
    ['no flags', u64be(0x1000), 'ram-flags'],
    ['PAGE and ZERO at once', u64be(0x0a), 'ram-flags'],
    ['a delta with another encoding', [u64be(0x40), counted('pc.ram'), 2, u16be(0)], 'xbzrle-header'],
    ['a delta longer than a page', [u64be(0x40), counted('pc.ram'), 1, u16be(5000)], 'xbzrle-length'],
    ['a compressed page of 4 GiB', [u64be(0x100), counted('pc.ram'), u32be(0xffffffff)], 'compress-length']
  ])('%s is a problem with its place; reading goes on at the footer', async (_, body, code) => {
    const s = await ram(body, zeros(9));
    expect(told(s)).toMatchObject([{ code, at: 66, section: 'ram/0' }, { code: 'resynchronised' }]);
    expect(s.sections.at(-1)!.kind).toBe('eof');
  });

  test('a page of an unknown block or beyond the end of its block is passed over, not lost sync at', async () => {
    const s = await ram(zeroPage(0, 'nope'), page(0x1000, 1), zeroPage(0x8000, 'pc.ram'), zeroPage(0x1000));
    expect(codes(s)).toEqual(['ram-unknown-block', 'ram-illegal-offset']);
    expect(s.ram.count).toBe(1);
  });

  test.each([
    ['a block of exabytes', [['pc.ram', 2 ** 60]]],
    ['a block longer than the total', [['pc.ram', 2 ** 52]]]
  ] as const)('%s takes no memory', async (_, blocks) => {
    const s = await read(HEADER, start(0, 'ram', 4, ramStart(blocks as never)), EOF);
    expect(codes(s)).not.toEqual([]);
    expect(s.ram.pages).toBe(0);
  });

  test('memory that the stream does not hold is named with its reason', async () => {
    const block = start(0, 'ram', 4, ramStart([['mem0', 0x4000, u64be(0)]]));
    const s = await read(HEADER, configuration('pc', capabilities('x-ignore-shared')), block, end(0, EOS), EOF);
    expect(s.problems).toMatchObject([{ code: 'ram-not-in-stream', severity: 'note', path: 'mem0' }]);
    expect(s.problems[0]!.message).toContain('4 of 4 pages of mem0');
  });

  test('rounds: the bulk pass, one that a repeat proves, and END', async () => {
    const s = await read(
      ...[
        HEADER,
        oneBlock,
        part(0, page(0, 1, 'pc.ram'), page(0x1000, 2), EOS),
        part(0, page(0x2000, 3, 'pc.ram'), EOS)
      ],
      ...[part(0, page(0x2000, 4, 'pc.ram'), page(0x1000, 5), EOS), end(0, page(0x1000, 6, 'pc.ram'), EOS), EOF]
    );
    expect(s.rounds.map((r) => [r.pages, r.evidence, r.certain])).toEqual([
      [3, 'section', true],
      [2, 'repeat', false],
      [1, 'section', true]
    ]);
    expect(s.rounds[1]!.start).toBe(s.sections[4]!.start);
    expect(s.rounds.map((r) => r.again)).toEqual([0, 2, 1]);
  });
});

test('cancelling keeps what was read', async () => {
  const abort = new AbortController();
  const options: ReadOptions = { descriptions, signal: abort.signal };
  abort.abort();
  const s = await readSnapshot(bytesSource(bytes(HEADER, full(1, 'pair', 1, u32be(4)), EOF)), options);
  expect(codes(s)).toContain('cancelled');
  expect(s.sections.length).toBeGreaterThan(0);
});
