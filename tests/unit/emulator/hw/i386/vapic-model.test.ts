import { expect, test } from 'vitest';
import { VAPICROM } from '../../../../../src/lib/emulator/hw/i386/vapic.ts';
import { testHost } from '../../../../support/device-host.ts';

function device() {
  const host = testHost();
  return { host, vapic: new VAPICROM(host.host, () => 0xca123) };
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
