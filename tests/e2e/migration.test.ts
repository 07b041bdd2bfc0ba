/** A guest that writes is migrated between two machines of the tab, and what happened is looked at again. */
import { readFileSync } from 'node:fs';
import { type App, expect, test } from './support/app.ts';
import { convergence, machine, migration, rounds, runSample, slider, WAIT } from './support/lab.ts';

/** Puts a slider to its place by keyboard. */
async function slide(app: App, name: string, said: RegExp, key: 'Home' | 'End' | 'ArrowLeft' | 'ArrowRight') {
  await slider(app, name).press(key);
  await expect(slider(app, name)).toHaveAttribute('aria-valuetext', said);
}

test.describe.configure({ timeout: 180_000 });
test.beforeEach(({ app }) => runSample(app));

test('a migration converges when it may, is replayed, saved and opened again', async ({ app, page }) => {
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption('Never converges');
  await expect(slider(app, 'Dirty rate')).toHaveAttribute('aria-valuetext', /3,000 pages/);
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  // It goes on round after round, until the sliders are moved.
  await expect.poll(() => rounds(app), WAIT).toBeGreaterThan(2);
  await slide(app, 'Downtime limit', /100,000 ms/, 'End');
  await slide(app, 'Bandwidth limit', /1\.00 GiB/, 'End');
  await expect(convergence(app)).toContainText(/Completed after .* the guest stood for \d+ ms/, WAIT);
  await expect(app.status).toContainText('The migration is over', WAIT);
  await expect(machine(app)).toContainText('running');
  await expect(page.getByRole('table', { name: 'Device state by section' })).toContainText('cpu');

  const all = await rounds(app);
  await slider(app, 'Moment of the migration').press('Home');
  await expect.poll(() => rounds(app)).toBeLessThan(all);
  await convergence(app).getByRole('combobox', { name: 'Speed of the replay' }).selectOption('× 16');
  await convergence(app).getByRole('button', { name: 'Replay' }).click();
  await expect.poll(() => rounds(app), WAIT).toBe(all);

  const coming = page.waitForEvent('download');
  await convergence(app).getByRole('button', { name: 'Save recording' }).click();
  const saved = await (await coming).path();
  await convergence(app).getByLabel('Recording', { exact: true }).setInputFiles(saved);
  await expect(app.status).toContainText('Opened');
  await expect.poll(() => rounds(app)).toBe(all);
  const [head] = readFileSync(saved, 'utf8').split('\n');
  expect(JSON.parse(head!)).toMatchObject({ format: 'migrascope-migration', version: 2, watcher: 'sender' });
});

test('the link is cut: the guest stays, and can be sent again', async ({ app, page }) => {
  // One that goes on until it is cut, however late that is.
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption('Never converges');
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  await expect.poll(() => rounds(app), WAIT).toBeGreaterThan(1);
  await migration(app).getByRole('button', { name: 'Cut the link' }).click();
  await expect(convergence(app)).toContainText(/Failed .*The guest goes on here/, WAIT);
  await slide(app, 'Downtime limit', /100,000 ms/, 'End');
  await slide(app, 'Bandwidth limit', /1\.00 GiB/, 'End');
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  await expect(convergence(app)).toContainText('Completed', WAIT);
  await page.getByRole('textbox', { name: 'Serial console' }).focus();
  await page.keyboard.type('ticks\n');
  await expect(page.getByRole('region', { name: 'Terminal' })).toContainText(/ticks\s*\d+/, WAIT);
});
