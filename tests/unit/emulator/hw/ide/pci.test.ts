import { expect, test } from 'vitest';
import { vmstate_ide_pci } from '../../../../../src/lib/emulator/hw/ide/piix.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const CONFIG = pciDevice({ 0: '8680 1070', 0x40: '0080 0000' });
const DRIVE = '00000010 00000000' + '00 00 00000001 01 00 00 00 00 00 00 00 a0 50 00 00 00 00';
const BMDMA = '09 05 00001000 ffffffffffffffff 00000000 ff';

test('channels, drives and bus masters of a PIIX3', () => {
  const ide = roundTrip(vmstate_ide_pci, hex(CONFIG, BMDMA, BMDMA, '08 01 00 00', DRIVE.repeat(4)));
  expect(bitsOf(ide.row('bmdma[0].cmd'))).toEqual({ START: 1, READ: 'drive to memory' });
  expect(bitsOf(ide.row('bmdma[1].migration_compat_status'))).toEqual({ DMAING: 1, INT: 1 });
  expect(ide.row('bmdma[0].addr')).toMatchObject({ value: 0x1000, about: { pointer: 'gpa' } });
  expect(ide.row('bus[0].unit')?.value).toBe(1);
  expect(bitsOf(ide.row('bus[1].ifs[1].status'))).toEqual({ SEEK: 1, READY: 1 });
  expect(ide.state.bus[0]?.ifs).toHaveLength(2);
  expect(bitsOf(ide.row('parent_obj.config[0].IDETIM_primary'))).toEqual({ IDE: 1 });
});

test('a DMA transfer that was stopped halfway', () => {
  const current = subsection('ide bmdma_current', 1, '00001008 80000000 00200000 00000200');
  const status = subsection('ide bmdma/status', 1, '01');
  const { row } = roundTrip(vmstate_ide_pci, hex(CONFIG, BMDMA, current, status, BMDMA, zeros(4), DRIVE.repeat(4)));
  expect(row('bmdma[0].ide bmdma_current.cur_prd_addr')).toMatchObject({ value: 0x200000 });
  expect(bitsOf(row('bmdma[0].ide bmdma/status.status'))).toEqual({ DMAING: 1 });
});
