import { expect, test } from 'vitest';
import type { Inspector, SearchHit } from '../../../../src/lib/emulator/api.ts';
import { hitSelection } from '../../../../src/lib/viz/search/hit-selection.ts';
import { Search } from '../../../../src/lib/viz/search/search.svelte.ts';

const hit = (n: number): SearchHit => ({ kind: 'bytes', title: `${n}`, detail: '', start: n, end: n + 1 });
const hits = (n: number) => Array.from({ length: n }, (_, i) => hit(i));

/** An inspector whose searches are answered by hand. */
function setup() {
  const asked: {
    query: string;
    limit: number;
    hit: (h: readonly SearchHit[], p: number) => void;
    finish: (n: number) => void;
    fail: (e: Error) => void;
  }[] = [];
  let cancelled = 0;
  const inspector = {
    search: (_: number, query: string, hit: (h: readonly SearchHit[], p: number) => void, limit: number) =>
      new Promise<number>((finish, fail) => asked.push({ query, hit, limit, finish, fail })),
    cancelSearch: () => void cancelled++
  } as unknown as Inspector;
  return { search: new Search(inspector), asked, cancelled: () => cancelled };
}

test('hits are there as they come', async () => {
  const { search, asked } = setup();
  const started = search.start(1, 'hex:00', 20);
  asked[0]!.hit(hits(3), 0.2);
  expect([search.hits.length, search.progress]).toEqual([3, 0.2]);
  asked[0]!.hit(hits(9), 0.9);
  expect([search.hits.length, asked[0]!.limit]).toEqual([12, 20]);
  asked[0]!.finish(12);
  await started;
  expect([search.progress, search.hits.length, search.query]).toEqual([undefined, 12, 'hex:00']);
});

test('hits that come behind the answer are kept, and do not start it anew', async () => {
  const { search, asked } = setup();
  const started = search.start(1, 'q');
  asked[0]!.finish(2);
  await started;
  asked[0]!.hit(hits(2), 1);
  expect([search.hits.length, search.progress]).toEqual([2, undefined]);
});

test('a new search silences the one before; its old hits stay until there are new ones, or none', async () => {
  const { search, asked } = setup();
  const first = search.start(1, 'a');
  asked[0]!.hit(hits(2), 0.5);
  const second = search.start(1, 'b');
  asked[0]!.hit(hits(7), 0.6);
  asked[0]!.finish(9);
  await first;
  expect([search.hits.length, search.query, search.progress]).toEqual([2, 'b', 0]);
  asked[1]!.finish(0);
  await second;
  expect([search.hits.length, search.progress]).toEqual([0, undefined]);
});

test('stopping keeps what was found; failing says why', async () => {
  const { search, asked, cancelled } = setup();
  void search.start(1, 'a');
  asked[0]!.hit(hits(2), 0.5);
  search.cancel();
  expect([search.hits.length, search.progress, cancelled()]).toEqual([2, undefined, 1]);
  const failing = search.start(1, 'hex:zz');
  asked[1]!.fail(new Error("'zz' is no byte"));
  await failing;
  expect([search.error, search.progress]).toEqual(["'zz' is no byte", undefined]);
});

test('a hit selects what it means: its field, its page, its section, its bytes', () => {
  const base = { title: '', detail: '' };
  expect(hitSelection({ ...base, kind: 'field', section: 3, path: 'a.b', start: 5 })).toEqual({
    kind: 'field',
    section: 3,
    path: 'a.b'
  });
  expect(hitSelection({ ...base, kind: 'memory', page: 7, gpa: 0x7c05, start: 9 })).toEqual({
    kind: 'page',
    page: 7,
    offset: 0xc05
  });
  expect(hitSelection({ ...base, kind: 'section', section: 4, start: 1 })).toEqual({ kind: 'section', section: 4 });
  expect(hitSelection({ ...base, kind: 'bytes', start: 5 })).toEqual({ kind: 'bytes', start: 5, end: 6 });
  expect(hitSelection({ ...base, kind: 'memory' })).toEqual({ kind: 'none' });
});
