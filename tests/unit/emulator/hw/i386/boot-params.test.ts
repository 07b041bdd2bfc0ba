import { expect, test } from 'vitest';
import { bootParams, startInfo } from '../../../../../src/lib/emulator/hw/i386/boot-params.ts';

const e820 = [
  { address: 0, length: 0x9_fc00, type: 1 },
  { address: 0x1_0000_0000, length: 0x4000_0000, type: 2 }
];

test('the zero page has the setup header, what was changed in it, and the memory map', () => {
  const kernel = new Uint8Array(0x400).fill(0xcc);
  kernel[0x201] = 0x62; // the header ends at 0x264
  const page = bootParams({
    ...{ kernel, e820, rsdp: 0xf_0000, below4g: 64 * 2 ** 20 },
    fields: [
      [0x210, 1, 0xb0],
      [0x228, 4, 0x2_0000]
    ]
  });
  const view = new DataView(page.buffer);
  expect(page.length).toBe(4096);
  expect([page[0x1f0], page[0x1f1], page[0x263], page[0x264]]).toEqual([0, 0xcc, 0xcc, 0]);
  expect([page[0x210], view.getUint32(0x228, true)]).toEqual([0xb0, 0x2_0000]);
  expect([view.getUint16(2, true), view.getUint32(0x1e0, true)]).toEqual([63 * 1024, 63 * 1024]);
  expect(view.getBigUint64(0x70, true)).toBe(0xf_0000n);
  expect(page[0x1e8]).toBe(2);
  expect([0x2d0, 0x2d8, 0x2e4, 0x2ec].map((at) => view.getBigUint64(at, true))).toEqual([
    ...[0n, 0x9_fc00n, 0x1_0000_0000n, 0x4000_0000n]
  ]);
  expect([view.getUint32(0x2e0, true), view.getUint32(0x2f4, true)]).toEqual([1, 2]);
});

test('a header that claims to be longer than it may be does not run into the memory map', () => {
  const kernel = new Uint8Array(0x400).fill(0xcc);
  kernel[0x201] = 0xff;
  const page = bootParams({ kernel, e820: [], rsdp: 0, below4g: 2 ** 20, fields: [] });
  expect([page[0x28f], page[0x290], page[0x2d0]]).toEqual([0xcc, 0, 0]);
});

test("PVH's start information points to its module and its memory map behind it", () => {
  const initrd = { address: 0x300_0000, length: 1234 };
  const bytes = startInfo({ address: 0x6000, commandLine: 0x2_0000, rsdp: 0xf_0000, e820, initrd });
  const view = new DataView(bytes.buffer);
  const long = (at: number): number => Number(view.getBigUint64(at, true));
  expect([0, 4, 12, 48].map((at) => view.getUint32(at, true))).toEqual([0x336e_c578, 1, 1, 2]);
  expect([16, 24, 32, 40].map(long)).toEqual([0x6038, 0x2_0000, 0xf_0000, 0x6058]);
  expect([0x38, 0x40].map(long)).toEqual([0x300_0000, 1234]);
  expect([0x58, 0x60, 0x70, 0x78].map(long)).toEqual([0, 0x9_fc00, 0x1_0000_0000, 0x4000_0000]);
  const without = new DataView(startInfo({ address: 0, commandLine: 0, rsdp: 0, e820: [] }).buffer);
  expect([without.getUint32(12, true), without.getBigUint64(16, true)]).toEqual([0, 0n]);
});
