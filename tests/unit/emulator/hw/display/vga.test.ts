import { expect, test } from 'vitest';
import { vmstate_vga_pci } from '../../../../../src/lib/emulator/hw/display/vga-pci.ts';
import { vmstate_vga_common } from '../../../../../src/lib/emulator/hw/display/vga.ts';
import { vmstate_virtio_vga_base } from '../../../../../src/lib/emulator/hw/display/virtio-vga.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** Text mode 3. */
const TEXT_MODE = [
  '00000000',
  '02 03 00 03 00 02 00 00 00',
  '06 00 00 00 00 00 10 0e 00 ff' + zeros(7),
  '34' + '00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08 00',
  '00000000',
  '0e' + '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 01 e0 9c 8e 8f 28 1f 96 b9 a3 ff' + zeros(231),
  '67 00 00 09',
  '00 00 00 00' + zeros(3) + zeros(768),
  '00000000'
].join('');
const VBE = '0004' + 'b0c5 0400 0300 0020 0041 0000 0400 0300 0000 0000' + '00000000 00001000 000000ff';

test('text mode, register by register', () => {
  const { row } = roundTrip(vmstate_vga_common, hex(TEXT_MODE, '01', VBE));
  expect(bitsOf(row('gr[6]'))).toEqual({ chain_odd_even: 1, memory_map: 'b8000-bffff' });
  expect(bitsOf(row('sr[4]'))).toEqual({ more_than_64K: 1 });
  expect(bitsOf(row('cr[17]'))).toEqual({ end: 14, protect: 1 });
  expect(row('cr[14]')).toMatchObject({ value: 1, about: { doc: 'Cursor location, high byte' } });
  expect(row('ar')).toMatchObject({ type: 'buffer', start: 31, end: 52 });
  expect(bitsOf(row('msr'))).toMatchObject({ COLOR_EMULATION: 'ports 0x3d.', RAM_enable: 1 });
});

test('a linear frame buffer', () => {
  const { row } = roundTrip(vmstate_vga_common, hex(TEXT_MODE, '01', VBE));
  expect(row('vbe_regs[1]')).toMatchObject({ value: 1024, about: { doc: 'XRES: width in pixels' } });
  expect(bitsOf(row('vbe_regs[4]'))).toEqual({ ENABLED: 1, LFB_ENABLED: 1 });
  expect(row('vbe_line_offset')).toMatchObject({ value: 4096, about: { unit: 'bytes' } });
});

test('a VGA without VBE is refused; a big-endian frame buffer is a subsection', () => {
  const { complaints, state } = roundTrip(
    vmstate_vga_common,
    hex(TEXT_MODE, '00', VBE, subsection('vga.endian', 1, '01'))
  );
  expect(complaints.map(({ path }) => path)).toEqual(['is_vbe_vmstate']);
  expect(state.big_endian_fb).toBe(true);
});

test('the PCI card and virtio-vga hold the same core', () => {
  const pci = roundTrip(vmstate_vga_pci, hex(pciDevice({ 0: '3412 1111' }), TEXT_MODE, '01', VBE));
  expect(pci.row('dev.config[0].device_id')?.about?.values?.[0x1111]).toBe('standard VGA');
  expect(pci.row('vga.latch')).toMatchObject({ start: 276 });
  expect(roundTrip(vmstate_virtio_vga_base, hex(TEXT_MODE, '01', VBE)).row('vga.sr_index')?.value).toBe(2);
});
