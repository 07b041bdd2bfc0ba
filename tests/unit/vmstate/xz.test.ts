import { expect, test } from 'vitest';
import { Damage, PeekStream } from '../../../src/lib/vmstate/peek-stream.ts';
import { bytesSource, sequential } from '../../../src/lib/vmstate/source.ts';
import { unxz } from '../../../src/lib/vmstate/xz.ts';
import { words, wordsXz } from '../../support/compressed.ts';

async function open(input: Uint8Array): Promise<{ text: string; damage?: Damage }> {
  let text = '';
  try {
    const stream = new PeekStream(sequential(bytesSource(input)));
    for await (const chunk of unxz(stream)) text += Buffer.from(chunk).toString();
  } catch (damage) {
    if (!(damage instanceof Damage)) throw damage;
    return { text, damage };
  }
  return { text };
}
const text = Buffer.from(words()).toString();

test('a stream, and several behind each other', async () => {
  expect(await open(wordsXz)).toEqual({ text });
  expect(await open(Buffer.concat([wordsXz, wordsXz]))).toEqual({ text: text + text });
});

test('cut or damaged, it gives what comes before and a reason', async () => {
  const cut = await open(wordsXz.subarray(0, 300));
  expect(text.startsWith(cut.text)).toBe(true);
  expect(cut.damage?.message).toBe('xz: the file ends inside the compressed data');
  const damaged = await open(wordsXz.map((b, i) => (i === 200 ? b ^ 0x40 : b)));
  expect(damaged.damage?.message).toBe('xz: the compressed data are damaged');
});

test('a decoder that is left in the middle does not block the next', async () => {
  const abandoned = unxz(new PeekStream(sequential(bytesSource(wordsXz))));
  await abandoned.next();
  await abandoned.return();
  expect(await open(wordsXz)).toEqual({ text });
});
