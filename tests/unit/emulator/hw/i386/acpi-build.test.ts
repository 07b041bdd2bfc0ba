import { expect, test } from 'vitest';
import { vmstate_acpi_build } from '../../../../../src/lib/emulator/hw/i386/acpi-build.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('firmware that has read its tables', () => {
  expect(roundTrip(vmstate_acpi_build, hex('01')).state).toEqual({ patched: 1 });
});
