/** A lesson's link opens a sample with a preset; the guest's dirty rate is set while it is sent. */
import { expect, test } from './support/app.ts';
import { convergence, machine, migration, openPreset, rounds, slider, startPreset, WAIT } from './support/lab.ts';

test.describe.configure({ timeout: 180_000 });

test('a link sets sample and preset up and starts nothing; Enter does', async ({ app, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await openPreset(app, 'converges');
  await expect(machine(app)).toContainText('ready');
  await expect(migration(app).getByRole('combobox', { name: 'Preset' })).toHaveValue('converges');
  await expect(slider(app, 'Dirty rate')).toHaveAttribute('aria-valuetext', '200 pages a second');
  await migration(app).getByRole('button', { name: 'Copy link' }).click();
  await expect(app.status).toContainText('The link is copied');
  await expect
    .poll(() => page.evaluate(() => navigator.clipboard.readText()))
    .toMatch(/^http:\/\/[^#]*\/#sample=workload-idle&preset=converges$/);
  // The address holds it too.
  await expect(page).toHaveURL(/sample=workload-idle&preset=converges/);

  await migration(app).getByRole('button', { name: 'Migrate' }).focus();
  await startPreset(app, 'completed');
  await expect(machine(app)).toContainText('running');
  await expect.poll(() => rounds(app)).toBeGreaterThanOrEqual(3);
  await expect(convergence(app)).toContainText(/The law .* it converges/s);
});

test('a saw-tooth plateau lasts until the guest writes less', async ({ app }) => {
  await openPreset(app, 'plateau');
  await startPreset(app, 8);
  await expect(app.status).toHaveText(/^Migrating: run \d+, Saw-tooth plateau\.$/);
  await expect(convergence(app)).toContainText(/active: round/);
  await slider(app, 'Dirty rate').press('Home');
  await expect(convergence(app)).toContainText(/Completed after/, WAIT);
});

test('a link to a preset that there is not says so', async ({ app, page }) => {
  await page.goto('about:blank');
  await app.go('/#sample=workload-idle&preset=none');
  await expect(app.status).toContainText('There is no preset none', WAIT);
});
