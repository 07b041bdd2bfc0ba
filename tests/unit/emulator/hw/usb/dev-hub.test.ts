import { expect, test } from 'vitest';
import { vmstate_usb_hub } from '../../../../../src/lib/emulator/hw/usb/dev-hub.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

test('ports of a hub, and the timer that reports them', () => {
  const body = hex(
    '01 00000003' + zeros(24),
    '0103 0001' + zeros(28),
    subsection('usb-hub/port-timer', 1, '0000000000989680')
  );
  const { row, state } = roundTrip(vmstate_usb_hub, body);
  expect(bitsOf(row('ports[0].wPortStatus'))).toEqual({ CONNECTION: 1, ENABLE: 1, POWER: 1 });
  expect(bitsOf(row('ports[0].wPortChange'))).toEqual({ CONNECTION: 1 });
  expect(state.port_timer).toBe(10_000_000n);
});
