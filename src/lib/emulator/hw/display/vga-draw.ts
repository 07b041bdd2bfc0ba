/**
 * What a VGA shows, worked out from its registers and its memory. Source: QEMU hw/display/vga.c vga_draw_text,
 * vga_draw_graphic, vga_get_params.
 */
import { rgb, type DisplaySurface } from '../../ui/console.ts';
import {
  DRAW_LINE2,
  DRAW_LINE2D2,
  DRAW_LINE4,
  DRAW_LINE4D2,
  DRAW_LINE8D2,
  DRAW_PACKED,
  PANNING_PIXELS,
  VGA_VRAM_SIZE,
  type DrawLine,
  type LineSource
} from './vga-helpers.ts';
import {
  VBE_DISPI_ENABLED,
  VBE_DISPI_INDEX,
  VGA_AR10_BLINK,
  VGA_AR10_LINE_GRAPHICS,
  VGA_AR10_P54S,
  VGA_AR10_PIXEL_PANNING,
  VGA_AR_ENABLE_DISPLAY,
  VGA_ATC,
  VGA_CR0A_CURSOR_OFF,
  VGA_CRTC,
  VGA_GFX,
  VGA_GR06_GRAPHICS_MODE,
  VGA_SEQ,
  VGA_SR01_CHAR_CLK_8DOTS,
  VGA_SR01_HALF_CLOCK
} from './vga_regs.ts';

/** Registers that the picture depends on. */
export interface VGARegisters {
  readonly sequencer: Uint8Array;
  readonly gr: Uint8Array;
  readonly ar: Uint8Array;
  readonly ar_index: number;
  readonly cr: Uint8Array;
  readonly palette: Uint8Array;
  readonly dac_8bit: boolean;
  readonly vbe_regs: readonly number[];
  readonly vbe_start_addr: number;
  readonly vbe_line_offset: number;
  readonly big_endian_fb: boolean;
}

/** Of text: no larger ones are shown. */
const CH_ATTR_SIZE = 160 * 100;
/** Pixels of the largest picture: no video memory holds more. */
const MAX_PIXELS = 2 ** 25;
/** Vertical total by which CGA's 160 by 100 dots of text are told. */
const CGA_100_LINES = 100;
const FONT_GLYPH = 32 * 4;
/** Moved by nothing. */
const VGA_HPEL_NEUTRAL = 8;

export interface TextMode {
  readonly kind: 'text';
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly lines: number;
  /** Of a character, in pixels. */
  readonly cw: number;
  readonly ch: number;
}
export interface GraphicMode {
  readonly kind: 'graphic';
  readonly width: number;
  readonly height: number;
  /** Dots of a line as memory has them; a dot may be two pixels. */
  readonly dots: number;
  /** Bits of a dot in memory, across the planes. */
  readonly bits: number;
  readonly draw: DrawLine;
  readonly colors: 16 | 256;
}
export type VGAMode = TextMode | GraphicMode | { readonly kind: 'blank' };

const BLANK = { kind: 'blank' } as const;
const vbeEnabled = ({ vbe_regs }: VGARegisters): boolean =>
  (vbe_regs[VBE_DISPI_INDEX.ENABLE]! & VBE_DISPI_ENABLED) !== 0;

/** Last line that is displayed. */
const displayEnd = (cr: Uint8Array): number =>
  cr[VGA_CRTC.V_DISP_END]! | ((cr[VGA_CRTC.OVERFLOW]! & 0x02) << 7) | ((cr[VGA_CRTC.OVERFLOW]! & 0x40) << 3);

/** How large the picture is, and how it is to be drawn; blank too where it is impossibly large. */
export function modeOf(s: VGARegisters): VGAMode {
  if (!(s.ar_index & VGA_AR_ENABLE_DISPLAY)) return BLANK;
  const mode = s.gr[VGA_GFX.MISC]! & VGA_GR06_GRAPHICS_MODE ? graphicMode(s) : textMode(s);
  if (mode.kind === 'text' && (mode.columns * mode.lines <= 1 || mode.columns * mode.lines > CH_ATTR_SIZE))
    return BLANK;
  return mode.width * mode.height === 0 || mode.width * mode.height > MAX_PIXELS ? BLANK : mode;
}

/** Source: vga_get_text_resolution. */
function textMode({ cr, sequencer }: VGARegisters): TextMode {
  const clock = sequencer[VGA_SEQ.CLOCK_MODE]!;
  const ch = (cr[VGA_CRTC.MAX_SCAN]! & 0x1f) + 1;
  const cw = clock & VGA_SR01_HALF_CLOCK ? 16 : clock & VGA_SR01_CHAR_CLK_8DOTS ? 8 : 9;
  const columns = cr[VGA_CRTC.H_DISP]! + 1;
  const lines = cr[VGA_CRTC.V_TOTAL] === CGA_100_LINES ? 100 : Math.floor((displayEnd(cr) + 1) / ch);
  return { kind: 'text', width: columns * cw, height: lines * ch, columns, lines, cw, ch };
}

function graphicMode(s: VGARegisters): GraphicMode {
  const { cr, gr, sequencer, vbe_regs } = s;
  const vbe = vbeEnabled(s);
  const dots = vbe ? vbe_regs[VBE_DISPI_INDEX.XRES]! : (cr[VGA_CRTC.H_DISP]! + 1) * 8;
  const height = vbe ? vbe_regs[VBE_DISPI_INDEX.YRES]! : displayEnd(cr) + 1;
  const shift = (gr[VGA_GFX.MODE]! >> 5) & 3;
  const twice = shift < 2 && (sequencer[VGA_SEQ.CLOCK_MODE]! & VGA_SR01_HALF_CLOCK) !== 0;
  const size = { kind: 'graphic' as const, width: twice ? dots * 2 : dots, height, dots };
  if (shift === 0) return { ...size, bits: 4, colors: 16, draw: twice ? DRAW_LINE4D2 : DRAW_LINE4 };
  if (shift === 1) return { ...size, bits: 4, colors: 16, draw: twice ? DRAW_LINE2D2 : DRAW_LINE2 };
  const bpp = vbe ? vbe_regs[VBE_DISPI_INDEX.BPP]! : 0;
  const draw = DRAW_PACKED[bpp]?.[s.big_endian_fb ? 1 : 0];
  if (!draw) return { ...size, bits: 4, colors: 256, draw: DRAW_LINE8D2 };
  return { ...size, bits: bpp === 15 ? 16 : bpp, colors: 256, draw };
}

interface DisplayParams {
  /** Bytes from line to line. */
  readonly line_offset: number;
  /** In words of 4 bytes. */
  readonly start_addr: number;
  /** Line behind which the picture starts again at address 0. */
  readonly line_compare: number;
  readonly hpel: number;
  /** Behind it nothing is panned. */
  readonly hpel_split: boolean;
}

/** Source: vga_get_params. */
function paramsOf(s: VGARegisters): DisplayParams {
  const { cr, ar } = s;
  if (vbeEnabled(s)) {
    const { vbe_line_offset: line_offset, vbe_start_addr: start_addr } = s;
    return { line_offset, start_addr, line_compare: 65535, hpel: VGA_HPEL_NEUTRAL, hpel_split: false };
  }
  return {
    line_offset: cr[VGA_CRTC.OFFSET]! << 3,
    start_addr: cr[VGA_CRTC.START_LO]! | (cr[VGA_CRTC.START_HI]! << 8),
    line_compare:
      cr[VGA_CRTC.LINE_COMPARE]! | ((cr[VGA_CRTC.OVERFLOW]! & 0x10) << 4) | ((cr[VGA_CRTC.MAX_SCAN]! & 0x40) << 3),
    hpel: ar[VGA_ATC.PEL]!,
    hpel_split: (ar[VGA_ATC.MODE]! & VGA_AR10_PIXEL_PANNING) !== 0
  };
}

const sixToEight = (v: number): number => ((v & 0x3f) << 2) | ((v & 1) * 3);

/** Source: update_palette16, update_palette256. */
function paletteOf({ ar, palette, dac_8bit }: VGARegisters, colors: 16 | 256): Uint32Array {
  const component = dac_8bit && colors === 256 ? (v: number): number => v : sixToEight;
  const select = ar[VGA_ATC.COLOR_PAGE]!;
  const index = (i: number): number => {
    if (colors === 256) return i;
    return ar[VGA_ATC.MODE]! & VGA_AR10_P54S
      ? ((select & 0xf) << 4) | (ar[i]! & 0xf)
      : ((select & 0xc) << 4) | (ar[i]! & 0x3f);
  };
  return Uint32Array.from({ length: colors }, (_, i) => {
    const at = index(i) * 3;
    return rgb(component(palette[at]!), component(palette[at + 1]!), component(palette[at + 2]!));
  });
}

/** Each dot twice. */
const doubled = (dots: number): number => {
  let out = 0;
  for (let bit = 0; bit < 8; bit++) if ((dots >> bit) & 1) out |= 3 << (2 * bit);
  return out;
};

/** @param lit what is in the visible half of its period: the cursor, characters that blink (QEMU from 11 on) */
export function drawText(
  s: VGARegisters,
  mode: TextMode,
  vram: Uint8Array,
  surface: DisplaySurface,
  lit: { readonly cursor: boolean; readonly text: boolean }
): void {
  const { columns, lines, cw, ch } = mode;
  const { cr } = s;
  const { start_addr, line_offset, line_compare } = paramsOf(s);
  const palette = paletteOf(s, 16);
  const blinking = (s.ar[VGA_ATC.MODE]! & VGA_AR10_BLINK) !== 0;
  const select = s.sequencer[VGA_SEQ.CHARACTER_MAP]!;
  // Glyphs lie in plane 2.
  const fonts = [((select >> 4) & 1) | ((select << 1) & 6), ((select >> 5) & 1) | ((select >> 1) & 6)].map(
    (block) => block * 8192 * 4 + 2
  );
  const cursorAt = ((cr[VGA_CRTC.CURSOR_HI]! << 8) | cr[VGA_CRTC.CURSOR_LO]!) * 4;
  const cursorOn = lit.cursor && !(cr[VGA_CRTC.CURSOR_START]! & VGA_CR0A_CURSOR_OFF);
  const cursorFirst = cr[VGA_CRTC.CURSOR_START]! & 0x1f;
  const cursorLast = Math.min(cr[VGA_CRTC.CURSOR_END]! & 0x1f, ch - 1);
  let offset = start_addr * 4;
  for (let cy = 0; cy < lines; cy++) {
    for (let cx = 0; cx < columns; cx++) {
      const src = offset + 4 * cx;
      if (src + 2 > vram.length) break;
      const [code, attribute] = [vram[src]!, vram[src + 1]!];
      const blinks = blinking && attribute & 0x80;
      const background = palette[blinking ? (attribute >> 4) & 7 : attribute >> 4]!;
      const foreground = blinks && !lit.text ? background : palette[attribute & 0x0f]!;
      const font = fonts[(attribute >> 3) & 1]! + FONT_GLYPH * code;
      // The ninth column repeats the eighth of line drawing characters.
      const line = code >= 0xb0 && code <= 0xdf && (s.ar[VGA_ATC.MODE]! & VGA_AR10_LINE_GRAPHICS) !== 0;
      const underCursor = cursorOn && src === cursorAt;
      for (let row = 0; row < ch; row++) {
        const dots = vram[font + 4 * row]!;
        const on =
          underCursor && row >= cursorFirst && row <= cursorLast
            ? (1 << cw) - 1
            : cw === 16
              ? doubled(dots)
              : cw === 9
                ? (dots << 1) | (line ? dots & 1 : 0)
                : dots;
        const at = (cy * ch + row) * surface.width + cx * cw;
        for (let x = 0; x < cw; x++) surface.pixels[at + x] = (on >> (cw - 1 - x)) & 1 ? foreground : background;
      }
    }
    offset += line_offset;
    if (cy * ch < line_compare && (cy + 1) * ch >= line_compare) offset = 0;
  }
}

/**
 * @param isDirty whether bytes of video memory have changed; without it all is drawn
 * @returns first and last row that was drawn; undefined when none was
 */
export function drawGraphic(
  s: VGARegisters,
  mode: GraphicMode,
  vram: Uint8Array,
  surface: DisplaySurface,
  isDirty?: (addr: number, bytes: number) => boolean
): readonly [number, number] | undefined {
  const { width, height, dots, bits, draw } = mode;
  const { cr } = s;
  const { start_addr, line_offset, line_compare, hpel: panned, hpel_split } = paramsOf(s);
  const mask = vram.length - 1;
  const window = bits === 4 ? mask & (VGA_VRAM_SIZE - 1) : mask;
  let hpel = bits <= 8 ? panned & 7 : 0;
  const bytes = Math.ceil((dots * bits) / 8) + (hpel ? 4 : 0);
  const wraps = start_addr * 4 + line_offset * (height - 1) + bytes > vram.length;
  const source: LineSource = {
    ...{ vram, mask, palette: paletteOf(s, mode.colors), planes: s.ar[VGA_ATC.PLANE_ENABLE]! & 0xf },
    expand: !s.big_endian_fb && !wraps
  };
  const line = new Uint32Array(width + PANNING_PIXELS);
  const doubleScan = cr[VGA_CRTC.MAX_SCAN]! >> 7;
  const cga = (cr[VGA_CRTC.MODE]! & 3) ^ 3;
  // CGA's modes have no rows of their own.
  const repeat = cga & 1 ? doubleScan : (((cr[VGA_CRTC.MAX_SCAN]! & 0x1f) + 1) << doubleScan) - 1;
  let left = repeat;
  let first: number | undefined;
  let last = 0;
  let start = start_addr * 4;
  /** Of the row before, where that was drawn. */
  let drawn: number | undefined;
  for (let y = 0, row = 0; y < height; y++) {
    const addr = addressOf(start, row, cr[VGA_CRTC.MODE]!);
    if (!isDirty || (addr & window) + bytes > window || isDirty(addr & window, bytes)) {
      if (drawn !== addr) line.copyWithin(0, draw(source, line, addr, dots, hpel));
      surface.pixels.set(line.subarray(0, width), y * width);
      drawn = addr;
      first ??= y;
      last = y;
    } else drawn = undefined;
    if (left > 0) left--;
    else {
      if ((row & cga) === cga) start = (start + line_offset) % 2 ** 32;
      row++;
      left = repeat;
    }
    if (y === line_compare) {
      if (hpel_split) hpel = 0;
      start = 0;
      drawn = undefined;
    }
  }
  return first === undefined ? undefined : [first, last];
}

/** With CGA's and Hercules' interlacing, rows lie in banks. */
function addressOf(start: number, row: number, mode: number): number {
  let addr = start;
  if (!(mode & 1)) {
    const bit = 14 + ((mode >> 6) & 1);
    addr = (addr & ~(1 << bit)) | ((row & 1) << bit);
  }
  if (!(mode & 2)) addr = (addr & ~0x8000) | ((row & 2) << 14);
  return addr >>> 0;
}
