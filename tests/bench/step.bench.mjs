// How long a press on "Step" takes until the page shows what it did, with a panel of the machine in every area, in the
// built site in Debian's Chromium. A frame at 60 Hz is 16.7 ms.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchStreams, withApp } from './chromium.mjs';

const STEPS = 200;
const WARM = 30;
/** One panel an area, and by turns those that share one. */
const PANELS = ['Devices', 'Breakpoints', 'Disassembly', 'Registers', 'Stack', 'Serial console'];

export const run = () =>
  withApp('step', async (browser, url) => {
    const [, state] = benchStreams().find(([name]) => name === 'linux-seed') ?? [];
    if (state === undefined) {
      console.error('SKIPPED step: no golden linux-seed; npm run golden makes it with native QEMU');
      return [];
    }
    const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
    await page.goto(url);
    const map = join(dirname(state), 'System.map');
    const disk = /file=([^,]*)/.exec(readFileSync(join(dirname(state), 'meta.json'), 'utf8'))?.[1] ?? '';
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([state, map, disk].filter((file) => existsSync(file)));
    await page.getByRole('button', { name: 'Load into machine' }).click({ timeout: 120_000 });
    await page.getByRole('toolbar', { name: 'Machine' }).getByText('ready').waitFor({ timeout: 120_000 });
    const rows = [];
    for (const last of ['Stack', 'Calls']) {
      for (const name of [...PANELS, last]) {
        const tab = page.getByRole('tab', { name, exact: true });
        if ((await tab.count()) > 0) await tab.click();
      }
      await page.evaluate(() => globalThis.migrascope.idle());
      const times = await page.evaluate(steps, { steps: STEPS, warm: WARM });
      times.sort((a, b) => a - b);
      const at = (share) => `${times[Math.floor((times.length - 1) * share)].toFixed(1)} ms`;
      rows.push({ what: `step, with ${last}: until it is shown`, ours: `median ${at(0.5)}`, peer: `p95 ${at(0.95)}` });
    }
    return rows;
  });

/** In the page: ms from each press until registers, code and count have changed and been laid out. */
async function steps({ steps, warm }) {
  const table = document.querySelector('table[aria-label="Registers"]');
  const grid = document.querySelector('[role="grid"][aria-label="Disassembly"]');
  const bar = document.querySelector('[role="toolbar"][aria-label="Machine"]');
  const button = [...bar.querySelectorAll('button')].find((b) => b.textContent.trim() === 'Step');
  const rip = [...table.querySelectorAll('tr')].find((row) => row.firstElementChild?.textContent === 'RIP');
  const seen = () => [
    rip.querySelector('td').textContent,
    grid.querySelector('[aria-current="true"]')?.getAttribute('data-address'),
    /[\d,. ]+instructions/.exec(bar.textContent)?.[0]
  ];
  const times = [];
  for (let n = 0; n < steps + warm; n++) {
    const before = seen();
    const start = performance.now();
    const shown = new Promise((resolve, reject) => {
      const watcher = new MutationObserver(() => {
        const now = seen();
        if (now.some((text, i) => text === before[i])) return;
        watcher.disconnect();
        document.body.getBoundingClientRect();
        resolve(performance.now() - start);
      });
      watcher.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
      setTimeout(() => reject(new Error(`step ${n} is not shown: ${before}`)), 10_000);
    });
    button.click();
    const time = await shown;
    if (n >= warm) times.push(time);
    // The rest of what the step set off is over before the next.
    await globalThis.migrascope.idle();
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return times;
}
