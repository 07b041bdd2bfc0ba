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

/** Registers of the sequencer, and their bits. */
export const VGA_SEQ = { CLOCK_MODE: 1, PLANE_WRITE: 2, CHARACTER_MAP: 3, MEMORY_MODE: 4 } as const;
export const VGA_SR01_CHAR_CLK_8DOTS = 0x01;
/** Every dot is two wide. */
export const VGA_SR01_HALF_CLOCK = 0x08;
export const VGA_SR02_ALL_PLANES = 0x0f;
export const VGA_SR04_SEQ_MODE = 0x04;
export const VGA_SR04_CHN_4M = 0x08;

/** Registers of the graphics controller, and their bits. */
export const VGA_GFX = {
  ...{ SR_VALUE: 0, SR_ENABLE: 1, COMPARE_VALUE: 2, DATA_ROTATE: 3, PLANE_READ: 4, MODE: 5, MISC: 6 },
  ...{ COMPARE_MASK: 7, BIT_MASK: 8 }
} as const;
export const VGA_GR05_READ_COMPARE = 0x08;
export const VGA_GR05_HOST_ODD_EVEN = 0x10;
export const VGA_GR06_GRAPHICS_MODE = 0x01;
export const VGA_GR06_CHAIN_ODD_EVEN = 0x02;

/** Registers of the attribute controller behind the 16 of the palette, and their bits. */
export const VGA_ATC = { MODE: 16, OVERSCAN: 17, PLANE_ENABLE: 18, PEL: 19, COLOR_PAGE: 20 } as const;
export const VGA_AR10_LINE_GRAPHICS = 0x04;
export const VGA_AR10_BLINK = 0x08;
export const VGA_AR10_PIXEL_PANNING = 0x20;
export const VGA_AR10_P54S = 0x80;
/** Of the index: the picture is shown. */
export const VGA_AR_ENABLE_DISPLAY = 0x20;

/** Registers of the CRT controller, and their bits. */
export const VGA_CRTC = {
  ...{ H_DISP: 0x01, V_TOTAL: 0x06, OVERFLOW: 0x07, MAX_SCAN: 0x09, CURSOR_START: 0x0a, CURSOR_END: 0x0b },
  ...{ START_HI: 0x0c, START_LO: 0x0d, CURSOR_HI: 0x0e, CURSOR_LO: 0x0f, V_SYNC_END: 0x11, V_DISP_END: 0x12 },
  ...{ OFFSET: 0x13, UNDERLINE: 0x14, MODE: 0x17, LINE_COMPARE: 0x18 }
} as const;
export const VGA_CR0A_CURSOR_OFF = 0x20;
export const VGA_CR11_LOCK_CR0_CR7 = 0x80;
export const VGA_CR14_DW = 0x40;
export const VGA_CR17_WORD_BYTE = 0x40;

/** Miscellaneous output: the CRTC is at 3d4, not at 3b4. */
export const VGA_MIS_COLOR = 0x01;
/** Input status 1. */
export const ST01_DISP_ENABLE = 0x01;
export const ST01_V_RETRACE = 0x08;

/** The Bochs VBE registers, and their bits. The last one is not in `vbe_regs`. */
export const VBE_DISPI_INDEX = {
  ...{ ID: 0, XRES: 1, YRES: 2, BPP: 3, ENABLE: 4, BANK: 5, VIRT_WIDTH: 6, VIRT_HEIGHT: 7 },
  ...{ X_OFFSET: 8, Y_OFFSET: 9, VIDEO_MEMORY_64K: 10 }
} as const;
export const VBE_DISPI_ID0 = 0xb0c0;
export const VBE_DISPI_ID5 = 0xb0c5;
export const VBE_DISPI_ENABLED = 0x01;
export const VBE_DISPI_GETCAPS = 0x02;
export const VBE_DISPI_8BIT_DAC = 0x20;
export const VBE_DISPI_NOCLEARMEM = 0x80;
export const VBE_DISPI_MAX_XRES = 16000;
export const VBE_DISPI_MAX_YRES = 12000;
export const VBE_DISPI_MAX_BPP = 32;

/** Bits that there are in each register. Source: QEMU hw/display/vga.c sr_mask, gr_mask. */
export const VGA_SR_MASK = [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff];
export const VGA_GR_MASK = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];
/** Of the attribute controller; the palette has six bits. */
export const VGA_AR_MASK: Readonly<Record<number, number>> = {
  ...{ [VGA_ATC.MODE]: 0xef, [VGA_ATC.OVERSCAN]: 0xff, [VGA_ATC.PLANE_ENABLE]: 0x3f },
  ...{ [VGA_ATC.PEL]: 0x0f, [VGA_ATC.COLOR_PAGE]: 0x0f }
};
