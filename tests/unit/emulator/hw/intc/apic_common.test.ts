import { expect, test } from 'vitest';
import { vmstate_apic } from '../../../../../src/lib/emulator/hw/intc/apic_common.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** Linux on QEMU 11.1, between two ticks. */
const LINUX = hex(
  'fee00900 00 01 00 000001ff 01 0f',
  zeros(92),
  '00200000',
  '000000ec 00010000 00010000 00010700 00000400 000000fe 00000000',
  '000008fd 01000000 00000003 00000004 000243a5 00000001ccc497cb 00000001cce8d22b ffffffffffffffff'
);

test('the local APIC under Linux', () => {
  const apic = roundTrip(vmstate_apic, LINUX);
  expect(bitsOf(apic.row('apicbase'))).toEqual({ BSP: 1, EN: 1, base: 0xfee00 });
  expect(bitsOf(apic.row('spurious_vec'))).toEqual({ vector: 0xff, enabled: 1 });
  expect(bitsOf(apic.row('lvt[0]'))).toEqual({ vector: 0xec });
  expect(bitsOf(apic.row('lvt[3]'))).toEqual({ delivery: 'ExtINT', masked: 1 });
  expect(bitsOf(apic.row('icr[0]'))).toEqual({ vector: 0xfd, 'destination mode': 'logical' });
  expect(apic.row('dest_mode')?.about?.values?.[15]).toBe('flat');
  expect(apic.row('timer_expiry')).toMatchObject({ value: -1n, about: { clock: true, unit: 'ns' } });
});

test('a vector is named by its number in hexadecimal', () => {
  const apic = roundTrip(vmstate_apic, LINUX);
  expect(bitsOf(apic.row('irr[7]'))).toEqual({ f5: 1 });
});

test('a CPU that waits to be started', () => {
  const apic = roundTrip(
    vmstate_apic,
    hex(Buffer.from(LINUX).toString('hex'), subsection('apic_sipi', 1, '00000000 00000001'))
  );
  expect(apic.state.wait_for_sipi).toBe(1);
});
