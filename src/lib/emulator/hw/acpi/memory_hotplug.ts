/** Memory hotplug. Source: QEMU hw/acpi/memory_hotplug.c, docs/specs/acpi_mem_hotplug.rst. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, u32 } from '../../../vmstate/vmstate-types.ts';
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
