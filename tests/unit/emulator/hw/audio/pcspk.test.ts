import { expect, test } from 'vitest';
import { vmstate_spk } from '../../../../../src/lib/emulator/hw/audio/pcspk.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('a speaker that is on', () => {
  expect(roundTrip(vmstate_spk, hex('01 10')).state).toEqual({ data_on: 1, dummy_refresh_clock: 0x10 });
});
