import { expect, test } from 'vitest';
import { vmstate_fw_cfg } from '../../../../../src/lib/emulator/hw/nvram/fw_cfg.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';

test('the selected item, and sizes of the ACPI blocks', () => {
  const body = hex(
    '000e 00000002',
    subsection('fw_cfg/dma', 0, '0000000000000000'),
    subsection('fw_cfg/acpi_mr', 1, '0000000000020000 0000000000001000 0000000000000014')
  );
  const { row } = roundTrip(vmstate_fw_cfg, body);
  expect(row('cur_entry')?.about?.values?.[0x0e]).toBe('BOOT_MENU');
  expect(row('cur_offset[1]')).toMatchObject({ start: 2, value: 2, type: 'uint32' });
  expect(row('fw_cfg/acpi_mr.table_mr_size')).toMatchObject({ value: 0x20000n, about: { unit: 'bytes' } });
});

test('an item of the architecture', () => {
  expect(bitsOf(roundTrip(vmstate_fw_cfg, hex('8003 00000000')).row('cur_entry'))).toEqual({ entry: 3, ARCH_LOCAL: 1 });
});

test('version 1 has a short offset', () => {
  const { row } = roundTrip(vmstate_fw_cfg, hex('000e 0004'), 1);
  expect(row('cur_offset[0]')).toMatchObject({ start: 2, end: 4, value: 4 });
});
