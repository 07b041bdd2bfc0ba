import { expect, test } from 'vitest';
import { pcCmosInit } from '../../../../../src/lib/emulator/hw/i386/cmos.ts';

const MIB = 2 ** 20;
const at = (bytes: Uint8Array, from: number, length: number): number[] => [...bytes.subarray(from, from + length)];

test('the CMOS of 512 MiB has the bytes that native QEMU 11 writes', () => {
  const cmos_data = new Uint8Array(128);
  pcCmosInit({ cmos_data }, { below4g: 512 * MIB, above4g: 0, order: 'cad', floppies: [5, 0] });
  expect(at(cmos_data, 0x10, 9)).toEqual([0x50, 0, 0, 0, 0x06, 0x80, 0x02, 0xff, 0xff]);
  expect(at(cmos_data, 0x30, 6)).toEqual([0xff, 0xff, 0, 0, 0x00, 0x1f]);
  expect(at(cmos_data, 0x38, 6)).toEqual([0x30, 0, 0, 0, 0, 0x12]);
  expect(at(cmos_data, 0x5b, 5)).toEqual([0, 0, 0, 0, 0]);
});

test('memory above 4 GiB is counted in 64 KiB, what is less than 1 MiB as nothing', () => {
  const cmos_data = new Uint8Array(128).fill(0xee);
  pcCmosInit({ cmos_data }, { below4g: 512 * 1024, above4g: 5 * 1024 * MIB, order: 'dn' });
  expect(at(cmos_data, 0x15, 4)).toEqual([0x00, 0x02, 0, 0]);
  expect(at(cmos_data, 0x34, 2)).toEqual([0, 0]);
  expect(at(cmos_data, 0x5b, 3)).toEqual([0x00, 0x40, 0x01]);
  expect(at(cmos_data, 0x3d, 1)).toEqual([0x43]);
});

test('disks have type 47 with their geometry behind it, and their translations', () => {
  const cmos_data = new Uint8Array(128);
  const disk = { cylinders: 0x1234, heads: 16, sectors: 63, translation: 2 };
  const disks = [undefined, disk, undefined, { ...disk, translation: 3 }];
  pcCmosInit({ cmos_data }, { below4g: 16 * MIB, above4g: 0, order: 'c', disks });
  expect(cmos_data[0x12]).toBe(0x0f);
  expect(at(cmos_data, 0x19, 2)).toEqual([0, 47]);
  expect(at(cmos_data, 0x24, 9)).toEqual([0x34, 0x12, 16, 0xff, 0xff, 0xc8, 0x34, 0x12, 63]);
  expect(cmos_data[0x39]).toBe(0b10_00_01_00);
});
