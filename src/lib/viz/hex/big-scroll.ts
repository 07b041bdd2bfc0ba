/**
 * A scrollbar for any height. Browsers cap the height of an element near 17 to 33 million pixels; a stream of 1 GiB at
 * 16 bytes a row is 1.3 billion. Position is the top row, with a fraction; nothing is ever as high as the content.
 */
export interface BigScroll {
  readonly rows: number;
  /** CSS pixels. */
  readonly rowHeight: number;
  readonly height: number;
}

/** A thumb that can be grasped. */
const MIN_THUMB = 24;

/** The largest top row: the last row ends at the lower edge. */
export const lastTop = ({ rows, rowHeight, height }: BigScroll): number => Math.max(0, rows - height / rowHeight);

export const clampTop = (scroll: BigScroll, top: number): number =>
  Number.isFinite(top) ? Math.min(lastTop(scroll), Math.max(0, top)) : 0;

/** Where the top is after a wheel or a swipe. Whole pixels, so that text stays sharp. */
export function scrollBy(scroll: BigScroll, top: number, pixels: number): number {
  const whole = Math.floor(top);
  // Added to the fraction only: at 2^40 rows a pixel is less than what a double resolves.
  const fraction = Math.round((top - whole) * scroll.rowHeight + pixels);
  const rows = Math.floor(fraction / scroll.rowHeight);
  return clampTop(scroll, whole + rows + (fraction - rows * scroll.rowHeight) / scroll.rowHeight);
}

/** The top that brings a row wholly on screen: moved as little as can be, or with the row in the middle. */
export function topToShow(scroll: BigScroll, top: number, row: number, middle = false): number {
  const visible = Math.max(1, Math.floor(scroll.height / scroll.rowHeight));
  if (row >= top && row + 1 <= top + scroll.height / scroll.rowHeight) return top;
  if (middle) return clampTop(scroll, row - Math.floor(visible / 2));
  return clampTop(scroll, row < top ? row : row + 1 - visible);
}

export interface Thumb {
  /** CSS pixels from the track's start. */
  readonly offset: number;
  readonly size: number;
}

/** Undefined when all rows fit. */
export function thumbOf(scroll: BigScroll, top: number): Thumb | undefined {
  const last = lastTop(scroll);
  if (last === 0 || scroll.height <= 0) return undefined;
  const share = scroll.height / (scroll.rows * scroll.rowHeight);
  const size = Math.min(scroll.height, Math.max(MIN_THUMB, share * scroll.height));
  return { offset: (top / last) * (scroll.height - size), size };
}

/** The top when the thumb is dragged to `offset` pixels from the track's start. */
export function topAtThumb(scroll: BigScroll, offset: number): number {
  const thumb = thumbOf(scroll, 0);
  if (!thumb) return 0;
  const room = scroll.height - thumb.size;
  return clampTop(scroll, room <= 0 ? 0 : (offset / room) * lastTop(scroll));
}

/** Rows that are at least in part on screen. */
export function visibleRows(scroll: BigScroll, top: number): { readonly first: number; readonly last: number } {
  const first = Math.floor(top);
  return { first, last: Math.min(scroll.rows, Math.ceil(top + scroll.height / scroll.rowHeight)) };
}
