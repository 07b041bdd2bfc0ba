/** Pictures of a graphic console. Source: QEMU ui/console.c, ui/ui-hmp-cmds.c. */

/** Rows from the top, a pixel a 32-bit word: red is its lowest byte, the highest is 0xff (RGBA in memory). */
export interface DisplaySurface {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint32Array<ArrayBuffer>;
}

/** Rows that were drawn anew. */
export interface DirtyRows {
  readonly first: number;
  readonly count: number;
}

/** @param red to @param blue 0 to 255 */
export const rgb = (red: number, green: number, blue: number): number =>
  (0xff00_0000 | (blue << 16) | (green << 8) | red) >>> 0;

export const BLACK = rgb(0, 0, 0);

export const createSurface = (width: number, height: number): DisplaySurface => ({
  ...{ width, height },
  pixels: new Uint32Array(width * height).fill(BLACK)
});

/** A picture as a portable pixmap: what `screendump` writes. Source: ppm_save. */
export function ppm({ width, height, pixels }: DisplaySurface): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const out = new Uint8Array(header.length + 3 * width * height);
  out.set(header);
  let at = header.length;
  for (const pixel of pixels) {
    out[at++] = pixel;
    out[at++] = pixel >> 8;
    out[at++] = pixel >> 16;
  }
  return out;
}
