import { describe, expect, test } from 'vitest';
import { Damage, PeekStream } from '../../../src/lib/vmstate/peek-stream.ts';
import { bytesSource, sequential } from '../../../src/lib/vmstate/source.ts';
import { unzstd } from '../../../src/lib/vmstate/zstd.ts';
import { letters, lettersZstd, randomly, words, wordsZstd } from '../../support/compressed.ts';
import { processorTime } from '../../support/processor-time.ts';

async function open(input: Uint8Array | number[]): Promise<{ bytes: Buffer; damage?: Damage }> {
  const chunks: Buffer[] = [];
  try {
    const stream = new PeekStream(sequential(bytesSource(Uint8Array.from(input))));
    for await (const chunk of unzstd(stream)) chunks.push(Buffer.from(chunk));
  } catch (damage) {
    if (!(damage instanceof Damage)) throw damage;
    return { bytes: Buffer.concat(chunks), damage };
  }
  return { bytes: Buffer.concat(chunks) };
}

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** Window of 1 KiB, no content size, no checksum. */
const SMALL = [...MAGIC, 0x00, 0x00];
/** A block header: size, type (0 raw, 1 RLE, 2 compressed) and whether it is the last. */
const block = (size: number, type: number, last = 1): number[] => {
  const word = (size << 3) | (type << 1) | last;
  return [word & 255, (word >> 8) & 255, word >> 16];
};

describe('frames', () => {
  test('raw and RLE blocks', async () => {
    const { bytes } = await open([...SMALL, ...block(3, 0, 0), 1, 2, 3, ...block(5, 1), 9]);
    expect([...bytes]).toEqual([1, 2, 3, 9, 9, 9, 9, 9]);
  });

  test('a match over the bytes before it', async () => {
    // zstd -19 of "hello hello hello hello\n".
    const sequence = [0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x0a, 0x01, 0x00, 0x99, 0x4b, 0x11];
    const { bytes } = await open([...MAGIC, 0x00, 0x58, 0x6d, 0x00, 0x00, ...sequence]);
    expect(bytes.toString()).toBe('hello hello hello hello\n');
  });

  test('Huffman trees, four streams and all kinds of tables', async () => {
    expect((await open(wordsZstd)).bytes.equals(Buffer.from(words()))).toBe(true);
    expect((await open(lettersZstd)).bytes.equals(Buffer.from(letters()))).toBe(true);
  });

  test('several, with skippable ones between', async () => {
    const skippable = [0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7];
    const { bytes, damage } = await open([...skippable, ...wordsZstd, ...skippable, ...SMALL, ...block(1, 0), 65]);
    expect(damage).toBeUndefined();
    expect(bytes.toString()).toBe(Buffer.from(words()).toString() + 'A');
  });

  test('other bytes behind the last one are noted', async () => {
    expect((await open([...SMALL, ...block(1, 0), 65, 1, 2])).damage).toMatchObject({ at: 10, severity: 'note' });
  });

  test('fewer bytes than the header says are a warning', async () => {
    // Single segment, content size 9 in one byte.
    expect((await open([...MAGIC, 0x20, 9, ...block(1, 0), 65])).damage).toMatchObject({ severity: 'warning' });
  });

  test('a window is moved along behind more than it holds', async () => {
    // 40 RLE blocks of 128 KiB in a window of 128 KiB: more than the buffer.
    const frame = [...MAGIC, 0x00, 0x38];
    for (let i = 0; i < 40; i++) frame.push(...block(131072, 1, i === 39 ? 1 : 0), i);
    const { bytes } = await open(frame);
    expect(bytes.length).toBe(40 * 131072);
    for (let i = 0; i < 40; i++) expect(bytes[i * 131072 + 5]).toBe(i);
  });
});

describe('hostile frames', () => {
  const cases: [string, number[], string][] = [
    ['a window of 256 MiB', [...MAGIC, 0x00, 0x90], 'a window of 268435456 bytes'],
    ['a single segment of exabytes', [...MAGIC, 0xe0, ...new Array<number>(8).fill(0x7f)], 'a window of'],
    ['a dictionary', [...MAGIC, 0x01, 0x00, 7], 'a dictionary'],
    ['a reserved bit', [...MAGIC, 0x08, 0x00], 'not known'],
    ['a block of type 3', [...SMALL, ...block(1, 3), 0], 'a block that is none'],
    ['a block larger than the window', [...SMALL, ...block(2000, 1), 0], 'a block that is none'],
    ['more literals than a block may have', [...SMALL, ...block(3, 2), 0x0d, 0xff, 0xff], 'literals'],
    ['a repeated tree that never was', [...SMALL, ...block(5, 2), 0x13, 0, 0, 0, 0], 'before there was one'],
    ['a repeated table that never was', [...SMALL, ...block(5, 2), 0x08, 65, 1, 0xfc, 1], 'before there was one'],
    ['a match before the first byte', [...SMALL, ...block(7, 2), 0x08, 65, 1, 0x54, 0, 5, 0], 'zstd: '],
    // One symbol with all of the probability takes no bits: its states could go on for ever.
    [
      'a tree description without end',
      [...SMALL, ...block(12, 2), 0x42, 0x02, 0x02, 0x04, 0x10, 0x3f, 1, 1, 1, 1, 1, 1],
      'zstd: '
    ]
  ];
  for (const [name, bytes, message] of cases) {
    test(`${name} is refused`, async () => {
      const { damage } = await open(bytes);
      expect(damage?.message).toContain(message);
      expect(damage?.severity).toBe('fatal');
    });
  }

  test('cut anywhere, a frame says where it ends', async () => {
    for (let n = 4; n < wordsZstd.length; n += 3) {
      expect((await open(wordsZstd.subarray(0, n))).damage).toMatchObject({ at: n, severity: 'fatal' });
    }
  });

  test('changed bytes end in damage or in other contents, soon', async () => {
    const random = randomly(5);
    for (let i = 0; i < 3000; i++) {
      const changed = Uint8Array.from(i % 2 ? wordsZstd : lettersZstd);
      for (let k = 0; k < 3; k++) changed[4 + random(changed.length - 4)] = random(256);
      const start = processorTime();
      await open(changed);
      expect(processorTime() - start).toBeLessThan(1000);
    }
  });
});
