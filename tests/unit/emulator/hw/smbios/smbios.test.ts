import { expect, test } from 'vitest';
import { placeAnchor, smbiosTables, type SmbiosOptions } from '../../../../../src/lib/emulator/hw/smbios/smbios.ts';

const GIB = 2 ** 30;
const options: SmbiosOptions = {
  ...{ product: 'Standard PC', version: 'pc-1.0', cpuidVersion: 0x60fb1, cpuidFeatures: 0x78bfbfd },
  ...{ memory: 20 * GIB, moduleSize: 16 * GIB, entryPoint64: false },
  areas: [
    { address: 0, length: 3 * GIB },
    { address: 4 * GIB, length: 17 * GIB }
  ]
};

/** Type, handle, fixed part behind the header, strings. */
function structuresOf(tables: Uint8Array) {
  const bytes = Buffer.from(tables);
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at + 1]!;
    const end = bytes.indexOf('\0\0', at + length, 'latin1');
    const text = bytes.toString('latin1', at + length, end);
    found.push({
      ...{ type: bytes[at]!, handle: bytes.readUInt16LE(at + 2), fixed: bytes.subarray(at + 4, at + length) },
      strings: text === '' ? [] : text.split('\0')
    });
    at = end + 2;
  }
  return found;
}

test('a machine, its case, a CPU, memory in modules and where it lies', () => {
  const found = structuresOf(smbiosTables(options).tables);
  expect(found.map(({ type, handle }) => [type, handle])).toEqual([
    ...[
      [1, 0x100],
      [3, 0x300],
      [4, 0x400],
      [16, 0x1000],
      [17, 0x1100],
      [17, 0x1101]
    ],
    ...[
      [19, 0x1300],
      [19, 0x1301],
      [32, 0x2000],
      [127, 0x7f00]
    ]
  ]);
  const [system, , cpu, , first, second, low, high] = found;
  expect(system!.strings).toEqual(['QEMU', 'Standard PC', 'pc-1.0']);
  expect(cpu!.strings).toEqual(['CPU 0', 'QEMU', 'pc-1.0']);
  expect(cpu!.fixed.readUInt32LE(4)).toBe(0x60fb1);
  expect([first, second].map((module) => [module!.fixed.readUInt16LE(8), module!.strings[0]])).toEqual([
    [16384, 'DIMM 0'],
    [4096, 'DIMM 1']
  ]);
  expect([low, high].map((area) => [area!.fixed.readUInt32LE(0), area!.fixed.readUInt32LE(4)])).toEqual([
    [0, 0x2f_ffff],
    [0x40_0000, 0x14f_ffff]
  ]);
});

test('the first fields of a UUID are little-endian', () => {
  const uuid = Uint8Array.from({ length: 16 }, (_, i) => i);
  const [system] = structuresOf(smbiosTables({ ...options, uuid }).tables);
  expect([...system!.fixed.subarray(4, 20)]).toEqual([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
});

test.each([
  ['2.8', false, '_SM_', 16],
  ['3.0', true, '_SM3_', 0]
])('an entry point of version %s adds up to zero once it is placed', (_, entryPoint64, name, half) => {
  const { tables, anchor } = smbiosTables({ ...options, entryPoint64 });
  const placed = Buffer.from(placeAnchor(anchor, 0x7ff_1230));
  expect(placed.toString('latin1', 0, name.length)).toBe(name);
  const sum = (from: number): number => placed.subarray(from).reduce((total, byte) => total + byte, 0) & 0xff;
  expect([sum(0), sum(half)]).toEqual([0, 0]);
  expect(entryPoint64 ? placed.readUInt32LE(16) : placed.readUInt32LE(24)).toBe(0x7ff_1230);
  expect(entryPoint64 ? placed.readUInt32LE(12) : placed.readUInt16LE(22)).toBe(tables.length);
});
