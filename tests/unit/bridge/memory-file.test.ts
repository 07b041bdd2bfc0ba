import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MemoryFile, memoryFileOf } from '../../../src/bridge/memory-file.ts';
import { HostMemory } from '../../../src/lib/emulator/host/memory.ts';
import { PhysMem } from '../../../src/lib/emulator/system/physmem.ts';
import { parseOptions } from '../../../src/lib/emulator/system/vl.ts';

const SIZE = 1 << 20;
const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
const physmem = new PhysMem(new HostMemory());
afterAll(() => {
  physmem.destroy();
  rmSync(folder, { recursive: true, force: true });
});
const block = (name: string) => physmem.allocate(name, SIZE);

test('What is in the file is in RAM, and what RAM becomes is in the file', () => {
  const path = join(folder, 'shared');
  const before = Buffer.alloc(SIZE);
  before.fill(0x11, 0x3000, 0x5000);
  writeFileSync(path, before);
  const ram = block('shared');
  const file = new MemoryFile(path, true, SIZE);
  file.read(ram);
  expect(Buffer.compare(Buffer.from(ram.bytes()), before)).toBe(0);
  expect([0x2000, 0x3000].map((at) => physmem.wasWritten(ram.offset + at))).toEqual([false, true]);
  ram.clearPage(0x3000);
  ram.store(0x9004, 0x1234, 2);
  file.write(ram);
  file.close();
  const after = Buffer.alloc(SIZE);
  after.fill(0x11, 0x4000, 0x5000);
  after.writeUInt16LE(0x1234, 0x9004);
  expect(Buffer.compare(readFileSync(path), after)).toBe(0);
});

test('A shared file that is not there is made as large as RAM; a private one has to be there and is not written', () => {
  const made = new MemoryFile(join(folder, 'made'), true, SIZE);
  expect(statSync(join(folder, 'made')).size).toBe(SIZE);
  made.close();
  const path = join(folder, 'private');
  expect(() => new MemoryFile(path, false, SIZE)).toThrow(
    `can't open backing store ${path} for guest RAM: No such file or directory`
  );
  writeFileSync(path, Buffer.alloc(SIZE, 7));
  const ram = block('private');
  const file = new MemoryFile(path, false, SIZE);
  file.read(ram);
  ram.store(0, 0, 4);
  file.write(ram);
  file.close();
  expect(readFileSync(path)[0]).toBe(7);
});

test('A file that is smaller than RAM, or none, is refused', () => {
  const path = join(folder, 'small');
  writeFileSync(path, Buffer.alloc(4096));
  expect(() => new MemoryFile(path, true, SIZE)).toThrow(
    "backing store size 0x1000 does not match 'size' option 0x100000"
  );
  expect(() => new MemoryFile(folder, true, SIZE)).toThrow("can't open backing store");
});

test('Only the backend that the machine uses is opened', () => {
  const path = join(folder, 'named');
  const words = ['-object', `memory-backend-file,id=m,size=1M,mem-path=${path},share=on`];
  expect(memoryFileOf(parseOptions(words))).toBeUndefined();
  const file = memoryFileOf(parseOptions([...words, '-M', 'pc,memory-backend=m']));
  file?.close();
  expect(statSync(path).size).toBe(SIZE);
  expect(() =>
    memoryFileOf(parseOptions(['-object', 'memory-backend-file,id=m,size=1M', '-M', 'pc,memory-backend=m']))
  ).toThrow('mem-path property not set');
});
