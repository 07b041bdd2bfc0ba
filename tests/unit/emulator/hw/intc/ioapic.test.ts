import { expect, test } from 'vitest';
import { testHost } from '../../../../support/device-host.ts';
import { MemoryRegion } from '../../../../../src/lib/emulator/system/memory.ts';
import { IOAPIC, IOAPIC_DEFAULT_ADDRESS, vmstate_ioapic } from '../../../../../src/lib/emulator/hw/intc/ioapic.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('redirections with a destination in their upper half', () => {
  const ioapic = roundTrip(
    vmstate_ioapic,
    hex('00 18', zeros(8), '00000004 ff0000000000a930 0100000000010000', zeros(22 * 8))
  );
  expect(ioapic.row('ioredtbl[0]')).toMatchObject({ start: 14, end: 22, value: 0xff00_0000_0000_a930n });
  expect(bitsOf(ioapic.row('ioredtbl[0]'))).toEqual({
    vector: 0x30,
    delivery: 'lowest priority',
    'destination mode': 'logical',
    polarity: 'active low',
    trigger: 'level',
    destination: 0xff
  });
  expect(bitsOf(ioapic.row('ioredtbl[1]'))).toEqual({ masked: 1, destination: 1 });
  expect(ioapic.row('ioredtbl[4]')?.about?.doc).toBe('pin 4: COM1');
  expect(bitsOf(ioapic.row('irr'))).toEqual({ 'pin 2': 1 });
});

test('version 1 is without the pins', () => {
  expect(roundTrip(vmstate_ioapic, hex('00 00', zeros(192)), 1).row('irr')).toBeUndefined();
});

const LEVEL = 0x8000;
const MASKED = 0x10000;

function setup(version?: number) {
  const board = testHost();
  const messages: string[] = [];
  const ioapic = new IOAPIC(board.host, () => 0x42, version);
  board.system.addSubregion(IOAPIC_DEFAULT_ADDRESS, ioapic.region);
  const apics = {
    reentrant: true,
    read: () => 0,
    write: (at: number, value: number) => void messages.push(`${at.toString(16)}:${value.toString(16)}`)
  };
  board.system.addSubregion(0xfee00000, MemoryRegion.io('apics', 0x100000, apics));
  const { memory } = board.host;
  const read = (register: number): number => {
    memory.write(IOAPIC_DEFAULT_ADDRESS, register, 4);
    return memory.read(IOAPIC_DEFAULT_ADDRESS + 0x10, 4);
  };
  const write = (register: number, value: number): void => {
    memory.write(IOAPIC_DEFAULT_ADDRESS, register, 4);
    memory.write(IOAPIC_DEFAULT_ADDRESS + 0x10, value, 4);
  };
  return { ...board, ioapic, messages, read, write };
}

test('after reset all pins are masked; id and version can be read', () => {
  const { read, write } = setup();
  write(0, 0x05000000);
  expect([read(0), read(1), read(2), read(0x10), read(0x3f)]).toEqual([0x05000000, 0x170020, 0x05000000, MASKED, 0]);
});

test('an edge sends one message to the destination of its entry; ISA interrupt 0 is pin 2', () => {
  const { ioapic, messages, write } = setup();
  write(0x14, 0x0830);
  write(0x15, 0x03000000);
  ioapic.irqs[0]!(1);
  ioapic.irqs[0]!(0);
  expect(messages).toEqual(['3004:30']);
  expect(ioapic.irr).toBe(0);
});

test('an edge at a masked pin is lost', () => {
  const { ioapic, messages, write } = setup();
  ioapic.irqs[4]!(1);
  write(0x18, 0x34);
  expect(messages).toEqual([]);
});

test('a level sends once until its end of interrupt, and again if it is still high', () => {
  const { ioapic, messages, write, read } = setup();
  write(0x26, LEVEL | 0x51);
  ioapic.irqs[11]!(1);
  ioapic.irqs[11]!(1);
  expect(messages).toEqual(['0:8051']);
  expect(read(0x26)).toBe(LEVEL | 0x4051);
  ioapic.endOfInterrupt(0x51);
  expect(messages).toEqual(['0:8051', '0:8051']);
  ioapic.irqs[11]!(0);
  ioapic.endOfInterrupt(0x51);
  expect(messages.length).toBe(2);
  expect(read(0x26)).toBe(LEVEL | 0x51);
});

test('a masked level is sent when it is unmasked', () => {
  const { ioapic, messages, write } = setup();
  write(0x26, MASKED | LEVEL | 0x51);
  ioapic.irqs[11]!(1);
  expect(messages).toEqual([]);
  write(0x26, LEVEL | 0x51);
  expect(messages).toEqual(['0:8051']);
});

test('remote IRR cannot be written, but goes when the entry becomes edge-triggered', () => {
  const { ioapic, write, read } = setup();
  write(0x26, LEVEL | 0x51);
  ioapic.irqs[11]!(1);
  write(0x26, LEVEL | MASKED | 0x51);
  expect(read(0x26) & 0x4000).toBe(0x4000);
  write(0x26, MASKED | 0x51);
  expect(read(0x26) & 0x4000).toBe(0);
});

test('the EOI register is there from version 20 on', () => {
  for (const [version, sent] of [
    [0x11, 1],
    [0x20, 2]
  ] as const) {
    const { ioapic, messages, write, host } = setup(version);
    write(0x26, LEVEL | 0x51);
    ioapic.irqs[11]!(1);
    host.memory.write(IOAPIC_DEFAULT_ADDRESS + 0x40, 0x51, 4);
    expect(messages.length).toBe(sent);
  }
});

test('ExtINT takes its vector from the 8259s', () => {
  const { ioapic, messages, write } = setup();
  write(0x10 + 2 * 3, 0x0700);
  ioapic.irqs[3]!(1);
  expect(messages).toEqual(['0:742']);
});

test('a storm that nobody serves is slowed down', () => {
  const { ioapic, messages, write, pass } = setup();
  write(0x26, LEVEL | 0x51);
  ioapic.irqs[11]!(1);
  for (let i = 0; i < 10_000; i++) ioapic.endOfInterrupt(0x51);
  expect(messages.length).toBe(10_000);
  pass(9_999_999n);
  expect(messages.length).toBe(10_000);
  pass(2n);
  expect(messages.length).toBe(10_001);
});
