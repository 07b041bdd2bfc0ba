import { describe, expect, test } from 'vitest';
import { commandTable } from '../../../src/lib/viz/commands.ts';
import { ariaHotkey, collisions, hotkeyLabel, matches, type KeyPress } from '../../../src/lib/viz/keymap.ts';

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  code: '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more
});

describe('a hotkey', () => {
  test('goes by the letter, whatever Shift makes of it', () => {
    expect(matches(press('P', { ctrlKey: true, shiftKey: true }), 'Ctrl+Shift+P')).toBe(true);
    expect(matches(press('p', { ctrlKey: true }), 'Ctrl+Shift+P')).toBe(false);
    expect(matches(press('k', { ctrlKey: true }), 'Ctrl+K')).toBe(true);
    expect(matches(press('k'), 'Ctrl+K')).toBe(false);
  });

  test('of a sign does not mind that some layouts need Shift for it', () => {
    expect(matches(press('?', { shiftKey: true }), '?')).toBe(true);
    expect(matches(press('?'), '?')).toBe(true);
  });

  test('of a position goes by the key, not by what is printed on it', () => {
    expect(matches(press('z', { code: 'KeyW' }), '@KeyW')).toBe(true);
    expect(matches(press('w', { code: 'KeyZ' }), '@KeyW')).toBe(false);
  });

  test('takes the command key on a Mac', () => {
    expect(matches(press('k', { metaKey: true }), 'Ctrl+K', true)).toBe(true);
    expect(matches(press('k', { ctrlKey: true }), 'Ctrl+K', true)).toBe(false);
    expect(matches(press('k', { metaKey: true }), 'Ctrl+K', false)).toBe(false);
  });

  test('is written as people know it', () => {
    expect(hotkeyLabel('Ctrl+Shift+P')).toBe('Ctrl+Shift+P');
    expect(hotkeyLabel('Ctrl+Shift+P', true)).toBe('⌘⇧P');
    expect(hotkeyLabel('@KeyW')).toBe('W');
    expect(hotkeyLabel('Alt+ArrowLeft')).toBe('Alt+←');
    expect(hotkeyLabel('Ctrl++')).toBe('Ctrl++');
    expect(ariaHotkey('Ctrl+Shift+P')).toBe('Control+Shift+P');
  });
});

describe('the commands', () => {
  test('have one name each', () => {
    const ids = commandTable.map((c) => c.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('do not share a key, on any layout', () => {
    expect(collisions(commandTable)).toEqual([]);
  });

  test('would be caught sharing one', () => {
    expect(
      collisions([
        { id: 'pan left', keys: ['@KeyA'], scope: 'timeline' },
        { id: 'quit', keys: ['q'] }
      ])
    ).toEqual(['quit and pan left: @KeyA on AZERTY']);
    expect(
      collisions([
        { id: 'a', keys: ['f'], scope: 'timeline' },
        { id: 'b', keys: ['f'], scope: 'ram' }
      ])
    ).toEqual([]);
  });
});
