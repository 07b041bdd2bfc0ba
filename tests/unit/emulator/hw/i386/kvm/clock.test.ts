import { expect, test } from 'vitest';
import { KVMClock, timeScale, vmstate_kvmclock } from '../../../../../../src/lib/emulator/hw/i386/kvm/clock.ts';
import { hex, roundTrip, subsection } from '../../../../../support/sections.ts';

test('a guest under KVM carries its clock', () => {
  const body = hex('000000012a05f200', subsection('kvmclock/clock_is_reliable', 1, '01'));
  const clock = roundTrip(vmstate_kvmclock, body);
  expect(clock.state).toEqual({ clock: 5_000_000_000n, clock_is_reliable: true });
});

/** As a guest works it out. Source: Linux Documentation/virt/kvm/x86/msr.rst. */
function guestTime(page: DataView, tsc: bigint): bigint {
  const shift = page.getInt8(28);
  const ticks = tsc - page.getBigUint64(8, true);
  const shifted = shift < 0 ? ticks >> BigInt(-shift) : ticks << BigInt(shift);
  return page.getBigUint64(16, true) + ((shifted * BigInt(page.getUint32(24, true))) >> 32n);
}

test.each([1_000_000_000n, 2_494_140_000n, 3_800_000_000n, 700_000_000n, 999_999_999n])(
  'a guest of a TSC of %i Hz reads the time that has passed',
  (frequency) => {
    const bytes = new Uint8Array(64);
    const page = new DataView(bytes.buffer);
    page.setUint32(0, 7, true);
    page.setUint8(29, 3);
    let [now, tsc] = [1000n, 123_456_789_012n];
    const clock = new KVMClock({
      memory: {
        read: (addr, size) => (size === 1 ? page.getUint8(addr - 0x1000) : page.getUint32(addr - 0x1000, true)),
        write: (addr, value, size) =>
          size === 1 ? page.setUint8(addr - 0x1000, value) : page.setUint32(addr - 0x1000, value, true)
      },
      ...{ systemTimeMsr: () => 0x1001n, tsc: () => tsc, ticksPerSecond: () => frequency, now: () => now }
    });
    clock.state.clock = 5_000_000_000n;
    clock.postLoad();
    clock.vmStateChange(true);
    expect(guestTime(page, tsc)).toBe(5_000_000_000n);
    expect([page.getUint32(0, true), page.getUint8(29)]).toEqual([8, 1]);
    // A minute later, by the TSC alone.
    now += 60_000_000_000n;
    tsc += 60n * frequency;
    expect(Number(guestTime(page, tsc) - 65_000_000_000n)).toBeCloseTo(0, -3);
    // Stopped for a while, in which neither clock goes on, and saved.
    clock.vmStateChange(false);
    clock.preSave();
    expect(clock.state.clock).toBe(65_000_000_000n);
    clock.vmStateChange(true);
    expect(guestTime(page, tsc)).toBe(65_000_000_000n);
  }
);

test('a guest that does not use it keeps its memory', () => {
  const write = (): never => {
    throw new Error('written');
  };
  const none = { tsc: () => 0n, ticksPerSecond: () => 1n, now: () => 0n };
  const clock = new KVMClock({ memory: { read: () => 0, write }, systemTimeMsr: () => 0x1000n, ...none });
  clock.vmStateChange(true);
});

test('ticks are scaled as KVM does', () => {
  expect(timeScale(1_000_000_000n)).toEqual({ mul: 0x8000_0000, shift: 1 });
  expect(timeScale(2_000_000_000n)).toEqual({ mul: 0x8000_0000, shift: 0 });
});
