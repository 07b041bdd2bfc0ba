import { expect, test } from 'vitest';
import { vmstate_isa_serial } from '../../../../../src/lib/emulator/hw/char/serial-isa.ts';
import { vmstate_pci_serial } from '../../../../../src/lib/emulator/hw/char/serial-pci.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** As SeaBIOS leaves the console. */
const IDLE = '0001 00 05 c1 03 0b 60 b0 00 01';

test('an idle port at 115200 baud, eight bits', () => {
  const { row } = roundTrip(vmstate_isa_serial, hex(IDLE));
  expect(row('state.divider')).toMatchObject({ start: 0, value: 1 });
  expect(bitsOf(row('state.lcr'))).toEqual({ WLS: '8 bits' });
  expect(bitsOf(row('state.lsr'))).toEqual({ THRE: 1, TEMT: 1 });
  expect(bitsOf(row('state.iir'))).toEqual({ NO_INT: 1, FE: 'FIFO on' });
});

test('a busy port sends its FIFOs, its timers and the byte the host has not taken', () => {
  const body = hex(
    '0001 41 07 c4 03 0b 01 b0 00 01',
    subsection('serial/thr_ipending', 1, '00000001'),
    subsection('serial/tsr', 1, '00000002 00 58'),
    subsection('serial/recv_fifo', 1, '4142' + zeros(14) + '00000000 00000002'),
    subsection('serial/xmit_fifo', 1, '58595a' + zeros(13) + '00000001 00000002'),
    subsection('serial/fifo_timeout_timer', 1, '00000000000186a0'),
    subsection('serial/timeout_ipending', 1, '00000001'),
    subsection('serial/poll', 1, '00000000 ffffffffffffffff')
  );
  const { row, complaints } = roundTrip(vmstate_isa_serial, body);
  expect(row('state.serial/xmit_fifo.xmit_fifo.num')?.value).toBe(2);
  expect(row('state.serial/tsr.tsr')?.value).toBe(0x58);
  expect(row('state.serial/fifo_timeout_timer.fifo_timeout_timer')?.about?.clock).toBe(true);
  expect(row('state.serial/poll.poll_msl')?.about?.values?.[0]).toBe('no longer');
  expect(complaints).toEqual([]);
});

test('a byte in an empty transmitter is refused, as QEMU does', () => {
  const { complaints } = roundTrip(vmstate_isa_serial, hex(IDLE, subsection('serial/tsr', 1, '00000001 00 58')));
  expect(complaints[0]?.message).toBe('inconsistent state in serial device (tsr empty, tsr_retry=1)');
});

test('version 2 has no FIFO control', () => {
  expect(roundTrip(vmstate_isa_serial, hex(IDLE), 2).state.state.fcr_vmstate).toBe(1);
});

test('the PCI card has the same port', () => {
  expect(roundTrip(vmstate_pci_serial, hex(pciDevice({}), IDLE)).row('state.ier')).toMatchObject({ start: 279 });
});
