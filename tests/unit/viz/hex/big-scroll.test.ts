import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clampTop,
  lastTop,
  scrollBy,
  thumbOf,
  topAtThumb,
  topToShow,
  visibleRows
} from '../../../../src/lib/viz/hex/big-scroll.ts';

const small = { rows: 10, rowHeight: 20, height: 100 };
const huge = { rows: 2 ** 44, rowHeight: 18, height: 450 };

describe('a scrollbar for any height', () => {
  test('has no thumb when all rows fit', () => {
    expect(thumbOf({ rows: 5, rowHeight: 20, height: 100 }, 0)).toBeUndefined();
    expect(lastTop({ rows: 3, rowHeight: 20, height: 100 })).toBe(0);
  });

  test('ends with the last row at the lower edge', () => {
    expect(lastTop(small)).toBe(5);
    expect(clampTop(small, 99)).toBe(5);
    expect(clampTop(small, -1)).toBe(0);
    expect(clampTop(small, Number.NaN)).toBe(0);
  });

  test('moves by pixels, whatever the size', () => {
    expect(scrollBy(small, 0, 30)).toBe(1.5);
    expect(scrollBy(small, 1.5, -10)).toBe(1);
    expect(scrollBy(huge, 2 ** 43, 18)).toBe(2 ** 43 + 1);
    expect(scrollBy(huge, 2 ** 43 + 1, -36)).toBe(2 ** 43 - 1);
    // Half a row is still there at 2^40 rows and beyond.
    expect(scrollBy(huge, 2 ** 40, 9)).toBe(2 ** 40 + 0.5);
  });

  test('does not creep: as far back as forth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 2 ** 42 }), fc.integer({ min: -1000, max: 1000 }), (top, pixels) => {
        expect(scrollBy(huge, scrollBy(huge, top, pixels), -pixels)).toBe(top);
      })
    );
  });

  test('shows a row by moving as little as can be', () => {
    expect(topToShow(small, 2, 4)).toBe(2);
    expect(topToShow(small, 2, 1)).toBe(1);
    expect(topToShow(small, 2, 8)).toBe(4);
    expect(topToShow(small, 0, 7, true)).toBe(5);
    expect(topToShow(huge, 0, 1000, true)).toBe(1000 - 12);
  });

  test('has a thumb that can be grasped and reaches both ends', () => {
    expect(thumbOf(small, 0)).toEqual({ offset: 0, size: 50 });
    expect(thumbOf(small, 5)).toEqual({ offset: 50, size: 50 });
    const thumb = thumbOf(huge, lastTop(huge))!;
    expect(thumb.size).toBe(24);
    expect(thumb.offset + thumb.size).toBe(450);
    expect(topAtThumb(huge, 450 - 24)).toBe(lastTop(huge));
    expect(topAtThumb(huge, 0)).toBe(0);
    expect(topAtThumb(huge, 1e9)).toBe(lastTop(huge));
  });

  test('draws the rows that are at least in part on screen', () => {
    expect(visibleRows(small, 1.5)).toEqual({ first: 1, last: 7 });
    expect(visibleRows(small, 5)).toEqual({ first: 5, last: 10 });
    expect(visibleRows({ ...small, rows: 0 }, 0)).toEqual({ first: 0, last: 0 });
  });
});
