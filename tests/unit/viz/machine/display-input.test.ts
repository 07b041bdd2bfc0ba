import { expect, test } from 'vitest';
import { HeldKeys, isOurs, scaled, wheelSteps } from '../../../../src/lib/viz/machine/display-input.ts';

test('F6 and Ctrl+Shift+P stay with the page', () => {
  const event = (key: string, ctrlKey = false, shiftKey = false) => ({ key, ctrlKey, shiftKey });
  expect([event('F6'), event('P', true, true), event('p'), event('F5'), event('p', true)].map(isOurs)).toEqual([
    ...[true, true, false, false, false]
  ]);
});

test('Keys that are down when the keyboard goes elsewhere are let go, last first', () => {
  const sent: string[] = [];
  const held = new HeldKeys((code, down) => sent.push(`${down ? '+' : '-'}${code}`));
  held.set('ControlLeft', true);
  held.set('KeyA', true);
  held.set('KeyA', true);
  held.repeat('KeyA');
  held.repeat('KeyB');
  held.set('KeyB', false);
  held.releaseAll();
  held.releaseAll();
  expect(sent).toEqual(['+ControlLeft', '+KeyA', '+KeyA', '-KeyA', '-ControlLeft']);
});

test('A picture that fits grows by whole numbers, and shrinks as it must', () => {
  const picture = { width: 640, height: 480 };
  expect(scaled(picture, { width: 2000, height: 1000 }, 'fit')).toEqual({ width: 1280, height: 960 });
  expect(scaled(picture, { width: 320, height: 1000 }, 'fit')).toEqual({ width: 320, height: 240 });
  expect(scaled(picture, { width: 0, height: 0 }, 'fit')).toEqual(picture);
  expect(scaled(picture, { width: 10, height: 10 }, '2')).toEqual({ width: 1280, height: 960 });
});

test('The wheel turns away from the person where the page would scroll up', () => {
  expect([wheelSteps(-120), wheelSteps(3), wheelSteps(0)]).toEqual([1, -1, 0]);
});
