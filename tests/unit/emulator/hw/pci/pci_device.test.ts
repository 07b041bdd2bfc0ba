/** PCI as firmware and drivers use it: PCI 3.0 chapter 6, QEMU tests/qtest. */
import { expect, test } from 'vitest';
import { BAR_MEM_TYPE_64, BAR_SPACE_IO, PCIFunction } from '../../../../../src/lib/emulator/hw/pci/pci_device.ts';
import { MSIX } from '../../../../../src/lib/emulator/hw/pci/msix.ts';
import { MemoryRegion } from '../../../../../src/lib/emulator/system/memory.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

const DEVFN = 0x18;

function card(board = pcBoard()) {
  const device = new PCIFunction(board.bus, DEVFN, {
    name: 'card',
    vendor_id: 0x1af4,
    device_id: 0x1001,
    class_id: 0x0100
  });
  device.interruptPin = 1;
  const log: string[] = [];
  const region = (name: string, size: number) =>
    MemoryRegion.io(name, size, {
      read: (addr) => 0x40 + addr,
      write: (addr, value) => log.push(`${name}@${addr}=${value.toString(16)}`)
    });
  device.registerBar(0, BAR_SPACE_IO, region('io', 128));
  device.registerBar(4, BAR_MEM_TYPE_64, region('mem', 0x4000));
  return { ...board, device, log };
}

test('a place without a device reads all ones', () => {
  const { config, in: inp } = pcBoard();
  expect(config(0x40, 0)).toBe(0xffffffff);
  expect(config(0x40, 2, 2)).toBe(0xffff);
  expect(inp(0xcf8, 4)).toBe(0x80004000);
});

test('configuration space is read by 1, 2 and 4 bytes, and only where it is enabled', () => {
  const { config, out, in: inp } = card();
  expect(config(DEVFN, 0)).toBe(0x10011af4);
  expect(config(DEVFN, 2, 2)).toBe(0x1001);
  expect(config(DEVFN, 1, 1)).toBe(0x1a);
  expect(config(DEVFN, 0x2c)).toBe(0x11001af4);
  out(0xcf8, DEVFN << 8, 4);
  expect(inp(0xcfc, 4)).toBe(0xffffffff);
});

test('port cf8 takes whole words alone', () => {
  const { out, in: inp } = pcBoard();
  out(0xcf8, 0x80001000, 4);
  out(0xcf8, 0x12, 1);
  out(0xcfa, 0x1234, 2);
  expect(inp(0xcf8, 4)).toBe(0x80001000);
});

test('all ones written to a base address register tell its size', () => {
  const { config, setConfig } = card();
  setConfig(DEVFN, 0x10, 0xffffffff);
  setConfig(DEVFN, 0x20, 0xffffffff);
  setConfig(DEVFN, 0x24, 0xffffffff);
  expect(config(DEVFN, 0x10)).toBe(0xffffff81);
  expect(config(DEVFN, 0x20)).toBe(0xffffc004);
  expect(config(DEVFN, 0x24)).toBe(0xffffffff);
  expect(config(DEVFN, 0x14)).toBe(0);
});

test('regions answer where the registers say, once the command register lets them', () => {
  const { setConfig, in: inp, out, host, log } = card();
  setConfig(DEVFN, 0x10, 0xc000);
  setConfig(DEVFN, 0x20, 0xfe000000);
  expect(inp(0xc003)).toBe(0xff);
  setConfig(DEVFN, 4, 3, 2);
  expect(inp(0xc003)).toBe(0x43);
  out(0xc010, 0x5a);
  host.memory.write(0xfe000008, 0x1234, 2);
  expect(log).toEqual(['io@16=5a', 'mem@8=1234']);
  setConfig(DEVFN, 0x10, 0xd000);
  expect([inp(0xc003), inp(0xd003)]).toEqual([0xff, 0x43]);
  setConfig(DEVFN, 4, 2, 2);
  expect(inp(0xd003)).toBe(0xff);
});

test('a 64-bit region can lie above 4 GiB, one of 32 bits not at the top', () => {
  const { setConfig, host, log } = card();
  setConfig(DEVFN, 0x20, 0);
  setConfig(DEVFN, 0x24, 0x7f);
  setConfig(DEVFN, 4, 2, 2);
  host.memory.write(0x7f00000004, 7, 4);
  expect(log).toEqual(['mem@4=7']);
  setConfig(DEVFN, 0x24, 0xffffffff);
  host.memory.write(0x7f00000004, 8, 4);
  expect(log.length).toBe(1);
});

test('status errors are cleared by writing ones, identification is read-only', () => {
  const { device, config, setConfig } = card();
  device.config[7] = 0xf9;
  setConfig(DEVFN, 6, 0x1000, 2);
  expect(config(DEVFN, 6, 2)).toBe(0xe900);
  setConfig(DEVFN, 0, 0);
  setConfig(DEVFN, 8, 0xffffffff);
  expect(config(DEVFN, 0)).toBe(0x10011af4);
  expect(config(DEVFN, 8)).toBe(0x01000000);
});

test('INTx goes through the bus to the ISA interrupt that PIIX3 routes it to', () => {
  const { device, setConfig, config, irqs, bus } = card();
  setConfig(8, 0x62, 11, 1);
  device.irq(1);
  expect(bus.irq_count).toEqual([0, 0, 1, 0]);
  expect(irqs[11]).toBe(1);
  expect(config(DEVFN, 6, 2) & 8).toBe(8);
  setConfig(8, 0x62, 10, 1);
  expect([irqs[11], irqs[10]]).toEqual([0, 1]);
  setConfig(DEVFN, 4, 0x400, 2);
  expect([irqs[10], bus.irq_count[2]]).toEqual([0, 0]);
  setConfig(DEVFN, 4, 0, 2);
  expect(irqs[10]).toBe(1);
  device.irq(0);
  expect([irqs[10], config(DEVFN, 6, 2) & 8]).toEqual([0, 0]);
});

test('two devices on one line: it falls when both have let go', () => {
  const { device, bus, irqs, setConfig } = card();
  const other = new PCIFunction(bus, 0x38, { name: 'other', vendor_id: 1, device_id: 2, class_id: 0 });
  other.interruptPin = 1;
  setConfig(8, 0x62, 11, 1);
  device.irq(1);
  other.irq(1);
  device.irq(0);
  expect(irqs[11]).toBe(1);
  other.irq(0);
  expect(irqs[11]).toBe(0);
});

test('a reset unmaps, lowers interrupts and clears what the guest can write of the command register', () => {
  const { device, setConfig, config, in: inp, irqs } = card();
  setConfig(8, 0x62, 11, 1);
  setConfig(DEVFN, 0x10, 0xc000);
  setConfig(DEVFN, 0x3c, 11, 1);
  setConfig(DEVFN, 4, 7, 2);
  device.irq(1);
  device.reset();
  expect([inp(0xc003), irqs[11], config(DEVFN, 4, 2), config(DEVFN, 0x10), config(DEVFN, 0x3c, 1)]).toEqual([
    0xff, 0, 0, 1, 0
  ]);
});

test('without bus mastering DMA does nothing', () => {
  const { device, setConfig, ram } = card();
  const into = Uint8Array.of(9, 9);
  ram.store(0x100, 0x1234, 2);
  expect(device.dma.readBytes(0x100, into)).toBe(false);
  expect([...into]).toEqual([0, 0]);
  setConfig(DEVFN, 4, 4, 2);
  expect(device.dma.readBytes(0x100, into)).toBe(true);
  expect([...into]).toEqual([0x34, 0x12]);
});

test('a loaded configuration space maps its regions, and must have our capabilities', () => {
  const { device, in: inp } = card();
  const loaded = device.config.slice();
  loaded.set([0x01, 0xc0], 0x10);
  loaded[4] = 1;
  device.config = loaded;
  expect(device.postLoad()).toBeUndefined();
  expect(inp(0xc003)).toBe(0x43);
  const other = loaded.slice();
  other[0x34] = 0x98;
  device.config = other;
  expect(device.postLoad()).toBe(
    'get_pci_config_device: Bad config data: i=0x34 read: 98 device: 0 cmask: ff wmask: 0 w1cmask:0'
  );
});

test('a taken place is refused', () => {
  const { bus } = card();
  expect(() => new PCIFunction(bus, DEVFN, { name: 'late', vendor_id: 1, device_id: 2, class_id: 0 })).toThrow(
    'PCI: slot 3 function 0 not available for late, in use by card'
  );
});

function msixCard() {
  const all = card();
  const msix = new MSIX(all.device, 2, 1);
  all.setConfig(DEVFN, 0x14, 0xfebf1000);
  all.setConfig(DEVFN, 4, 6, 2);
  const cap = all.device.config[0x34]!;
  const entry = (vector: number, words: readonly number[]) =>
    words.forEach((word, i) => all.host.memory.write(0xfebf1000 + vector * 16 + 4 * i, word, 4));
  return { ...all, msix, cap, entry };
}

test('the MSI-X capability says where table and pending bits are', () => {
  const { config, cap } = msixCard();
  expect(cap).toBe(0x40);
  expect(config(DEVFN, cap)).toBe(0x00010011);
  expect(config(DEVFN, cap + 4)).toBe(0x00000001);
  expect(config(DEVFN, cap + 8)).toBe(0x00000801);
});

test('a vector sends its message once MSI-X is on and the vector in use', () => {
  const { msix, cap, entry, setConfig, messages } = msixCard();
  entry(1, [0xfee01000, 0, 0x4031, 0]);
  msix.use(1);
  setConfig(DEVFN, cap + 2, 0x8000, 2);
  msix.notify(1);
  msix.notify(0);
  expect(messages).toEqual([[0xfee01000, 0x4031]]);
});

test('a masked vector is pending, and sent when the mask goes', () => {
  const { msix, cap, entry, setConfig, messages, host } = msixCard();
  entry(0, [0xfee00000, 0, 0x31, 1]);
  msix.use(0);
  setConfig(DEVFN, cap + 2, 0x8000, 2);
  msix.notify(0);
  msix.notify(0);
  expect(host.memory.read(0xfebf1800, 4)).toBe(1);
  entry(0, [0xfee00000, 0, 0x32, 0]);
  expect(messages).toEqual([[0xfee00000, 0x32]]);
  expect(host.memory.read(0xfebf1800, 4)).toBe(0);
});

test('the function mask holds back all vectors, and turning MSI-X on lowers INTx', () => {
  const { device, msix, cap, entry, setConfig, messages, irqs } = msixCard();
  setConfig(8, 0x62, 11, 1);
  device.irq(1);
  entry(0, [0xfee00000, 0, 0x31, 0]);
  msix.use(0);
  setConfig(DEVFN, cap + 2, 0xc000, 2);
  expect(irqs[11]).toBe(0);
  msix.notify(0);
  expect(messages).toEqual([]);
  setConfig(DEVFN, cap + 2, 0x8000, 2);
  expect(messages).toEqual([[0xfee00000, 0x31]]);
});

test('a reset masks every vector and forgets what was pending', () => {
  const { device, msix, entry, host } = msixCard();
  entry(0, [0xfee00000, 0, 0x31, 0]);
  msix.use(0);
  msix.notify(0);
  device.reset();
  expect(msix.msix_table[0]).toEqual({ addr_lo: 0, addr_hi: 0, data: 0, vector_ctrl: 1 });
  expect(msix.isPending(0)).toBe(false);
  expect(host.memory.read(0xfebf1000, 4)).toBe(0);
});
