import { expect, test } from 'vitest';
import { vmstate_isa_fdc } from '../../../../../src/lib/emulator/hw/block/fdc.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const HEAD = '00 c0 0c 00 00 80 20 00 00' + '20 00' + zeros(510) + '00000001 00000002 00 00 00 af 02 00 20 00 00';
const DRIVES = '00 28 01' + subsection('fdrive/media_rate', 1, '02') + '00 00 01';

test('the controller after a seek', () => {
  const { row } = roundTrip(vmstate_isa_fdc, hex(HEAD, '02', DRIVES));
  expect(bitsOf(row('state.dor_vmstate'))).toEqual({ nRESET: 1, DMAEN: 1 });
  expect(bitsOf(row('state.msr'))).toEqual({ RQM: 1 });
  expect(bitsOf(row('state.status0'))).toEqual({ SEEK: 1 });
  expect(row('state.fifo')).toMatchObject({ start: 9, end: 521, type: 'uint8' });
  expect(row('state.drives[0].track')?.value).toBe(0x28);
  expect(row('state.drives[0].fdrive/media_rate.media_rate')?.about?.values?.[2]).toBe('250 kbit/s');
});

test('a command under way', () => {
  const subs = [
    subsection('fdc/reset_sensei', 1, '00000004'),
    subsection('fdc/result_timer', 1, '0000000000989680'),
    subsection('fdc/phase', 1, '02')
  ];
  const { row, state } = roundTrip(vmstate_isa_fdc, hex(HEAD, '02', DRIVES, ...subs));
  expect(state.state).toMatchObject({ reset_sensei: 4, result_timer: 10_000_000n, phase: 2 });
  expect(row('state.fdc/phase.phase')?.about?.values?.[2]).toBe('execution');
});

test('another number of drives is refused', () => {
  const { complaints } = roundTrip(vmstate_isa_fdc, hex(HEAD, '01', DRIVES));
  expect(complaints.map(({ message }) => message)).toEqual(['1 drives where there are 2']);
});
