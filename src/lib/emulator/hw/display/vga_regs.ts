/** The indexed registers of a VGA and of the Bochs VBE extension. Source: IBM VGA technical reference; QEMU hw/display/vga_regs.h, include/hw/display/bochs-vbe.h. */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';

const bits = (...names: (string | undefined)[]): readonly Bits[] =>
  names.flatMap((name, bit) => (name === undefined ? [] : [{ name, bit }]));

/** Port 0x3c5. */
export const SEQUENCER: readonly Meaning[] = [
  { doc: 'Reset', bits: bits('asynchronous', 'synchronous') },
  { doc: 'Clocking mode', bits: bits('8_dots', undefined, 'shift_2', 'half_clock', 'shift_4', 'screen_off') },
  { doc: 'Map mask: planes that are written', bits: bits('plane_0', 'plane_1', 'plane_2', 'plane_3') },
  {
    doc: 'Character map select',
    bits: [
      { name: 'B', bit: 0, width: 2 },
      { name: 'A', bit: 2, width: 2 },
      { name: 'B_high', bit: 4 },
      { name: 'A_high', bit: 5 }
    ]
  },
  { doc: 'Memory mode', bits: bits(undefined, 'more_than_64K', 'odd_even_off', 'chain_4') },
  {},
  {},
  { doc: 'In QEMU: unlocks extensions' }
];

/** Port 0x3cf. */
export const GRAPHICS: readonly Meaning[] = [
  { doc: 'Set/reset value, a bit for each plane' },
  { doc: 'Enable set/reset' },
  { doc: 'Color compare' },
  {
    doc: 'Data rotate',
    bits: [
      { name: 'count', bit: 0, width: 3 },
      { name: 'function', bit: 3, width: 2, values: { 0: 'copy', 1: 'and', 2: 'or', 3: 'xor' } }
    ]
  },
  { doc: 'Read map select: plane that is read' },
  {
    doc: 'Mode',
    bits: [
      { name: 'write_mode', bit: 0, width: 2 },
      { name: 'read_mode', bit: 3, values: { 0: 'a plane', 1: 'color compare' } },
      { name: 'odd_even', bit: 4 },
      { name: 'shift', bit: 5, width: 2, values: { 0: 'planar', 1: 'CGA', 2: '256 colors', 3: '256 colors' } }
    ]
  },
  {
    doc: 'Miscellaneous',
    bits: [
      { name: 'graphics', bit: 0, values: { 0: 'text', 1: 'graphics' } },
      { name: 'chain_odd_even', bit: 1 },
      {
        name: 'memory_map',
        bit: 2,
        width: 2,
        values: { 0: 'a0000-bffff', 1: 'a0000-affff', 2: 'b0000-b7fff', 3: 'b8000-bffff' }
      }
    ]
  },
  { doc: 'Color does not care' },
  { doc: 'Bit mask' }
];

/** Port 0x3c0; the first 16 are the palette. */
export const ATTRIBUTE: readonly Meaning[] = [
  ...Array.from({ length: 16 }, (_, i) => ({ doc: `Palette entry ${i}` })),
  {
    doc: 'Mode',
    bits: bits('graphics', 'mono', 'line_graphics', 'blink', undefined, 'pixel_panning', '256_colors', 'P54S')
  },
  { doc: 'Overscan color' },
  { doc: 'Color plane enable', bits: bits('plane_0', 'plane_1', 'plane_2', 'plane_3') },
  { doc: 'Horizontal pixel panning' },
  { doc: 'Color select' }
];

/** Port 0x3d5. */
export const CRTC: readonly Meaning[] = [
  { doc: 'Horizontal total, characters less 5' },
  { doc: 'Horizontal display end, characters less 1' },
  { doc: 'Start of horizontal blanking' },
  { doc: 'End of horizontal blanking' },
  { doc: 'Start of horizontal retrace' },
  { doc: 'End of horizontal retrace' },
  { doc: 'Vertical total, low byte' },
  {
    doc: 'Overflow: higher bits of others',
    bits: bits(
      'total_8',
      'display_end_8',
      'retrace_8',
      'blank_8',
      'line_compare_8',
      'total_9',
      'display_end_9',
      'retrace_9'
    )
  },
  { doc: 'Preset row scan' },
  {
    doc: 'Maximum scan line',
    bits: [
      { name: 'last_row', bit: 0, width: 5 },
      { name: 'blank_9', bit: 5 },
      { name: 'line_compare_9', bit: 6 },
      { name: 'double_scan', bit: 7 }
    ]
  },
  {
    doc: 'Cursor start',
    bits: [
      { name: 'row', bit: 0, width: 5 },
      { name: 'off', bit: 5 }
    ]
  },
  { doc: 'Cursor end' },
  { doc: 'Start address, high byte' },
  { doc: 'Start address, low byte' },
  { doc: 'Cursor location, high byte' },
  { doc: 'Cursor location, low byte' },
  { doc: 'Vertical retrace start' },
  {
    doc: 'Vertical retrace end',
    bits: [
      { name: 'end', bit: 0, width: 4 },
      { name: 'interrupt_clear', bit: 4 },
      { name: 'interrupt_off', bit: 5 },
      { name: 'protect', bit: 7, doc: 'registers 0 to 7 cannot be written' }
    ]
  },
  { doc: 'Vertical display end, low byte' },
  { doc: 'Offset: words from line to line' },
  { doc: 'Underline location' },
  { doc: 'Start of vertical blanking' },
  { doc: 'End of vertical blanking' },
  { doc: 'Mode control', bits: bits('CMS', 'SRS', 'HRS', 'count_by_2', undefined, 'wrap', 'byte_mode', 'sync_on') },
  { doc: 'Line compare: from here on the screen starts again at address 0' }
];

/** Ports 0x1ce and 0x1cf. */
export const VBE: readonly Meaning[] = [
  { doc: 'ID', radix: 16, values: { 0xb0c0: 'version 0', 0xb0c4: 'version 4', 0xb0c5: 'version 5' } },
  { doc: 'XRES: width in pixels' },
  { doc: 'YRES: height in lines' },
  { doc: 'BPP: bits for a pixel' },
  {
    doc: 'ENABLE',
    bits: [
      { name: 'ENABLED', bit: 0 },
      { name: 'GETCAPS', bit: 1 },
      { name: '8BIT_DAC', bit: 5 },
      { name: 'LFB_ENABLED', bit: 6 },
      { name: 'NOCLEARMEM', bit: 7 }
    ]
  },
  { doc: 'BANK: 64 KiB window' },
  { doc: 'VIRT_WIDTH in pixels' },
  { doc: 'VIRT_HEIGHT in lines' },
  { doc: 'X_OFFSET in pixels' },
  { doc: 'Y_OFFSET in lines' }
];
