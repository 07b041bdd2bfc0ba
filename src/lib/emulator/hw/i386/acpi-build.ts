/** Section "acpi_build". Source: QEMU hw/i386/acpi-build.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

export interface AcpiBuildState {
  patched: number;
}
const build = fieldsOf<AcpiBuildState>();
export const vmstate_acpi_build: VMStateDescription<AcpiBuildState> = {
  name: 'acpi_build',
  version: 1,
  minimumVersion: 1,
  fields: [build('patched', u8, { doc: 'the firmware has read the ACPI tables: they stay as they are until reset' })]
};
