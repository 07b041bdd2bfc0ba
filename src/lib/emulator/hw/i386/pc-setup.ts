/**
 * What firmware does to the chipset before it starts anything, for machines that have none: shadow RAM, interrupt
 * routing, power management, places of the PCI devices. Source: SeaBIOS src/fw/pciinit.c, src/fw/shadow.c.
 */
import { IOAPIC_DEFAULT_ADDRESS } from '../intc/ioapic.ts';
import type { PCIFunction } from '../pci/pci_device.ts';
import type { PCPiix } from './pc_piix.ts';

/** PAM0 and the six behind it: reads and writes from c0000 on go to RAM. */
const PAM = 0x59;
const PAM_RAM = [0x30, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33];
const PIRQ = 0x60;
const PIRQ_IRQS = [10, 10, 11, 11];
/** Edge or level: interrupts 8 to 15. */
const ELCR2 = 0x4d1;
const IDE_TIMING = [0x40, 0x42];
const IDE_ENABLE = 0x8000;
const SCI = 9;
/** Of the power management function: registers with their values and sizes. */
const PM_REGISTERS = [
  [0x3c, SCI, 1],
  [0x40, 0x601, 4], // PM registers at 600
  [0x80, 1, 1], // enabled
  [0x90, 0x701, 4], // SMBus at 700
  [0xd2, 0x09, 1]
] as const;

const COMMAND = 0x04;
const COMMAND_IO_MEMORY_SERR = 0x103;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const BAR0 = 0x10;
const BARS = 6;
const BAR_IO = 1;
const BAR_64 = 4;
const IO_FIRST = 0xc000;
const IO_END = 0x1_0000;

export function setUpChipset({ bus, piix3, ide, pm, pc }: PCPiix): void {
  const bridge = bus.find(0, 0)!;
  PAM_RAM.forEach((value, i) => bridge.writeConfig(PAM + i, value, 1));
  PIRQ_IRQS.forEach((irq, i) => piix3.dev.writeConfig(PIRQ + i, irq, 1));
  pc.ports.write(
    ELCR2,
    PIRQ_IRQS.reduce((bits, irq) => bits | (1 << (irq - 8)), 0),
    1
  );
  const devices = bus.devices.filter((device) => device !== undefined);
  placeBars(devices, Math.min(pc.options.memory, pc.options.lowmem));
  for (const device of devices) {
    const pin = device.config[INTERRUPT_PIN]!;
    if (pin > 0) device.writeConfig(INTERRUPT_LINE, PIRQ_IRQS[piix3.mapIrq(device, pin - 1)]!, 1);
    device.writeConfig(COMMAND, COMMAND_IO_MEMORY_SERR, 2);
  }
  for (const at of IDE_TIMING) ide.parent_obj.writeConfig(at, IDE_ENABLE, 2);
  for (const [at, value, size] of PM_REGISTERS) pm?.parent_obj.writeConfig(at, value, size);
}

/** Ports from c000 up, memory from the I/O APIC down, the largest first: each at a multiple of its size. */
function placeBars(devices: readonly PCIFunction[], below4g: number): void {
  const bars = devices
    .flatMap((device) =>
      device.regions.slice(0, BARS).flatMap((region, n) => (region ? [{ device, n, ...region }] : []))
    )
    .toSorted((a, b) => b.size - a.size);
  let port = IO_FIRST;
  let memory = IOAPIC_DEFAULT_ADDRESS;
  for (const { device, n, size, type } of bars) {
    const at = BAR0 + 4 * n;
    if (type & BAR_IO) {
      const address = Math.ceil(port / size) * size;
      if (address + size > IO_END) continue;
      port = address + size;
      device.writeConfig(at, address, 4);
    } else {
      const address = Math.floor((memory - size) / size) * size;
      if (address < below4g) continue;
      memory = address;
      device.writeConfig(at, address, 4);
      if (type & BAR_64) device.writeConfig(at + 4, 0, 4);
    }
  }
}
