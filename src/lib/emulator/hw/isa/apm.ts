/** Ports b2 and b3, by which the OS calls the BIOS. Source: QEMU hw/isa/apm.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';
import type { IOPortSpace } from '../../system/ioport.ts';
import { MemoryRegion } from '../../system/memory.ts';

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

const APM_CNT_IOPORT = 0xb2;

export class APM implements APMState {
  apmc = 0;
  apms = 0;

  /** @param command is told of every byte written to port b2 */
  constructor(ports: IOPortSpace, command: (value: number) => void) {
    const io = MemoryRegion.io('apm-io', 2, {
      impl: { min: 1, max: 1 },
      read: (addr) => (addr === 0 ? this.apmc : this.apms),
      write: (addr, value) => {
        if (addr === 0) {
          this.apmc = value;
          command(value);
        } else this.apms = value;
      }
    });
    ports.register(APM_CNT_IOPORT, io);
  }
}
