import { expect, test } from 'vitest';
import { vmstate_globalstate } from '../../../../src/lib/emulator/migration/global_state.ts';
import { hex, roundTrip, zeros } from '../../../support/sections.ts';

const PAUSED = '706175736564';

test('a paused machine of QEMU 11', () => {
  const global = roundTrip(vmstate_globalstate, hex('00000007', PAUSED, zeros(26), '01 00', zeros(66)));
  expect(global.state).toMatchObject({ runstate: 'paused', has_vm_was_suspended: 1, vm_was_suspended: 0 });
  expect(global.row('runstate')).toMatchObject({ start: 4, end: 36 });
});

test('a paused machine of QEMU 7.2, whose runstate has 100 bytes', () => {
  const global = roundTrip(vmstate_globalstate, hex('00000007', PAUSED, zeros(94)));
  expect(global.state).toMatchObject({ runstate: 'paused', has_vm_was_suspended: 0 });
});

test('a runstate that QEMU does not know is refused', () => {
  const global = roundTrip(vmstate_globalstate, hex('00000005', '6e6f7065', zeros(96)));
  expect(global.complaints).toEqual([{ at: 4, message: 'invalid parameter value: nope', path: 'runstate' }]);
});
