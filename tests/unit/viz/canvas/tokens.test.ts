import { expect, test } from 'vitest';
import { cut, fits, isDark, mix, pixel, ramp } from '../../../../src/lib/viz/canvas/tokens.ts';

test('a colour becomes the bytes of an ImageData', () => {
  const bytes = new Uint8Array(Uint32Array.of(pixel('#102030'), pixel('rgb(255, 0, 1)', 0.5)).buffer);
  expect([...bytes]).toEqual([0x10, 0x20, 0x30, 255, 255, 0, 1, 128]);
});

test('colours are mixed, and a scale begins and ends with its own', () => {
  expect(mix('#000000', '#ffffff', 0.5)).toBe('rgb(128, 128, 128)');
  const scale = ramp(['#000000', '#808080', '#ffffff']);
  expect([scale(0), scale(1)]).toEqual(['rgb(0, 0, 0)', 'rgb(255, 255, 255)']);
});

test('text is pale on dark colours', () => {
  expect([isDark('#2f74d0'), isDark('#b9c2ce'), isDark('rgb(0, 0, 0)')]).toEqual([true, false, true]);
});

test('text is cut to the room there is', () => {
  expect(cut('switchover', 100)).toBe('switchover');
  expect([fits('2.4 s', 34), fits('2.4 s', 33)]).toEqual([true, false]);
  expect(cut('switchover', 40)).toBe('switc'.slice(0, 4) + '…');
  expect(cut('switchover', 10)).toBe('');
});
