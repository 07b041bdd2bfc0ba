/** The state of the VGA core that all PC display adapters share. Source: QEMU hw/display/vga.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, buffer, i32, namedBytes, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { ATTRIBUTE, CRTC, GRAPHICS, SEQUENCER, VBE } from './vga_regs.ts';

export interface VGACommonState {
  latch: number;
  sr_index: number;
  sr: Uint8Array;
  gr_index: number;
  gr: Uint8Array;
  ar_index: number;
  ar: Uint8Array;
  ar_flip_flop: number;
  cr_index: number;
  cr: Uint8Array;
  msr: number;
  fcr: number;
  st00: number;
  st01: number;
  dac_state: number;
  dac_sub_index: number;
  dac_read_index: number;
  dac_write_index: number;
  dac_cache: Uint8Array;
  palette: Uint8Array;
  bank_offset: number;
  is_vbe_vmstate: number;
  vbe_index: number;
  vbe_regs: number[];
  vbe_start_addr: number;
  vbe_line_offset: number;
  vbe_bank_mask: number;
  big_endian_fb: boolean;
  /** Of what runs; a state that was only read sends what it came with. */
  readonly default_endian_fb?: boolean;
}
const v = fieldsOf<VGACommonState>();

export const vmstate_vga_common: VMStateDescription<VGACommonState> = {
  name: 'vga',
  version: 2,
  minimumVersion: 2,
  fields: [
    v('latch', u32, { doc: 'Four planes as last read, plane 0 lowest', radix: 16 }),
    v('sr_index', u8, { doc: 'Sequencer index, port 0x3c4' }),
    v('sr', namedBytes(8, SEQUENCER), { doc: 'Sequencer' }),
    v('gr_index', u8, { doc: 'Graphics controller index, port 0x3ce' }),
    v('gr', namedBytes(16, GRAPHICS), { doc: 'Graphics controller' }),
    v('ar_index', u8, {
      doc: 'Attribute controller index, port 0x3c0',
      bits: [
        { name: 'index', bit: 0, width: 5 },
        { name: 'PAS', bit: 5, doc: '1 shows the picture, 0 lets the palette be written' }
      ]
    }),
    v('ar', namedBytes(21, ATTRIBUTE), { doc: 'Attribute controller' }),
    v('ar_flip_flop', i32, { doc: 'Next write to port 0x3c0', values: { 0: 'is the index', 1: 'is data' } }),
    v('cr_index', u8, { doc: 'CRTC index, port 0x3d4' }),
    v('cr', namedBytes(256, CRTC), { doc: 'CRT controller' }),
    v('msr', u8, {
      doc: 'Miscellaneous output, port 0x3c2',
      bits: [
        { name: 'COLOR_EMULATION', bit: 0, values: { 0: 'ports 0x3b.', 1: 'ports 0x3d.' } },
        { name: 'RAM_enable', bit: 1 },
        { name: 'clock', bit: 2, width: 2, values: { 0: '25.175 MHz', 1: '28.322 MHz' } },
        { name: 'PAGE_SELECT', bit: 5 },
        { name: 'hsync_negative', bit: 6 },
        { name: 'vsync_negative', bit: 7 }
      ]
    }),
    v('fcr', u8, { doc: 'Feature control' }),
    v('st00', u8, { doc: 'Input status 0' }),
    v('st01', u8, {
      doc: 'Input status 1, port 0x3da',
      bits: [
        { name: 'DISP_ENABLE', bit: 0, doc: 'blanking' },
        { name: 'V_RETRACE', bit: 3 }
      ]
    }),
    v('dac_state', u8, { values: { 0: 'reading', 3: 'writing' } }),
    v('dac_sub_index', u8, { doc: 'Color component that comes next', values: { 0: 'red', 1: 'green', 2: 'blue' } }),
    v('dac_read_index', u8),
    v('dac_write_index', u8),
    v('dac_cache', buffer(3), { doc: 'Components written so far' }),
    v('palette', buffer(768), { doc: '256 colors: red, green and blue, 6 bits each (8 with an 8-bit DAC)' }),
    v('bank_offset', i32, { doc: 'Start of the window in video memory', unit: 'bytes', radix: 16 }),
    v(
      'is_vbe_vmstate',
      { ...u8, type: 'uint8 equal' },
      {
        check: (s) => (s.is_vbe_vmstate === 1 ? undefined : 'state of a VGA without VBE')
      }
    ),
    v('vbe_index', u16, { doc: 'VBE index, port 0x1ce' }),
    v('vbe_regs', arrayOf(u16, VBE.length, { abouts: VBE }), { doc: 'Bochs VBE registers' }),
    v('vbe_start_addr', u32, { doc: 'Start of the picture in video memory, in 4 bytes', radix: 16 }),
    v('vbe_line_offset', u32, { doc: 'From line to line', unit: 'bytes' }),
    v('vbe_bank_mask', u32, { doc: 'Banks of 64 KiB less one', radix: 16 })
  ],
  subsections: [
    {
      name: 'vga.endian',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.default_endian_fb === undefined ? undefined : s.big_endian_fb !== s.default_endian_fb),
      fields: [v('big_endian_fb', bool, { doc: 'Pixels are big-endian' })]
    }
  ]
};
