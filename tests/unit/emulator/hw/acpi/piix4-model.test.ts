/** Power management as SeaBIOS and Linux use it: ACPI 6.5 section 4.8.3, QEMU docs/specs/acpi_*_hotplug.rst. */
import { expect, test } from 'vitest';
import { PIIX4PM, type PIIX4PMWiring } from '../../../../../src/lib/emulator/hw/acpi/piix4.ts';
import { isSent, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { I2CBusModel } from '../../../../../src/lib/emulator/hw/i2c/core.ts';
import { SMBusEEPROM } from '../../../../../src/lib/emulator/hw/i2c/smbus_eeprom.ts';
import { PCIFunction } from '../../../../../src/lib/emulator/hw/pci/pci_device.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

const DEVFN = 0x0b;
const PM = 0x600;
const SMB = 0x700;

function pm(options: Partial<PIIX4PMWiring> = {}) {
  const board = pcBoard();
  const asked: string[] = [];
  const smbus = new I2CBusModel();
  const eeprom = new SMBusEEPROM(
    0,
    0x50,
    Uint8Array.from({ length: 256 }, (_, i) => i ^ 0xa5)
  );
  smbus.add(eeprom);
  const device = new PIIX4PM(board.bus, DEVFN, {
    ...{ host: board.host, smbus, sci: board.isaIrqs[9]! },
    smi: () => asked.push('smi'),
    shutdownRequest: () => asked.push('shutdown'),
    suspendRequest: () => asked.push('suspend'),
    wakeupRequest: (reason) => asked.push(reason),
    ...options
  });
  device.reset();
  board.setConfig(DEVFN, 0x40, PM | 1);
  board.setConfig(DEVFN, 0x80, 1, 1);
  board.setConfig(DEVFN, 0x90, SMB | 1);
  return { ...board, board, device, asked, smbus, eeprom };
}

test('identification, and the ports are where the registers say', () => {
  const { config, setConfig, in: inp } = pm();
  expect(config(DEVFN, 0)).toBe(0x71138086);
  expect(config(DEVFN, 0x3d, 1)).toBe(1);
  expect(inp(PM + 4, 2)).toBe(0);
  setConfig(DEVFN, 0x80, 0, 1);
  expect(inp(PM + 4, 2)).toBe(0xffff);
});

test('the timer counts at 3.579545 MHz, 24 bits', () => {
  const { in: inp, pass } = pm();
  expect(inp(PM + 8, 4)).toBe(0);
  pass(1_000_000_000n);
  expect(inp(PM + 8, 4)).toBe(3_579_545);
  pass(4_000_000_000n);
  expect(inp(PM + 8, 4)).toBe((5 * 3_579_545) & 0xffffff);
});

test('an overflow of the timer raises the SCI until its status is cleared', () => {
  const { in: inp, out, pass, irqs } = pm();
  out(PM, 1, 2);
  out(PM + 2, 1, 2);
  expect(irqs[9]).toBe(0);
  pass(2_343_000_000n);
  expect(irqs[9]).toBe(0);
  pass(1_000_000n);
  expect([irqs[9], inp(PM, 2) & 1]).toEqual([1, 1]);
  out(PM, 1, 2);
  expect([irqs[9], inp(PM, 2) & 1]).toEqual([0, 0]);
  pass(2_343_500_000n);
  expect(irqs[9]).toBe(1);
});

test('port b2 hands ACPI over, anything else calls the CPU into SMM where the firmware has set it up', () => {
  const { in: inp, out, setConfig, asked } = pm();
  out(0xb2, 0xf1);
  expect(inp(PM + 4, 2)).toBe(1);
  out(0xb2, 0xf0);
  expect(inp(PM + 4, 2)).toBe(0);
  out(0xb2, 0x55);
  expect(asked).toEqual([]);
  setConfig(DEVFN, 0x5b, 2, 1);
  out(0xb2, 0x55);
  expect(asked).toEqual(['smi']);
});

test('sleeping: S5 shuts down, S3 suspends, S4 shuts down', () => {
  const { out, in: inp, asked } = pm();
  out(PM + 4, 0x2001, 2);
  out(PM + 4, 0x2401, 2);
  out(PM + 4, 0x2801, 2);
  expect(asked).toEqual(['shutdown', 'suspend', 'shutdown']);
  expect(inp(PM + 4, 2)).toBe(0x0801);
  out(PM + 5, 0x24, 1);
  expect(asked.length).toBe(4);
});

test('the power button interrupts who has enabled it, and is a reason to wake', () => {
  const { device, out, in: inp, irqs, pass } = pm();
  pass(1n);
  device.powerDown();
  expect(irqs[9]).toBe(0);
  out(PM, 1, 2);
  out(PM + 2, 0x100, 2);
  device.powerDown();
  expect([irqs[9], inp(PM, 2)]).toEqual([1, 0x100]);
  out(PM, 0x100, 2);
  device.ar.woken('other');
  expect(inp(PM, 2)).toBe(0x8100);
  expect([device.ar.wakes('rtc'), device.ar.wakes('other')]).toEqual([false, true]);
});

test('a device that is plugged in raises an SCI, and its slot is told once', () => {
  const { board, device, out, in: inp, irqs } = pm();
  out(0xafe2, 0x02, 1);
  const card = new PCIFunction(board.bus, 0x28, { name: 'card', vendor_id: 1, device_id: 2, class_id: 0 });
  device.acpi_pci_hotplug.plugged(card);
  expect([irqs[9], inp(0xafe0)]).toEqual([1, 2]);
  out(0xafe0, 2);
  expect(irqs[9]).toBe(0);
  expect([inp(0xae00, 4), inp(0xae00, 4)]).toEqual([0x20, 0]);
  device.acpi_pci_hotplug.unplugRequest(card);
  expect(inp(0xae04, 4)).toBe(0x20);
  out(0xae08, 0x20, 4);
  expect(inp(0xae04, 4)).toBe(0);
  expect(board.config(0x28, 0)).toBe(0xffffffff);
});

test('what belongs to the board cannot be unplugged', () => {
  const { board, in: inp, out, config } = pm();
  const removable = inp(0xae0c, 4);
  expect(removable & 0b11).toBe(0);
  expect((removable >>> 2) & 1).toBe(1);
  out(0xae08, 2, 4);
  expect(config(8, 0)).toBe(0x70008086);
  expect(board.bus.devices[DEVFN]).toBeDefined();
});

test('CPUs that are there are bits, until the new interface is turned on', () => {
  const { in: inp, out, device } = pm({ cpus: 2, maxcpus: 4 });
  expect([inp(0xaf00), inp(0xaf01), inp(0xaf1f)]).toEqual([3, 0, 0]);
  const old = saveDevice(device).finish().length;
  out(0xaf00, 0, 4);
  expect(saveDevice(device).finish().length).toBe(old + 2 + 'piix4_pm/cpuhp'.length + 4 + 5 + 4 * 10);
  out(0xaf00, 1, 4);
  expect(inp(0xaf04)).toBe(1);
  out(0xaf00, 2, 4);
  expect(inp(0xaf04)).toBe(0);
  out(0xaf05, 3);
  expect(inp(0xaf08, 4)).toBe(2);
  out(0xaf00, 9, 4);
  expect(inp(0xaf04)).toBe(0);
});

/** Starts a transaction as Linux's i2c-piix4 does, and waits for it. */
function transaction({ in: inp, out }: ReturnType<typeof pm>, protocol: number, address: number, read: boolean) {
  out(SMB + 4, (address << 1) | (read ? 1 : 0));
  out(SMB + 2, (protocol << 2) | 0x40);
  inp(SMB);
  const status = inp(SMB);
  out(SMB, status);
  return status;
}

test('SMBus: a byte and a word of a memory module', () => {
  const all = pm();
  const { in: inp, out } = all;
  expect(isSent(all.eeprom)).toBe(false);
  out(SMB + 3, 0x10);
  expect(transaction(all, 2, 0x50, true)).toBe(2);
  expect(inp(SMB + 5)).toBe(0x10 ^ 0xa5);
  expect(transaction(all, 3, 0x50, true)).toBe(2);
  expect([inp(SMB + 5), inp(SMB + 6)]).toEqual([0x10 ^ 0xa5, 0x11 ^ 0xa5]);
  expect(isSent(all.eeprom)).toBe(true);
});

test('SMBus: what is written is read back, and nobody at an address is an error', () => {
  const all = pm();
  const { in: inp, out } = all;
  out(SMB + 3, 0x20);
  out(SMB + 5, 0x77);
  expect(transaction(all, 2, 0x50, false)).toBe(2);
  expect(transaction(all, 2, 0x50, true)).toBe(2);
  expect(inp(SMB + 5)).toBe(0x77);
  expect(transaction(all, 0, 0x51, false)).toBe(4);
  expect(transaction(all, 0, 0x50, false)).toBe(2);
});

test('SMBus: a block goes through the buffer', () => {
  const all = pm();
  const { in: inp, out } = all;
  out(SMB + 3, 0x00);
  out(SMB + 5, 3);
  inp(SMB + 2);
  for (const byte of [0xaa, 0xbb, 0xcc]) out(SMB + 7, byte);
  expect(transaction(all, 5, 0x50, false)).toBe(2);
  expect(transaction(all, 5, 0x50, true)).toBe(2);
  expect(inp(SMB + 5)).toBe(3);
  expect([inp(SMB + 7), inp(SMB + 7), inp(SMB + 7)]).toEqual([0xaa, 0xbb, 0xcc]);
});

test('a reset forgets events, timer and sleep', () => {
  const { device, out, in: inp, setConfig, pass, irqs } = pm();
  out(PM + 2, 0x101, 2);
  out(PM + 4, 1, 2);
  pass(3_000_000_000n);
  expect(irqs[9]).toBe(1);
  device.reset();
  expect(irqs[9]).toBe(0);
  setConfig(DEVFN, 0x80, 1, 1);
  setConfig(DEVFN, 0x40, PM | 1);
  expect([inp(PM + 2, 2), inp(PM + 4, 2)]).toEqual([0, 0]);
});
