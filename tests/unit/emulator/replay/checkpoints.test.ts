import { expect, test } from 'vitest';
import { Checkpoints, type WatchedRam } from '../../../../src/lib/emulator/replay/checkpoints.ts';

const PAGE = 4096;
const MIB = 1 << 20;

/** RAM that tells of first writes, as the machine's does. */
function watched(pages: number, { interval = 100, limit = MIB } = {}) {
  const bytes = new Uint8Array(pages * PAGE);
  const told = new Uint8Array(pages).fill(1);
  const ram: WatchedRam = {
    page: (number) => bytes.subarray(number * PAGE, (number + 1) * PAGE),
    restore(number, read) {
      write(number, () => read(ram.page(number)));
    },
    protect(some) {
      if (some) for (const page of some) told[page] = 0;
      else told.fill(0);
    }
  };
  const checkpoints = new Checkpoints<string>(ram, interval, limit);
  function write(page: number, change: () => void): void {
    if (!told[page]) checkpoints.written(page);
    told[page] = 1;
    change();
  }
  return {
    checkpoints,
    set: (page: number, value: number) => write(page, () => ram.page(page).fill(value)),
    get: (page: number) => ram.page(page)[PAGE - 1]!,
    contents: () => Array.from({ length: pages }, (_, page) => ram.page(page)[0]!)
  };
}

test('pages are as they were at each checkpoint', () => {
  const { checkpoints, set, contents } = watched(4);
  set(0, 1);
  checkpoints.add(0, 'a', 0);
  set(0, 2);
  set(1, 1);
  checkpoints.add(1000, 'b', 0);
  set(1, 2);
  set(1, 3);
  checkpoints.add(2000, 'c', 0);
  set(2, 9);
  const [a, b] = checkpoints.list;
  expect(checkpoints.restore(b!)).toBe('b');
  expect(contents()).toEqual([2, 1, 0, 0]);
  expect(checkpoints.list.map((c) => c.state)).toEqual(['a', 'b']);
  set(3, 7);
  expect(checkpoints.restore(a!)).toBe('a');
  expect(contents()).toEqual([1, 0, 0, 0]);
  expect(checkpoints.bytes).toBe(0);
});

test('the one before a count is found, and whether a page was written since', () => {
  const { checkpoints, set } = watched(4);
  checkpoints.add(0, 'a', 0);
  set(3, 1);
  checkpoints.add(1000, 'b', 0);
  expect(checkpoints.before(0)).toBeUndefined();
  expect(checkpoints.before(1000)?.state).toBe('a');
  expect(checkpoints.before(1001)?.state).toBe('b');
  const [a, b] = checkpoints.list;
  expect(checkpoints.touchedSince(a!, [2, 3])).toBe(true);
  expect(checkpoints.touchedSince(b!, [2, 3])).toBe(false);
});

test('old ones become rare, and those that stay are right', () => {
  const pages = 8;
  const { checkpoints, set, contents } = watched(pages, { limit: 64 * MIB });
  const was = new Map<number, number[]>();
  for (let n = 0; n < 3000; n++) {
    set(n % pages, 1 + (n % 251));
    checkpoints.add(n * 100, `at ${n * 100}`, 10);
    was.set(n * 100, contents());
  }
  const { list } = checkpoints;
  expect(list.length).toBeLessThan(120);
  expect(list[0]!.icount).toBe(0);
  // The gap to the next is at most a share of the age, and the young are all there.
  expect(list.at(-5)!.icount).toBe(2995 * 100);
  for (const [i, { icount }] of list.slice(1).entries())
    expect(icount - list[i]!.icount).toBeLessThanOrEqual(Math.max(200, (300_000 - icount) / 4 + 200));
  for (const checkpoint of list.toReversed()) {
    checkpoints.restore(checkpoint);
    expect(contents()).toEqual(was.get(checkpoint.icount));
  }
});

test('memory is bounded: the oldest go', () => {
  const limit = 64 * PAGE;
  const { checkpoints, set, get } = watched(256, { limit });
  let forgotten = 0;
  checkpoints.onForget = () => forgotten++;
  for (let n = 0; n < 40; n++) {
    checkpoints.add(n * 1000, `${n}`, 0);
    // A page of zeros takes nothing: pages are written twice.
    for (let i = 0; i < 16; i++) set((n * 16 + i) % 256, n + 1);
    expect(checkpoints.bytes).toBeLessThanOrEqual(limit);
  }
  expect(forgotten).toBeGreaterThan(10);
  const [first] = checkpoints.list;
  const n = Number(first!.state);
  checkpoints.restore(first!);
  expect(get((n * 16 - 16) % 256)).toBe(n);
});

test('what does not fit at all leaves no past, and the next checkpoint begins one', () => {
  const { checkpoints, set, get } = watched(256, { limit: 16 * PAGE });
  for (let page = 0; page < 256; page++) set(page, 1);
  checkpoints.add(0, 'a', 0);
  for (let page = 0; page < 256; page++) set(page, 2);
  expect(checkpoints.list).toEqual([]);
  expect(checkpoints.bytes).toBe(0);
  checkpoints.add(10, 'b', 0);
  set(9, 3);
  checkpoints.restore(checkpoints.list[0]!);
  expect(get(9)).toBe(2);
});

test('states count too', () => {
  const { checkpoints } = watched(1, { limit: 1000 * PAGE, interval: 1 });
  for (let n = 0; n < 100; n++) checkpoints.add(n * 1e6, `${n}`, 100 * PAGE);
  expect(checkpoints.bytes).toBeLessThanOrEqual(1000 * PAGE);
  expect(checkpoints.list.at(-1)?.state).toBe('99');
});
