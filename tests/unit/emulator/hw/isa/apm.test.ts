import { expect, test } from 'vitest';
import { vmstate_apm } from '../../../../../src/lib/emulator/hw/isa/apm.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('the OS has turned ACPI on', () => {
  const apm = roundTrip(vmstate_apm, hex('f1 00'));
  expect(apm.row('apmc')?.about?.values?.[0xf1]).toBe('ACPI on');
});
