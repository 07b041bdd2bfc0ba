/** A guest that writes is migrated between two machines of the tab, and what happened is looked at again. */
import { readFileSync } from 'node:fs';
import { type App, expect, IDLE, test } from './support/app.ts';

const machine = (app: App) => app.page.getByRole('toolbar', { name: 'Machine' });
const migration = (app: App) => app.page.getByRole('toolbar', { name: 'Migration' });
const convergence = (app: App) => app.page.getByRole('region', { name: 'Convergence' });
const slider = (app: App, name: string) => app.page.getByRole('slider', { name, exact: true });
const rounds = (app: App) => app.page.getByRole('table', { name: 'Rounds of the migration' }).getByRole('row');
const WAIT = { timeout: 90_000 };

/** Puts a slider to its place by keyboard. */
async function slide(app: App, name: string, said: RegExp, key: 'Home' | 'End' | 'ArrowLeft' | 'ArrowRight') {
  await slider(app, name).press(key);
  await expect(slider(app, name)).toHaveAttribute('aria-valuetext', said);
}

test.describe.configure({ timeout: 180_000 });
test.beforeEach(async ({ app }) => {
  await app.openSample(IDLE);
  await machine(app).getByRole('button', { name: 'Load into machine' }).click();
  await expect(machine(app)).toContainText('ready', WAIT);
  await machine(app).getByRole('button', { name: 'Resume' }).click();
  await expect(machine(app)).toContainText('running', WAIT);
  await app.show('Convergence');
});

test('a migration converges when it may, is replayed, saved and opened again', async ({ app, page }) => {
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption('Never converges');
  await expect(slider(app, 'Dirty rate')).toHaveAttribute('aria-valuetext', /3,000 pages/);
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  // It goes on round after round, until the sliders are moved.
  await expect.poll(() => rounds(app).count(), WAIT).toBeGreaterThan(3);
  await slide(app, 'Downtime limit', /100,000 ms/, 'End');
  await slide(app, 'Bandwidth limit', /1\.00 GiB/, 'End');
  await expect(convergence(app)).toContainText(/Completed after .* the guest stood for \d+ ms/, WAIT);
  await expect(machine(app)).toContainText('running');
  await expect(page.getByRole('table', { name: 'Device state by section' })).toContainText('cpu');

  const all = await rounds(app).count();
  await slider(app, 'Moment of the migration').press('Home');
  await expect.poll(() => rounds(app).count()).toBeLessThan(all);
  await convergence(app).getByRole('combobox', { name: 'Speed of the replay' }).selectOption('× 16');
  await convergence(app).getByRole('button', { name: 'Replay' }).click();
  await expect(rounds(app)).toHaveCount(all, WAIT);

  const coming = page.waitForEvent('download');
  await convergence(app).getByRole('button', { name: 'Save recording' }).click();
  const saved = await (await coming).path();
  await convergence(app).getByLabel('Recording', { exact: true }).setInputFiles(saved);
  await expect(app.status).toContainText('Opened');
  await expect(rounds(app)).toHaveCount(all);
  const [head] = readFileSync(saved, 'utf8').split('\n');
  expect(JSON.parse(head!)).toMatchObject({ format: 'migrascope-migration', version: 2, watcher: 'sender' });
});

test('the link is cut: the guest stays, and can be sent again', async ({ app, page }) => {
  // One that goes on until it is cut, however late that is.
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption('Never converges');
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  await expect.poll(() => rounds(app).count(), WAIT).toBeGreaterThan(2);
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
