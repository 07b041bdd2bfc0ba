import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sortFiles } from '../../../../src/lib/emulator/host/sort-files.ts';
import { bytes, EOF, HEADER, u32be, zeros } from '../../../support/bytes.ts';

const file = (name: string, content: Uint8Array): File => new File([Uint8Array.from(content)], name);
const state = bytes(HEADER, EOF);
const ram = Uint8Array.from({ length: 8192 }, (_, i) => (i * 37) & 0xff);
const roles = async (...files: File[]): Promise<string[]> => (await sortFiles(files)).files.map((f) => f.role);

test('the stream is found whatever it is called and wherever it stands', async () => {
  const sorted = await sortFiles([file('vm.state', ram), file('disk.img', state)]);
  expect(sorted.state.name).toBe('disk.img');
  expect(sorted.files.map((f) => f.role)).toEqual(['ram', 'state']);
});

test('compressed files are what is inside them', async () => {
  const map = bytes('ffffffff81000000 T _text\nffffffff81000040 T startup_64\n');
  expect(await roles(file('a', gzipSync(map)), file('b', gzipSync(state)))).toEqual(['system-map', 'state']);
});

test('compressed memory is unpacked: it is read at random', async () => {
  const zeroed = new Uint8Array(8192);
  const sorted = await sortFiles([file('state', state), file('ram.gz', gzipSync(zeroed))]);
  expect(sorted.ram).toHaveLength(1);
  expect(new Uint8Array(await sorted.ram[0]!.arrayBuffer())).toEqual(zeroed);
});

test('multifd channels and kernels come along', async () => {
  const channel = bytes(u32be(0x11223344), u32be(1), zeros(56));
  const elf = bytes(0x7f, 'ELF', 2, 1, 1, zeros(57));
  expect(await roles(file('x', channel), file('y', elf), file('z', state))).toEqual([
    'multifd-channel',
    'vmlinux',
    'state'
  ]);
});

test('with no stream among them the likeliest file is read, so that its problem is told', async () => {
  expect((await sortFiles([file('notes.txt', bytes('hello'))])).state.name).toBe('notes.txt');
});
