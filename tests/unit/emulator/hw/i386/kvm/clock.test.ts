import { expect, test } from 'vitest';
import { vmstate_kvmclock } from '../../../../../../src/lib/emulator/hw/i386/kvm/clock.ts';
import { hex, roundTrip, subsection } from '../../../../../support/sections.ts';

test('a guest under KVM carries its clock', () => {
  const body = hex('000000012a05f200', subsection('kvmclock/clock_is_reliable', 1, '01'));
  const clock = roundTrip(vmstate_kvmclock, body);
  expect(clock.state).toEqual({ clock: 5_000_000_000n, clock_is_reliable: true });
});
