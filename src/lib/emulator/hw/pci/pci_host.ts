/** The two ports by which the CPU reaches configuration spaces. Source: QEMU hw/pci/pci_host.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u32 } from '../../../vmstate/vmstate-types.ts';
import type { IOPortSpace } from '../../system/ioport.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Device } from '../core/qdev.ts';
import type { PCIRootBus } from './pci_bus.ts';
import { PCI_CONFIG_SPACE_SIZE } from './pci_device.ts';

export interface PCIHostState {
  config_reg: number;
}
const host = fieldsOf<PCIHostState>();
export const vmstate_pcihost: VMStateDescription<PCIHostState> = {
  name: 'PCIHost',
  version: 1,
  minimumVersion: 1,
  fields: [
    host('config_reg', u32, {
      doc: 'Port 0xcf8: which configuration register port 0xcfc shows',
      radix: 16,
      bits: [
        { name: 'register', bit: 0, width: 8 },
        { name: 'function', bit: 8, width: 3 },
        { name: 'device', bit: 11, width: 5 },
        { name: 'bus', bit: 16, width: 8 },
        { name: 'enable', bit: 31 }
      ],
      source: 'PCI 3.0 3.2.2.3.2'
    })
  ]
};

const ENABLE = 2 ** 31;

/** Ports cf8 and cfc. */
export class PCIHost implements PCIHostState, Device {
  readonly idstr = 'PCIHost';
  readonly vmsd = vmstate_pcihost;
  config_reg = 0;
  readonly #bus: PCIRootBus;

  constructor(bus: PCIRootBus, ports: IOPortSpace) {
    this.#bus = bus;
    ports.register(
      0xcf8,
      MemoryRegion.io('pci-conf-idx', 4, {
        read: () => this.config_reg,
        write: (addr, value, size) => {
          if (addr === 0 && size === 4) this.config_reg = value >>> 0;
        }
      })
    );
    ports.register(
      0xcfc,
      MemoryRegion.io('pci-conf-data', 4, {
        reentrant: true,
        read: (addr, size) => this.#read(addr, size),
        write: (addr, value, size) => this.#write(addr, value, size)
      })
    );
  }

  /** The device that the address register names, and the register in it; undefined while it is not enabled. */
  #target(addr: number): { device: ReturnType<PCIRootBus['find']>; at: number } | undefined {
    const address = this.config_reg;
    if (address < ENABLE) return undefined;
    const device = this.#bus.find((address >>> 16) & 0xff, (address >>> 8) & 0xff);
    return { device, at: ((address & 0xff) | addr) % PCI_CONFIG_SPACE_SIZE };
  }

  #read(addr: number, size: number): number {
    const target = this.#target(addr);
    if (!target?.device) return 0xffff_ffff;
    return target.device.readConfig(target.at, Math.min(size, PCI_CONFIG_SPACE_SIZE - target.at));
  }

  #write(addr: number, value: number, size: number): void {
    const target = this.#target(addr);
    target?.device?.writeConfig(target.at, value, Math.min(size, PCI_CONFIG_SPACE_SIZE - target.at));
  }
}
