import { expect, test } from 'vitest';
import { readSettings, Settings } from '../../../src/lib/viz/settings.svelte.ts';

test('settings that nobody wrote, or somebody else, are the defaults', () => {
  const defaults = { theme: 'system', bytesPerRow: 16 };
  for (const text of [null, '', '{', '7', 'null', '{"theme":"pink","bytesPerRow":17}']) {
    expect(readSettings(text)).toEqual(defaults);
  }
});

test('settings are kept, and follow the system until told otherwise', () => {
  const kept = new Map<string, string>();
  const store = { getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v) };
  const settings = new Settings(store);
  settings.systemDark = true;
  expect(settings.dark).toBe(true);
  settings.theme = 'light';
  settings.bytesPerRow = 32;
  expect(settings.dark).toBe(false);
  expect(new Settings(store)).toMatchObject({ theme: 'light', bytesPerRow: 32 });
});

test('settings hold without a store, or with one that refuses', () => {
  const refusing = new Settings({
    getItem: () => null,
    setItem: () => {
      throw new Error('full');
    }
  });
  refusing.theme = 'dark';
  expect(refusing.theme).toBe('dark');
  expect(new Settings(undefined).theme).toBe('system');
});
