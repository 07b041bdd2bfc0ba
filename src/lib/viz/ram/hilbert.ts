/**
 * The Hilbert curve over a square of 2^order cells a side: neighbours on the curve are neighbours in the picture, and
 * every aligned square of 4^n cells is one stretch of the curve. It starts at (0, 0) and ends at (side - 1, 0).
 */

/** Place on the curve of a cell; order at most 15. */
export function hilbertIndex(order: number, x: number, y: number): number {
  const mask = (1 << order) - 1;
  let index = 0;
  for (let bit = order - 1; bit >= 0; bit--) {
    const rx = (x >>> bit) & 1;
    const ry = (y >>> bit) & 1;
    // Two bits a step; in doubles the last steps of order 15 stay exact.
    index = index * 4 + ((3 * rx) ^ ry);
    if (ry === 0) {
      if (rx === 1) {
        x = mask - x;
        y = mask - y;
      }
      const swapped = x;
      x = y;
      y = swapped;
    }
  }
  return index;
}

/** Cell at a place on the curve, as `y * side + x`. */
export function hilbertCell(order: number, index: number): number {
  const side = 1 << order;
  let x = 0;
  let y = 0;
  for (let size = 1; size < side; size *= 2) {
    const rx = 1 & (index / 2);
    const ry = 1 & (index ^ rx);
    if (ry === 0) {
      if (rx === 1) {
        x = size - 1 - x;
        y = size - 1 - y;
      }
      const swapped = x;
      x = y;
      y = swapped;
    }
    x += size * rx;
    y += size * ry;
    index = Math.floor(index / 4);
  }
  return y * side + x;
}
