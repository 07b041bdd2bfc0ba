/** The address holds the view: a link leads to the very place, and never carries the file. */
import { expect, sampleFile, test } from './support/app.ts';

test('a link to a field of a sample opens the sample and selects the field', async ({ opened: app, page, context }) => {
  await app.row('cpu').click();
  await app.press('ArrowRight');
  await app.row('env.eip').click();
  await page.getByRole('combobox', { name: 'Colour by' }).selectOption('Entropy');
  await app.show('Search');
  await expect(page).toHaveURL(/sample=workload.*sel=field.*env\.eip.*ram\.colour=entropy.*tab\.bottomRight=search/);

  const other = await context.newPage();
  await other.goto(page.url());
  await other.waitForFunction(() => window.migrascope !== undefined);
  await other.evaluate(() => window.migrascope.idle());
  await expect(other.getByRole('treeitem', { name: /^env\.eip/ })).toHaveAttribute('aria-selected', 'true');
  await expect(other.getByRole('combobox', { name: 'Colour by' })).toHaveValue('entropy');
  await expect(other.getByRole('tab', { name: 'Search' })).toHaveAttribute('aria-selected', 'true');
});

test('a link to a file of one’s own asks for the file, and tells another one from it', async ({ app, page }) => {
  await app.open(sampleFile('workload.vmstate.gz'));
  await (await app.scrollTo('i8254')).click();
  await expect(page).toHaveURL(/file=workload\.vmstate\.gz&print=[^&]+&sel=section/);
  const link = page.url();

  await page.goto('about:blank');
  await app.go(link);
  await expect(page.getByRole('main')).toContainText('This link is a place in workload.vmstate.gz');
  await app.open({ name: 'workload.vmstate.gz', bytes: new TextEncoder().encode('QEVM but not the same') });
  await expect(app.status).toContainText('its content differs');

  await page.goto('about:blank');
  await app.go(link);
  await app.open(sampleFile('workload.vmstate.gz'));
  await expect(app.row('i8254')).toHaveAttribute('aria-selected', 'true');
});

test('a page that is loaded again as soon as a sample is open opens it again', async ({ opened: app, page }) => {
  await page.reload();
  await app.idle();
  await expect(app.row('cpu')).toBeVisible();
});

test('the link is copied by command', async ({ opened: app, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await app.row('cpu').click();
  await expect(page).toHaveURL(/sel=section/);
  await app.command('Copy a link to this view');
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
});

test('back and forward walk what was selected', async ({ opened: app, page }) => {
  await app.row('cpu').click();
  await app.row('apic').click();
  await page.getByRole('button', { name: 'Back', exact: true }).click();
  await expect(app.row('cpu')).toHaveAttribute('aria-selected', 'true');
  await app.press('Alt+ArrowRight');
  await expect(app.row('apic')).toHaveAttribute('aria-selected', 'true');
});

test('a hash that is none of ours is no such view, and does no harm', async ({ app, page }) => {
  for (const hash of ['#v=99&sel=field', '#section-2', '#%', '#%ff']) {
    await page.goto('about:blank');
    await app.go(`/${hash}`);
    await expect(page.getByRole('alert')).toContainText('No such view');
    await expect(page.getByRole('button', { name: 'Open…' })).toBeVisible();
  }
  for (const hash of ['#v=1&sel=field:-1:x&tab.main=nonsense', '#v=1&sel=gva:<script>', '#v=1&sel=field%']) {
    await page.goto('about:blank');
    await app.go(`/${hash}`);
    await expect(page.getByRole('alert')).toHaveCount(0);
    await expect(page.getByRole('button', { name: 'Open…' })).toBeVisible();
  }
});

test('a link that was cut within a character opens what is left of it', async ({ app, page }) => {
  await page.goto('about:blank');
  await app.go('/#v=1&sample=workload&sel=field%3A3%');
  await expect(app.title).toContainText('workload.vmstate.gz');
});
