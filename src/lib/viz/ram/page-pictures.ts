/** Parts of a RAM map as pictures with a pixel a page, for values that change often: only what changed is painted again. */
import { hilbertCell } from './hilbert.ts';
import type { PlacedPart, Placement } from './placement.ts';
import type { MapView } from './tiles.ts';

interface Picture {
  readonly part: PlacedPart;
  readonly cells: Uint32Array;
  readonly canvas: HTMLCanvasElement;
  readonly image: ImageData;
  readonly words: Uint32Array;
}

export class PagePictures {
  readonly #pictures: readonly Picture[];
  /** What each part was painted from; another array is another picture. */
  readonly #painted: Uint8Array[] = [];
  #palette: Uint32Array | undefined;

  /** @param placement along Hilbert curves */
  constructor(placement: Placement) {
    this.#pictures = placement.parts.map((part) => {
      const { width, height } = part;
      const canvas = Object.assign(document.createElement('canvas'), { width, height });
      const image = new ImageData(width, height);
      return { part, cells: cellsOf(part), canvas, image, words: new Uint32Array(image.data.buffer) };
    });
  }

  /**
   * @param values of each part's pages: indices into the palette
   * @param palette words of RGBA
   */
  draw(ctx: CanvasRenderingContext2D, view: MapView, values: readonly Uint8Array[], palette: Uint32Array): void {
    const painted = palette === this.#palette ? this.#painted : [];
    ctx.imageSmoothingEnabled = false;
    for (const [i, { part, cells, canvas, image, words }] of this.#pictures.entries()) {
      if (values[i] !== painted[i]) {
        const [first, last] = paintPart(values[i]!, cells, palette, words, painted[i]);
        const [top, bottom] = [Math.floor(first / part.width), Math.floor(last / part.width)];
        if (first >= 0) canvas.getContext('2d')!.putImageData(image, 0, 0, 0, top, part.width, bottom - top + 1);
        this.#painted[i] = values[i]!;
      }
      const [x, y] = [(part.x - view.x) * view.scale, (part.y - view.y) * view.scale];
      ctx.drawImage(canvas, x, y, part.width * view.scale, part.height * view.scale);
    }
    this.#palette = palette;
  }
}

/**
 * A part's pages as pixels, those that differ from what was painted before. @param cells of `cellsOf`
 * @returns the first and the last pixel that changed; -1 where none did
 */
export function paintPart(
  values: Uint8Array,
  cells: Uint32Array,
  palette: Uint32Array,
  into: Uint32Array,
  painted?: Uint8Array
): readonly [first: number, last: number] {
  let [first, last] = [-1, -1];
  // Most pages rest: four of them are compared at once.
  const [words, paintedWords] = [wordsOf(values), painted && wordsOf(painted)];
  for (let n = 0; n < values.length; n++) {
    if (painted?.[n] === values[n]) {
      const word = (n & 3) === 0 ? words?.[n >>> 2] : undefined;
      if (word !== undefined && word === paintedWords?.[n >>> 2]) n += 3;
      continue;
    }
    const cell = cells[n]!;
    into[cell] = palette[values[n]!]!;
    if (first < 0 || cell < first) first = cell;
    if (cell > last) last = cell;
  }
  return [first, last];
}
/** Undefined where they do not begin at a word: the pages of some parts do not. */
const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array | undefined =>
  byteOffset % 4 === 0 ? new Uint32Array(buffer, byteOffset, length >>> 2) : undefined;

/** Where each page of a part lies among its pixels. */
export function cellsOf({ order, cells, width }: PlacedPart): Uint32Array {
  const side = 2 ** order;
  const square = side * side;
  return Uint32Array.from({ length: cells }, (_, n) => {
    const cell = hilbertCell(order, n % square);
    const [x, y] = [(cell % side) + Math.floor(n / square) * side, Math.floor(cell / side)];
    return y * width + x;
  });
}
