// The built site in Debian's Chromium: JavaScript before a file is open; a drop against a bare File.stream() loop over
// the same file, first sections, search.
import { gzipSync } from 'node:zlib';
import { bareLoop, benchStreams, firstPage, withApp } from './chromium.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 5;

export const run = () =>
  withApp('browser', async (browser, url) => {
    const rows = [await javaScript(browser, url)];
    for (const [name, state] of benchStreams()) rows.push(...(await drops(browser, url, name, state)));
    return rows;
  });

/** JavaScript that arrives before a file is open, gzip as a server would send it. */
async function javaScript(browser, url) {
  const page = await browser.newPage();
  let bytes = 0;
  let compressed = 0;
  const bodies = [];
  page.on('response', (r) => {
    if (/\.js(\?|$)/.test(r.url()))
      bodies.push(r.body().then((b) => ((bytes += b.length), (compressed += gzipSync(b).length))));
  });
  await page.goto(url);
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

async function drops(browser, url, name, state) {
  const times = { sections: [], opened: [], bare: [], ratio: [], search: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const page = await firstPage(browser, url);
    await page.evaluate(watch);
    await page.locator('#bare').setInputFiles(state);
    const before = await bareLoop(page);
    await page.locator('input[type=file]').first().setInputFiles(state);
    await page.waitForFunction(() => globalThis.bench.opened && globalThis.bench.sections, undefined, {
      timeout: 120_000
    });
    const { start, sections, opened } = await page.evaluate(() => globalThis.bench);
    await page.evaluate(() => globalThis.migrascope.idle());
    // Before and after: on a busy machine one of them alone says little.
    const bare = (before + (await bareLoop(page))) / 2;
    times.sections.push(sections - start);
    times.opened.push(opened - start);
    times.bare.push(bare);
    times.ratio.push(bare / (opened - start));
    times.search.push(await search(page));
    await page.close();
  }
  const of = (what) => median(times[what]);
  const range = (what) => `${inMs(Math.min(...times[what]))} to ${inMs(Math.max(...times[what]))}`;
  return [
    {
      what: `${name}: drop until all is read and shown`,
      ours: inMs(of('opened')),
      peer: `bare File.stream() loop ${inMs(of('bare'))}`,
      ratio: of('ratio')
    },
    {
      what: `${name}: first sections on screen after a drop`,
      ours: inMs(of('sections')),
      peer: `${range('sections')}; the aim is 300 ms`
    },
    { what: `${name}: search of all memory for 8 bytes`, ours: inMs(of('search')), peer: 'the aim is 1 s' }
  ];
}

/** Runs in the page: notes when the first sections are on screen and when the announcement of the whole appears. */
function watch() {
  const bench = (globalThis.bench = {});
  addEventListener('change', (e) => e.target.id === 'bare' || (bench.start ??= performance.now()), true);
  let seen = false;
  new MutationObserver(() => {
    if (bench.start === undefined) return;
    if (!seen && document.querySelector('[role=tree] [role=treeitem]')) {
      seen = true;
      requestAnimationFrame(() => (bench.sections = performance.now()));
    }
    if (/^Opened/.test(document.querySelector('[role=status]')?.textContent ?? '')) bench.opened ??= performance.now();
  }).observe(document, { subtree: true, childList: true, characterData: true });
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
