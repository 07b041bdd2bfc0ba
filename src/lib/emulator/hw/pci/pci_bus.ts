/**
 * The root bus: which device is where, and how its interrupt pins become lines of the machine.
 * Source: QEMU hw/pci/pci.c (pci_change_irq_level), include/hw/pci/pci_bus.h.
 */
import type { AddressSpace, MemoryRegion } from '../../system/memory.ts';
import type { Device } from '../core/qdev.ts';
import { vmstate_pcibus, type PCIBus } from './pci.ts';
import { PCI_FUNC_MAX, PCI_SLOT_MAX, type PCIFunction } from './pci_device.ts';

/** Where the bus ends: a bridge to ISA, or an interrupt controller. */
export interface PCIIrqRouting {
  /** How many lines there are. */
  readonly nirq: number;
  /** The line of a device's pin, 0 for INTA. Source: pci_map_irq_fn. */
  mapIrq(device: PCIFunction, pin: number): number;
  /** A line changed its level, 0 or 1. Source: pci_set_irq_fn. */
  setIrq(line: number, level: number): void;
}

export class PCIRootBus implements PCIBus, Device {
  readonly idstr = 'PCIBUS';
  readonly vmsd = vmstate_pcibus;
  /** Memory as devices see it by DMA. */
  readonly memory: AddressSpace;
  /** What the memory and port BARs are mapped into. */
  readonly memory_space: MemoryRegion;
  readonly io: MemoryRegion;
  readonly devices: (PCIFunction | undefined)[] = new Array<PCIFunction | undefined>(PCI_SLOT_MAX * PCI_FUNC_MAX).fill(
    undefined
  );
  nirq = 0;
  irq_count: number[] = [];
  #routing: PCIIrqRouting | undefined;

  constructor(memory: AddressSpace, memorySpace: MemoryRegion, io: MemoryRegion) {
    this.memory = memory;
    this.memory_space = memorySpace;
    this.io = io;
  }

  /** Source: pci_bus_irqs, pci_bus_map_irqs. */
  setRouting(routing: PCIIrqRouting): void {
    this.#routing = routing;
    this.nirq = routing.nirq;
    this.irq_count = new Array<number>(routing.nirq).fill(0);
  }

  /** @throws RangeError when the place is taken */
  attach(device: PCIFunction): void {
    const there = this.devices[device.devfn];
    if (there) {
      throw new RangeError(
        `PCI: slot ${device.slot} function ${device.func} not available for ${device.name}, in use by ${there.name}`
      );
    }
    this.devices[device.devfn] = device;
  }

  /** Unplugs a device: its BARs go, its interrupts are lowered. */
  detach(device: PCIFunction): void {
    device.deassertIntx();
    for (const region of device.regions) region?.space.delSubregion(region.region);
    this.devices[device.devfn] = undefined;
  }

  /** The device at a number of bus, device and function; there is only bus 0. */
  find(bus: number, devfn: number): PCIFunction | undefined {
    return bus === 0 ? this.devices[devfn] : undefined;
  }

  /** Source: pci_bus_change_irq_level. */
  changeIrqLevel(device: PCIFunction, pin: number, change: number): void {
    const routing = this.#routing;
    if (!routing) return;
    const line = routing.mapIrq(device, pin);
    this.irq_count[line]! += change;
    routing.setIrq(line, this.irqLevel(line));
  }

  irqLevel(line: number): number {
    return this.irq_count[line] ? 1 : 0;
  }

  postLoad(): string | undefined {
    const nirq = this.#routing?.nirq ?? 0;
    if (this.nirq === nirq) return undefined;
    const loaded = this.nirq;
    this.nirq = nirq;
    this.irq_count = this.irq_count.slice(0, nirq);
    return `PCIBUS of ${loaded} interrupt lines where there are ${nirq}`;
  }
}

/** Where the pin of a slot goes on most boards: the next slot has the next line. Source: pci_swizzle. */
export const pciSwizzle = (slot: number, pin: number): number => (slot + pin) % 4;
