import { expect, test } from 'vitest';
import { listing } from '../../../src/lib/vmstate/listing.ts';
import { PAGE, page, snapshot } from '../../support/snapshots.ts';

const long = new Uint8Array(100);
long[0x41] = 0xab;
const sample = snapshot({
  machine: 'pc-i440fx-7.2',
  blocks: { 'pc.ram': 2 * PAGE },
  pages: { 'pc.ram:0': page({ 0: 'one' }) },
  sections: [
    { name: 'timer', fields: { cpu_ticks_offset: 5n, timer_x: 1_000_000_000n } },
    { name: 'cpu', instance: 1, version: 12, fields: { halted: 1 } },
    {
      name: 'cpu',
      instance: 0,
      version: 12,
      fields: { inner: { cr0: 0x11 }, long },
      about: { cr0: { bits: [{ name: 'PE', bit: 0 }] } }
    }
  ]
});

test('sections come by name, a field a line with its meaning, and no offsets', () => {
  expect([...listing(sample, { noRam: true })].join('\n')).toBe(`stream version 3
machine pc-i440fx-7.2

section cpu/0, version 12
  inner.cr0 = 0x11 (PE | 0x10)
  long = 100 bytes
  long[0x40] = 00 ab 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00

section cpu/1, version 12
  halted = 1

section timer/0, version 1
  cpu_ticks_offset = 5
  timer_x = 1000000000 ns (1.000000000 s)`);
});

test('blocks tell their pages by kind and their hash', () => {
  const lines = [...listing(sample, { hashes: new Map([['pc.ram', 'abc']]) })];
  expect(lines).toContain('ram pc.ram: 8192 bytes, 1 of 2 pages sent, 1 normal');
  expect(lines).toContain('ram pc.ram: sha256 abc');
});

test('one section alone has no heading about the stream', () => {
  expect([...listing(sample, { section: 'cpu/1' })]).toEqual(['', 'section cpu/1, version 12', '  halted = 1']);
});
