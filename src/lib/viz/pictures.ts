/** Views that can be drawn onto any 2D context, so that the same drawing becomes a PNG or an SVG. */
export interface Picture {
  readonly id: string;
  readonly title: string;
  /** CSS pixels. */
  size(): { readonly width: number; readonly height: number };
  /** Draws the view as it is now, with its background, from (0, 0). */
  draw(ctx: CanvasRenderingContext2D): void;
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
