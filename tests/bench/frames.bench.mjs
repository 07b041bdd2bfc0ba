// Frames that the RAM map of a million pages and the timeline of ten thousand rounds are late with while they are
// dragged and zoomed, in the built site in Debian's Chromium (which draws without a GPU here).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dragAndZoom, firstPage, goNear, placeOn, withApp } from './chromium.mjs';
import { PAGES, ROUNDS, writeLargeStream } from './large-stream.mjs';

export const run = () =>
  withApp('frames', async (browser, url) => {
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-frames-'));
    try {
      const state = join(folder, 'large.vmstate');
      writeLargeStream(state);
      const page = await firstPage(browser, url);
      await page.locator('input[type=file]').first().setInputFiles(state);
      await page
        .getByRole('status')
        .filter({ hasText: /^Opened/ })
        .waitFor({ timeout: 120_000 });
      await page.evaluate(() => globalThis.migrascope.idle());
      const opened = (await page.getByRole('status').first().textContent()) ?? '';
      if (!opened.includes(`${ROUNDS.toLocaleString('en')} rounds`)) throw new Error(`not what was made: ${opened}`);
      const map = page.getByRole('region', { name: 'RAM map' }).locator('canvas').first();
      const timeline = page.getByRole('application', { name: /^Timeline of/ });
      const rows = [];
      // On the timeline the rounds begin behind the bulk pass, at three fifths.
      for (const [what, place] of [
        [`RAM map of ${PAGES} pages`, await placeOn(map)],
        [`timeline of ${ROUNDS} rounds`, await placeOn(timeline, 0.8)]
      ]) {
        await goNear(page, place);
        rows.push(...(await dragAndZoom(page, what, place)));
      }
      return rows;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
