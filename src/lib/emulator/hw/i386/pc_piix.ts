/** The machine `pc`: i440FX and PIIX3. Source: QEMU hw/i386/pc_piix.c pc_init1. */
import type { HostMemory } from '../../host/memory.ts';
import { DeviceList } from '../core/qdev.ts';
import { PIIX3 } from '../isa/piix.ts';
import { PCIHost } from '../pci/pci_host.ts';
import { PCIRootBus } from '../pci/pci_bus.ts';
import { devfnOf } from '../pci/pci_device.ts';
import { I440FX } from '../pci-host/i440fx.ts';
import { basicDevices, PC, type BasicDevices, type PCOptions } from './pc.ts';

/** Where RAM stops below 4 GiB: at 3.5 GiB, or at 3 GiB when there is more than that. */
export const lowmemOf = (memory: number): number => (memory < 0xe0000000 ? 0xe0000000 : 0xc0000000);

export interface PCPiix {
  readonly pc: PC;
  readonly bus: PCIRootBus;
  readonly i440fx: I440FX;
  readonly piix3: PIIX3;
  readonly basic: BasicDevices;
}

/** @param devices what has a section before the board: clocks and CPUs */
export function pcPiix(host: HostMemory, options: PCOptions, devices: DeviceList): PCPiix {
  const pc = new PC(host, options, devices);
  devices.add(pc.apic);
  const bus = new PCIRootBus(pc.memory, pc.map.pci, pc.ports.root);
  const pciHost = new PCIHost(bus, pc.ports);
  devices.add(pciHost);
  devices.add(bus);
  const i440fx = new I440FX(bus, {
    ...{ system: pc.map.system, pci: pc.map.pci, ram: pc.map.ram, ramSize: options.memory }
  });
  devices.add(i440fx);
  devices.add(pc.fwCfg);
  const { isaIrqs, ports } = pc;
  const piix3 = new PIIX3(bus, devfnOf(1, 0), { isaIrqs, ports, resetRequest: options.resetRequest });
  devices.add(piix3);
  pc.addInterruptControllers();
  const basic = basicDevices(pc);
  return { pc, bus, i440fx, piix3, basic };
}
