import { afterAll, expect, test } from 'vitest';
import { infoMtree } from '../../../../src/lib/emulator/monitor/info-mtree.ts';
import { MemoryRegion } from '../../../../src/lib/emulator/system/memory.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine();
afterAll(() => machine.destroy());

test('info mtree -f begins with the ports; memory has RAM at 0 and the BIOS below 4 GiB', () => {
  const lines = infoMtree(machine, '-f').split('\n');
  expect(lines.slice(0, 4)).toEqual([
    'FlatView #0',
    ' AS "I/O", root: io',
    ' Root memory region: io',
    '  0000000000000000-0000000000000007 (prio 0, i/o): dma-chan'
  ]);
  const memory = lines.slice(lines.indexOf('FlatView #1'));
  expect(memory[3]).toMatch(/^ {2}0{16}-[\da-f]{16} \(prio 0, ram\): pc\.ram$/);
  expect(memory.some((line) => line.startsWith('  00000000fffc0000-00000000ffffffff (prio 0, rom)'))).toBe(true);
});

test('The tree is sorted by address, without what is switched off, and leads to what aliases show', () => {
  const lines = infoMtree(machine, '').split('\n');
  const memory = lines.slice(lines.indexOf('address-space: memory'));
  expect(memory[1]).toBe('  0000000000000000-ffffffffffffffff (prio 0, container): system');
  expect(memory[2]).toMatch(/^ {4}0{16}-0{10}ffffff \(prio 0, ram\): alias ram-below-4g @pc\.ram /);
  expect(lines).toContain('memory-region: pc.ram');
  expect(lines.join('\n')).not.toContain('disabled');
});

test('A guest cannot make it endless', () => {
  const { system } = machine.board.pc.map;
  for (let i = 0; i < 20_000; i++) system.subregions.push(MemoryRegion.container('more', 16));
  expect(infoMtree(machine, '').length).toBeLessThan(4 << 20);
  system.subregions.length -= 20_000;
});
