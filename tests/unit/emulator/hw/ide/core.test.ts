import { expect, test } from 'vitest';
import { vmstate_ide_bus, vmstate_ide_drive } from '../../../../../src/lib/emulator/hw/ide/core.ts';
import { block } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** From mult_sectors on: a drive that nobody asked for its identity. */
const IDLE = '00000010 00000000';
const REGISTERS = '00 01 00000001 01 14 eb 00 00 00 00 00 a0 50 00 00 00 00';

test('the task file has its bits', () => {
  const { row } = roundTrip(vmstate_ide_drive, hex(IDLE, REGISTERS));
  expect(bitsOf(row('status'))).toEqual({ SEEK: 1, READY: 1 });
  expect(row('lcyl')).toMatchObject({ start: 15, value: 0x14 });
  expect(row('identify_data')).toBeUndefined();
});

test('a drive that was identified sends what it said, text unswapped', () => {
  const identify = block(512, {
    0: '40 00',
    46: '2e322b3520202020',
    54: '4551 554d 4820 5241 4444 5349 204b' + '20'.repeat(26),
    166: '00 04',
    200: '0080000000000000'
  });
  const { row } = roundTrip(vmstate_ide_drive, hex('00000010 00000001', identify, REGISTERS));
  expect(row('identify_data.firmware_revision')?.value).toBe('2.5+');
  expect(row('identify_data.model_number')?.value).toBe('QEMU HARDDISK');
  expect(row('identify_data.lba48_sectors')).toMatchObject({ value: 0x8000n, about: { unit: 'sectors' } });
  expect(bitsOf(row('identify_data.command_set_2'))).toEqual({ LBA48: 1 });
});

test('versions before 3 do not know changed media', () => {
  const { row } = roundTrip(vmstate_ide_drive, hex(IDLE, REGISTERS.slice(0, -3)), 2);
  expect(row('cdrom_changed')).toBeUndefined();
});

test('a transfer under way brings its buffer', () => {
  const pio = '00000001' + zeros(256 * 512 + 4) + '00000000 00000200 01 00000000 00000000';
  const { row } = roundTrip(vmstate_ide_drive, hex(IDLE, REGISTERS, subsection('ide_drive/pio_state', 1, pio)));
  expect(row('ide_drive/pio_state.end_transfer_fn_idx')?.about?.values?.[1]).toBe('ide_sector_write');
  expect(row('ide_drive/pio_state.cur_io_buffer_len')?.value).toBe(512);
});

test('a transfer that ends with an unknown function is refused', () => {
  const pio = '00000001' + zeros(256 * 512 + 4) + '00000000 00000200 06 00000000 00000000';
  const { complaints } = roundTrip(vmstate_ide_drive, hex(IDLE, REGISTERS, subsection('ide_drive/pio_state', 1, pio)));
  expect(complaints.map(({ message }) => message)).toEqual(['no transfer end function 6']);
});

test('a tray that is open, and what the guest has not heard of', () => {
  const { state } = roundTrip(
    vmstate_ide_drive,
    hex(
      IDLE,
      REGISTERS,
      subsection('ide_drive/tray_state', 1, '01 00'),
      subsection('ide_drive/atapi/gesn_state', 1, '00 01')
    )
  );
  expect(state).toMatchObject({
    tray_open: true,
    tray_locked: false,
    events: { new_media: false, eject_request: true }
  });
});

test('a request that failed is tried again', () => {
  const retry = subsection('ide_bus/error', 2, '00000028 0000000000000100 00000008 01');
  const { row } = roundTrip(vmstate_ide_bus, hex('08 00', retry));
  expect(bitsOf(row('ide_bus/error.error_status'))).toEqual({ DMA: 1, READ: 1 });
  expect(row('ide_bus/error.retry_sector_num')?.value).toBe(256n);
});
