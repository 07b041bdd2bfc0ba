import { expect, test } from 'vitest';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { bytes, EOF, EOS, end, HEADER, part, ramStart, start } from '../../support/bytes.ts';

const nodes = ['node0', 'node1'].map((name) => [name, 8192] as const);
const stream = bytes(HEADER, start(2, 'ram', 4, ramStart([...nodes, ['rom', 4096]])), part(2, EOS), end(2, EOS), EOF);
const file = (name: string, size: number, fill: number) => ({
  name,
  source: bytesSource(new Uint8Array(size).fill(fill))
});
async function open(...sharedRam: readonly ReturnType<typeof file>[]): Promise<Snapshot> {
  return readSnapshot(bytesSource(stream), { sharedRam });
}
async function firstByte(snapshot: Snapshot, block: string): Promise<number> {
  const byte = new Uint8Array(1);
  await blockSource(snapshot, snapshot.ram.block(block)!).read(0, byte);
  return byte[0]!;
}
const said = ({ problems }: Snapshot): unknown[] =>
  problems.filter(({ code }) => code.startsWith('ram-file')).map(({ code, message }) => [code, message]);

test('a RAM file is that of the block that has its size', async () => {
  const snapshot = await open(file('rom.img', 4096, 7));
  expect([await firstByte(snapshot, 'rom'), await firstByte(snapshot, 'node0')]).toEqual([7, 0]);
  expect(said(snapshot)).toEqual([]);
});

test('files of blocks of one size are taken in their order, and that this is a guess is said once', async () => {
  const snapshot = await open(file('b', 8192, 2), file('a', 8192, 1));
  expect([await firstByte(snapshot, 'node0'), await firstByte(snapshot, 'node1')]).toEqual([2, 1]);
  expect(said(snapshot)).toEqual([['ram-file-guessed', 'b has the size of node0, node1: it is taken for node0']]);
});

test('a file that no block lacks is named', async () => {
  const snapshot = await open(file('disk', 12288, 1));
  expect(said(snapshot)).toEqual([
    ['ram-file-unused', 'no RAM block of 12288 bytes lacks its contents: disk is not used']
  ]);
});
