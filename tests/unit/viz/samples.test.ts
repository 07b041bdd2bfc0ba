import { expect, test } from 'vitest';
import { fetchSample, readSamples } from '../../../src/lib/viz/samples.ts';

const files = [{ name: 'a.state.gz', bytes: 10 }];

test('samples are read from all manifests, with the folder they lie in', () => {
  expect(
    readSamples({
      linux: { samples: [{ id: 'idle', title: 'Idle', description: 'D', files }] },
      workload: { samples: [{ id: 'w', title: 'W', files: [{ name: 'b' }] }] }
    })
  ).toEqual([
    { id: 'idle', title: 'Idle', description: 'D', folder: 'linux', files },
    { id: 'w', title: 'W', description: '', folder: 'workload', files: [{ name: 'b', bytes: 0 }] }
  ]);
});

test('what is no manifest is left out', () => {
  expect(
    readSamples({ a: undefined, b: 7, c: {}, d: { samples: [7, { id: 'x' }, { id: 'x', title: 'X', files: [] }] } })
  ).toEqual([]);
});

test('a sample is fetched as files with their names, or says which is missing', async () => {
  const sample = { id: 's', title: 'S', description: '', folder: 'f', files };
  const asked: string[] = [];
  const get = (async (url: string) => {
    asked.push(url);
    return new Response('content');
  }) as typeof fetch;
  const [file] = await fetchSample('/samples/', sample, get);
  expect(asked).toEqual(['/samples/f/a.state.gz']);
  expect([file!.name, await file!.text()]).toEqual(['a.state.gz', 'content']);
  const missing = (async () => new Response('', { status: 404, statusText: 'Not Found' })) as typeof fetch;
  await expect(fetchSample('/samples/', sample, missing)).rejects.toThrow('f/a.state.gz: 404 Not Found');
});
