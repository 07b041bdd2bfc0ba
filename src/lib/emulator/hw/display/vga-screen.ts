/** The picture of a VGA over time: what has to be drawn anew, and the blinking cursor. Source: QEMU hw/display/vga.c vga_update_display. */
import type { PhysMem } from '../../system/physmem.ts';
import { DIRTY_VGA } from '../../system/physmem.ts';
import { BLACK, createSurface, type DirtyRows, type DisplaySurface } from '../../ui/console.ts';
import type { QEMUClock } from '../../util/qemu-timer.ts';
import { drawGraphic, drawText, modeOf, type VGAMode } from './vga-draw.ts';
import type { VGACommon } from './vga-device.ts';

/** The cursor changes sixteen times in the time of 60 pictures, half of a period of 533 ms. */
const CURSOR_HALF_PERIOD = 266_000_000n;
const PAGE_BITS = 12;

/** Changes that are remembered, for those who look seldom. */
const HISTORY = 8;

export class VGAScreen {
  /** Counts changes of the surface. */
  frame = 0;
  readonly #history: DirtyRows[] = [];
  surface: DisplaySurface = createSurface(640, 480);
  readonly #vga: VGACommon;
  readonly #physmem: PhysMem;
  readonly #clock: QEMUClock;
  #mode: VGAMode['kind'] | undefined;
  #registers = '';
  /** The cursor is seen, and characters that blink: they do half as fast. */
  readonly #lit = { cursor: false, text: false };
  #blinkAt = 0n;

  constructor(vga: VGACommon, physmem: PhysMem, clock: QEMUClock) {
    this.#vga = vga;
    this.#physmem = physmem;
    this.#clock = clock;
  }

  /** Brings the surface up to date. Returns which rows have changed, undefined when none has. */
  update(): DirtyRows | undefined {
    const rows = this.#update();
    if (!rows) return undefined;
    this.frame++;
    this.#history.push(rows);
    if (this.#history.length > HISTORY) this.#history.shift();
    return rows;
  }

  /** What has changed since a frame that somebody has; all of it where that is too long ago. */
  rowsSince(frame: number): DirtyRows | undefined {
    const behind = this.frame - frame;
    if (behind === 0) return undefined;
    if (behind < 0 || behind > this.#history.length) return this.#whole();
    const rows = this.#history.slice(-behind);
    const first = Math.min(...rows.map((r) => r.first));
    const end = Math.max(...rows.map((r) => r.first + r.count));
    return { first, count: Math.min(end, this.surface.height) - first };
  }

  #update(): DirtyRows | undefined {
    const { vram } = this.#vga;
    const mode = modeOf(this.#vga);
    const blinked = this.#blink(mode.kind);
    const pages = this.#physmem.takeDirty(vram.offset, vram.used_length, DIRTY_VGA);
    const registers = this.#registersNow();
    const all = registers !== this.#registers || mode.kind !== this.#mode;
    this.#registers = registers;
    this.#mode = mode.kind;
    if (mode.kind === 'blank') {
      if (!all) return undefined;
      this.surface.pixels.fill(BLACK);
      return this.#whole();
    }
    const resized = mode.width !== this.surface.width || mode.height !== this.surface.height;
    if (resized) this.surface = createSurface(mode.width, mode.height);
    if (mode.kind === 'text') {
      if (!all && !blinked && !pages.includes(1)) return undefined;
      drawText(this.#vga, mode, vram.bytes(), this.surface, this.#lit);
      return this.#whole();
    }
    const isDirty = all || resized ? undefined : dirtyIn(pages);
    const rows = drawGraphic(this.#vga, mode, vram.bytes(), this.surface, isDirty);
    return rows && { first: rows[0], count: rows[1] - rows[0] + 1 };
  }

  #whole(): DirtyRows {
    return { first: 0, count: this.surface.height };
  }

  /** Whether the cursor of text has come or gone; in a new mode it is there. */
  #blink(kind: VGAMode['kind']): boolean {
    const now = this.#clock.now();
    if (kind !== this.#mode) this.#blinkAt = now;
    if (kind !== 'text' || now < this.#blinkAt) return false;
    this.#blinkAt = now + CURSOR_HALF_PERIOD;
    this.#lit.cursor = !this.#lit.cursor;
    if (this.#lit.cursor) this.#lit.text = !this.#lit.text;
    return true;
  }

  /** All registers that the picture depends on, to be compared. */
  #registersNow(): string {
    const { sequencer, gr, ar, cr, palette, vbe_regs, vbe_start_addr, vbe_line_offset } = this.#vga;
    const { ar_index, dac_8bit, big_endian_fb } = this.#vga;
    const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
    // What lies beyond register 18 the CRTC has not; the graphics controller's data registers change all the time.
    return [
      latin1(sequencer.subarray(1)),
      latin1(gr.subarray(5, 7)),
      ...[latin1(ar), latin1(cr.subarray(0, 0x19)), latin1(palette)],
      ...[ar_index & 0x20, dac_8bit, big_endian_fb, vbe_regs.join(), vbe_start_addr, vbe_line_offset]
    ].join('|');
  }
}

/** @param pages a byte each: 1 if it has changed */
function dirtyIn(pages: Uint8Array): (addr: number, bytes: number) => boolean {
  if (!pages.includes(1)) return () => false;
  return (addr, bytes) => pages.subarray(addr >> PAGE_BITS, ((addr + bytes - 1) >> PAGE_BITS) + 1).includes(1);
}
