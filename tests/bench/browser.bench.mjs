// The built site in Debian's Chromium: a drop against a bare File.stream() loop over the same file, first sections,
// search, frames while the RAM map pans, JavaScript before a file is open.
import { chromium } from '@playwright/test';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { golden, qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { inMs, median } from './timing.mjs';

const PORT = 4198;
const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];

export async function run() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath) || !existsSync(join(root, 'build/index.html'))) {
    console.error('SKIPPED browser: needs Chromium and the built site (npm run build)');
    return [];
  }
  const server = spawn(process.execPath, [join(root, 'bin/migrascope'), 'serve', '--port', String(PORT)], {
    stdio: ['ignore', 'pipe', 'inherit']
  });
  await new Promise((resolve) => server.stdout.once('data', resolve));
  const browser = await chromium.launch({ executablePath, args });
  try {
    const rows = [await firstPage(browser)];
    const version = qemus().find((q) => q.suite === 'trixie')?.version ?? qemus()[0]?.version ?? '';
    for (const name of ['linux-seed', 'bench-512m', 'bench-2g']) {
      const state = join(golden, version, name, 'state');
      if (existsSync(state)) rows.push(...(await stream(browser, name, state)));
    }
    return rows;
  } finally {
    await browser.close();
    server.kill();
  }
}

/** JavaScript that arrives before a file is open, gzip as a server would send it. */
async function firstPage(browser) {
  const page = await browser.newPage();
  let bytes = 0;
  let compressed = 0;
  const bodies = [];
  page.on('response', (r) => {
    if (/\.js(\?|$)/.test(r.url()))
      bodies.push(r.body().then((b) => ((bytes += b.length), (compressed += gzipSync(b).length))));
  });
  await page.goto(`http://127.0.0.1:${PORT}/`);
  await page.getByRole('list', { name: 'Samples' }).waitFor();
  await page.waitForLoadState('networkidle');
  await Promise.all(bodies);
  await page.close();
  return {
    what: 'JavaScript before a file is open, compressed',
    ours: `${(compressed / 1000).toFixed(0)} KB`,
    peer: `budget 250 KB; ${(bytes / 1000).toFixed(0)} KB as it is`,
    ratio: 250_000 / compressed
  };
}

async function stream(browser, name, state) {
  const times = { sections: [], opened: [], bare: [], search: [], frames: [], dropped: [] };
  for (let round = 0; round < 3; round++) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await page.goto(`http://127.0.0.1:${PORT}/`);
    await page.getByRole('list', { name: 'Samples' }).waitFor();
    await page.evaluate(watch);
    await page.locator('#bare').setInputFiles(state);
    await page.locator('input[type=file]').first().setInputFiles(state);
    await page.waitForFunction(() => globalThis.bench.opened !== undefined, undefined, { timeout: 120_000 });
    const drop = await page.evaluate(() => globalThis.bench);
    times.sections.push(drop.sections - drop.start);
    times.opened.push(drop.opened - drop.start);
    times.bare.push(await page.evaluate(bareLoop));
    await page.evaluate(() => globalThis.migrascope.idle());
    times.search.push(await search(page));
    const { frames, dropped } = await pan(page);
    times.frames.push(frames);
    times.dropped.push(dropped);
    await page.close();
  }
  const of = (what) => median(times[what]);
  return [
    {
      what: `${name}: drop until all is read`,
      ours: inMs(of('opened')),
      peer: `bare File.stream() loop ${inMs(of('bare'))}`,
      ratio: of('bare') / of('opened')
    },
    { what: `${name}: first sections on screen after a drop`, ours: inMs(of('sections')), peer: 'target 300 ms' },
    { what: `${name}: search of all memory for 8 bytes`, ours: inMs(of('search')), peer: 'target 1 s' },
    { what: `${name}: RAM map panned for 2 s`, ours: `${of('frames')} frames`, peer: `${of('dropped')} of them late` }
  ];
}

/** Runs in the page: notes when the first sections and when the announcement of the whole appear. */
function watch() {
  const bench = (globalThis.bench = {});
  // The page lets go of what was chosen: the bare loop has an input of its own.
  document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'bare' }));
  addEventListener('change', (e) => e.target.id === 'bare' || (bench.start ??= performance.now()), true);
  new MutationObserver(() => {
    if (bench.start === undefined) return;
    const now = () => new Promise((done) => requestAnimationFrame(() => done(performance.now())));
    if (bench.sections === undefined && document.querySelector('[role=tree] [role=treeitem]')) {
      bench.sections = -1;
      now().then((t) => (bench.sections = t));
    }
    if (bench.opened === undefined && /^Opened/.test(document.querySelector('[role=status]')?.textContent ?? '')) {
      bench.opened = performance.now();
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

/** Runs in the page: the least that reading the same file can cost. */
async function bareLoop() {
  const [file] = document.querySelector('#bare').files;
  const start = performance.now();
  const reader = file.stream().getReader();
  let sum = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    sum += value.length;
  }
  if (sum !== file.size) throw new Error('the loop did not see the whole file');
  return performance.now() - start;
}

async function search(page) {
  await page.keyboard.press('Control+f');
  const box = page
    .getByRole('searchbox')
    .or(page.getByRole('textbox', { name: /search/i }))
    .first();
  await box.fill('hex:de ad be ef ?? 13 37 42');
  const start = Date.now();
  await box.press('Enter');
  await page.evaluate(() => globalThis.migrascope.idle());
  return Date.now() - start;
}

/** Frames drawn while the RAM map is dragged to and fro, and how many came later than two intervals of the display. */
async function pan(page) {
  const canvas = page.getByRole('region', { name: 'RAM map' }).locator('canvas').first();
  const box = await canvas.boundingBox();
  if (!box) return { frames: NaN, dropped: NaN };
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let i = 0; i < 5; i++) await page.mouse.wheel(0, -300);
  const counting = page.evaluate(
    () =>
      new Promise((done) => {
        const stamps = [];
        const start = performance.now();
        const tick = (t) => {
          stamps.push(t);
          if (t - start < 2000) requestAnimationFrame(tick);
          else {
            const gaps = stamps.slice(1).map((s, i) => s - stamps[i]);
            done({ frames: stamps.length, dropped: gaps.filter((g) => g > 34).length });
          }
        };
        requestAnimationFrame(tick);
      })
  );
  await page.mouse.down();
  for (let i = 0; i < 60; i++)
    await page.mouse.move(box.x + box.width / 2 + 80 * Math.sin(i / 5), box.y + box.height / 2 + 40 * Math.cos(i / 7));
  await page.mouse.up();
  return counting;
}
