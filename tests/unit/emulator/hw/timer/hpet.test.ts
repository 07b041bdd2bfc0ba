import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { MemoryRegion } from '../../../../../src/lib/emulator/system/memory.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { HPET, HPET_BASE, vmstate_hpet, type HPETOptions } from '../../../../../src/lib/emulator/hw/timer/hpet.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const RUNNING = '0000000000000003 0000000000000000 000000001e2652c6';
const PERIODIC = '00 0000000400000138 000000001e27abfa 0000000000000000 0000000000061a80 00 00000001cd167615';
const IDLE = (n: string): string => `${n} 0000000400000030 ffffffffffffffff ${zeros(16)} 00 ffffffffffffffff`;

test('the HPET under Linux', () => {
  const hpet = roundTrip(
    vmstate_hpet,
    hex(RUNNING, '03', PERIODIC, IDLE('01'), IDLE('02'), subsection('hpet/offset', 1, 'ffffffff607641af'))
  );
  expect(bitsOf(hpet.row('config'))).toEqual({ ENABLE_CNF: 1, LEG_RT_CNF: 1 });
  expect(bitsOf(hpet.row('timer[0].config'))).toMatchObject({ TYPE: 'periodic', '32MODE': 1, INT_ROUTE_CAP: 4 });
  expect(hpet.row('timer[0].period')).toMatchObject({ value: 400_000n, about: { unit: 'ticks' } });
  expect(hpet.state.hpet_offset).toBe(0xffffffff607641afn);
});

test('as many timers as the section says', () => {
  const hpet = roundTrip(vmstate_hpet, hex(RUNNING, '04', PERIODIC, IDLE('01'), IDLE('02'), IDLE('03')));
  expect(hpet.row('timer[3].tn')).toMatchObject({ start: 25 + 3 * 42, value: 3 });
});

test('a number of timers that no HPET has is refused, not obeyed for ever', () => {
  const hpet = roundTrip(vmstate_hpet, hex(RUNNING, '00'));
  expect(hpet.complaints).toMatchObject([{ at: 24, path: 'num_timers_save' }]);
});

test('version 1 has three timers', () => {
  expect(roundTrip(vmstate_hpet, hex(RUNNING, PERIODIC, IDLE('01'), IDLE('02')), 1).state.timer).toHaveLength(3);
});

test('an RTC interrupt that the HPET holds', () => {
  const hpet = roundTrip(
    vmstate_hpet,
    hex(RUNNING, '03', IDLE('00'), IDLE('01'), IDLE('02'), subsection('hpet/rtc_irq_level', 1, '01'))
  );
  expect(hpet.state.rtc_irq_level).toBe(1);
});

const [CONFIG, STATUS, COUNTER, T0, T1] = [0x10, 0x20, 0xf0, 0x100, 0x120];

function setup(options: Partial<HPETOptions> = {}) {
  const board = testHost();
  const lines = Array.from({ length: 24 }, () => board.line());
  const hpet = new HPET(board.host, { irqs: lines.map(({ irq }) => irq), ...options });
  board.system.addSubregion(HPET_BASE, hpet.region);
  const pitEnabled = board.line();
  hpet.pitEnabled = pitEnabled.irq;
  const { memory } = board.host;
  return {
    ...board,
    hpet,
    lines,
    pitEnabled,
    read: (at: number) => memory.read(HPET_BASE + at, 4),
    read64: (at: number) => memory.read64(HPET_BASE + at),
    write: (at: number, value: number) => memory.write(HPET_BASE + at, value, 4),
    write64: (at: number, value: bigint) => memory.write64(HPET_BASE + at, value)
  };
}

test('capabilities: 10 ns a tick, three 64-bit timers, legacy replacement', () => {
  const { read64, read } = setup();
  expect(read64(0)).toBe(0x00989680_8086a201n);
  expect([read(0), read(4), read64(T0)]).toEqual([0x8086a201, 0x989680, 0x00000004_00000030n]);
});

test('the counter runs while it is enabled, and can be set while it is not', () => {
  const { read64, write, write64, pass } = setup();
  pass(1000n);
  expect(read64(COUNTER)).toBe(0n);
  write64(COUNTER, 0x1_0000_0000n);
  write(CONFIG, 1);
  pass(1000n);
  expect(read64(COUNTER)).toBe(0x1_0000_0064n);
  write(CONFIG, 0);
  pass(1000n);
  expect(read64(COUNTER)).toBe(0x1_0000_0064n);
});

test('a one-shot edge-triggered timer pulses its pin once', () => {
  const { lines, write, write64, pass } = setup();
  write(T0, (5 << 9) | 0x004);
  write64(T0 + 8, 100n);
  write(CONFIG, 1);
  pass(999n);
  expect(lines[5]!.rises).toBe(0);
  pass(2n);
  pass(1_000_000n);
  expect([lines[5]!.rises, lines[5]!.level]).toEqual([1, 0]);
});

test('a periodic timer takes its first value and its period from two writes', () => {
  const { lines, write, write64, pass, read64 } = setup();
  write(T1, (4 << 9) | 0x04c);
  write64(T1 + 8, 500n);
  write64(T1 + 8, 1000n);
  write(CONFIG, 1);
  pass(5_001n);
  expect(lines[4]!.rises).toBe(1);
  pass(100_000n);
  expect([lines[4]!.rises, read64(T1 + 8)]).toEqual([11, 11_500n]);
});

test('a level-triggered timer stays high until its status is cleared', () => {
  const { lines, write, write64, pass, read } = setup();
  write(T0, (6 << 9) | 0x006);
  write64(T0 + 8, 10n);
  write(CONFIG, 1);
  pass(200n);
  expect([lines[6]!.level, read(STATUS)]).toEqual([1, 1]);
  write(STATUS, 1);
  expect([lines[6]!.level, read(STATUS)]).toEqual([0, 0]);
});

test('in legacy mode timers 0 and 1 are the PIT and the RTC, which are cut off', () => {
  const { hpet, lines, pitEnabled, write, write64, pass } = setup();
  hpet.pitIrq(1);
  hpet.rtcIrq(1);
  expect([lines[0]!.level, lines[8]!.level]).toEqual([1, 1]);
  write(T0, 0x004);
  write64(T0 + 8, 100n);
  write(CONFIG, 3);
  expect([pitEnabled.level, lines[0]!.level, lines[8]!.level]).toEqual([0, 0, 0]);
  const before = lines[0]!.rises;
  hpet.pitIrq(0);
  hpet.pitIrq(1);
  pass(2_000n);
  expect(lines[0]!.rises).toBe(before + 1);
  write(CONFIG, 1);
  expect([pitEnabled.level, lines[8]!.level]).toEqual([1, 1]);
});

test('interrupts as messages, where there are any', () => {
  const { hpet, host, write, write64, pass } = setup({ msi: true });
  const block = host.physmem.allocate('messages', 4096);
  const messages = MemoryRegion.ram(block);
  host.memory.root.addSubregion(0xfee00000, messages);
  expect(hpet.timer[0]!.config & 0x8000n).toBe(0x8000n);
  write(T0, 0x4004);
  write64(T0 + 0x10, 0xfee00010_00000041n);
  write64(T0 + 8, 100n);
  write(CONFIG, 1);
  pass(1_001n);
  expect(block.load(0x10, 4)).toBe(0x41);
});

test('a 32-bit one-shot also wakes when the counter wraps', () => {
  const { lines, write, write64, pass } = setup();
  write64(COUNTER, 0xffff_ff00n);
  write(T0, (5 << 9) | 0x104);
  write(T0 + 8, 0x80);
  write(CONFIG, 1);
  pass(0x100n * 10n + 1n);
  expect(lines[5]!.rises).toBe(1);
  pass(0x80n * 10n);
  expect(lines[5]!.rises).toBe(2);
});

test('a period of a tick does not take all of the time', () => {
  const { lines, write, write64, pass } = setup();
  write(T0, (5 << 9) | 0x04c);
  write64(T0 + 8, 1n);
  write64(T0 + 8, 1n);
  write(CONFIG, 1);
  pass(1_000_000n);
  expect(lines[5]!.rises).toBeLessThanOrEqual(1001);
});

test('a loaded HPET goes on counting and firing', () => {
  const from = setup();
  from.write(T0, (5 << 9) | 0x04c);
  from.write64(T0 + 8, 1000n);
  from.write64(T0 + 8, 1000n);
  from.write(CONFIG, 1);
  from.pass(12_345n);
  const body = saveDevice(from.hpet).finish();
  const to = setup();
  to.jump(12_345n);
  expect(loadDevice(to.hpet, new QemuFileReader(body), 2).refusal).toBeUndefined();
  expect(to.read64(COUNTER)).toBe(1234n);
  to.pass(10_000n);
  expect(to.lines[5]!.rises).toBe(1);
});

test('another number of timers is refused', () => {
  const body = saveDevice(setup({ timers: 4 }).hpet).finish();
  expect(loadDevice(setup().hpet, new QemuFileReader(body), 2).refusal).toContain('num_timers must match');
});

test('machine types of old do not send the offset', () => {
  const { hpet, write } = setup({ offsetSaved: false });
  write(CONFIG, 1);
  expect(Buffer.from(saveDevice(hpet).finish()).toString('latin1')).not.toContain('hpet/offset');
});
