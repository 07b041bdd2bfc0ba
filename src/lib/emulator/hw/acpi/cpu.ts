/** CPU hotplug. Source: QEMU hw/acpi/cpu.c, docs/specs/acpi_cpu_hotplug.rst. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { arrayOfUnsentCount, type Behind } from '../core/section-end.ts';

export interface AcpiCpuStatus {
  is_inserting: boolean;
  is_removing: boolean;
  ost_event: number;
  ost_status: number;
}
export interface CPUHotplugState {
  selector: number;
  command: number;
  /** One for each possible CPU. */
  devs: AcpiCpuStatus[];
}

const status = fieldsOf<AcpiCpuStatus>();
const vmstate_cpuhp_sts: VMStateDescription<AcpiCpuStatus> = {
  name: 'CPU hotplug device state',
  version: 1,
  minimumVersion: 1,
  fields: [
    status('is_inserting', bool, { doc: 'the guest has not yet seen that it was plugged' }),
    status('is_removing', bool, { doc: 'the guest has not yet seen the request to unplug it' }),
    status('ost_event', u32, { doc: 'source event of _OST' }),
    status('ost_status', u32, { doc: 'status code of _OST' })
  ]
};

export const cpuHotplug = (behind: Behind): Codec<CPUHotplugState> => {
  const field = fieldsOf<CPUHotplugState>();
  return struct({
    name: 'CPU hotplug state',
    version: 1,
    minimumVersion: 1,
    fields: [
      field('selector', u32, { doc: 'CPU that the registers show' }),
      field('command', u8, {
        values: { 0: 'next CPU with an event', 1: 'OST event', 2: 'OST status', 3: 'CPU id' }
      }),
      field('devs', arrayOfUnsentCount(struct(vmstate_cpuhp_sts), { size: 10, least: 1, most: 4096 }, behind), {
        doc: 'one for each possible CPU'
      })
    ]
  });
};
