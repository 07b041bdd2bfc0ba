/** Cylinders, heads and sectors of a disk that nobody has told. Source: QEMU hw/block/hd-geometry.c guess_chs_for_size. */
export interface HDGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

/** @param sectors of the whole disk */
export const guessGeometry = (sectors: number): HDGeometry => ({
  cylinders: Math.min(16383, Math.max(2, Math.floor(sectors / (16 * 63)))),
  heads: 16,
  sectors: 63
});
