import { expect, test } from 'vitest';
import { vmstate_vmmouse } from '../../../../../src/lib/emulator/hw/i386/vmmouse.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('a queue of one packet, in absolute mode', () => {
  const { row, complaints } = roundTrip(vmstate_vmmouse, hex('00000400 00000020', zeros(4092), '0004 0000 01'));
  expect(row('queue[0]')).toMatchObject({ start: 4, value: 0x20 });
  expect(row('nb_queue')?.value).toBe(4);
  expect(row('absolute')?.about?.values?.[1]).toBe('absolute');
  expect(complaints).toEqual([]);
});

test('a queue of another size is refused', () => {
  const { complaints } = roundTrip(vmstate_vmmouse, hex('00000200', zeros(4096), '0000 0000 00'));
  expect(complaints[0]).toMatchObject({ at: 0, path: 'queue_size', message: 'queue of 512, not 1024' });
});
