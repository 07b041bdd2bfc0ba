import { expect, test } from 'vitest';
import { drawLegend, legendHeight } from '../../../../src/lib/viz/ram/draw-legend.ts';
import type { Palette } from '../../../../src/lib/viz/ram/page-colors.ts';
import { CanvasLog } from '../../../support/canvas-log.ts';

const colours = {
  ...{ background: 'bg', border: '', text: 'ink', accent: '', inkDark: '', inkLight: '' },
  font: ''
};
const base = { words: new Uint32Array(0), colours: [] };
const kinds: Palette = {
  ...base,
  legend: [
    { value: 0, name: 'never sent', colour: 'c0' },
    { value: 1, name: 'zero', colour: 'c1' },
    { value: 2, name: 'normal', colour: 'c2' }
  ]
};

test('the legend of a picture has what there is, with its number of pages', () => {
  const log = new CanvasLog();
  drawLegend(log.context, kinds, Uint32Array.of(0, 1200, 3), 400, colours);
  expect(log.texts).toEqual(['zero 1,200', 'normal 3']);
  expect(log.of('fillRect').map((r) => r.style)).toEqual(['bg', 'c1', 'c2']);
});

test('a narrow one has more rows', () => {
  const counts = Uint32Array.of(1, 1, 1);
  expect(legendHeight(kinds, counts, 400)).toBeLessThan(legendHeight(kinds, counts, 100));
});

test('a scale shows its colours and its ends', () => {
  const log = new CanvasLog();
  const scale: Palette = { ...base, legend: { low: 'once', high: '12 times', colours: ['a', 'b'] } };
  drawLegend(log.context, scale, new Uint32Array(0), 400, colours);
  expect(log.of('fillRect').map((r) => r.style)).toEqual(['bg', 'a', 'b']);
  expect(log.texts).toEqual(['once … 12 times']);
});
