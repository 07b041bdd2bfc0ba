/** What the worker bench runs in a worker of Chromium: reads a File as the app's worker does, and shows nothing. */
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { blobSource } from '../../src/lib/emulator/host/blob-source.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';

addEventListener('message', async ({ data: file }: MessageEvent<File>) => {
  const start = performance.now();
  const { ram, problems } = await readSnapshot(blobSource(file), { descriptions });
  postMessage({ ms: performance.now() - start, records: ram.count, problems: problems.length });
});
