import { expect, test } from 'vitest';
import { chartTracks } from '../../../../src/lib/viz/migration/chart-tracks.ts';
import { linkOf, presets } from '../../../../src/lib/viz/migration/presets.ts';
import { verdictOf } from '../../../../src/lib/viz/migration/story.ts';
import { readHash } from '../../../../src/lib/viz/url-state.ts';

test('each preset has a link of its own that is read back', () => {
  const hashes = presets.map(({ id }) => linkOf('workload-idle', id));
  expect(hashes[0]).toBe('#sample=workload-idle&preset=converges');
  expect(hashes.map((hash) => readHash(hash)?.preset)).toEqual(presets.map(({ id }) => id));
  expect(new Set(hashes).size).toBe(5);
});

test('what is typed before a preset fits the guest’s buffer of keys', () => {
  for (const { before, dirtyRate, pattern } of presets)
    expect([...before, `dirty ${dirtyRate} ${pattern}`].join('\r').length).toBeLessThan(255);
});

test('the law’s verdict leaves room for how much rates vary', () => {
  expect(verdictOf(0.2)).toContain('it converges');
  expect([0.9, 1, 1.1].map(verdictOf)).toEqual(Array(3).fill('rounds stay about as large as they are'));
  expect(verdictOf(3)).toContain('larger');
});

test('the tracks that a preset is about are tracks of the chart', () => {
  const ids = chartTracks.map(({ id }) => id);
  const shown = presets.flatMap(({ shows = [] }) => shows);
  expect(shown.length).toBeGreaterThan(0);
  for (const id of shown) expect(ids).toContain(id);
});
