/**
 * What the CPU reads and writes between a0000 and bffff: four planes, a byte of each making one 32-bit word of video
 * memory. Source: QEMU hw/display/vga.c vga_mem_readb, vga_mem_writeb; IBM VGA technical reference, chapter 2.
 */
import type { RAMBlock } from '../../system/physmem.ts';
import {
  VGA_CR14_DW,
  VGA_CR17_WORD_BYTE,
  VGA_CRTC,
  VGA_GFX,
  VGA_GR05_HOST_ODD_EVEN,
  VGA_GR05_READ_COMPARE,
  VGA_GR06_CHAIN_ODD_EVEN,
  VGA_SEQ,
  VGA_SR04_CHN_4M,
  VGA_SR04_SEQ_MODE
} from './vga_regs.ts';

/** What an access depends on, and changes. */
export interface PlanarMemory {
  readonly sr: Uint8Array;
  readonly gr: Uint8Array;
  readonly cr: Uint8Array;
  /** The sequencer as it acts: VBE has its own. */
  readonly sequencer: Uint8Array;
  readonly bank_offset: number;
  readonly vram: RAMBlock;
  latch: number;
}

/** A byte of ones for each bit of a set of planes. */
const mask16 = Int32Array.from({ length: 16 }, (_, planes) =>
  [0, 1, 2, 3].reduce((mask, plane) => mask | ((planes >> plane) & 1 ? 0xff << (8 * plane) : 0), 0)
);
const spread = (byte: number): number => Math.imul(byte & 0xff, 0x01010101);
const planes = (register: number): number => mask16[register & 0xf]!;

/** First address, size and place in video memory of the window, by memory map select. */
export const WINDOWS = [
  { base: 0xa0000, size: 0x20000 },
  { base: 0xa0000, size: 0x10000 },
  { base: 0xb0000, size: 0x8000 },
  { base: 0xb8000, size: 0x8000 }
] as const;
export const memoryMap = (gr: Uint8Array): number => (gr[VGA_GFX.MISC]! >> 2) & 3;

/** Where in the window an offset from a0000 lies; undefined outside. */
function inWindow({ gr, bank_offset }: PlanarMemory, addr: number): number | undefined {
  const map = memoryMap(gr);
  const { base, size } = WINDOWS[map]!;
  const at = addr - (base - 0xa0000);
  if (at < 0 || at >= size) return undefined;
  return map === 1 ? at + bank_offset : at;
}

/** @param addr offset from a0000. @returns a byte; 0xff where nothing is */
export function readVgaMemory(s: PlanarMemory, addr: number): number {
  let at = inWindow(s, addr);
  if (at === undefined) return 0xff;
  const { gr, cr, vram } = s;
  const oddEven = (gr[VGA_GFX.MODE]! & VGA_GR05_HOST_ODD_EVEN) !== 0;
  let plane = gr[VGA_GFX.PLANE_READ]! & 3;
  if (s.sequencer[VGA_SEQ.MEMORY_MODE]! & VGA_SR04_CHN_4M) {
    plane = at & 3;
    at &= ~3;
  } else if (oddEven) plane = (plane & 2) | (at & 1);
  if (gr[VGA_GFX.MISC]! & VGA_GR06_CHAIN_ODD_EVEN) at &= ~1;
  // Real ones do this when they display, not here; so does QEMU, and with it vm.state files.
  if (cr[VGA_CRTC.UNDERLINE]! & VGA_CR14_DW) at >>= 2;
  else if (oddEven && !(cr[VGA_CRTC.MODE]! & VGA_CR17_WORD_BYTE)) at >>= 1;
  if (at < 0 || at * 4 >= vram.used_length) return 0xff;
  // Here VBE's sequencer does not count in QEMU.
  if (s.sr[VGA_SEQ.MEMORY_MODE]! & VGA_SR04_CHN_4M) return vram.load(at * 4 + plane, 1);
  s.latch = vram.load(at * 4, 4);
  if (!(gr[VGA_GFX.MODE]! & VGA_GR05_READ_COMPARE)) return (s.latch >>> (8 * plane)) & 0xff;
  let differs = (s.latch ^ planes(gr[VGA_GFX.COMPARE_VALUE]!)) & planes(gr[VGA_GFX.COMPARE_MASK]!);
  differs |= differs >>> 16;
  differs |= differs >>> 8;
  return ~differs & 0xff;
}

/** @param addr offset from a0000 */
export function writeVgaMemory(s: PlanarMemory, addr: number, value: number): void {
  let at = inWindow(s, addr);
  if (at === undefined) return;
  const { gr, cr, vram, sequencer } = s;
  const chain4 = (sequencer[VGA_SEQ.MEMORY_MODE]! & VGA_SR04_CHN_4M) !== 0;
  const oddEven = !(sequencer[VGA_SEQ.MEMORY_MODE]! & VGA_SR04_SEQ_MODE);
  let mask = sequencer[VGA_SEQ.PLANE_WRITE]!;
  const plane = chain4 ? at & 3 : 0;
  if (chain4) {
    mask &= 1 << plane;
    at &= ~3;
  } else {
    if (oddEven) mask &= at & 1 ? 0x0a : 0x05;
    if (gr[VGA_GFX.MISC]! & VGA_GR06_CHAIN_ODD_EVEN) at &= ~1;
  }
  if (cr[VGA_CRTC.UNDERLINE]! & VGA_CR14_DW) at >>= 2;
  else if (oddEven && !(cr[VGA_CRTC.MODE]! & VGA_CR17_WORD_BYTE)) at >>= 1;
  if (at < 0 || at * 4 >= vram.used_length) return;
  if (chain4) {
    if (mask) vram.store(at * 4 + plane, value & 0xff, 1);
    return;
  }
  const written = planes(mask);
  const result = throughWriteMode(s, value);
  vram.store(at * 4, ((vram.load(at * 4, 4) & ~written) | (result & written)) >>> 0, 4);
}

/** What a written byte becomes on the four planes: write modes 0 to 3, set/reset, rotation, function, bit mask. */
function throughWriteMode({ gr, latch }: PlanarMemory, value: number): number {
  const count = gr[VGA_GFX.DATA_ROTATE]! & 7;
  const rotated = (value >> count) | (value << (8 - count));
  const reset = planes(gr[VGA_GFX.SR_VALUE]!);
  let bits = gr[VGA_GFX.BIT_MASK]!;
  let word: number;
  switch (gr[VGA_GFX.MODE]! & 3) {
    case 1:
      return latch;
    case 2:
      word = planes(value);
      break;
    case 3:
      bits &= rotated;
      word = reset;
      break;
    default: {
      const set = planes(gr[VGA_GFX.SR_ENABLE]!);
      word = (spread(rotated) & ~set) | (reset & set);
    }
  }
  switch (gr[VGA_GFX.DATA_ROTATE]! >> 3) {
    case 1:
      word &= latch;
      break;
    case 2:
      word |= latch;
      break;
    case 3:
      word ^= latch;
  }
  const kept = spread(bits);
  return (word & kept) | (latch & ~kept);
}
