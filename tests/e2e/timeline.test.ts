/** The timeline of the stream in bytes: tracks, keys, a stretch and what lies in it. */
import { expect, pictureOf, test, type App } from './support/app.ts';

const canvas = (app: App) => app.timeline.getByRole('application', { name: /^Timeline of 13\.9 MiB/ });
const items = (app: App) => app.timeline.getByRole('listbox', { name: 'Items of the timeline' });
const picture = (app: App) => pictureOf(canvas(app));

test('phases, rounds, pages and sections are listed as they are drawn', async ({ opened: app }) => {
  await expect(canvas(app)).toBeVisible();
  await items(app).focus();
  await expect(items(app).getByRole('option', { name: 'Phase: iterate, 13.7 MiB' })).toBeVisible();
  await expect(items(app).getByRole('option', { name: /^Rounds: round 2, inferred, 448 pages/ })).toBeVisible();
  await app.press('End');
  await expect(items(app).getByRole('option', { selected: true })).toHaveText(/^Sections: vmdescription/);
  await app.press('Enter');
  await expect(app.row('vmdescription')).toHaveAttribute('aria-selected', 'true');
});

test('comma and period walk a track, up and down change it, and each item is said', async ({ opened: app }) => {
  await canvas(app).focus();
  await app.press('.');
  await expect(app.status).toHaveText(/^round 1, 4,144 pages/);
  await app.press('.');
  await expect(app.status).toHaveText(/^round 2, inferred, 448 pages/);
  await app.press(',');
  await expect(app.status).toHaveText(/^round 1/);
  await app.press('ArrowUp');
  await expect(app.status).toHaveText('Track Phase');
  await app.press(',');
  await expect(app.status).toHaveText(/^setup, 110 B|^iterate, 13\.7 MiB/);
});

test('a stretch is picked by keyboard and summed up', async ({ opened: app }) => {
  await canvas(app).focus();
  await app.press('.', '.', '[');
  await app.press('.', ']');
  await expect(app.status).toHaveText('Selected 3.26 MiB from 0x47df03 to 0x7bf9f4');
  await expect(app.timeline).toContainText(/records\s*832\s*pages\s*540\s*repeats\s*292/);
  await expect(app.fields.getByRole('table', { name: 'Sections in it' })).toBeVisible();
});

test('a stretch is dragged on the axis, and narrows the RAM map to what was sent in it', async ({
  opened: app,
  page
}) => {
  const box = (await canvas(app).boundingBox())!;
  await page.mouse.move(box.x + 200, box.y + 6);
  await page.mouse.down();
  await page.mouse.move(box.x + 330, box.y + 8, { steps: 5 });
  await page.mouse.up();
  await app.idle();
  await expect(app.timeline).toContainText(/repeats\s*\d/);
  await expect(app.ramMap).toContainText(/Only\s*sent in 0x/);
  await app.ramMap.getByRole('button', { name: 'Show all' }).click();
  await expect(app.timeline).not.toContainText('repeats');
});

test('W and S zoom, A and D move, F fits all', async ({ opened: app }) => {
  await canvas(app).focus();
  await app.press('f');
  const all = await picture(app);
  await app.press('w', 'w');
  await expect.poll(() => picture(app)).not.toBe(all);
  await app.press('d', 's', 'f');
  await expect.poll(() => picture(app)).toBe(all);
});

test('a click on a section selects it everywhere', async ({ opened: app, page }) => {
  const box = (await canvas(app).boundingBox())!;
  // The lowest track holds the sections; the first part of RAM begins at its left.
  await page.mouse.click(box.x + 84, box.y + box.height - 12);
  await app.idle();
  await expect(app.fields).toContainText('part section');
});
