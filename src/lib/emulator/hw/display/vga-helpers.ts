/**
 * One line of a graphics mode, from video memory to pixels. Addresses wrap around at the end of video memory, planar ones
 * at 256 KiB. Source: QEMU hw/display/vga-helpers.h, vga-access.h.
 */
import { rgb } from '../../ui/console.ts';

/** Planes reach no farther. */
export const VGA_VRAM_SIZE = 0x40000;

export interface LineSource {
  readonly vram: Uint8Array;
  /** Size of video memory less one. */
  readonly mask: number;
  /** Colors by index: 16 or 256. */
  readonly palette: Uint32Array;
  /** Planes that are shown, a bit each. */
  readonly planes: number;
  /** 15 and 16 bit pixels: their highest bits are repeated below, so that white is white. */
  readonly expand: boolean;
}

/**
 * Draws `width` pixels from `addr` on to out[0...]; those that are two wide take twice the room.
 * @param hpel pixels by which the line is moved to the left, 0 to 7
 * @returns where in `out` the line begins; behind it lie as many pixels more as it was moved
 */
export type DrawLine = (s: LineSource, out: Uint32Array, addr: number, width: number, hpel: number) => number;

/** The pixels that a line takes at most beside those that are seen. */
export const PANNING_PIXELS = 16;

const plane = (word: number, n: number): number => (word >>> (8 * n)) & 0xff;

function planarWord({ vram, mask, planes }: LineSource, addr: number): number {
  const at = addr & (VGA_VRAM_SIZE - 1) & mask & ~3;
  const shown = (n: number): number => ((planes >> n) & 1 ? vram[at + n]! << (8 * n) : 0);
  return shown(0) | shown(1) | shown(2) | shown(3);
}

/** Color of dot 0 to 7 of a word, 16 colors: a bit of each plane. */
function dot16(word: number, dot: number): number {
  const bit = 7 - dot;
  return (
    ((plane(word, 0) >> bit) & 1) |
    (((plane(word, 1) >> bit) & 1) << 1) |
    (((plane(word, 2) >> bit) & 1) << 2) |
    (((plane(word, 3) >> bit) & 1) << 3)
  );
}

/** 4 colors: two bits of planes 0 and 2, then of 1 and 3. */
function dot4(word: number, dot: number): number {
  const first = dot < 4 ? 0 : 1;
  const bits = 6 - 2 * (dot & 3);
  return ((plane(word, first) >> bits) & 3) | (((plane(word, first + 2) >> bits) & 3) << 2);
}

/** Lines of eight dots a word, each dot `times` pixels wide. */
const planar =
  (dot: typeof dot16, times: 1 | 2): DrawLine =>
  (s, out, addr, width, hpel) => {
    const words = (width + (hpel ? 8 : 0)) >> 3;
    let to = 0;
    for (let x = 0; x < words; x++, addr += 4) {
      const word = planarWord(s, addr);
      for (let i = 0; i < 8; i++) {
        const color = s.palette[dot(word, i)]!;
        out[to++] = color;
        if (times === 2) out[to++] = color;
      }
    }
    return hpel * times;
  };

/** 256 colors, a byte two pixels. */
const line8d2: DrawLine = (s, out, addr, width, hpel) => {
  let words = width >> 3;
  let moved = (hpel >> 1) & 3;
  if (addr + words * 4 < VGA_VRAM_SIZE) {
    addr += moved * 4;
    moved = 0;
  }
  if (moved) words++;
  for (let to = 0, left = words * 4; left > 0; left--, addr++) {
    const color = s.palette[s.vram[addr & (VGA_VRAM_SIZE - 1) & s.mask]!]!;
    out[to++] = color;
    out[to++] = color;
  }
  return 2 * moved;
};

const line8: DrawLine = ({ vram, mask, palette }, out, addr, width, hpel) => {
  const moved = (hpel >> 1) & 3;
  const pixels = ((width + (moved ? 8 : 0)) >> 3) << 3;
  for (let x = 0; x < pixels; x++) out[x] = palette[vram[(addr + x) & mask]!]!;
  return moved;
};

/** Red, green and blue out of a word of 15 or 16 bits. */
const fiveToEight = (v: number, expand: boolean): number => (v << 3) | (expand ? v >> 2 : 0);
const rgb15 = (v: number, expand: boolean): number =>
  rgb(fiveToEight((v >> 10) & 31, expand), fiveToEight((v >> 5) & 31, expand), fiveToEight(v & 31, expand));
const rgb16 = (v: number, expand: boolean): number => {
  const green = (v >> 5) & 63;
  return rgb(
    fiveToEight((v >> 11) & 31, expand),
    (green << 2) | (expand ? green >> 4 : 0),
    fiveToEight(v & 31, expand)
  );
};

const words =
  (color: typeof rgb15, bigEndian: boolean): DrawLine =>
  ({ vram, mask, expand }, out, addr, width) => {
    for (let x = 0; x < width; x++) {
      const at = (addr + 2 * x) & mask & ~1;
      const value = bigEndian ? (vram[at]! << 8) | vram[at + 1]! : vram[at]! | (vram[at + 1]! << 8);
      out[x] = color(value, expand);
    }
    return 0;
  };

/** @param red, @param green, @param blue which byte of a pixel they are */
const bytes =
  (size: 3 | 4, red: number, green: number, blue: number): DrawLine =>
  ({ vram, mask }, out, addr, width) => {
    for (let x = 0; x < width; x++, addr += size) {
      out[x] = rgb(vram[(addr + red) & mask]!, vram[(addr + green) & mask]!, vram[(addr + blue) & mask]!);
    }
    return 0;
  };

export const DRAW_LINE2 = planar(dot4, 1);
export const DRAW_LINE2D2 = planar(dot4, 2);
export const DRAW_LINE4 = planar(dot16, 1);
export const DRAW_LINE4D2 = planar(dot16, 2);
export const DRAW_LINE8D2 = line8d2;

/** By bits per pixel: little-endian, big-endian. */
export const DRAW_PACKED: Readonly<Record<number, readonly [DrawLine, DrawLine]>> = {
  8: [line8, line8],
  15: [words(rgb15, false), words(rgb15, true)],
  16: [words(rgb16, false), words(rgb16, true)],
  24: [bytes(3, 2, 1, 0), bytes(3, 0, 1, 2)],
  32: [bytes(4, 2, 1, 0), bytes(4, 1, 2, 3)]
};
