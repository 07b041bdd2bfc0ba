/** The first page: what to do, what can be tried, and the pages beside it. */
import { expect, IDLE, test, WORKLOAD } from './support/app.ts';

test('the first page says what to do and lists the samples', async ({ app, page }) => {
  await expect(page.getByRole('heading', { level: 1 })).toHaveText("Look inside a virtual machine's migration stream");
  const samples = page.getByRole('list', { name: 'Samples' });
  await expect(samples.getByRole('button', { name: WORKLOAD })).toHaveAccessibleDescription(/13 dirty syncs/);
  await expect(samples.getByRole('button', { name: IDLE })).toBeEnabled();
  await expect(page.getByRole('button', { name: 'Open…' })).toBeVisible();
  await expect(app.tree).toBeHidden();
});

test('a sample opens with its sections, fields, bytes, RAM map, timeline and rounds, and the page says so', async ({
  app,
  page
}) => {
  await app.openSample(WORKLOAD);
  await expect(app.status).toHaveText('Opened workload.vmstate.gz, pc-i440fx-7.2, 90 sections, 12 rounds');
  await expect(app.title).toHaveText(/workload\.vmstate\.gz\s*pc-i440fx-7\.2\s*16\.0 MiB RAM\s*179 KiB\s*gzip/);
  await expect(page).toHaveTitle('workload.vmstate.gz · Migrascope');
  await expect(app.row('cpu')).toBeVisible();
  await expect(app.bytes.getByRole('row').first()).toHaveAccessibleName(/^00000000 51 45 56 4d/);
  await expect(app.fields).toContainText('6,531 pages');
  await expect(app.ramMap).toBeVisible();
  await expect(app.timeline).toBeVisible();
  await expect(app.rounds).toBeVisible();
  await expect(app.problems).toContainText('No problems');
});

test('another file takes the place of the first, and closing leads back to the first page', async ({ app, page }) => {
  await app.openSample(WORKLOAD);
  await app.row('cpu').click();
  await app.open(new URL('../../static/samples/workload/idle.vmstate.gz', import.meta.url).pathname);
  await expect(app.title).toContainText('idle.vmstate.gz');
  await expect(app.row('cpu')).toHaveAttribute('aria-selected', 'false');
  await app.command('Close the file');
  await expect(page.getByRole('list', { name: 'Samples' })).toBeVisible();
  await expect(page).toHaveURL(/\/$/);
});

test('the menus hold every command, and say which can be done now', async ({ app, page }) => {
  const menus = page.getByRole('menubar');
  await menus.getByRole('menuitem', { name: 'Export' }).click();
  await expect(page.getByRole('menuitem', { name: /^ELF core/ })).toBeDisabled();
  await page.keyboard.press('Escape');
  await app.openSample();
  await menus.getByRole('menuitem', { name: 'Export' }).click();
  await expect(page.getByRole('menuitem', { name: /^ELF core/ })).toBeEnabled();
});

test('what is decoded and the licences have pages of their own', async ({ app, page }) => {
  await page.getByRole('menuitem', { name: 'Help' }).click();
  await page.getByRole('menuitem', { name: 'What is decoded' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'What is decoded' })).toBeVisible();
  await expect(page.getByRole('row', { name: /mc146818rtc/ }).first()).toBeVisible();
  await expect(page.getByRole('row', { name: /^svm .*vmrun/ })).toBeVisible();
  await app.command('About, licences');
  await expect(page.getByRole('heading', { level: 1, name: /About/ })).toBeVisible();
  await expect(page.getByText('iced-x86').first()).toBeVisible();
});
