import { expect, test } from 'vitest';
import { fetchSample, readSamples, sourcePackages } from '../../../src/lib/viz/samples.ts';

const files = [{ name: 'a.state.gz', bytes: 10 }];

test('samples are read from all manifests, with the folder they lie in', () => {
  expect(
    readSamples({
      linux: { samples: [{ id: 'idle', title: 'Idle', description: 'D', files, workload: true }] },
      workload: { samples: [{ id: 'w', title: 'W', files: [{ name: 'b' }] }] }
    })
  ).toEqual([
    { id: 'idle', title: 'Idle', description: 'D', folder: 'linux', files, workload: true, packages: [] },
    {
      ...{ id: 'w', title: 'W', description: '', folder: 'workload', files: [{ name: 'b', bytes: 0 }] },
      ...{ workload: false, packages: [] }
    }
  ]);
});

test('what is no manifest is left out', () => {
  expect(
    readSamples({ a: undefined, b: 7, c: {}, d: { samples: [7, { id: 'x' }, { id: 'x', title: 'X', files: [] }] } })
  ).toEqual([]);
});

test('the source packages of all samples are named once', () => {
  const [linux, qemu] = [
    { source: 'linux', sourceVersion: '6.1-1', name: 'linux-image' },
    { source: 'qemu', sourceVersion: '10-2' }
  ];
  const samples = readSamples({
    a: { samples: [{ id: 'x', title: 'X', files, packages: [qemu, linux, 7] }] },
    b: { samples: [{ id: 'y', title: 'Y', files, packages: [linux] }] }
  });
  expect(sourcePackages(samples)).toEqual([
    { source: 'linux', sourceVersion: '6.1-1' },
    { source: 'qemu', sourceVersion: '10-2' }
  ]);
});

test('a sample is fetched as files with their names, or says which is missing', async () => {
  const sample = { id: 's', title: 'S', description: '', folder: 'f', files, workload: false, packages: [] };
  const asked: string[] = [];
  let come = 0;
  const get = (async (url: string) => {
    asked.push(url);
    return new Response('content');
  }) as typeof fetch;
  const [file] = await fetchSample('/samples/', sample, (bytes) => (come = bytes), get);
  expect(asked).toEqual(['/samples/f/a.state.gz']);
  expect([file!.name, await file!.text(), come]).toEqual(['a.state.gz', 'content', 7]);
  const missing = (async () => new Response('', { status: 404, statusText: 'Not Found' })) as typeof fetch;
  await expect(fetchSample('/samples/', sample, () => undefined, missing)).rejects.toThrow(
    'f/a.state.gz: 404 Not Found'
  );
});
