import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { gunzip } from '../../../src/lib/vmstate/gzip.ts';
import { Damage, PeekStream } from '../../../src/lib/vmstate/peek-stream.ts';
import { bytesSource, sequential } from '../../../src/lib/vmstate/source.ts';
import { words } from '../../support/compressed.ts';

/** All that comes out, and what ended it. */
async function open(input: Uint8Array): Promise<{ text: string; damage?: Damage }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of gunzip(new PeekStream(sequential(bytesSource(input))))) chunks.push(Buffer.from(chunk));
  } catch (damage) {
    if (!(damage instanceof Damage)) throw damage;
    return { text: Buffer.concat(chunks).toString(), damage };
  }
  return { text: Buffer.concat(chunks).toString() };
}

const text = Buffer.from(words()).toString();

// 'hi' in fixed codes; CRC 0xd8932aac.
const hi = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0xc8, 4, 0, 0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0];

test('a member gives its contents', async () => {
  expect(await open(Uint8Array.from(hi))).toEqual({ text: 'hi' });
});

test('extra field, name, comment and header checksum are passed over', async () => {
  const header = [0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9, 0x61, 0, 0x62, 0x63, 0, 7, 7];
  expect(await open(Uint8Array.from([...header, ...hi.slice(10)]))).toEqual({ text: 'hi' });
});

test('members follow each other; zeros behind them are padding', async () => {
  expect(await open(Buffer.concat([gzipSync(text), gzipSync(''), gzipSync(text), new Uint8Array(600)]))).toEqual({
    text: text + text
  });
});

test('other bytes behind the end are noted', async () => {
  const { text: got, damage } = await open(Uint8Array.from([...hi, 1, 2, 3]));
  expect(got).toBe('hi');
  expect(damage).toMatchObject({ at: hi.length, severity: 'note' });
});

test('a wrong checksum or length is a warning behind the contents', async () => {
  for (const at of [14, 18]) {
    const { text: got, damage } = await open(Uint8Array.from(hi, (b, i) => (i === at ? b ^ 1 : b)));
    expect(got).toBe('hi');
    expect(damage).toMatchObject({ at: 14, severity: 'warning' });
  }
});

test('cut anywhere, it gives what comes before and says where it ends', async () => {
  const packed = gzipSync(text);
  for (let n = 2; n < packed.length; n += 7) {
    const { text: got, damage } = await open(packed.subarray(0, n));
    expect(text.startsWith(got)).toBe(true);
    expect(damage).toMatchObject({ at: n, severity: 'fatal' });
  }
  expect((await open(packed.subarray(0, packed.length - 9))).text.length).toBeGreaterThan(text.length - 100);
});

test('an unknown method is refused', async () => {
  const { damage } = await open(Uint8Array.from(hi, (b, i) => (i === 2 ? 9 : b)));
  expect(damage?.message).toBe('gzip: unknown method or flags');
});

test('a bomb comes in chunks of at most 256 KiB', async () => {
  const bomb = gzipSync(new Uint8Array(64 << 20), { level: 9 });
  let total = 0;
  for await (const chunk of gunzip(new PeekStream(sequential(bytesSource(bomb))))) {
    expect(chunk.length).toBeLessThanOrEqual(262144 + 32768);
    total += chunk.length;
  }
  expect(total).toBe(64 << 20);
});
