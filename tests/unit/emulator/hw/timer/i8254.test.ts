import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { loadDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { I8254, vmstate_pit } from '../../../../../src/lib/emulator/hw/timer/i8254.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

/** SeaBIOS of QEMU 7.2: 18.2 Hz on channel 0. */
const CHANNELS = [
  '00010000 0000 00 00 00 03 03 00 03 02 00 01 0000000004b7755c 0000000011cfd6c0',
  '00010000 0000 00 00 00 00 00 00 00 03 00 01 0000000000000000 0000000000000000',
  '00010000 0000 00 00 00 00 00 00 00 03 00 00 0000000000000000 0000000000000000'
];

test('the timer as SeaBIOS sets it', () => {
  const pit = roundTrip(vmstate_pit, hex('00000000', ...CHANNELS, '0000000011cfd6c0'));
  expect(pit.row('channels[0].count')).toMatchObject({ start: 4, value: 65536, about: { unit: 'ticks' } });
  expect(pit.row('channels[0].mode')?.about?.values?.[2]).toBe('rate generator');
  expect(pit.row('channels[2]')?.about?.doc).toBe('speaker');
});

test('the interrupt that the HPET has taken over comes first and stays', () => {
  const pit = roundTrip(vmstate_pit, hex('00000001', ...CHANNELS, '0000000011cfd6c0'));
  expect(pit.state.channels[0]?.irq_disabled).toBe(1);
  expect(pit.fields[0]).toMatchObject({ name: 'channels[0].irq_disabled', start: 0, end: 4 });
});

test('version 2 does not know the HPET', () => {
  expect(roundTrip(vmstate_pit, hex(...CHANNELS, '0000000011cfd6c0'), 2).fields[0]?.name).toBe('channels');
});

function setup() {
  const board = testHost();
  const irq = board.line();
  const pit = new I8254(board.host, irq.irq);
  const load = (channel: number, mode: number, count: number): void => {
    board.out(0x43, (channel << 6) | 0x30 | (mode << 1));
    board.out(0x40 + channel, count & 0xff);
    board.out(0x40 + channel, count >> 8);
  };
  const latch = (channel: number): number => {
    board.out(0x43, channel << 6);
    return board.in(0x40 + channel) | (board.in(0x40 + channel) << 8);
  };
  return { ...board, irq, pit, load, latch };
}

test('a rate generator interrupts 1193182 / count times a second', () => {
  const { irq, load, pass } = setup();
  load(0, 2, 11932);
  irq.rises = 0;
  pass(1_000_000_000n);
  expect(irq.rises).toBe(99);
  pass(1_000_000n);
  expect(irq.rises).toBe(100);
});

test('a count of 0 is 65536: 18.2 Hz', () => {
  const { irq, load, pass } = setup();
  load(0, 3, 0);
  irq.rises = 0;
  pass(10_000_000_000n);
  expect(irq.rises).toBe(182);
});

test('mode 0 raises its output once, at terminal count', () => {
  const { irq, load, pass } = setup();
  load(0, 0, 1193);
  expect(irq.level).toBe(0);
  pass(999_000n);
  expect(irq.level).toBe(0);
  pass(2_000n);
  expect(irq.level).toBe(1);
  irq.rises = 0;
  pass(100_000_000n);
  expect(irq.rises).toBe(0);
});

test('a latched count stays until it is read', () => {
  const { load, latch, pass, out, in: read } = setup();
  load(2, 2, 1000);
  pass(100_000n);
  expect(latch(2)).toBe(1000 - 119);
  out(0x43, 0x80);
  pass(100_000n);
  expect(read(0x42) | (read(0x42) << 8)).toBe(1000 - 119);
  expect(latch(2)).toBe(1000 - 238);
});

test('the square wave counts down by two', () => {
  const { load, latch, pass } = setup();
  load(2, 3, 1000);
  pass(100_000n);
  expect(latch(2)).toBe(1000 - 238);
});

test('read-back latches status and count of several channels, status first', () => {
  const { load, out, in: read } = setup();
  load(0, 2, 0x1234);
  load(2, 3, 0x2000);
  out(0x43, 0xc0 | 0x0a);
  expect([read(0x40), read(0x40), read(0x40)]).toEqual([0x34, 0x34, 0x12]);
  expect([read(0x42), read(0x42), read(0x42)]).toEqual([0xb6, 0x00, 0x20]);
});

test('a rising gate starts the one-shot again', () => {
  const { pit, load, pass } = setup();
  load(2, 1, 1193);
  pass(2_000_000n);
  expect(pit.channelInfo(2)).toEqual({ gate: 0, mode: 1, initial_count: 1193, out: 1 });
  pit.setGate(2, 1);
  expect(pit.channelInfo(2).out).toBe(0);
  pass(1_001_000n);
  expect(pit.channelInfo(2).out).toBe(1);
});

test('the HPET takes the interrupt over and gives it back', () => {
  const { irq, pit, load, pass } = setup();
  load(0, 2, 11932);
  pit.irqControl(0);
  irq.rises = 0;
  pass(100_000_000n);
  expect(irq.rises).toBe(0);
  pit.irqControl(1);
  pass(20_000_000n);
  expect(irq.rises).toBe(2);
});

test('a loaded state goes on at its own times', () => {
  const { pit, irq, host, pass, jump } = setup();
  jump(0x11cfd6c0n - 1000n);
  irq.rises = 0;
  const body = hex('00000000', ...CHANNELS, '0000000011cfd6c0');
  expect(loadDevice(pit, new QemuFileReader(body), 3).refusal).toBeUndefined();
  expect(host.clocks.virtual.deadline()).toBe(0x11cfd6c0n);
  pass(3_000n);
  expect(irq.rises).toBe(1);
  pass(54_925_000n);
  expect(irq.rises).toBe(2);
});

test('a count that QEMU would divide by zero with is refused', () => {
  const { pit, pass, latch } = setup();
  const zero = CHANNELS.map((channel) => channel.replace('00010000', '00000000'));
  expect(loadDevice(pit, new QemuFileReader(hex('00000000', ...zero, '0000000011cfd6c0')), 3).refusal).toContain(
    '16 bits'
  );
  pass(1_000_000_000n);
  expect(latch(0)).toBeGreaterThanOrEqual(0);
});
