/** Which rows of a scrolled list are on screen; rows are all as high. For lists that fit a browser's scroll height. */
export interface ListWindow {
  readonly first: number;
  /** Behind the last. */
  readonly last: number;
}

const OVERSCAN = 6;

export function listWindow(rows: number, rowHeight: number, scrollTop: number, height: number): ListWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - OVERSCAN);
  return { first: Math.min(first, rows), last: Math.min(rows, Math.ceil((scrollTop + height) / rowHeight) + OVERSCAN) };
}

/** Rows of a window, and one row that stays rendered wherever it is: the one with the focus. */
export function* shownRows(window: ListWindow, kept: number, rows: number): Generator<number> {
  if (kept >= 0 && kept < window.first) yield kept;
  for (let i = window.first; i < window.last; i++) yield i;
  if (kept >= window.last && kept < rows) yield kept;
}

/** The scroll position at which a row is wholly on screen, moved as little as can be. */
export function scrollToShow(row: number, rowHeight: number, scrollTop: number, height: number): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop;
}
