/** The 82441FX host bridge (PMC). Source: QEMU hw/pci-host/i440fx.c. */
import { fieldsOf, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { MemoryRegion, memoryTransaction } from '../../system/memory.ts';
import type { Device } from '../core/qdev.ts';
import { reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import { overlaps, PCIFunction } from '../pci/pci_device.ts';
import { PAM, pamRegisters, SMRAM, SMRAM_C_BASE, SMRAM_C_SIZE, SMRAM_D_OPEN, SMRAM_G_SMRAME } from './pam.ts';

export interface PCII440FXState {
  parent_obj: PCIDevice;
}
const d = fieldsOf<PCII440FXState>();
export const vmstate_i440fx: VMStateDescription<PCII440FXState> = {
  name: 'I440FX',
  version: 3,
  minimumVersion: 3,
  fields: [
    d('parent_obj', pciDevice([...pamRegisters(0x59), reg8(0x72, 'SMRAM', SMRAM)])),
    unused(1, { doc: 'Once smm_enabled' })
  ]
};

const I440FX_PAM = 0x59;
const I440FX_PAM_SIZE = 7;
const I440FX_SMRAM = 0x72;
/** A register of no real chip: coreboot reads the size of RAM from it, in units of 8 MiB. */
const I440FX_COREBOOT_RAM_SIZE = 0x57;

/** The memory of a PC, before devices are in it. */
export interface I440FXMemory {
  /** What the CPUs see; RAM is there already. */
  readonly system: MemoryRegion;
  /** What lies behind RAM: holes and the BIOS. */
  readonly pci: MemoryRegion;
  /** All of RAM, from 0 on. */
  readonly ram: MemoryRegion;
  /** Bytes of RAM. */
  readonly ramSize: number;
}

export class I440FX implements PCII440FXState, Device {
  readonly vmsd = vmstate_i440fx;
  readonly idstr: string;
  readonly parent_obj: PCIFunction;
  /** What CPUs in system management mode see before all else. */
  readonly smram: MemoryRegion;
  readonly #pam: PAM;
  /** While SMRAM is closed, what is at its place outside of SMM: VGA. */
  readonly #smramRegion: MemoryRegion;

  constructor(bus: PCIRootBus, { system, pci, ram, ramSize }: I440FXMemory) {
    this.parent_obj = new PCIFunction(bus, 0, {
      name: 'i440FX',
      vendor_id: 0x8086,
      device_id: 0x1237,
      revision: 2,
      class_id: 0x0600,
      hotpluggable: false
    });
    this.idstr = `${this.parent_obj.path}/${vmstate_i440fx.name}`;
    const { config } = this.parent_obj;
    config[I440FX_SMRAM] = 0x02;
    config[I440FX_COREBOOT_RAM_SIZE] = Math.min(255, Math.floor(ramSize / 2 ** 23));

    system.addSubregion(0, pci, -1);
    this.#smramRegion = MemoryRegion.aliasOf('smram-region', pci, SMRAM_C_BASE, SMRAM_C_SIZE);
    system.addSubregion(SMRAM_C_BASE, this.#smramRegion, 1);
    this.smram = MemoryRegion.container('smram', 2 ** 32);
    this.smram.addSubregion(SMRAM_C_BASE, MemoryRegion.aliasOf('smram-low', ram, SMRAM_C_BASE, SMRAM_C_SIZE));
    this.#pam = new PAM(system, ram, pci);
    this.#updateMemoryMappings();
    this.parent_obj.onConfigWrite((addr, _value, length) => {
      if (overlaps(addr, length, I440FX_PAM, I440FX_PAM_SIZE) || overlaps(addr, length, I440FX_SMRAM, 1)) {
        this.#updateMemoryMappings();
      }
    });
  }

  /** The attributes of the segments outlive a reset, as in QEMU. */
  reset(): void {
    this.parent_obj.reset();
  }

  postLoad(): string | undefined {
    this.#updateMemoryMappings();
    return this.parent_obj.postLoad();
  }

  /** Source: i440fx_update_memory_mappings. */
  #updateMemoryMappings(): void {
    const { config } = this.parent_obj;
    const smram = config[I440FX_SMRAM]!;
    memoryTransaction(() => {
      this.#pam.update(config.subarray(I440FX_PAM, I440FX_PAM + I440FX_PAM_SIZE));
      this.#smramRegion.setEnabled(!(smram & SMRAM_D_OPEN));
      this.smram.setEnabled((smram & SMRAM_G_SMRAME) !== 0);
    });
  }
}
