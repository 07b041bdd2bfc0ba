/** A difference as the rows of a list: fields first, then pages; clocks and counters folded away. */
import type { Difference, FieldDifference, PageDifference } from '../../emulator/api.ts';
import { bytesText, count, counted, plainHex } from '../format.ts';

export type DifferenceRow =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'field'; readonly field: FieldDifference }
  | { readonly kind: 'page'; readonly page: PageDifference };

export interface Filter {
  readonly noise: boolean;
  /** In section, path, values or block; empty for all. */
  readonly text: string;
}

export function differenceRows(difference: Difference, { noise, text }: Filter): DifferenceRow[] {
  const wanted = text.trim().toLowerCase();
  const has = (...parts: readonly (string | undefined)[]) =>
    wanted === '' || parts.some((p) => p?.toLowerCase().includes(wanted));
  const real = difference.fields.filter((f) => noise || !f.noise);
  const fields = real.filter((f) => has(f.section, f.path, f.left, f.right));
  const pages = difference.pages.filter((p) => has(p.block, plainHex(p.offset)));
  const folded = difference.fields.length - real.length;
  const rows: DifferenceRow[] = [
    {
      kind: 'heading',
      text:
        shownOf(fields.length, difference.fields.length, difference.fieldCount, 'field') +
        (folded > 0 ? `, ${counted(folded, 'clock or counter', 'clocks and counters')} folded` : '')
    },
    ...fields.map((field) => ({ kind: 'field', field }) as const),
    { kind: 'heading', text: shownOf(pages.length, difference.pages.length, difference.pageCount, 'page') }
  ];
  rows.push(...pages.map((page) => ({ kind: 'page', page }) as const));
  return rows;
}

/** `3 fields`; `3 of 5,000 fields` when the worker sent only some of them. */
const shownOf = (shown: number, sent: number, all: number, one: string): string =>
  all > sent ? `${count(shown)} of ${counted(all, one)}` : counted(shown, one);

/** The row of the next difference in either direction, wrapping; -1 when there is none. */
export function nextDifference(rows: readonly DifferenceRow[], from: number, by: 1 | -1): number {
  for (let i = 1; i <= rows.length; i++) {
    const at = (((from + by * i) % rows.length) + rows.length) % rows.length;
    if (rows[at]!.kind !== 'heading') return at;
  }
  return -1;
}

/** A difference in one line, for a screen reader and the clipboard. */
export function differenceText(row: DifferenceRow): string {
  switch (row.kind) {
    case 'heading':
      return row.text;
    case 'field': {
      const { section, path, left, right } = row.field;
      return `${section} ${path}: ${left ?? 'absent'} to ${right ?? 'absent'}`;
    }
    case 'page':
      return `${row.page.block} + ${plainHex(row.page.offset)}: ${bytesText(row.page.bytes)} differ`;
  }
}
