import { expect, test } from 'vitest';
import { AxisPointer } from '../../../../src/lib/viz/timeline/axis-pointer.ts';
import type { StreamView } from '../../../../src/lib/viz/timeline/stream-view.ts';

/** 1000 bytes over 100 pixels behind a gutter of 20. */
function pointerOn(area?: { readonly start: number; readonly end: number }) {
  const seen: { view: StreamView } = { view: { start: 0, span: 1000, width: 100 } };
  const navigation = {
    get now() {
      return seen.view;
    },
    get aim() {
      return seen.view;
    },
    move: (to: StreamView) => void (seen.view = to),
    pan: () => {},
    zoom: () => {}
  };
  const pointer = new AxisPointer({
    ...{ navigation, gutter: 20 },
    ...{ end: () => 1000, edges: () => [0, 500, 1000], area: () => area }
  });
  return { pointer, seen };
}
const x = (offsetX: number, altKey = false) => ({ offsetX, altKey });

test('a press without a way is a click', () => {
  const { pointer, seen } = pointerOn();
  pointer.down(x(40), false);
  expect(pointer.held).toBe(true);
  expect(pointer.move(x(43))).toBeUndefined();
  expect(pointer.up()).toBe(true);
  expect([pointer.held, seen.view.start]).toEqual([false, 0]);
  expect(pointer.up()).toBe(false);
});

test('dragging pans', () => {
  const { pointer, seen } = pointerOn();
  pointer.down(x(40), false);
  expect(pointer.move(x(30))).toBeUndefined();
  expect(seen.view.start).toBe(100);
  // Back over where it began is still a drag.
  pointer.move(x(40));
  expect(seen.view.start).toBe(0);
  expect(pointer.up()).toBe(false);
});

test('a stretch is picked from edge to edge, and from byte to byte with Alt', () => {
  const { pointer } = pointerOn();
  pointer.down(x(24), true);
  expect(pointer.move(x(71))).toEqual({ start: 0, end: 500 });
  expect(pointer.move(x(71, true))).toEqual({ start: 0, end: 510 });
  expect(pointer.move(x(9))).toBeUndefined();
  expect(pointer.up()).toBe(false);
});

test('an end of the stretch is dragged, the other stays', () => {
  const { pointer } = pointerOn({ start: 200, end: 400 });
  expect([pointer.handleUnder(60), pointer.handleUnder(42), pointer.handleUnder(50)]).toEqual([200, 400, undefined]);
  pointer.down(x(60), false);
  expect(pointer.move(x(100))).toEqual({ start: 200, end: 800 });
});

test('nothing lies beyond the ends', () => {
  const { pointer } = pointerOn();
  expect([pointer.at(0), pointer.at(70), pointer.at(500)]).toEqual([0, 500, 1000]);
});
