/** PIIX3: interrupt routing, reset control, and the APM ports. Source: 82371SB datasheet 2.2; QEMU hw/isa/piix.c, apm.c. */
import { expect, test } from 'vitest';
import { saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { APM } from '../../../../../src/lib/emulator/hw/isa/apm.ts';
import { PCIFunction } from '../../../../../src/lib/emulator/hw/pci/pci_device.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

test('identification, and the other functions of the chip are announced', () => {
  const { config } = pcBoard();
  expect(config(8, 0)).toBe(0x70008086);
  expect(config(8, 0x0a, 2)).toBe(0x0601);
  expect(config(8, 0x0e, 1)).toBe(0x80);
  expect(config(8, 0x60)).toBe(0x80808080);
  expect(config(8, 6, 2)).toBe(0x0200);
});

test('a PIRQ that is not routed reaches nobody', () => {
  const { bus, irqs } = pcBoard();
  const device = new PCIFunction(bus, 0x18, { name: 'card', vendor_id: 1, device_id: 2, class_id: 0 });
  device.interruptPin = 1;
  device.irq(1);
  expect(irqs.every((level) => level === 0)).toBe(true);
});

test('two PIRQs on one ISA interrupt keep it high together', () => {
  const { bus, irqs, setConfig } = pcBoard();
  const cards = [0x18, 0x20].map((devfn) => {
    const device = new PCIFunction(bus, devfn, { name: 'card', vendor_id: 1, device_id: 2, class_id: 0 });
    device.interruptPin = 1;
    return device;
  });
  setConfig(8, 0x60, 0x0a0a0a0a);
  for (const card of cards) card.irq(1);
  expect(bus.irq_count).toEqual([0, 0, 1, 1]);
  cards[0]!.irq(0);
  expect(irqs[10]).toBe(1);
  cards[1]!.irq(0);
  expect(irqs[10]).toBe(0);
});

test('port cf9 asks for a reset when bit 2 is set, and keeps bit 1', () => {
  const board = pcBoard();
  board.out(0xcf8, 0x80000000, 4);
  board.out(0xcf9, 0x02);
  expect([board.in(0xcf9), board.in(0xcf8, 4), board.resets.count]).toEqual([2, 0x80000000, 0]);
  board.out(0xcf9, 0x06);
  expect(board.resets.count).toBe(1);
});

test('the reset control is sent only where it holds something', () => {
  const { piix3, out } = pcBoard();
  const empty = saveDevice(piix3).finish().length;
  out(0xcf9, 2);
  expect(saveDevice(piix3).finish().length).toBe(empty + 2 + 'PIIX3/rcr'.length + 4 + 1);
});

test('port b2 is heard, b3 is memory', () => {
  const board = pcBoard();
  const heard: number[] = [];
  const apm = new APM(board.host.ports, (value) => heard.push(value));
  board.out(0xb3, 0x12);
  board.out(0xb2, 0xf1);
  expect([board.in(0xb2), board.in(0xb3), heard, apm.apmc]).toEqual([0xf1, 0x12, [0xf1], 0xf1]);
  board.out(0xb2, 0x3456, 2);
  expect([heard, board.in(0xb3)]).toEqual([[0xf1, 0x56], 0x34]);
});
