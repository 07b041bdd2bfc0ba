// How long a press on the key of "Step" takes until the page shows what it did, in the built site in Debian's Chromium.
// An area of the workbench shows one of its panels; those behind its other tabs are not there and cost nothing. So all
// seven areas show a panel of the machine at once, and each panel of the machine has its turn in one of the layouts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle } from '../../scripts/bundle.mjs';
import { root } from '../../scripts/stages.mjs';
import { benchStreams, withApp } from './chromium.mjs';
import { processorTime, sampled } from './step-profile.mjs';

const STEPS = 200;
const WARM = 40;
const EVERYWHERE = ['Devices', 'Breakpoints', 'Live RAM'];
const LAYOUTS = [
  ['Disassembly', 'Registers', 'Serial console', 'Stack'],
  ['Disassembly', 'Registers', 'Board', 'Calls'],
  ['CPU tables', 'Registers', 'Virtqueues', 'Stack'],
  ['Interrupts', 'Page tables', 'Board', 'Monitor'],
  ['Display', 'Registers', 'Virtqueues', 'Calls']
];

export async function run() {
  const [, state] = benchStreams().find(([name]) => name === 'linux-seed') ?? [];
  if (state === undefined) {
    console.error('SKIPPED step: no golden linux-seed; npm run golden makes it with native QEMU');
    return [];
  }
  const map = join(dirname(state), 'System.map');
  const disk = /file=([^,]*)/.exec(readFileSync(join(dirname(state), 'meta.json'), 'utf8'))?.[1] ?? '';
  const files = [state, map, disk].filter((file) => existsSync(file));
  const rows = await withApp('step', (browser, url) => inPage(browser, url, files));
  return rows.length === 0 ? rows : [...rows, ...(await inWorker(files.slice(0, -1)))];
}

/**
 * ms of a step: until it is in the page, what its frame takes from the browser's start of it on, and from the press until
 * that frame is made, with the wait for the beat of the display, which comes 60 times a second.
 * @typedef {{ text: number, frame: number, beat: number }} Times
 */

/**
 * @param {import('@playwright/test').Browser} browser
 * @param {string} url
 * @param {readonly string[]} files
 */
async function inPage(browser, url, files) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
  await page.goto(url);
  await page.locator('input[type=file]').first().setInputFiles(files);
  await page.getByRole('button', { name: 'Load into machine' }).click({ timeout: 120_000 });
  await page.getByRole('toolbar', { name: 'Machine' }).getByText('ready').waitFor({ timeout: 120_000 });
  await page.evaluate(watchSteps);
  const rows = [];
  for (const layout of LAYOUTS) {
    for (const name of [...EVERYWHERE, ...layout]) await page.getByRole('tab', { name, exact: true }).click();
    if (layout.includes('Page tables')) {
      await page.getByRole('checkbox', { name: 'of the machine, live' }).check();
      await page.getByRole('button', { name: /^RIP 0x/ }).click();
    }
    await page.evaluate(() => globalThis.migrascope.idle());
    await steps(page, WARM);
    /** @type {Times[]} */
    let times = [];
    const spent = await processorTime(page, async () => {
      times = await steps(page, STEPS);
    });
    const profile = await sampled(page, async () => void (await steps(page, STEPS)));
    rows.push(...rowsOf(layout, times, spent, profile));
  }
  return rows;
}

/**
 * @param {import('@playwright/test').Page} page
 * @param {number} count
 * @returns {Promise<Times[]>}
 */
async function steps(page, count) {
  const times = [];
  for (let n = 0; n < count; n++) {
    await page.keyboard.press('F11');
    times.push(await page.evaluate(() => globalThis.lastStep()));
  }
  return times;
}

/**
 * In the page: from each press on, waits until the count of instructions has changed, and the marked instruction is the
 * one that RIP points to where they are shown. The other panels are drawn from the same answer of the worker, at once.
 */
function watchSteps() {
  const bar = document.querySelector('[role="toolbar"][aria-label="Machine"]');
  const count = () => /[\d,. ]+instructions?/.exec(bar.textContent)?.[0];
  const current = () => {
    const code = document.querySelector('[aria-label="Disassembly"]');
    if (!code) return true;
    const rip = document.querySelector('[aria-label="Registers"] [data-register="RIP"]').textContent;
    const marked = code.querySelector('[aria-current="true"]')?.dataset.address;
    return marked !== undefined && BigInt(marked) === BigInt(/0x[\da-f]+/.exec(rip)[0]);
  };
  const step = (pressed) =>
    new Promise((resolve, reject) => {
      const before = count();
      const late = setTimeout(() => reject(new Error(`a step is not shown behind ${before}`)), 10_000);
      const watcher = new MutationObserver(() => {
        if (count() === before || !current()) return;
        watcher.disconnect();
        clearTimeout(late);
        const text = performance.now() - pressed;
        requestAnimationFrame(() => {
          const begun = performance.now();
          // Behind the frame that is being made: style, layout and paint are done.
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => {
            const now = performance.now();
            resolve({ text, frame: now - begun, beat: now - pressed });
          };
          port2.postMessage(undefined);
        });
      });
      watcher.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
    });
  let last = Promise.resolve();
  // The rest of what the step set off is over before the next.
  globalThis.lastStep = () => last.then((times) => globalThis.migrascope.idle().then(() => times));
  addEventListener('keydown', (event) => event.key === 'F11' && (last = step(event.timeStamp)), { capture: true });
}

/**
 * @param {readonly string[]} layout
 * @param {readonly Times[]} times
 * @param {Awaited<ReturnType<typeof processorTime>>} spent
 * @param {ReadonlyMap<string, number>} profile ms of all sampled steps
 */
function rowsOf(layout, times, spent, profile) {
  const both = (/** @type {(times: Times) => number} */ what) => {
    const sorted = times.map(what).toSorted((a, b) => a - b);
    const at = (/** @type {number} */ share) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(1);
    return `${at(0.5)} ms, p95 ${at(0.95)} ms`;
  };
  const each = (/** @type {number} */ ms) => `${(ms / STEPS).toFixed(1)} ms`;
  const all = [...profile.values()].reduce((sum, ms) => sum + ms, 0);
  const parts = [...profile].slice(0, 10).map(([name, ms]) => `${name} ${((100 * ms) / all).toFixed(0)}%`);
  const { total, script, style, layout: laid } = spent;
  return [
    {
      what: `step, with ${layout.join(', ')}`,
      ours: both((t) => t.text + t.frame),
      peer: `until it is drawn: in the page ${both((t) => t.text)}; waiting for the display too ${both((t) => t.beat)}`
    },
    {
      what: '  processor time of the page’s thread, all told',
      ours: each(total),
      peer: `script ${each(script)}, style ${each(style)}, layout ${each(laid)}`
    },
    { what: '  samples of it', ours: '', peer: parts.join(', ') }
  ];
}

/** What each panel costs in the worker. @param {readonly string[]} files */
async function inWorker(files) {
  await bundle('tests/bench/look-parts.ts', 'tests/bench', 'look-parts.bundle.mjs');
  const program = join(root, 'tests/bench/look-parts.bundle.mjs');
  const parts = JSON.parse(execFileSync(process.execPath, [program, ...files], { encoding: 'utf8' }));
  return parts.map(([name, { ms, bytes }]) => ({
    what: `  a look at ${name}, in the worker`,
    ours: `${ms.toFixed(2)} ms`,
    peer: `processor time, with ${Math.round(bytes)} bytes sent and read`
  }));
}
