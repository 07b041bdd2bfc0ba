import { expect, test } from 'vitest';
import { vmstate_uhci } from '../../../../../src/lib/emulator/hw/usb/hcd-uhci.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

const CONFIG = pciDevice({ 0: '8680 2070', 0x60: '10' });
const REGISTERS = '0083 0080 00c1 0000 000f 0123 00100000 40 00';

test('a running controller with a low-speed device', () => {
  const body = hex(
    CONFIG,
    '02',
    '0105 0080'.slice(0, 9),
    REGISTERS.slice(10),
    '0000000000989680 0000000000989680 00000000'
  );
  const { row } = roundTrip(vmstate_uhci, body);
  expect(bitsOf(row('ports[0].ctrl'))).toEqual({ CCS: 1, EN: 1, LSDA: 1 });
  expect(bitsOf(row('cmd'))).toEqual({ RS: 1, CF: 1, MAXP: 1 });
  expect(row('fl_base_addr')).toMatchObject({ value: 0x100000, about: { pointer: 'gpa' } });
  expect(row('frame_timer')?.about?.clock).toBe(true);
});

test('version 1 ends with the timer', () => {
  const body = hex(CONFIG, '02 0080 0080', REGISTERS.slice(10), '0000000000989680');
  expect(roundTrip(vmstate_uhci, body, 1).row('expire_time')).toBeUndefined();
});
