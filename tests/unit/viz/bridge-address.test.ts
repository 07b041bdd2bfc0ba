import { expect, test } from 'vitest';
import { bridgeAddress, takeToken } from '../../../src/lib/viz/bridge-address.ts';

const token = 'abcdefghijklmnop_-012345';
function store(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value)
  } as Storage;
}

test('the token goes from the address into the store, and a view that stands beside it stays', () => {
  const kept = store();
  expect(takeToken(`#bridge=${token}`, kept)).toBe('');
  expect(bridgeAddress(kept, 'http://127.0.0.1:8470/')).toEqual({ url: 'ws://127.0.0.1:8470/bridge', token });
  expect(takeToken(`#v=1&bridge=${token}&sel=section%3A3`, store())).toBe('#v=1&sel=section%3A3');
  expect(takeToken('#v=1&sel=section:3', store())).toBe('#v=1&sel=section:3');
});

test('what is no token is dropped, and without one there is no bridge', () => {
  const kept = store();
  expect(takeToken('#bridge=x%0d%0ay', kept)).toBe('');
  expect(bridgeAddress(kept, 'http://127.0.0.1:8470/')).toBeUndefined();
});
