import { expect, test } from 'vitest';
import { VAPICROM } from '../../../../../src/lib/emulator/hw/i386/vapic.ts';
import { MemoryRegion } from '../../../../../src/lib/emulator/system/memory.ts';
import { testHost } from '../../../../support/device-host.ts';

const BLOCKS = 5;

function device() {
  const host = testHost();
  const ram = MemoryRegion.ram(host.host.physmem.allocate('pc.ram', 1 << 20));
  ram.ram!.bytes()[0xca000 + 2] = BLOCKS;
  const map = { system: MemoryRegion.container('system'), ram };
  return { host, map, vapic: new VAPICROM(host.host, map, () => 0xca123) };
}

test('The option ROM says where its state is, counted from its own start', () => {
  const { host, vapic } = device();
  host.out(0x7e, 0x40, 2);
  expect([vapic.state.state, vapic.state.rom_state_paddr]).toEqual([2, 0xca040]);
  // Once is enough.
  host.out(0x7e, 0x80, 2);
  expect(vapic.state.rom_state_paddr).toBe(0xca040);
  vapic.reset();
  expect([vapic.state.state, vapic.state.rom_state_paddr]).toEqual([0, 0]);
});

test('Its option ROM can be written, by whole pages, until a reset', () => {
  const { host, map, vapic } = device();
  host.out(0x7e, 0x40, 2);
  expect(map.system.subregions).toMatchObject([
    { name: 'kvmvapic-rom', addr: 0xca000, size: 0x1000, aliasOffset: 0xca000, priority: 1000 }
  ]);
  map.ram.ram!.bytes()[0xca000 + 2] = 9;
  vapic.postLoad();
  expect(map.system.subregions.map(({ size }) => size)).toEqual([0x2000]);
  vapic.reset();
  expect(map.system.subregions).toEqual([]);
});

test('Where no ROM is, none is announced', () => {
  const { host, map, vapic } = device();
  map.ram.ram!.bytes()[0xca000 + 2] = 0;
  host.out(0x7e, 0x40, 2);
  expect([vapic.state.state, vapic.state.rom_state_paddr]).toEqual([0, 0]);
  vapic.state.rom_state_paddr = 0xfffffff0;
  expect(vapic.postLoad()).toContain('no option ROM');
});

test('Other accesses change nothing', () => {
  const { host, vapic } = device();
  host.out(0x7e, 1, 1);
  host.out(0x7e, 1, 4);
  expect(host.in(0x7e, 1)).toBe(0xff);
  expect(vapic.state.state).toBe(0);
});

test('A guest that was patched must not run; one that waits may', () => {
  const { vapic } = device();
  Object.assign(vapic.state, { state: 1, rom_state_paddr: 0xca040 });
  expect(vapic.postLoad()).toContain('the guest was patched');
  vapic.state.state = 0;
  expect(vapic.postLoad()).toBeUndefined();
  expect(vapic.state.state).toBe(2);
});
