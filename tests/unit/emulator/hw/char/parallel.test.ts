import { expect, test } from 'vitest';
import { vmstate_parallel_isa } from '../../../../../src/lib/emulator/hw/char/parallel.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('the port as SeaBIOS leaves it', () => {
  const { row } = roundTrip(vmstate_parallel_isa, hex('aa ff d9 cc 00000000 00000000'));
  expect(row('state.dataw')).toMatchObject({ start: 0, value: 0xaa });
  expect(bitsOf(row('state.status'))).toEqual({ TMOUT: 1, ERROR: 1, ONLINE: 1, ACK: 1, BUSY: 1 });
});
