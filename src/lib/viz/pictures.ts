/** Views that can be drawn onto any context, so that the same drawing becomes a PNG or an SVG. */

/** What of a 2D context a drawing may use: `SvgContext` has it too. */
export type DrawingContext = Pick<
  CanvasRenderingContext2D,
  | 'fillStyle'
  | 'strokeStyle'
  | 'lineWidth'
  | 'globalAlpha'
  | 'font'
  | 'textAlign'
  | 'textBaseline'
  | 'fillRect'
  | 'strokeRect'
  | 'beginPath'
  | 'closePath'
  | 'moveTo'
  | 'lineTo'
  | 'setLineDash'
  | 'rect'
  | 'fill'
  | 'stroke'
  | 'clip'
  | 'fillText'
  | 'save'
  | 'restore'
  | 'translate'
> & {
  /** Only whole canvases: they can be put into an SVG. */
  drawImage(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void;
};

export interface Picture {
  readonly id: string;
  readonly title: string;
  /** CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** Draws the view as it is now, with its background, from (0, 0). */
  draw(ctx: DrawingContext): void;
}

export class Pictures {
  readonly #all = new Map<string, Picture>();

  get list(): readonly Picture[] {
    return [...this.#all.values()];
  }

  /** Offers a view while it is on the page. Returns what takes it back, for `$effect`. */
  add(picture: Picture): () => void {
    this.#all.set(picture.id, picture);
    return () => {
      if (this.#all.get(picture.id) === picture) this.#all.delete(picture.id);
    };
  }
}
