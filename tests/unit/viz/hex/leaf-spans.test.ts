import { describe, expect, test } from 'vitest';
import type { Placed } from '../../../../src/lib/vmstate/vmstate.ts';
import { leafAt, leafSpans, Paint, paint } from '../../../../src/lib/viz/hex/leaf-spans.ts';

const leaf = (name: string, start: number, end: number): Placed => ({ name, type: 'uint8', start, end, value: 0 });
const fields: readonly Placed[] = [
  leaf('a', 12, 14),
  { name: 'b', type: 'struct', start: 14, end: 18, children: [leaf('c', 14, 15), leaf('d', 16, 18)] },
  leaf('nothing', 18, 18)
];

describe('the leaves of a section', () => {
  test('are found by any of their bytes', () => {
    const spans = leafSpans(fields);
    expect(spans.paths).toEqual(['a', 'b.c', 'b.d']);
    expect([11, 12, 13, 14, 15, 16, 17, 18].map((at) => leafAt(spans, at))).toEqual([-1, 0, 0, 1, -1, 2, 2, -1]);
  });

  test('are worked out once for a list', () => {
    expect(leafSpans(fields)).toBe(leafSpans(fields));
  });
});

describe('the colours of the bytes', () => {
  const section = { index: 3, start: 10, end: 20, bodyStart: 12, bodyEnd: 18 };
  const at = (offset: number) => (offset >= 10 && offset < 20 ? section : undefined);
  const { none, framing } = Paint;

  test('tell fields, frame and what nothing names', () => {
    const colours = paint(8, 22, at, () => fields);
    expect([...colours]).toEqual([none, none, framing, framing, 0, 0, 1, none, 2, 2, framing, framing, none, none]);
  });

  test('are those of the part that is looked at', () => {
    expect([...paint(13, 15, at, () => fields)]).toEqual([0, 1]);
    expect([...paint(13, 13, at, () => fields)]).toEqual([]);
  });

  test('wait for the fields', () => {
    expect([...paint(11, 14, at, () => undefined)]).toEqual([framing, none, none]);
  });

  test('inside a PACKAGED command are those of the section that it holds', () => {
    const outer = { index: 1, start: 0, end: 30, bodyStart: 10, bodyEnd: 30 };
    const both = (offset: number) => at(offset) ?? (offset < 30 ? outer : undefined);
    const colours = paint(0, 30, both, (index) => (index === 3 ? fields : []));
    expect([...colours.subarray(0, 10)]).toEqual(Array(10).fill(framing));
    expect(colours[12]).toBe(0);
    expect([...colours.subarray(20)]).toEqual(Array(10).fill(none));
  });
});
