import { expect, test } from 'vitest';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { pageScan } from '../../../../src/lib/emulator/system/page-scan.ts';

const host = new HostMemory();
const { offset } = host.allocate('pages', 3 * 4096);
const scan = pageScan(host.memory);

test('A page is zero when each of its bytes is, whatever its neighbours', () => {
  const { u8 } = host.views;
  const page = offset + 4096;
  expect(scan.isZero(page)).toBe(1);
  u8[page - 1] = u8[page + 4096] = 1;
  expect(scan.isZero(page)).toBe(1);
  for (let at = 0; at < 4096; at++) {
    u8[page + at] = 0x80;
    expect([at, scan.isZero(page)]).toEqual([at, 0]);
    u8[page + at] = 0;
  }
  expect(scan.isZero(page)).toBe(1);
});

test('Clearing clears so many bytes', () => {
  const { u8 } = host.views;
  u8.fill(7, offset, offset + 100);
  scan.clear(offset + 10, 80);
  expect([...u8.subarray(offset, offset + 100)]).toEqual([
    ...Array<number>(10).fill(7),
    ...Array<number>(80).fill(0),
    ...Array<number>(10).fill(7)
  ]);
});
