/** Clocks, memory, ports and a PCI bus: what devices are put on to be tried, without a CPU. */
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import type { Irq } from '../../src/lib/emulator/hw/core/irq.ts';
import type { DeviceHost } from '../../src/lib/emulator/hw/core/qdev.ts';
import { PCIHost } from '../../src/lib/emulator/hw/pci/pci_host.ts';
import { PCIRootBus } from '../../src/lib/emulator/hw/pci/pci_bus.ts';
import { I440FX } from '../../src/lib/emulator/hw/pci-host/i440fx.ts';
import { PIIX3 } from '../../src/lib/emulator/hw/isa/piix.ts';
import { IOPortSpace } from '../../src/lib/emulator/system/ioport.ts';
import { AddressSpace, MemoryRegion } from '../../src/lib/emulator/system/memory.ts';
import { PhysMem, type RAMBlock } from '../../src/lib/emulator/system/physmem.ts';
import { QEMUClock } from '../../src/lib/emulator/util/qemu-timer.ts';

export interface PCBoard {
  readonly host: DeviceHost;
  readonly ram: RAMBlock;
  readonly pci: MemoryRegion;
  readonly bus: PCIRootBus;
  readonly pciHost: PCIHost;
  /** Memory below the chipset. */
  readonly map: { readonly system: MemoryRegion; readonly ram: MemoryRegion };
  readonly i440fx: I440FX;
  readonly piix3: PIIX3;
  /** Levels of the sixteen ISA interrupts. */
  readonly irqs: number[];
  readonly isaIrqs: readonly Irq[];
  /** Messages written to fee00000, as [address, data]. */
  readonly messages: [number, number][];
  readonly guestErrors: string[];
  readonly resets: { count: number };
  /** Lets virtual time pass. */
  pass(ns: bigint): void;
  in(port: number, size?: number): number;
  out(port: number, value: number, size?: number): void;
  /** Configuration space by the ports cf8 and cfc. */
  config(devfn: number, at: number, size?: number): number;
  setConfig(devfn: number, at: number, value: number, size?: number): void;
}

/** @param ramSize bytes, a multiple of 4096 */
export function pcBoard(ramSize = 2 ** 20): PCBoard {
  let now = 0n;
  const physmem = new PhysMem(new HostMemory(16384));
  const ram = physmem.allocate('pc.ram', ramSize);
  const system = MemoryRegion.container('system');
  const whole = MemoryRegion.ram(ram);
  system.addSubregion(0, MemoryRegion.aliasOf('ram-below-4g', whole, 0, ramSize));
  const memory = new AddressSpace('memory', system);
  const ports = new IOPortSpace();
  const clock = new QEMUClock(() => now);
  const guestErrors: string[] = [];
  const host: DeviceHost = {
    clocks: { virtual: clock, host: new QEMUClock(() => now) },
    physmem,
    memory,
    ports,
    log: (device, message) => guestErrors.push(`${device}: ${message}`)
  };
  const messages: [number, number][] = [];
  const apic = MemoryRegion.io('apic', 0x100000, {
    reentrant: true,
    read: () => 0,
    write: (addr, value) => messages.push([0xfee00000 + addr, value])
  });
  system.addSubregion(0xfee00000, apic, 4096);

  const pci = MemoryRegion.container('pci');
  const bus = new PCIRootBus(memory, pci, ports.root);
  const pciHost = new PCIHost(bus, ports);
  const i440fx = new I440FX(bus, { system, pci, ram: whole, ramSize });
  const irqs = new Array<number>(16).fill(0);
  const isaIrqs = irqs.map(
    (_, i): Irq =>
      (level) =>
        (irqs[i] = level)
  );
  const resets = { count: 0 };
  const piix3 = new PIIX3(bus, 8, { isaIrqs, ports, resetRequest: () => resets.count++ });
  piix3.reset();

  const select = (devfn: number, at: number): void => ports.write(0xcf8, 0x80000000 + (devfn << 8) + (at & 0xfc), 4);
  return {
    host,
    ram,
    map: { system, ram: whole },
    pci,
    bus,
    pciHost,
    i440fx,
    piix3,
    irqs,
    isaIrqs,
    messages,
    guestErrors,
    resets,
    pass(ns) {
      now += ns;
      clock.run();
    },
    in: (port, size = 1) => ports.read(port, size),
    out: (port, value, size = 1) => ports.write(port, value, size),
    config(devfn, at, size = 4) {
      select(devfn, at);
      return ports.read(0xcfc + (at & 3), size);
    },
    setConfig(devfn, at, value, size = 4) {
      select(devfn, at);
      ports.write(0xcfc + (at & 3), value, size);
    }
  };
}
