import { expect, test } from 'vitest';
import { selectedAddress } from '../../../../src/lib/viz/machine/selected-address.ts';

const blocks = [
  { idstr: 'pc.ram', firstPage: 0, usedLength: 0x1_4000_0000 },
  { idstr: 'vga.vram', firstPage: 0x14_0000, usedLength: 0x100_0000 }
];
const map = [
  { gpa: 0, bytes: 0xa_0000, block: 'pc.ram', offset: 0 },
  { gpa: 0x10_0000, bytes: 0xbff0_0000, block: 'pc.ram', offset: 0x10_0000 },
  { gpa: 0x1_0000_0000, bytes: 0x8000_0000, block: 'pc.ram', offset: 0xc000_0000 }
];

test('a page of RAM is where the guest sees it', () => {
  const at = (page: number, offset?: number): unknown =>
    selectedAddress({ kind: 'page', page, ...(offset !== undefined && { offset }) }, map, blocks);
  expect(at(1, 0x10)).toEqual({ space: 'physical', address: 0x1010n });
  // What lies above the hole of PCI.
  expect(at(0xc_0000, 4)).toEqual({ space: 'physical', address: 0x1_0000_0004n });
  // Under the VGA's window, and in video memory that is mapped nowhere.
  expect(at(0xa0)).toBeUndefined();
  expect(at(0x14_0000)).toBeUndefined();
  expect(at(0x99_9999)).toBeUndefined();
});

test('a virtual address stays one', () => {
  expect(selectedAddress({ kind: 'gva', gva: 0xffff_8000_0000_1234n }, [], [])).toEqual({
    space: 'virtual',
    address: 0xffff_8000_0000_1234n
  });
  expect(selectedAddress({ kind: 'none' }, map, blocks)).toBeUndefined();
});
