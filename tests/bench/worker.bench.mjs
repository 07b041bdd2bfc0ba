// Indexing alone in a worker of Debian's Chromium, against a bare File.stream() loop over the same file: what the app
// adds to it, the browser bench shows.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'vite';
import { root } from '../../scripts/stages.mjs';
import { addBare, bareLoop, benchStreams, withApp } from './chromium.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 7;

export const run = () =>
  withApp('worker', async (browser) => {
    const script = await workerScript();
    const server = createServer(({ url }, answer) => {
      answer.setHeader('Content-Type', url === '/worker.mjs' ? 'text/javascript' : 'text/html');
      answer.end(url === '/worker.mjs' ? script : '<!doctype html><title>bench</title><body>');
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const rows = [];
    try {
      for (const [name, state] of benchStreams()) {
        const page = await browser.newPage();
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        await addBare(page);
        await page.locator('#bare').setInputFiles(state);
        rows.push(await indexing(page, name));
        await page.close();
      }
    } finally {
      server.close();
    }
    return rows;
  });

/** The worker as one script, as the app has it: for browsers, made small. */
async function workerScript() {
  const built = await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    build: {
      write: false,
      lib: { entry: join(root, 'tests/bench/index-worker.ts'), formats: ['es'], fileName: 'worker' },
      rollupOptions: { output: { codeSplitting: false } }
    }
  });
  return [built].flat()[0].output[0].code;
}

async function indexing(page, name) {
  const times = { ours: [], bare: [], ratio: [] };
  let before = await bareLoop(page);
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await page.evaluate(index);
    const after = await bareLoop(page);
    times.ours.push(ours);
    times.bare.push((before + after) / 2);
    times.ratio.push((before + after) / 2 / ours);
    before = after;
  }
  return {
    what: `${name}: indexing in a worker, nothing shown`,
    ours: inMs(median(times.ours)),
    peer: `bare File.stream() loop ${inMs(median(times.bare))}`,
    ratio: median(times.ratio)
  };
}

/** Runs in the page: a new worker each time, as for a first file; its start is not part of the time. */
async function index() {
  const [file] = document.querySelector('#bare').files;
  const worker = new Worker('/worker.mjs', { type: 'module' });
  const { ms, records, problems } = await new Promise((done, fail) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = ({ message }) => fail(new Error(message));
    worker.postMessage(file);
  });
  worker.terminate();
  if (records === 0 || problems > 0) throw new Error(`${records} records, ${problems} problems`);
  return ms;
}
