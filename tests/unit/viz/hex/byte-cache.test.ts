import { describe, expect, test, vi } from 'vitest';
import { ByteCache } from '../../../../src/lib/viz/hex/byte-cache.ts';

const BLOCK = 0x10000;

/** A stream whose byte at n is n modulo 251, with a record of what was fetched. */
function setup(length: number) {
  const fetched: [number, number][] = [];
  const arrived = vi.fn();
  const cache = new ByteCache(async (start, end) => {
    fetched.push([start, end]);
    return Uint8Array.from({ length: Math.min(end, length) - start }, (_, i) => (start + i) % 251);
  }, arrived);
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  return { cache, fetched, arrived, settle };
}

describe('the bytes near where a person looks', () => {
  test('come in blocks, with the neighbours', async () => {
    const { cache, fetched, arrived, settle } = setup(4 * BLOCK);
    expect(cache.at(BLOCK + 5)).toBeUndefined();
    cache.want(BLOCK, BLOCK + 100, 4 * BLOCK);
    await settle();
    expect(fetched).toEqual([
      [BLOCK, 2 * BLOCK],
      [2 * BLOCK, 3 * BLOCK],
      [0, BLOCK]
    ]);
    expect(arrived).toHaveBeenCalledTimes(3);
    expect(cache.at(BLOCK + 5)).toBe((BLOCK + 5) % 251);
    expect([...cache.have(BLOCK - 2, BLOCK + 2)]).toEqual([-2, -1, 0, 1].map((i) => (BLOCK + i) % 251));
  });

  test('are not fetched twice, nor behind the end', async () => {
    const { cache, fetched, settle } = setup(100);
    cache.want(0, 100, 100);
    cache.want(0, 100, 100);
    await settle();
    cache.want(0, 100, 100);
    expect(fetched).toEqual([[0, 100]]);
    expect(cache.at(100)).toBeUndefined();
  });

  test('are fetched again when the stream has grown into the block', async () => {
    const { cache, fetched, settle } = setup(200);
    cache.want(0, 100, 100);
    await settle();
    cache.want(0, 200, 200);
    await settle();
    expect(fetched).toEqual([
      [0, 100],
      [0, 200]
    ]);
    expect(cache.at(150)).toBe(150);
  });

  test('that cannot be read say why, once', async () => {
    let tries = 0;
    const cache = new ByteCache(
      () => {
        tries++;
        return Promise.reject(new Error('gone'));
      },
      () => undefined
    );
    cache.want(0, 10, 10);
    await new Promise((resolve) => setTimeout(resolve));
    cache.want(0, 10, 10);
    expect(cache.failure(3)).toBe('gone');
    expect(tries).toBe(1);
  });

  test('that arrive for a stream closed meanwhile are dropped', async () => {
    const { cache, settle } = setup(100);
    cache.want(0, 100, 100);
    cache.clear();
    await settle();
    expect(cache.at(0)).toBeUndefined();
  });

  test('are forgotten when others were used since', async () => {
    const blocks = 400;
    const { cache, settle } = setup(blocks * BLOCK);
    for (let i = 0; i < blocks; i += 2) {
      cache.want(i * BLOCK, i * BLOCK + 1, blocks * BLOCK);
      await settle();
    }
    expect(cache.at(0)).toBeUndefined();
    expect(cache.at((blocks - 2) * BLOCK)).toBeDefined();
  });
});
