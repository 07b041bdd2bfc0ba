/** A qcow2 image with several VM states: one is shown, the others a choice away. */
import { existsSync } from 'node:fs';
import { expect, goldenFile, test } from './support/app.ts';

const image = ['11.1.3', '10.0.13', '7.2.22']
  .map((version) => goldenFile(version, 'qcow2-snapshots', 'disk.qcow2'))
  .find((path) => existsSync(path));
test.skip(image === undefined, 'no test stream of a qcow2 image');

test('the last state is shown, another can be chosen, and a link leads back to it', async ({ app, page, context }) => {
  await app.open(image!);
  const snapshot = page.getByRole('combobox', { name: 'Snapshot' });
  await expect(snapshot).toHaveValue('2');
  await expect(snapshot.getByRole('option')).toHaveText([/^first, 20\d\d-/, /^second, 20\d\d-/]);
  await expect(app.problems).toContainText('snapshot "second"');

  await snapshot.selectOption('1');
  await expect(app.problems).toContainText('snapshot "first" (id 1');
  await app.idle();
  await expect(snapshot).toHaveValue('1');
  await (await app.scrollTo('i8254')).click();
  await expect(page).toHaveURL(/snapshot=1.*sel=section/);

  const other = await context.newPage();
  await other.goto(page.url());
  await other.getByLabel('Files to open').setInputFiles(image!);
  await expect(other.getByRole('combobox', { name: 'Snapshot' })).toHaveValue('1');
  await expect(other.getByRole('treeitem', { name: /^i8254/ })).toHaveAttribute('aria-selected', 'true');
});

test('two states of one image are compared', async ({ app, page }) => {
  await app.open(image!);
  await app.show('Diff');
  await page.getByRole('combobox', { name: 'From' }).selectOption('snapshot first');
  await app.idle();
  await expect(page.getByRole('combobox', { name: 'From' })).toHaveValue('other');
  // The guest ran between them: its clocks went on, and it counted.
  await expect(page.getByRole('grid', { name: 'Differences' })).toContainText(
    /[1-9]\d* clocks? (and|or) counters? folded/
  );
});
