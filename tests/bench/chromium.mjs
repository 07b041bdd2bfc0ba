// Debian's Chromium for the benches, and the page side of what they measure in it.
import { chromium } from '@playwright/test';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { golden, qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { median } from './timing.mjs';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const port = process.env.MIGRASCOPE_E2E_PORT ?? '0';
/** Of each gesture. */
const TURNS = 3;

/** @typedef {import('@playwright/test').Browser} Browser @typedef {import('@playwright/test').Page} Page */

/**
 * Runs a bench in Chromium with the built site served beside it.
 * @param {string} name of the bench, for the message when something is missing
 * @param {(browser: Browser, url: string) => Promise<readonly object[]>} use
 */
export async function withApp(name, use) {
  if (!existsSync(executablePath) || !existsSync(join(root, 'build/index.html'))) {
    console.error(`SKIPPED ${name}: needs Chromium and the built site (npm run build)`);
    return [];
  }
  const server = spawn(process.execPath, [join(root, 'bin/migrascope'), 'serve', '--port', port], {
    stdio: ['ignore', 'pipe', 'ignore']
  });
  const url = await new Promise((resolve) =>
    server.stdout.on('data', (text) => resolve(/http:\S+/.exec(String(text))?.[0]))
  );
  const browser = await chromium.launch({ executablePath, args });
  try {
    return await use(browser, url);
  } finally {
    await browser.close();
    server.kill();
  }
}

/** The streams that scripts/golden.mjs made for benches, as far as they are there. @returns {[name: string, path: string][]} */
export function benchStreams() {
  const version = qemus().find((q) => q.suite === 'trixie')?.version ?? qemus()[0]?.version ?? '';
  return ['linux-seed', 'bench-512m', 'bench-2g']
    .map((name) => /** @type {[string, string]} */ ([name, join(golden, version, name, 'state')]))
    .filter(([, path]) => existsSync(path));
}

/** The app's first page, with an input for the bare loop beside it. @param {Browser} browser @param {string} url */
export async function firstPage(browser, url) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(url);
  await page.getByRole('list', { name: 'Samples' }).waitFor();
  await page.waitForLoadState('networkidle');
  await addBare(page);
  return page;
}

/** The app lets go of what was chosen: the bare loop has an input of its own. @param {Page} page */
export const addBare = (page) =>
  page.evaluate(() => {
    document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'bare' }));
  });

/** The least that reading the same file can cost, in ms. @param {Page} page @returns {Promise<number>} */
export const bareLoop = (page) =>
  page.evaluate(async () => {
    const [file] = /** @type {HTMLInputElement} */ (document.querySelector('#bare')).files ?? [];
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
  });

/**
 * Counts frames for two seconds while the mouse does something.
 * @param {Page} page
 * @param {() => Promise<void>} move
 * @returns {Promise<{ frames: number, late: number }>} late: more than two intervals of a 60 Hz display behind the last
 */
export async function frames(page, move) {
  const counting = page.evaluate(
    () =>
      new Promise((done) => {
        /** @type {number[]} */
        const stamps = [];
        const start = performance.now();
        const tick = (/** @type {number} */ t) => {
          stamps.push(t);
          if (t - start < 2000) requestAnimationFrame(tick);
          else {
            const gaps = stamps.slice(1).map((s, i) => s - stamps[i]);
            done({ frames: stamps.length, late: gaps.filter((g) => g > 34).length });
          }
        };
        requestAnimationFrame(tick);
      })
  );
  await move();
  return counting;
}

/**
 * A place on a canvas.
 * @param {import('@playwright/test').Locator} canvas
 * @param {number} across from 0 at the left to 1 at the right
 */
export async function placeOn(canvas, across = 0.5) {
  const box = await canvas.boundingBox();
  if (!box) throw new Error('there is no canvas');
  return { x: box.x + box.width * across, y: box.y + box.height / 2 };
}

/** @typedef {{ x: number, y: number }} Place */

/** Close enough that dragging moves what is seen. @param {Page} page @param {Place} place */
export async function goNear(page, { x, y }) {
  await page.mouse.move(x, y);
  for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -300);
  await page.evaluate(() => globalThis.migrascope.idle());
}

/** To and fro. @param {Page} page @param {Place} place */
async function drag(page, { x, y }) {
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let i = 0; i < 90; i++) await page.mouse.move(x + 80 * Math.sin(i / 5), y + 40 * Math.cos(i / 7));
  await page.mouse.up();
}

/** In and out, by the wheel. @param {Page} page @param {Place} place */
async function zoom(page, { x, y }) {
  await page.mouse.move(x, y);
  for (let i = 0; i < 60; i++) await page.mouse.wheel(0, i % 20 < 10 ? -120 : 120);
}

/**
 * A row of a bench: the frames that came while the mouse did something, by the median of some turns.
 * @param {Page} page
 * @param {string} what
 * @param {() => Promise<void>} move
 */
export async function during(page, what, move) {
  const found = [];
  for (let turn = 0; turn < TURNS; turn++) found.push(await frames(page, move));
  return {
    what: `${what} for 2 s`,
    ours: `${median(found.map((f) => f.frames))} frames`,
    peer: `${median(found.map((f) => f.late))} of them late`
  };
}

/** Rows of what is dragged and zoomed. @param {Page} page @param {string} what @param {Place} place */
export const dragAndZoom = async (page, what, place) => [
  await during(page, `${what}, dragged`, () => drag(page, place)),
  await during(page, `${what}, zoomed`, () => zoom(page, place))
];
