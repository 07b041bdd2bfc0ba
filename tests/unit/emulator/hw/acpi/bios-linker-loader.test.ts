import { expect, test } from 'vitest';
import { BiosLinker, runLinker, ZONE } from '../../../../../src/lib/emulator/hw/acpi/bios-linker-loader.ts';

/** Places one behind the other, from 0x1000 on. */
function allocator() {
  const asked: (readonly [string, number, number, number])[] = [];
  let next = 0x1000;
  return {
    asked,
    allocate: (name: string, size: number, align: number, zone: number): number => {
      asked.push([name, size, align, zone]);
      next += 0x1000;
      return next;
    }
  };
}

test('files get places, pointers their addresses, and sums are zero', () => {
  const linker = new BiosLinker();
  linker.allocate('a', 16, ZONE.fseg);
  linker.allocate('b', 64, ZONE.high);
  linker.addPointer('a', 4, 4, 'b');
  linker.addPointer('a', 8, 8, 'b');
  linker.addChecksum('a', 0, 0, 16);
  const a = new Uint8Array(16).fill(0);
  a.set([0, 1, 2, 3, 0x20, 0, 0, 0, 0x30], 0);
  const { asked, allocate } = allocator();
  const places = runLinker(
    linker.bytes,
    new Map([
      ['a', a],
      ['b', new Uint8Array(100)]
    ]),
    allocate
  );
  expect(asked).toEqual([
    ['a', 16, 16, ZONE.fseg],
    ['b', 100, 64, ZONE.high]
  ]);
  expect([...places]).toEqual([
    ['a', 0x2000],
    ['b', 0x3000]
  ]);
  const view = new DataView(a.buffer);
  expect([view.getUint32(4, true), view.getBigUint64(8, true)]).toEqual([0x3020, 0x3030n]);
  expect(a.reduce((sum, byte) => sum + byte, 0) & 0xff).toBe(0);
});

test.each<[string, (linker: BiosLinker) => void]>([
  ['a file that is not there', (linker) => linker.allocate('c', 1, ZONE.high)],
  ['a pointer to what has no place', (linker) => linker.addPointer('a', 0, 4, 'b')],
  ['a pointer outside of its file', (linker) => linker.addPointer('a', 14, 4, 'a')],
  ['a sum outside of its file', (linker) => linker.addChecksum('a', 0, 0, 17)]
])('%s is an error', (_, command) => {
  const linker = new BiosLinker();
  linker.allocate('a', 16, ZONE.high);
  command(linker);
  const files = new Map([['a', new Uint8Array(16)]]);
  expect(() => runLinker(linker.bytes, files, allocator().allocate)).toThrow(RangeError);
});
