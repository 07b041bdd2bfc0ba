// Frames that the timeline of a migration of ten thousand rounds and a million pages is late with while it is dragged,
// zoomed, scrubbed and replayed, in the built site in Debian's Chromium (which draws without a GPU here).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dragAndZoom, during, firstPage, frames, goNear, placeOn, withApp } from './chromium.mjs';
import { PAGES, ROUNDS, writeLargeRecording } from './large-recording.mjs';

const SAMPLE = 'Workload guest, idle at its prompt';
const WAIT = { timeout: 120_000 };

export const run = () =>
  withApp('timeline', async (browser, url) => {
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-timeline-'));
    try {
      const recording = join(folder, 'large.json');
      writeLargeRecording(recording);
      const page = await firstPage(browser, url);
      // The panel is there while a machine is.
      await page.getByRole('list', { name: 'Samples' }).getByRole('button', { name: SAMPLE }).click();
      await page.getByRole('toolbar', { name: 'Machine' }).getByRole('button', { name: 'Load into machine' }).click();
      await page.getByRole('tab', { name: 'Convergence', exact: true }).click(WAIT);
      const panel = page.getByRole('region', { name: 'Convergence' });
      await page.getByRole('button', { name: 'Maximise Convergence' }).click();
      await panel.getByLabel('Recording', { exact: true }).setInputFiles(recording);
      const tabs = page.getByRole('tablist', { name: 'Figures of the migration' });
      await tabs.waitFor(WAIT);
      await page.evaluate(() => globalThis.migrascope.idle());
      const rounds = await page.getByRole('table', { name: 'Rounds of the migration' }).getAttribute('aria-rowcount');
      if (rounds !== String(ROUNDS + 1)) throw new Error(`not what was made: ${rounds} rows`);
      const place = await placeOn(page.getByRole('application', { name: /^Convergence/ }), 0.6);
      const slider = page.getByRole('slider', { name: 'Moment of the migration' });
      const scrub = async () => {
        const box = await slider.boundingBox();
        if (!box) throw new Error('there is no slider');
        await page.mouse.move(box.x + 10, box.y + box.height / 2);
        await page.mouse.down();
        for (let i = 0; i < 90; i++)
          await page.mouse.move(box.x + 10 + ((box.width - 20) * i) / 90, box.y + box.height / 2);
        await page.mouse.up();
      };
      const rows = [];
      // What this computer can do at all while it does what it does now.
      const alone = await frames(page, () => Promise.resolve());
      rows.push({
        what: 'the same page left alone for 2 s',
        ours: `${alone.frames} frames`,
        peer: `${alone.late} late`
      });
      for (const [tab, what] of [
        ['Rounds', `timeline of ${ROUNDS} rounds`],
        ['Pages', `timeline and RAM map of ${PAGES} pages by rounds`]
      ]) {
        await tabs.getByRole('tab', { name: tab }).click();
        await goNear(page, place);
        rows.push(...(await dragAndZoom(page, what, place)), await during(page, `${what}, scrubbed`, scrub));
      }
      return rows;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
