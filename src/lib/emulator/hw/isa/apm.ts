/** Ports b2 and b3, by which the OS calls the BIOS. Source: QEMU hw/isa/apm.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

export interface APMState {
  apmc: number;
  apms: number;
}
/** The FADT's ACPI_ENABLE and ACPI_DISABLE of the ICH9 and of the PIIX4. */
const COMMANDS = { 0x02: 'ACPI on', 0x03: 'ACPI off', 0xf1: 'ACPI on', 0xf0: 'ACPI off' };

const apm = fieldsOf<APMState>();
export const vmstate_apm: VMStateDescription<APMState> = {
  name: 'APM State',
  version: 1,
  minimumVersion: 1,
  fields: [
    apm('apmc', u8, { doc: 'port b2: last command', radix: 16, values: COMMANDS }),
    apm('apms', u8, { doc: 'port b3: status', radix: 16 })
  ]
};
