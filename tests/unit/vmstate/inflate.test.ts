import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Inflate, inflateRaw, inflateZlib } from '../../../src/lib/vmstate/inflate.ts';
import { letters, randomly, words } from '../../support/compressed.ts';

/** Feeds in pieces and takes output in a buffer so small that the history moves all the time. */
function inPieces(input: Uint8Array, piece: number, room: number): Uint8Array {
  const stream = new Inflate();
  const out = new Uint8Array(32768 + room);
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < input.length && !stream.ended; i += piece) {
    stream.feed(input.subarray(i, i + piece));
    for (;;) {
      const from = at;
      at = stream.run(out, at, out.length);
      expect(stream.failure).toBeUndefined();
      chunks.push(out.slice(from, at));
      if (at < out.length) break;
      out.copyWithin(0, at - 32768);
      at = 32768;
    }
  }
  expect(stream.ended).toBe(true);
  return Buffer.concat(chunks);
}

const inputs: Record<string, Uint8Array> = {
  nothing: new Uint8Array(0),
  'one byte': Uint8Array.of(7),
  words: words(),
  letters: letters(),
  zeros: new Uint8Array(300_000),
  noise: Uint8Array.from(
    { length: 100_000 },
    (
      (random) => () =>
        random(256)
    )(randomly(1))
  ),
  'noise and repeats of it': (() => {
    const random = randomly(2);
    const noise = Uint8Array.from({ length: 40_000 }, () => random(256));
    return Buffer.concat([noise, noise.subarray(0, 30_000), new Uint8Array(70_000), noise.subarray(9_000)]);
  })()
};

describe('what zlib deflates', () => {
  for (const [name, bytes] of Object.entries(inputs)) {
    for (const level of [0, 1, 6, 9]) {
      test(`${name} at level ${level} comes back, whole and in pieces`, () => {
        const packed = deflateRawSync(bytes, { level });
        const out = new Uint8Array(bytes.length + 10);
        expect(inflateRaw(packed, out)).toEqual({ written: bytes.length, used: packed.length });
        expect(Buffer.from(out.subarray(0, bytes.length)).equals(bytes)).toBe(true);
        for (const [piece, room] of [
          [1, 1],
          [7, 300],
          [4096, 65536]
        ] as const) {
          if (room === 1 && bytes.length > 20_000) continue;
          expect(Buffer.from(inPieces(packed, piece, room)).equals(bytes)).toBe(true);
        }
      });
    }
  }

  test('bytes behind the end are left over', () => {
    const packed = deflateRawSync(words());
    const stream = new Inflate();
    stream.feed(Buffer.concat([packed, Uint8Array.of(1, 2, 3)]));
    stream.run(new Uint8Array(5000), 0, 5000);
    expect(stream.ended).toBe(true);
    expect([...stream.rest]).toEqual([1, 2, 3]);
    expect(stream.used).toBe(packed.length);
  });

  test('a stream that ends nowhere gives all that is there', () => {
    const packed = deflateRawSync(letters(), { finishFlush: 2 });
    const out = new Uint8Array(2000);
    expect(inflateRaw(packed, out)).toEqual({ written: 1500, used: packed.length });
  });
});

describe('what is no deflate stream is refused with a reason', () => {
  const cases: [string, number[], string][] = [
    ['block type 3', [0x07], 'byte 1: a block of unknown type 3'],
    ['a stored block with a wrong length', [0x01, 5, 0, 0, 0], 'contradicts itself'],
    ['287 literal codes', [0x05 | (30 << 3), 0, 0, 0, 0], '287 literal and length codes'],
    // Fixed codes: length 3 (0000001), distance code 0 (00000).
    ['a match before the first byte', [0x03 | (0x40 << 3), 0x02, 0, 0], 'before the first byte'],
    ['a fixed code that stands for nothing', [0x03 | (0x3 << 3), 0xff, 0xff, 0xff], 'not declared']
  ];
  for (const [name, bytes, message] of cases) {
    test(name, () => expect(inflateRaw(Uint8Array.from(bytes), new Uint8Array(100))).toContain(message));
  }

  test('every cut and every flipped bit ends without harm', () => {
    const packed = deflateRawSync(words());
    for (let i = 0; i < packed.length; i++) {
      const { written } = inflateRaw(packed.subarray(0, i), new Uint8Array(3000)) as { written: number };
      expect(written).toBeLessThanOrEqual(words().length);
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Uint8Array.from(packed);
        flipped[i]! ^= 1 << bit;
        inflateRaw(flipped, new Uint8Array(3000));
      }
    }
  });
});

describe('a compressed page of a stream', () => {
  const page = Buffer.concat([words(), letters(), new Uint8Array(4096)]).subarray(0, 4096);

  test('fills the page exactly', () => {
    const out = new Uint8Array(4096);
    expect(inflateZlib(deflateSync(page), out)).toBeUndefined();
    expect(Buffer.from(out).equals(page)).toBe(true);
  });

  test('is refused when it is short, long, cut, damaged or no zlib stream', () => {
    const out = new Uint8Array(4096);
    const packed = deflateSync(page);
    expect(inflateZlib(deflateSync(page.subarray(1)), out)).toBe('4095 bytes instead of 4096');
    expect(inflateZlib(deflateSync(Buffer.concat([page, page])), out)).toBe('more than 4096 bytes');
    expect(inflateZlib(packed.subarray(0, 100), out)).toMatch(/^ends after \d+ of 4096 bytes$/);
    expect(inflateZlib(packed.subarray(0, -1), out)).toBe('no checksum');
    const flipped = Uint8Array.from(packed);
    flipped[packed.length - 1]! ^= 1;
    expect(inflateZlib(flipped, out)).toBe('wrong checksum');
    expect(
      inflateZlib(
        Uint8Array.from({ length: 20 }, () => 0x41),
        out
      )
    ).toBe('no zlib header');
    expect(inflateZlib(Uint8Array.of(0x78, 0xbb, 0, 0, 0, 0, 0), out)).toBe('a zlib stream with a preset dictionary');
  });
});
