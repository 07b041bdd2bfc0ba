import { expect, test } from 'vitest';
import { vmstate_ich9_ahci } from '../../../../../src/lib/emulator/hw/ide/ahci.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const DRIVE = '00000010 00000000' + '00 00 00000001 01 00 00 00 00 00 00 00 a0 50 00 00 00 00';
const PORT =
  '00 00' +
  DRIVE +
  '00000000 00000000' +
  '00100000 00000000 00100400 00000000 00000001 7dc000ff 0000c017 00000050 00000101 00000113 00000300 00000000' +
  '00000004 00000001' +
  '00 ffffffff 01' +
  ('00000008 0000000000000100 02 60 02 01 00' + zeros(31 * 17));
const ahci = (ports: string): Uint8Array =>
  hex(pciDevice({ 0: '8680 2229' }), PORT.repeat(6), 'c0141f05 80000002 00000000 0000003f 00010000 00000010', ports);

test('a port of a disk with a queued read', () => {
  const { row, state } = roundTrip(vmstate_ich9_ahci, ahci('00000006'));
  expect(bitsOf(row('ahci.dev[0].port_regs.cmd'))).toEqual({
    START: 1,
    SPIN_UP: 1,
    POWER_ON: 1,
    FIS_RX: 1,
    FIS_ON: 1,
    LIST_ON: 1
  });
  expect(bitsOf(row('ahci.dev[5].port_regs.scr_stat'))).toEqual({
    DET: 'drive and link',
    SPD: '1.5 Gbit/s',
    IPM: 'active'
  });
  expect(row('ahci.dev[0].port_regs.sig')?.about?.values?.[0x101]).toBe('disk');
  expect(row('ahci.dev[0].busy_slot')?.value).toBe(-1);
  expect(row('ahci.dev[0].ncq_tfs[0].cmd')?.about?.values?.[0x60]).toBe('READ FPDMA QUEUED');
  expect(state.ahci.dev[3]?.port.ifs[0]?.mult_sectors).toBe(16);
});

test('another number of ports is refused', () => {
  expect(roundTrip(vmstate_ich9_ahci, ahci('00000004')).complaints).toMatchObject([
    { path: 'ports', message: '4 ports where the controller has 6' }
  ]);
});
