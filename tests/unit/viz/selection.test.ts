import { describe, expect, test } from 'vitest';
import { SelectionState } from '../../../src/lib/viz/selection.svelte.ts';

const section = (n: number) => ({ kind: 'section', section: n }) as const;

describe('the selection', () => {
  test('remembers where a person was, both ways', () => {
    const selection = new SelectionState();
    selection.select(section(1));
    selection.select(section(2));
    selection.back();
    expect(selection.current).toEqual(section(1));
    expect([selection.canGoBack, selection.canGoForward]).toEqual([true, true]);
    selection.forward();
    expect(selection.current).toEqual(section(2));
    selection.forward();
    expect(selection.current).toEqual(section(2));
    selection.back();
    selection.select(section(3));
    expect(selection.canGoForward).toBe(false);
    selection.back();
    expect(selection.current).toEqual(section(1));
  });

  test('takes no step for the same place, nor for a drag', () => {
    const selection = new SelectionState();
    selection.select({ kind: 'gva', gva: 1n });
    selection.select({ kind: 'gva', gva: 1n }, { cursor: 5 });
    expect(selection.cursor).toBe(5);
    for (let end = 2; end < 50; end++) selection.select({ kind: 'bytes', start: 1, end }, { replace: true });
    expect(selection.current).toEqual({ kind: 'bytes', start: 1, end: 49 });
    selection.back();
    expect(selection.current).toEqual({ kind: 'none' });
  });

  test('does not grow without end', () => {
    const selection = new SelectionState();
    for (let i = 0; i < 1000; i++) selection.select(section(i));
    let steps = 0;
    for (; selection.canGoBack; steps++) selection.back();
    expect(steps).toBe(100);
  });

  test('of another file is forgotten', () => {
    const selection = new SelectionState();
    selection.select(section(1));
    selection.hover = section(2);
    selection.reset();
    expect([selection.current.kind, selection.hover, selection.canGoBack]).toEqual(['none', undefined, false]);
  });
});
