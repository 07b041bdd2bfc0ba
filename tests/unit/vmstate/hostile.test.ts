/** Streams that a spiteful sender makes: each is bounded in time and memory, and says what is wrong and where. */
import {
  existsSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { fileSource } from '../../../src/bridge/file-source.ts';
import { OpenSnapshot } from '../../../src/lib/emulator/open-snapshot.ts';
import { diffSnapshots } from '../../../src/lib/vmstate/diff.ts';
import { PageStore } from '../../../src/lib/vmstate/page-store.ts';
import type { Problem } from '../../../src/lib/vmstate/problem.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { MAX_BLOCKS, MAX_PAGES } from '../../../src/lib/vmstate/ram-index.ts';
import { stretchStatistics } from '../../../src/lib/vmstate/ram-statistics.ts';
import { MAX_ROUNDS } from '../../../src/lib/vmstate/rounds.ts';
import { readSnapshot, type ReadOptions } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange, type ByteSource, type ByteStream } from '../../../src/lib/vmstate/source.ts';
import { arrayOf, buffer, qtailq, u32, u8 } from '../../../src/lib/vmstate/vmstate-types.ts';
import { descriptionTable, fieldsOf, struct, type VMStateDescription } from '../../../src/lib/vmstate/vmstate.ts';
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
import { brokenAt, once, parts, type Part } from '../../support/sources.ts';
import { processorTime } from '../../support/processor-time.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

const list = fieldsOf<{ n: number; values: number[]; text: Uint8Array; items: { a: number }[] }>();
const item = fieldsOf<{ a: number }>();
const vmstate_item: VMStateDescription<{ a: number }> = {
  ...{ name: 'item', version: 1, minimumVersion: 1, fields: [item('a', u8)] },
  subsections: [{ name: 'item/more', version: 1, minimumVersion: 1, fields: [item('a', u8)] }]
};
/** A count that decides how many rows, or bytes, follow. */
const descriptions = descriptionTable([
  {
    ...{ name: 'array', version: 1, minimumVersion: 1 },
    fields: [list('n', u32), list('values', (s) => arrayOf(u8, s.n))]
  },
  { ...{ name: 'text', version: 1, minimumVersion: 1 }, fields: [list('n', u32), list('text', (s) => buffer(s.n))] },
  { ...{ name: 'queue', version: 1, minimumVersion: 1 }, fields: [list('items', qtailq(struct(vmstate_item)))] },
  vmstate_item
]);

const read = (input: ByteSource | ByteStream, options: ReadOptions = {}): Promise<Snapshot> =>
  readSnapshot(input, { descriptions, ...options });
const readBytes = (...pieces: Piece[]): Promise<Snapshot> => read(bytesSource(bytes(...pieces)));
const found = ({ problems }: Snapshot): [string, number][] => problems.map((p) => [p.code, p.at]);
const fatal = ({ problems }: Snapshot): Problem | undefined => problems.find((p) => p.severity === 'fatal');
const repeat = (times: number, ...pieces: Piece[]): Part => ({ unit: bytes(...pieces), times });
const oneBlock = start(0, 'ram', 4, ramStart([['pc.ram', 0x4000]]));
/** The head of a section, without a footer behind. */
const head = (type: number, id: number, name: string, version = 1): Piece => [
  ...[type, u32be(id), counted(name)],
  ...[u32be(0), u32be(version)]
];

/** What reading took: processor time, and how far resident memory rose over what it was. */
async function measured<T>(read: () => Promise<T>): Promise<{ result: T; seconds: number; megabytes: number }> {
  const proc = existsSync('/proc/self/clear_refs');
  const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
  const memory = proc ? peak : (): number => process.memoryUsage.rss() / MiB;
  // 5: forget the peak.
  if (proc) writeFileSync('/proc/self/clear_refs', '5');
  const before = memory();
  const began = processorTime();
  const result = await read();
  return { result, seconds: (processorTime() - began) / 1000, megabytes: memory() - before };
}

/** Reads a source at random and as a stream that comes once, within bounds of memory and time. */
async function bothWays(
  source: ByteSource,
  check: (snapshot: Snapshot, seekable: boolean) => void | Promise<void>,
  { megabytes = 300, seconds = 10, bounds = {} as NonNullable<ReadOptions['bounds']> } = {}
): Promise<void> {
  for (const seekable of [true, false]) {
    const took = await measured(() => read(seekable ? source : once(source), { bounds }));
    await check(took.result, seekable);
    expect(took.seconds, 'processor time').toBeLessThan(seconds);
    expect(took.megabytes, 'memory').toBeLessThan(megabytes);
  }
}

describe('large inputs', () => {
  /** A file of 20 GB whose bytes behind the first are a hole. */
  async function sparse(first: Uint8Array, check: (snapshot: Snapshot) => void): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
    try {
      const path = join(folder, 'state');
      writeFileSync(path, first);
      truncateSync(path, 20e9);
      const fd = openSync(path, 'r');
      try {
        const { result, seconds, megabytes } = await measured(() => read(fileSource(fd)));
        check(result);
        expect(seconds).toBeLessThan(10);
        expect(megabytes).toBeLessThan(700);
      } finally {
        closeSync(fd);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('20 GB of zeros are no stream', () =>
    sparse(new Uint8Array(), (s) => expect(found(s)).toEqual([['not-a-stream', 0]])));

  test('20 GB of zeros behind a header are EOF and what follows it', () =>
    sparse(HEADER, (s) => {
      expect(found(s)).toEqual([['trailing-bytes', 9]]);
      expect(s.problems[0]!.message).toBe('19999999991 bytes follow the end of the stream');
    }));

  test.each(['unknown', 'text', 'array', 'queue'])('20 GB of zeros inside a section %s without footer', (name) =>
    sparse(bytes(HEADER, head(4, 1, name), u32be(0xffffffff)), (s) => {
      expect(fatal(s)).toMatchObject({ section: `${name}/0` });
      expect(s.sections.map((x) => x.name)).toEqual(['header', name]);
    })
  );

  test('20 GB of zeros inside RAM', () =>
    sparse(bytes(HEADER, oneBlock, 2, u32be(0)), (s) => {
      expect(fatal(s)).toMatchObject({ code: 'ram-flags', section: 'ram/0', at: 66 });
    }));

  test('20 GB of zeros behind an unknown section type', () =>
    sparse(bytes(HEADER, 0x55), (s) => {
      expect(found(s)).toEqual([['section-type', 8]]);
      expect(s.sections[1]).toMatchObject({ kind: 'unreadable', start: 8, end: 20e9 });
    }));

  test('of a stream that comes once 64 MiB of what cannot be told apart are kept', async () => {
    const source = parts(HEADER, bytes(0x55), { unit: new Uint8Array(MiB), times: 20_000 });
    const { result, megabytes } = await measured(() => read(once(source)));
    expect(found(result)).toEqual([
      ['section-type', 8],
      ['not-kept', result.end]
    ]);
    expect(result.end).toBeLessThan(80 * MiB);
    expect(megabytes).toBeLessThan(200);
  });

  test('a footer is searched for in 256 MiB, however many bytes look like its first', () =>
    bothWays(
      parts(bytes(HEADER, head(4, 0x7e7e7e7e, 'unknown')), repeat(3 * GiB, 0x7e)),
      (s) => {
        expect(fatal(s)).toMatchObject({ code: 'section-footer-missing', section: 'unknown/0' });
        expect(s.end).toBeLessThan(260 * MiB);
      },
      { megabytes: 600 }
    ));
});

describe('RAM', () => {
  test('a PART of nothing but zero pages takes 24 bytes for each 9', () =>
    bothWays(
      parts(
        bytes(HEADER, oneBlock, 2, u32be(0), zeroPage(0, 'pc.ram')),
        repeat(2e6, u64be(0x22), 0),
        bytes(EOS, footer(0))
      ),
      (s) => {
        expect(s.ram.count).toBe(2_000_001);
        expect(found(s).map(([code]) => code)).toEqual(['truncated', 'too-many-rounds']);
        expect(s.rounds).toHaveLength(MAX_ROUNDS);
        expect(s.rounds.at(-1)!.records[1]).toBe(2_000_001);
      }
    ));

  test('page records end at a bound', () => {
    const source = parts(bytes(HEADER, oneBlock, 2, u32be(0), zeroPage(0, 'pc.ram')), repeat(3e6, u64be(0x22), 0));
    return Promise.all(
      [source, once(source)].map(async (input) => {
        const s = await read(input, { bounds: { records: 1000 } });
        expect(s.ram.count).toBeLessThan(1000 + MiB / 9);
        expect(fatal(s)).toMatchObject({ code: 'too-many-pages', section: 'ram/0' });
        expect(s.sections.at(-1)).toMatchObject({ name: 'ram', opaque: true });
      })
    );
  });

  test.each([
    ['flushes', u64be(0x200), 'ram-fruitless'],
    ['empty block lists', u64be(0x004), 'ram-fruitless'],
    ['pages of an unknown block', [u64be(2), counted('x'), 0], 'ram-fruitless'],
    ['pages beyond their block', [u64be(0x4000_0000_0000_0002n), counted('pc.ram'), 0], 'ram-fruitless']
  ])('millions of %s are given up', (_, record, code) =>
    bothWays(parts(bytes(HEADER, oneBlock, 2, u32be(0)), repeat(3e6, record)), (s) => {
      expect(fatal(s)).toMatchObject({ code, section: 'ram/0' });
      expect(s.problems.length).toBeLessThan(1100);
      expect(s.ram.count).toBe(0);
    })
  );

  test.each([
    ['of one byte', 1],
    ['of no bytes', 0]
  ])('a list of millions of blocks %s is given up', (_, length) =>
    bothWays(
      parts(
        bytes(HEADER, head(1, 0, 'ram', 4), u64be(0x0fff_f000_0000_0004n)),
        repeat(2e6, counted('b'), u64be(length))
      ),
      (s) => {
        expect(fatal(s)).toMatchObject({ code: 'ram-blocks', message: `more than ${MAX_BLOCKS} RAM blocks` });
        expect(s.ram.blocks).toHaveLength(MAX_BLOCKS);
      }
    )
  );

  test('block lists sent again and again do not add up', () =>
    bothWays(
      parts(
        HEADER,
        repeat(
          20_000,
          start(
            0,
            'ram',
            4,
            ramStart([
              ['a', 4096],
              ['b', 4096]
            ])
          )
        )
      ),
      (s) => {
        expect(s.problems.map((p) => p.code)).toContain('ram-blocks');
        expect(s.ram.blocks).toHaveLength(MAX_BLOCKS);
        expect(s.problems.length).toBeLessThan(500);
      },
      { megabytes: 400 }
    ));

  test('blocks of exabytes have no pages; one that fits what is left of 256 GiB has', async () => {
    const list = [u64be(2n ** 60n + 4n), counted('huge'), u64be(2n ** 60n), EOS];
    const s = await readBytes(HEADER, head(1, 0, 'ram', 4), list, footer(0), EOF);
    expect(s.problems).toMatchObject([{ code: 'ram-block-length', at: 33 }, { code: 'resynchronised' }]);
    const sum = await readBytes(
      HEADER,
      start(
        0,
        'ram',
        4,
        ramStart([
          ['huge', 2 ** 50],
          ['pc.ram', 0x4000]
        ])
      ),
      EOF
    );
    expect(sum.problems).toMatchObject([{ code: 'ram-too-large', at: 33 }, { code: 'ram-not-in-stream' }]);
    expect(sum.ram.blocks.map((b) => b.idstr)).toEqual(['pc.ram']);
  });

  test('256 GiB of RAM with few pages take little memory', () =>
    bothWays(
      parts(
        bytes(HEADER, start(0, 'ram', 4, ramStart([['pc.ram', MAX_PAGES * 4096]]))),
        bytes(
          part(
            0,
            [0, 1, 2, 3].map((i) => zeroPage(i * 2 ** 36, 'pc.ram')),
            EOS
          ),
          end(0, EOS),
          EOF
        )
      ),
      async (s) => {
        expect(s.ram.pages).toBe(MAX_PAGES);
        expect(s.ram.distinctPages).toBe(4);
        expect(found(s)).toEqual([['ram-not-in-stream', 33]]);
        const far = await readRange(blockSource(s, s.ram.blocks[0]!), 2 ** 37, 2 ** 37 + 16);
        expect(far).toEqual(new Uint8Array(16));
      },
      { megabytes: 100 }
    ));

  test('what the page asks of 256 GiB of RAM with few pages is answered', async () => {
    const list = ramStart([['pc.ram', MAX_PAGES * 4096]]);
    const body = [zeroPage(2 ** 36, 'pc.ram'), page(2 ** 37, 7, 'pc.ram'), EOS];
    const s = await readBytes(HEADER, start(0, 'ram', 4, list), part(0, body), part(0, body), end(0, EOS), EOF);
    const open = new OpenSnapshot(1, s, [], s.end, new AbortController());
    const colourings = ['kind', 'round', 'sends', 'entropy', 'guess', 'page-tables'] as const;
    const { seconds, megabytes } = await measured(async () => {
      for (const colouring of colourings) {
        const column = await open.column(colouring, 0);
        expect(column.bytes).toHaveLength(MAX_PAGES);
        if (colouring !== 'entropy') expect(column.bytes[2 ** 25], colouring).toBeGreaterThan(0);
        expect(column.bytes[5], colouring).toBe(0);
      }
      expect((await open.page(2 ** 25)).sends).toHaveLength(2);
      const { hotPages } = stretchStatistics(s, open.repeated, { start: 0, end: s.end });
      expect(hotPages).toEqual([
        { page: 2 ** 24, sends: 2 },
        { page: 2 ** 25, sends: 2 }
      ]);
      expect((await diffSnapshots(s, { ...s }, 0, 1)).pages).toEqual([]);
    });
    expect(seconds).toBeLessThan(20);
    // Six columns of 64 MiB, some of them twice.
    expect(megabytes).toBeLessThan(900);
  });

  test('pages that all have one hash are kept in linear time', async () => {
    const store = new PageStore();
    const contents = new Uint8Array(4096);
    const view = new DataView(contents.buffer);
    const slots: number[] = [];
    const { seconds } = await measured(() => {
      for (let i = 0; i < 20_000; i++) {
        // What differs is at the end: comparing takes as long as it can.
        view.setUint32(4092, i);
        slots.push(store.put(contents, 7, i % 2));
      }
      return Promise.resolve();
    });
    expect(seconds).toBeLessThan(5);
    expect(slots).toEqual([...slots.keys()]);
    expect(new DataView(store.get(19_999).slice().buffer).getUint32(4092)).toBe(19_999);
    // The first ones are still found.
    view.setUint32(4092, 2);
    expect(store.put(contents, 7, 0)).toBe(2);
  });

  test('contents beyond the bound of the store are not kept, which is said once', async () => {
    const pages = [0, 1, 2, 3].map((i) => page(i * 4096, i + 1, 'pc.ram'));
    const source = bytesSource(bytes(HEADER, oneBlock, part(0, pages, EOS), end(0, EOS), EOF));
    const s = await read(once(source), { bounds: { storeBytes: 2 * 4096 } });
    expect(found(s).map(([code]) => code)).toEqual(['store-full']);
    expect(s.ram.count).toBe(4);
    expect(await readRange(s.bytes, 0, s.end)).toHaveLength(source.size);
  });

  test('memory that a hostile mapped-ram file claims is not looked for beyond its end', async () => {
    const block = [counted('pc.ram'), u64be(2 ** 37), u32be(1), u64be(4096), u64be(0x1000), u64be(0x100000)];
    const body = [u64be(2 ** 37 + 4), block];
    const s = await readBytes(
      HEADER,
      configuration('pc', capabilities('mapped-ram')),
      [1, u32be(0), counted('ram'), u32be(0), u32be(4)],
      body,
      zeros(5000)
    );
    expect(fatal(s)).toMatchObject({ code: 'truncated', section: 'ram/0' });
    expect(s.ram.count).toBe(0);
  });
});

describe('sections', () => {
  test('millions of PARTs end at a bound', () =>
    bothWays(
      parts(bytes(HEADER, oneBlock), repeat(3e6, part(0, EOS))),
      (s) => {
        expect(fatal(s)).toMatchObject({ code: 'too-many-sections', message: 'more than 50000 sections' });
        expect(s.sections).toHaveLength(50_000);
      },
      { bounds: { sections: 50_000 } }
    ));

  test.each([
    ['text', u32be(0x7fffffff), 20_000],
    ['array', u32be(0xffffffff), 200],
    ['queue', [1, 9, 1, 9, 1, 9], 20_000]
  ])('thousands of sections %s that claim to be longer than all of the stream', (name, body, rest) =>
    bothWays(
      parts(HEADER, repeat(5000, full(5, name, 1, body, new Uint8Array(rest).fill(2)))),
      (s) => {
        expect(s.sections.filter((x) => x.name === name)).toHaveLength(5000);
        expect(s.problems.map((p) => p.code)).toContain('section-mismatch');
      },
      { megabytes: 700 }
    )
  );

  test('a stream keeps so many values; sections behind them are bytes', () =>
    bothWays(
      parts(
        ...[HEADER, repeat(4, head(4, 1, 'array'), u32be(900), new Uint8Array(900), footer(1))],
        bytes(full(2, 'item', 1, 7), EOF)
      ),
      (s) => {
        // The second is the one that goes over.
        expect(s.sections.map((x) => x.opaque ?? false)).toEqual([false, false, false, true, true, true, false]);
        expect(s.sections[4]!.fields).toEqual([]);
        expect(s.problems).toMatchObject([
          { code: 'section-mismatch', section: 'array/0', message: expect.stringContaining('more values') },
          { code: 'too-many-values', section: 'array/0' }
        ]);
      },
      { bounds: { values: 2000 } }
    ));

  test('a list without end is cut at half a million rows', () =>
    bothWays(
      parts(bytes(HEADER, head(4, 1, 'queue')), repeat(600_000, 1, 7), bytes(0, footer(1), full(2, 'item', 1, 7), EOF)),
      (s) => {
        expect(s.problems).toMatchObject([
          { code: 'section-mismatch', section: 'queue/0', message: expect.stringContaining('more values') }
        ]);
        expect(s.sections.map((x) => x.name)).toEqual(['header', 'queue', 'item', 'EOF']);
      },
      { megabytes: 500 }
    ));

  test('subsections that come again and again are rows like others', () =>
    bothWays(
      parts(
        bytes(HEADER, head(4, 1, 'item'), 7),
        repeat(100_000, subsection('item/more', 1, 7)),
        bytes(footer(1), full(2, 'item', 1, 7), EOF)
      ),
      (s) => {
        expect(s.problems).toEqual([]);
        expect(s.sections[1]!.fields).toHaveLength(100_001);
      },
      { megabytes: 500 }
    ));

  test('a PACKAGED command may claim 4 GiB', async () => {
    const s = await readBytes(HEADER, command(7, u32be(0xffffffff)), command(2, u32be(1)), EOF);
    expect(found(s)).toContainEqual(['packaged-length', 27]);
    expect(s.sections.map((x) => [x.name, x.inside])).toEqual([
      ['header', undefined],
      ['PACKAGED', undefined],
      ['PING', 1],
      ['EOF', 1]
    ]);
  });

  test('a section may reach over the end of its PACKAGED', async () => {
    const s = await readBytes(HEADER, command(7, u32be(3)), full(1, 'item', 1, 7), full(2, 'item', 1, 8), EOF);
    expect(found(s)).toEqual([['packaged-length', 41]]);
    expect(s.sections.map((x) => x.inside)).toEqual([undefined, undefined, 1, undefined, undefined]);
  });

  test('PACKAGED inside PACKAGED, thousands deep', () =>
    bothWays(parts(HEADER, repeat(100_000, command(7, u32be(0xffffffff)))), (s) => {
      expect(s.problems.filter((p) => p.code === 'packaged-nested')).toHaveLength(100);
      expect(s.problems.at(-1)).toMatchObject({ code: 'more-problems' });
    }));

  test('a command that is too short does not take what follows', async () => {
    const s = await readBytes(HEADER, [8, u16be(2), u16be(0)], full(1, 'item', 1, 7), [8, u16be(6), u16be(1), 0], EOF);
    expect(s.sections.map((x) => x.name)).toEqual(['header', 'PING', 'item', 'POSTCOPY_RAM_DISCARD', 'EOF']);
    expect(s.problems.map((p) => [p.code, p.at, p.section])).toEqual([
      ['command', 8, 'PING'],
      ['command', 8, 'PING'],
      ['command', 37, 'POSTCOPY_RAM_DISCARD']
    ]);
  });

  test('commands with thousands of rows each', () =>
    bothWays(
      parts(HEADER, repeat(2000, command(6, 0, counted('a'), 0, zeros(16 * 2000)))),
      (s) => {
        expect(s.sections).toHaveLength(2001);
        expect(s.sections[1]!.fields).toHaveLength(4005);
        expect(s.sections.reduce((sum, x) => sum + x.fields.length, 0)).toBeLessThan(50_000);
      },
      { bounds: { values: 20_000 } }
    ));

  test('ids used twice and names of markup or control bytes are told as text', async () => {
    const name = '<img src=x onerror=alert(1)>\x1b[2J\x9b31m\0\xff';
    const s = await readBytes(HEADER, start(3, name, 1, 'abc'), start(3, 'item', 1, 7), full(3, name, 1, 'a'), EOF);
    expect(found(s)).toEqual([['section-id-twice', 68]]);
    expect(s.sections[1]).toMatchObject({
      name: '<img src=x onerror=alert(1)>\\x1b[2J\\x9b31m\\x00\\xff',
      idstr: name
    });
    for (const { message, section } of s.problems) expect(message + section).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
  });

  test('control bytes of a machine name do not get into messages', async () => {
    const name = 'item/\x1b]0;owned\x07';
    const s = await readBytes(HEADER, full(1, 'item', 1, 7, subsection(name, 1)), EOF);
    expect(s.problems[0]!.message).toContain('item/\\x1b]0;owned\\x07');
  });
});

describe('the vmdescription', () => {
  const withJson = (json: Part, length: number): ByteSource =>
    parts(bytes(HEADER, full(1, 'frob', 1, 'abc'), EOF, 6, u32be(length)), json);
  const text = (s: string): ByteSource => withJson(Uint8Array.from(Buffer.from(s)), s.length);

  test.each([
    ['[', 10_000],
    ['[', 1_000_000],
    ['{"a":', 10_000],
    ['{"devices":[{"fields":', 1_000_000]
  ])('%s nested %d deep', (unit, times) =>
    bothWays(text(unit.repeat(times)), (s) => {
      expect(s.problems.map((p) => p.code)).toContain('vmdesc-json');
      expect(s.sections.at(-1)).toMatchObject({ kind: 'vmdescription' });
    })
  );

  test.each([
    ['brackets', '[],'],
    ['numbers', '0,'],
    ['strings', '"",'],
    ['spaces', ' '],
    ['devices', '{"name":"a","instance_id":0,"fields":[]},']
  ])('16 MiB of %s', (_, unit) => {
    const times = Math.floor((16 * MiB) / unit.length);
    const start = bytes('{"page_size":4096,"devices":[');
    const length = start.length + times * unit.length;
    return bothWays(
      parts(bytes(HEADER, full(1, 'frob', 1, 'abc'), EOF, 6, u32be(length)), start, { unit: bytes(unit), times }),
      (s) => expect(s.problems.map((p) => p.code)).toContain('vmdesc-json'),
      { megabytes: 700 }
    );
  });

  test('4 GiB are claimed', () =>
    bothWays(withJson(bytes('{"devices":[]}'), 0xffffffff), (s) => {
      expect(s.problems.map((p) => p.code)).toEqual(['vmdesc-length', 'truncated', 'vmdesc']);
    }));

  test.each([
    ['array_len of 4 G', '{"name":"x","array_len":4294967296,"type":"uint8","size":1}'],
    ['array_len of 4 G without bytes', '{"name":"x","array_len":4294967296,"type":"struct","struct":{"fields":[]}}'],
    ['rows without bytes', '{"name":"x","array_len":100000,"type":"struct","struct":{"fields":[]}}'],
    ['a size of exabytes', '{"name":"x","type":"buffer","size":4611686018427387904}'],
    ['a negative size', '{"name":"x","type":"buffer","size":-1}'],
    ['no size', '{"name":"x","type":"buffer"}']
  ])('a field with %s, in a hundred sections', (_, field) => {
    const json = `{"page_size":4096,"devices":[{"name":"frob","instance_id":0,"fields":[${field}]}]}`;
    return bothWays(
      parts(HEADER, repeat(100, full(1, 'frob', 1, 'abc')), bytes(EOF, 6, u32be(json.length), json)),
      (s) => {
        expect(s.sections.filter((x) => x.name === 'frob').every((x) => x.bodyEnd - x.bodyStart === 3)).toBe(true);
        expect(s.problems.length).toBeGreaterThan(0);
      },
      { bounds: { values: 200_000 } }
    );
  });
});

describe('compression bombs', () => {
  const garbage = parts(HEADER, bytes(0x55), { unit: new Uint8Array(MiB), times: 16 });
  const zeros16 = new Uint8Array(16 * MiB);

  test('gzip: gigabytes behind the end of the stream are not unpacked', async () => {
    const bomb = parts(gzipSync(bytes(HEADER, EOF)), { unit: gzipSync(zeros16), times: 1000 });
    const { result, seconds, megabytes } = await measured(() => read(bomb));
    expect(result.problems.map((p) => p.code)).toEqual(['trailing-bytes']);
    expect(seconds).toBeLessThan(5);
    expect(megabytes).toBeLessThan(100);
  });

  test('gzip: of gigabytes that cannot be told apart 64 MiB are', async () => {
    const first = gzipSync(await readRange(garbage, 0, garbage.size));
    const bomb = parts(first, { unit: gzipSync(zeros16), times: 1000 });
    const { result, seconds, megabytes } = await measured(() => read(bomb));
    expect(result.problems.map((p) => p.code)).toEqual(['section-type', 'not-kept']);
    expect(seconds).toBeLessThan(10);
    expect(megabytes).toBeLessThan(300);
  });

  test('zstd: 128 KiB for each ten bytes', async () => {
    // A frame without checksum or size, a window of 128 KiB, and one last RLE block.
    const frame = bytes(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, 0x03, 0x00, 0x10, 0);
    const raw = bytes(HEADER, 0x55);
    const first = bytes(0x28, 0xb5, 0x2f, 0xfd, 0, 0x38, (raw.length << 3) | 1, 0, 0, raw);
    const { result, seconds, megabytes } = await measured(() => read(parts(first, { unit: frame, times: 1e6 })));
    expect(result.file.containers).toEqual(['zstd']);
    expect(result.problems.map((p) => p.code)).toEqual(['section-type', 'not-kept']);
    expect(seconds).toBeLessThan(10);
    expect(megabytes).toBeLessThan(300);
  });

  test('xz: a megabyte for each 280 bytes', async () => {
    // `QEVM`, version 3 and an unknown section type; then 1 MiB of zeros.
    const first = '/Td6WFoAAAFpIt42AgAhARYAAAB0L+WjAQAIUUVWTQAAAANVAAAAAJW+siEAAR0Jk2E2ppBCmQ0BAAAAAAFZWg==';
    const megabyte =
      '/Td6WFoAAAFpIt42AgAhARwAAAAQz1jM7///ANldAABv/f//o7f/Rz5IFXI5YVG4kijmo4YH+e7kHoLTL8U6PAFLsX7JiopNL6MN2X+m44wj' +
      'EVPgWRjFdYrid/i2lH8MasDedElk4ulcU7IE2PdEDKtfDW1G6eXDdoi3llestk3haR1v+0uIEGxCy4g/XACP0E6vJiiUcR89jyThcJ6nI1/s' +
      'KMuF0ZWYin4qkfIndfcZwAaYTZj92K/VkA/EJVP49ZE2MQWlsO5vwXBNRwzRkRGqrWAdus6xJxhcWYbpZlJYvul2rFnk5VsFCPnH2q38+1Iq' +
      '9+SVJQAAAAAAHOo4pwAB8QGAgEAAb9Xu3D4wDYsCAAAAAAFZWg==';
    const [begin, unit] = [first, megabyte].map((text) => Uint8Array.from(Buffer.from(text, 'base64')));
    const { result, seconds, megabytes } = await measured(() => read(parts(begin!, { unit: unit!, times: 10_000 })));
    expect(result.file.containers).toEqual(['xz']);
    expect(result.problems.map((p) => p.code)).toEqual(['section-type', 'not-kept']);
    expect(seconds).toBeLessThan(10);
    expect(megabytes).toBeLessThan(300);
  });

  test('pages of RAM in a bomb end at the bound of their records', async () => {
    const records = repeat(100_000, u64be(0x22), 0);
    const unit = gzipSync(await readRange(parts(records), 0, 900_000));
    const first = gzipSync(bytes(HEADER, oneBlock, 2, u32be(0), zeroPage(0, 'pc.ram')));
    const { result, megabytes } = await measured(() =>
      read(parts(first, { unit, times: 1e5 }), { bounds: { records: 1e6 } })
    );
    expect(fatal(result)).toMatchObject({ code: 'too-many-pages' });
    expect(result.ram.count).toBeLessThan(1.2e6);
    expect(megabytes).toBeLessThan(300);
  });
});

describe('inputs that fail', () => {
  const whole = bytes(
    HEADER,
    oneBlock,
    part(0, page(0, 5, 'pc.ram'), page(0x1000, 6), EOS),
    end(0, EOS),
    full(3, 'item', 1, 7),
    EOF
  );

  test('a stream that cannot be read from some byte on keeps what came before', async () => {
    for (const at of [0, 4, 20, 70, 5000, whole.length - 3]) {
      for (const input of [brokenAt(bytesSource(whole), at), once(brokenAt(bytesSource(whole), at), 1)]) {
        const s = await read(input);
        expect(s.problems.map((p) => p.message).join()).toContain('EIO');
        expect(fatal(s)).toBeDefined();
      }
    }
  });

  test('what is dropped beside the stream may fail too', async () => {
    const broken = brokenAt({ ...bytesSource(whole), size: 0x4000 }, 0);
    const beside = { name: 'beside', source: broken };
    const s = await read(
      bytesSource(
        bytes(
          HEADER,
          configuration('pc', capabilities('x-ignore-shared')),
          start(0, 'ram', 4, ramStart([['pc.ram', 0x4000, u64be(0)]])),
          end(0, EOS),
          EOF
        )
      ),
      {
        channels: [beside],
        preempt: broken,
        sharedRam: [beside]
      }
    );
    expect(s.problems.filter((p) => p.code === 'input-damaged').map((p) => p.message)).toEqual([
      'beside cannot be read further: EIO: i/o error, read',
      'the preempt channel cannot be read further: EIO: i/o error, read',
      'beside cannot be read further: EIO: i/o error, read'
    ]);
  });

  test('cancelling works wherever much is read', async () => {
    const endless: [string, ByteSource, ReadOptions][] = [
      [
        'unreadable',
        parts(HEADER, bytes(0x55), { unit: new Uint8Array(MiB), times: 1e6 }),
        { bounds: { unreadableBytes: Infinity } }
      ],
      ['one PART', parts(bytes(HEADER, oneBlock, 2, u32be(0), zeroPage(0, 'pc.ram')), repeat(1e9, u64be(0x22), 0)), {}],
      ['PARTs', parts(bytes(HEADER, oneBlock), repeat(1e9, part(0, EOS))), {}],
      ['a section without footer', parts(bytes(HEADER, head(4, 1, 'x')), repeat(1e9, 0x7e)), {}]
    ];
    for (const [what, source, options] of endless) {
      const abort = new AbortController();
      let calls = 0;
      const progress = (): void => {
        if (++calls === 2) abort.abort();
      };
      const s = await read(once(source), { ...options, signal: abort.signal, progress });
      expect(
        s.problems.map((p) => p.code),
        what
      ).toContain('cancelled');
    }
  });

  test('a small stream of everything, cut at each of its bytes, one way and the other', async () => {
    const json =
      '{"page_size":4096,"devices":[{"name":"frob","instance_id":0,"fields":[{"name":"a","type":"uint8","size":1}]}]}';
    const everything = bytes(
      HEADER,
      configuration('pc', subsection('configuration/target-page-bits', 1, u32be(12)), capabilities('events')),
      command(3, u64be(0x1000), u64be(0x1000)),
      [oneBlock, part(0, zeroPage(0, 'pc.ram'), u64be(0x1000 + 0x40 + 0x20), 1, u16be(3), 0, 1, 7, EOS)],
      [command(7, u32be(14)), command(4), command(2, u32be(5)), end(0, zeroPage(0x2000, 'pc.ram'), EOS)],
      [
        full(2, 'array', 1, u32be(3), 1, 2, 3),
        full(1, 'item', 1, 7, subsection('item/more', 1, 7)),
        full(4, 'frob', 1, 9)
      ],
      [EOF, 6, u32be(json.length), json]
    );
    for (let length = 0; length <= everything.length; length++) {
      const cut = bytesSource(everything.subarray(0, length));
      const [there, piped] = [await read(cut), await read(once(cut, 3))];
      for (const s of [there, piped]) {
        for (const p of s.problems) {
          expect(p.at, `${p.code} of ${length}`).toBeGreaterThanOrEqual(0);
          expect(p.at, `${p.code} of ${length}`).toBeLessThanOrEqual(length);
        }
        expect(s.end).toBe(length < 4 ? 0 : length);
        for (const x of s.sections) {
          expect([x.start, x.bodyStart, x.bodyEnd, x.end, length]).toEqual(
            [x.start, x.bodyStart, x.bodyEnd, x.end, length].sort((a, b) => a - b)
          );
        }
      }
      expect(found(piped)).toEqual(found(there));
      if (length < everything.length) expect(there.problems.length, `at ${length}`).toBeGreaterThan(0);
    }
  });
});
