/** What holds for all inputs, tried with generated ones. A failure prints the seed and the smallest input that fails. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { descriptions as devices } from '../../../src/lib/emulator/descriptions.ts';
import { KeptStream } from '../../../src/lib/vmstate/kept-stream.ts';
import { hashPage } from '../../../src/lib/vmstate/page-hash.ts';
import { QemuFileReader, QemuFileWriter, ShortRead } from '../../../src/lib/vmstate/qemu-file.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import { readSnapshot, type ReadOptions } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import {
  arrayOf,
  bitmap,
  bool,
  buffer,
  fixedText,
  i16,
  i32,
  i64,
  i8,
  qtailq,
  timer,
  u16,
  u32,
  u64,
  u8
} from '../../../src/lib/vmstate/vmstate-types.ts';
import {
  descriptionTable,
  leaves,
  load,
  save,
  struct,
  type Codec,
  type Field,
  type VMStateDescription
} from '../../../src/lib/vmstate/vmstate.ts';
import { writeStream, type WriteMode } from '../../../src/lib/vmstate/write-stream.ts';
import {
  bytes,
  capabilities,
  command,
  configuration,
  counted,
  end,
  EOF,
  EOS,
  full,
  HEADER,
  part,
  ramStart,
  start,
  u16be,
  u32be,
  u64be,
  type Piece
} from '../../support/bytes.ts';
import { once } from '../../support/sources.ts';

const PAGE = 4096;
/** `npm run test:long` tries more, by a seed that it names. */
const { MIGRASCOPE_RUNS_FACTOR: factor = '1', MIGRASCOPE_SEED: seed } = process.env;
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
const runs = (numRuns: number): { numRuns: number } => ({ numRuns: numRuns * Number(factor) });
const word = fc.integer({ min: 0, max: 0xffffffff });
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });
const byte = fc.integer({ min: 0, max: 255 });

// Streams

const offsets = fc.integer({ min: 0, max: 7 }).map((n) => n * PAGE);
/** Names of 0x80 and more are names too. */
const blockNames = ['pc.ram', 'b', 'caf\xe9\x80\x9f', ''];
const blockName = fc.constantFrom(...blockNames);

/** A page record; the first of a body names its block. */
const record = (named: fc.Arbitrary<string | undefined>): fc.Arbitrary<Piece> =>
  fc.oneof(
    fc.tuple(offsets, named).map(([at, name]) => flags(at, 2, name, 0)),
    fc.tuple(offsets, named, byte).map(([at, name, fill]) => flags(at, 8, name, new Uint8Array(PAGE).fill(fill))),
    fc.tuple(offsets, named, byte).map(([at, name, value]) => flags(at, 0x40, name, 1, u16be(3), 4, 1, value)),
    fc.constant(u64be(0x200))
  );
const flags = (at: number, flag: number, name: string | undefined, ...payload: Piece[]): Piece => [
  u64be(at + flag + (name === undefined ? 0x20 : 0)),
  name === undefined ? [] : counted(name),
  ...payload
];

const ramBody: fc.Arbitrary<Piece> = fc
  .tuple(blockName, offsets, fc.array(record(fc.option(blockName, { nil: undefined })), { maxLength: 6 }))
  .map(([name, at, rest]) => [flags(at, 2, name, 0), ...rest, EOS]);

interface Pair {
  a: number;
  b: bigint;
}
const pair = (path: 'a' | 'b', codec: Codec<number> | Codec<bigint>): Field<Pair> => ({
  ...{ path, codec: codec as unknown as Codec<never>, options: {} }
});
const vmstate_pair: VMStateDescription<Pair> = {
  ...{ name: 'pair', version: 1, minimumVersion: 1, fields: [pair('a', u32), pair('b', u64)] }
};
const descriptions = descriptionTable([vmstate_pair]);

const device: fc.Arbitrary<Piece> = fc.oneof(
  fc
    .tuple(word, word, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([id, a, b]) => full(id, 'pair', 1, u32be(a), u64be(b))),
  // A body that nothing describes ends where its footer is found: without 7e there is one place for it.
  fc
    .tuple(word, fc.uint8Array({ maxLength: 40 }), fc.constantFrom('frob', '0000:00:03.0/frob'))
    .map(([id, body, name]) =>
      full(
        id,
        name,
        3,
        body.map((b) => (b === 0x7e ? 0 : b))
      )
    )
);
const mark: fc.Arbitrary<Piece> = fc.oneof(
  word.map((value) => command(2, u32be(value))),
  fc.constant(command(3, u64be(0x1000), u64be(0x1000))),
  fc.array(word, { maxLength: 4 }).map((list) =>
    command(
      6,
      0,
      counted('pc.ram'),
      0,
      list.map((n) => [u64be(n), u64be(PAGE)])
    )
  )
);

/** A stream that QEMU could have sent, but for what its devices are. */
const stream: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .record({
    machine: ascii,
    names: fc.option(fc.array(fc.constantFrom('events', 'xbzrle', 'x'), { maxLength: 3 })),
    marks: fc.array(mark, { maxLength: 3 }),
    parts: fc.array(ramBody, { maxLength: 4 }),
    last: ramBody,
    packaged: fc.option(fc.array(device, { maxLength: 3 })),
    devices: fc.array(device, { maxLength: 4 }),
    json: fc.option(fc.dictionary(ascii, fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme-ascii' })))
  })
  .map((s) => {
    const json = s.json === null ? undefined : JSON.stringify(s.json);
    const inside = s.packaged && bytes(command(4), s.packaged, command(5));
    return bytes(
      ...[HEADER, configuration(s.machine, s.names ? capabilities(...s.names) : [])],
      start(0, 'ram', 4, ramStart(blockNames.map((name) => [name, 8 * PAGE] as const))),
      ...[s.marks, s.parts.map((body) => part(0, body)), end(0, s.last)],
      inside ? [command(7, u32be(inside.length)), inside] : [],
      ...[s.devices, EOF, json === undefined ? [] : [6, u32be(json.length), json]]
    );
  });

const written = async (snapshot: Snapshot, mode: WriteMode): Promise<Uint8Array> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeStream(snapshot, mode)) pieces.push(piece);
  return Buffer.concat(pieces);
};
const hexOf = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** What must hold of a snapshot, whatever it was read from. */
async function expectSane(s: Snapshot): Promise<void> {
  for (const p of s.problems) {
    expect(p.at).toBeGreaterThanOrEqual(0);
    expect(Number.isSafeInteger(p.at)).toBe(true);
    expect(p.message).toMatch(/^[^\0-\x1f\x7f-\x9f]+$/);
  }
  let last = 0;
  for (const x of s.sections) {
    expect(x.start).toBeGreaterThanOrEqual(last);
    const bounds = [x.start, x.bodyStart, x.bodyEnd, x.end, s.end];
    expect(bounds).toEqual(bounds.toSorted((a, b) => a - b));
    last = x.start;
    for (const { row } of leaves(x.fields)) expect(row.start).toBeLessThanOrEqual(row.end);
  }
  for (const { record, page } of Array.from({ length: s.ram.count }, (_, i) => s.ram.at(i))) {
    expect(page).toBeLessThan(s.ram.pages);
    expect(s.ram.latest(page)).toBeGreaterThanOrEqual(record);
  }
  expect(await readRange(s.bytes, 0, s.end)).toHaveLength(s.end);
}

const options: ReadOptions = { descriptions, bounds: { storeBytes: 1 << 22 } };

test('any bytes become a snapshot with problems, at random and once, and never an error', () =>
  fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.uint8Array({ maxLength: 300 }).map((rest) => bytes(HEADER, rest)),
        fc.tuple(byte, fc.uint8Array({ maxLength: 300 })).map(([kind, rest]) => bytes(HEADER, kind % 9, rest))
      ),
      fc.integer({ min: 1, max: 64 }),
      async (input, piece) => {
        for (const source of [bytesSource(input), once(bytesSource(input), piece)]) {
          const s = await readSnapshot(source, { ...options, descriptions: devices });
          await expectSane(s);
          if (input.length < 8) expect(s.problems).not.toEqual([]);
        }
      }
    ),
    runs(400)
  ));

test('bytes of a stream that were changed, cut and repeated do too, and are written as they were read', () =>
  fc.assert(
    fc.asyncProperty(
      stream,
      fc.array(fc.tuple(fc.nat(), byte), { maxLength: 4 }),
      fc.option(fc.nat()),
      fc.option(fc.tuple(fc.nat(), fc.nat({ max: 64 }))),
      async (original, changes, cut, again) => {
        let input = Uint8Array.from(original);
        for (const [at, value] of changes) input[at % input.length] = value;
        if (again) {
          // Not in the header: the stream would begin further on.
          const at = 8 + (again[0] % (input.length - 8));
          input = bytes(input.subarray(0, at + again[1]), input.subarray(at));
        }
        if (cut !== null) input = input.subarray(0, cut % (input.length + 1));
        for (const source of [bytesSource(input), once(bytesSource(input), 97)]) {
          const s = await readSnapshot(source, options);
          await expectSane(s);
          expect(hexOf(await written(s, 'copy'))).toBe(hexOf(input.subarray(0, s.end)));
          await written(s, 'reencode');
        }
      }
    ),
    runs(300)
  ));

test('a stream that is whole is read without a problem and written as it was; re-encoded it means the same', () =>
  fc.assert(
    fc.asyncProperty(stream, async (input) => {
      const s = await readSnapshot(bytesSource(input), options);
      const known = ['xbzrle-no-base', 'vmdesc', 'ram-not-in-stream', 'section-id-twice'];
      expect(s.problems.filter((p) => !known.includes(p.code))).toEqual([]);
      expect(s.end).toBe(input.length);
      expect(hexOf(await written(s, 'copy'))).toBe(hexOf(input));
      const piped = await readSnapshot(once(bytesSource(input), 1000), options);
      expect(piped.sections).toEqual(s.sections);
      expect(hexOf(await written(piped, 'copy'))).toBe(hexOf(input));

      const again = await readSnapshot(bytesSource(await written(s, 'reencode')), options);
      const values = ({ sections }: Snapshot): unknown =>
        sections
          .filter((x) => x.name !== 'ram')
          .map((x) => [x.name, [...leaves(x.fields)].map(({ path, row }) => [path, row.value])]);
      expect(values(again)).toEqual(values(s));
      for (const block of s.ram.blocks) {
        const memory = (of: Snapshot): Promise<Uint8Array> => {
          const own = of.ram.block(block.idstr)!;
          return readRange(blockSource(of, own), 0, own.usedLength);
        };
        expect(hexOf(hashes(await memory(again)))).toBe(hexOf(hashes(await memory(s))));
      }
    }),
    runs(150)
  ));

/** A hash a page: what to compare when the pages themselves would be printed. */
const hashes = (memory: Uint8Array): Uint8Array =>
  new Uint8Array(
    Uint32Array.from(
      Array.from({ length: memory.length / PAGE }, (_, i) => {
        const { low, high } = hashPage(memory.subarray(i * PAGE, (i + 1) * PAGE));
        return [low, high];
      }).flat()
    ).buffer
  );

// Descriptions

/** A codec together with values that it can hold. */
interface Typed {
  readonly codec: Codec<unknown>;
  readonly value: fc.Arbitrary<unknown>;
}
const typed = <T>(codec: Codec<T>, value: fc.Arbitrary<T>): Typed => ({ codec: codec as Codec<unknown>, value });
const int = (bits: number): fc.Arbitrary<number> => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
const uint = (bits: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 2 ** bits - 1 });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const scalars: readonly Typed[] = [
  typed(bool, fc.boolean()),
  ...[typed(u8, uint(8)), typed(u16, uint(16)), typed(u32, word), typed(u64, uint64), typed(timer, uint64)],
  ...[typed(i8, int(8)), typed(i16, int(16)), typed(i32, int(32))],
  typed(i64, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  typed(buffer(5), fc.uint8Array({ minLength: 5, maxLength: 5 })),
  typed(bitmap(256), fc.array(uint64, { maxLength: 4 })),
  typed(fixedText(6), fc.string({ unit: 'grapheme-ascii', maxLength: 6 }))
];

type State = Record<string, unknown>;
interface Described {
  readonly vmsd: VMStateDescription<State>;
  readonly value: fc.Arbitrary<State>;
}

/** Descriptions with structs, arrays, lists, fields of later versions and subsections, and states of them. */
const described: fc.Memo<Described> = fc.memo((depth) =>
  fc
    .tuple(
      fc.array(fc.tuple(depth > 1 ? fc.oneof(scalar, composite(depth - 1)) : scalar, fc.nat({ max: 3 })), {
        minLength: 1,
        maxLength: 5
      }),
      fc.array(scalar, { maxLength: 2 }),
      // Where one name begins with another, QEMU itself takes the outer's subsections for the inner's.
      fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 }).map((name) => `${depth}${name}`)
    )
    .map(([fields, subs, name]) => describe(name, fields, subs))
);
const scalar = fc.constantFrom(...scalars);
const composite = (depth: number): fc.Arbitrary<Typed> =>
  fc
    .tuple(described(depth), fc.constantFrom('struct', 'array', 'queue'))
    .map(([{ vmsd, value }, how]) =>
      how === 'struct'
        ? typed(struct(vmsd), value)
        : how === 'array'
          ? typed(arrayOf(struct(vmsd), 2), fc.array(value, { minLength: 2, maxLength: 2 }))
          : typed(qtailq(struct(vmsd)), fc.array(value, { maxLength: 3 }))
    );

function describe(name: string, fields: readonly (readonly [Typed, number])[], subs: readonly Typed[]): Described {
  const field = (path: string, { codec }: Typed, since = 0): Field<State> => ({
    ...{ path, codec: codec as Codec<never>, options: { since } }
  });
  const values: Record<string, fc.Arbitrary<unknown>> = {};
  fields.forEach(([t, since], i) => {
    if (since <= 2 || i === 0) values[`f${i}`] = t.value;
  });
  subs.forEach((t, i) => (values[`s${i}`] = fc.option(t.value, { nil: undefined })));
  return {
    value: fc
      .record(values, { noNullPrototype: true })
      .map((s) => Object.fromEntries(Object.entries(s).filter(([, v]) => v !== undefined))),
    vmsd: {
      ...{ name, version: 2, minimumVersion: 0 },
      // Were all of them of later versions, elements of an array could not be told apart.
      fields: fields.map(([t, since], i) => field(`f${i}`, t, i === 0 ? 0 : since)),
      subsections: subs.map((t, i) => ({
        ...{ name: `${name}/sub${i}`, version: 1, minimumVersion: 1, fields: [field(`s${i}`, t)] },
        needed: (state) => state[`s${i}`] !== undefined
      }))
    }
  };
}

test('a state of any description is loaded as it was saved, each byte in one row', () =>
  fc.assert(
    fc.property(
      described(3).chain(({ vmsd, value }) => fc.tuple(fc.constant(vmsd), value)),
      ([vmsd, state]) => {
        const out = new QemuFileWriter();
        save(out, vmsd, state);
        const saved = out.finish();
        // A subsection may follow: what does must be enough to tell.
        const file = new QemuFileReader(bytes(saved, new Uint8Array(300).fill(0x7e)));
        const loaded = load(file, vmsd, vmsd.version);
        expect(loaded.failure).toBeUndefined();
        expect(file.pos).toBe(saved.length);
        expect(loaded.state).toEqual(state);
        const again = new QemuFileWriter();
        save(again, vmsd, loaded.state);
        expect(hexOf(again.finish())).toBe(hexOf(saved));
        let at = 0;
        for (const row of loaded.fields) {
          expect(row.start).toBe(at);
          at = row.end;
        }
        expect(at).toBe(saved.length);
      }
    ),
    runs(300)
  ));

test('a description never throws for bytes that do not fit it', () =>
  fc.assert(
    fc.property(described(3), fc.uint8Array({ maxLength: 60 }), ({ vmsd }, input) => {
      const { fields } = load(new QemuFileReader(input), vmsd, 2);
      for (const { row } of leaves(fields)) expect(row.end).toBeLessThanOrEqual(input.length);
    }),
    runs(300)
  ));

// Files

const values = fc.array(
  fc.oneof(
    ...scalars.slice(0, 10).map(({ codec, value }) => value.map((v) => ({ codec, v }))),
    fc.uint8Array({ maxLength: 2000 }).map((v) => ({ codec: buffer(v.length) as Codec<unknown>, v }))
  )
);

test('what QemuFileWriter writes QemuFileReader reads, up to the byte that is missing', () =>
  fc.assert(
    fc.property(values, fc.nat(), (list, cut) => {
      const out = new QemuFileWriter();
      const ends = list.map(({ codec, v }) => {
        codec.write(out, v);
        return out.length;
      });
      const saved = out.finish();
      const file = new QemuFileReader(saved, 1000);
      list.forEach(({ codec, v }, i) => {
        expect(codec.read(file, undefined, undefined as never)).toEqual(v);
        expect(file.offset).toBe(1000 + ends[i]!);
      });
      const length = cut % (saved.length + 1);
      const short = new QemuFileReader(saved.subarray(0, length));
      for (const [i, { codec, v }] of list.entries()) {
        if (ends[i]! <= length) expect(codec.read(short, undefined, undefined as never)).toEqual(v);
        else {
          expect(() => codec.read(short, undefined, undefined as never)).toThrow(ShortRead);
          break;
        }
      }
    }),
    runs(300)
  ));

test('counted strings keep every byte', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 255 }), (text) => {
      const file = new QemuFileReader(bytes(text.length, text));
      const read = file.countedString();
      expect(read).toHaveLength(text.length);
      const out = new QemuFileWriter();
      out.countedString(read);
      expect(hexOf(out.finish())).toBe(hexOf(bytes(text.length, text)));
    }),
    runs(100)
  ));

test('a kept stream equals its input, however it came and whatever was taken out', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 5000 }), fc.nat({ max: 5 })), { maxLength: 12 }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 9000 })), { maxLength: 10 }),
      async (pieces, reads) => {
        const ram = new RamIndex();
        ram.addBlock({ idstr: 'pc.ram', usedLength: PAGE, pageSize: PAGE, start: 0, end: 0 });
        const { store } = ram;
        const kept = new KeptStream(ram);
        const whole = bytes(
          pieces.map((piece) => {
            // A number stands for a page of it.
            if (typeof piece !== 'number') {
              kept.keep(piece);
              return piece;
            }
            const contents = new Uint8Array(PAGE).fill(piece);
            const { low, high } = hashPage(contents);
            const slot = store.put(contents, low, high) + 1;
            ram.add(PageKind.normal, 0, kept.size, 0, low, high, slot);
            kept.page(ram.count - 1);
            return contents;
          })
        );
        expect(kept.size).toBe(whole.length);
        expect(store.count).toBe(new Set(pieces.filter((p) => typeof p === 'number')).size);
        expect(Buffer.compare(await readRange(kept, 0, whole.length), whole)).toBe(0);
        for (const [start, length] of reads) {
          const at = start % (whole.length + 1);
          const target = new Uint8Array(length);
          const got = await kept.read(at, target);
          expect(got).toBe(Math.min(length, whole.length - at));
          expect(Buffer.compare(target.subarray(0, got), whole.subarray(at, at + got))).toBe(0);
        }
      }
    ),
    runs(60)
  ));
