/** Memory hotplug. Source: QEMU hw/acpi/memory_hotplug.c, docs/specs/acpi_mem_hotplug.rst. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, u32 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { arrayOfUnsentCount, type Behind } from '../core/section-end.ts';

export interface MemStatus {
  is_enabled: boolean;
  is_inserting: boolean;
  ost_event: number;
  ost_status: number;
}
export interface MemHotplugState {
  selector: number;
  /** One for each slot of -m slots=. */
  devs: MemStatus[];
}

const status = fieldsOf<MemStatus>();
const vmstate_memhp_sts: VMStateDescription<MemStatus> = {
  name: 'memory hotplug device state',
  version: 1,
  minimumVersion: 1,
  fields: [
    status('is_enabled', bool, { doc: 'a DIMM is plugged' }),
    status('is_inserting', bool, { doc: 'the guest has not yet seen that it was plugged' }),
    status('ost_event', u32, { doc: 'source event of _OST' }),
    status('ost_status', u32, { doc: 'status code of _OST' })
  ]
};

export const memoryHotplug = (behind: Behind): Codec<MemHotplugState> => {
  const field = fieldsOf<MemHotplugState>();
  return struct({
    name: 'memory hotplug state',
    version: 1,
    minimumVersion: 1,
    fields: [
      field('selector', u32, { doc: 'slot that the registers show' }),
      field('devs', arrayOfUnsentCount(struct(vmstate_memhp_sts), { size: 10, least: 0, most: 256 }, behind), {
        doc: 'one for each slot'
      })
    ]
  });
};

const IO_LEN = 24;
const FLAGS = 0x14;

/** Slots for memory modules, all of them empty: modules are not plugged here. */
export class MemHotplug implements MemHotplugState {
  selector = 0;
  devs: MemStatus[];
  readonly io: MemoryRegion;

  /** @param slots of -m slots= */
  constructor(slots: number) {
    this.devs = Array.from({ length: slots }, () => ({
      is_enabled: false,
      is_inserting: false,
      ost_event: 0,
      ost_status: 0
    }));
    this.io = MemoryRegion.io('acpi-mem-hotplug', IO_LEN, {
      valid: { min: 1, max: 4 },
      read: (addr) => this.#read(addr),
      write: (addr, value) => this.#write(addr, value)
    });
  }

  #read(addr: number): number {
    const slot = this.devs[this.selector];
    if (!slot || addr < FLAGS) return 0;
    if (addr > FLAGS) return 0xffff_ffff;
    return (slot.is_enabled ? 1 : 0) | (slot.is_inserting ? 2 : 0);
  }

  #write(addr: number, value: number): void {
    if (addr === 0) {
      this.selector = value >>> 0;
      return;
    }
    const slot = this.devs[this.selector];
    if (!slot) return;
    if (addr === 0x4) slot.ost_event = value >>> 0;
    else if (addr === 0x8) slot.ost_status = value >>> 0;
    else if (addr === FLAGS && value & 2) slot.is_inserting = false;
  }
}
