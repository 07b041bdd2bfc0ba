/** Comparing: two files, two rounds; fields first, noise folded away. */
import { expect, sampleFile, test, type App } from './support/app.ts';

const rows = (app: App) => app.page.getByRole('grid', { name: 'Differences' });
const current = (app: App) => rows(app).getByRole('row', { selected: true });

async function compareWithIdle(app: App): Promise<void> {
  await app.choose([sampleFile('idle.vmstate.gz')], () => app.command('Compare with another file…'));
}

test('two files differ in fields first, clocks folded, then in pages', async ({ opened: app, page }) => {
  await compareWithIdle(app);
  await expect(rows(app).getByRole('row').first()).toHaveText(/field/);
  await expect(
    rows(app)
      .getByRole('row', { name: /^cpu\/0 env\.regs\[1\]/ })
      .first()
  ).toBeVisible();
  const folded = Number(await rows(app).getAttribute('aria-rowcount'));
  await page.getByRole('checkbox', { name: 'clocks and counters' }).check();
  await app.idle();
  await expect.poll(async () => Number(await rows(app).getAttribute('aria-rowcount'))).toBeGreaterThan(folded);
  await page.getByRole('searchbox', { name: 'Filter differences' }).fill('next_transition_time');
  await expect(
    rows(app)
      .getByRole('row', { name: /next_transition_time/ })
      .first()
  ).toBeVisible();
  await page.getByRole('checkbox', { name: 'clocks and counters' }).uncheck();
  await expect(rows(app).getByRole('row', { name: /next_transition_time/ })).toHaveCount(0);
  await page.getByRole('searchbox', { name: 'Filter differences' }).fill('pc.ram');
  await expect(
    rows(app)
      .getByRole('row', { name: /^pc\.ram \+ 0x\w+ page .* bytes differ/ })
      .first()
  ).toBeVisible();
});

test('next and previous walk the differences and select what differs', async ({ opened: app }) => {
  await compareWithIdle(app);
  await app.press('F7');
  const first = await current(app).innerText();
  await expect(app.fields.getByRole('heading').first()).toBeVisible();
  await app.press('F7');
  await expect(current(app)).not.toHaveText(first);
  await app.press('Shift+F7');
  await expect.poll(() => current(app).innerText()).toBe(first);
  await expect(app.tree.getByRole('treeitem', { selected: true })).toHaveCount(1);
});

test('two rounds of one stream differ in pages', async ({ opened: app, page }) => {
  await app.show('Diff');
  const panel = page.getByRole('tabpanel', { name: 'Diff' });
  await panel.getByRole('combobox', { name: 'From' }).selectOption('after round 1');
  await panel.getByRole('combobox', { name: 'to' }).selectOption('after round 2');
  await app.idle();
  await expect(
    rows(app)
      .getByRole('row', { name: /^pc\.ram \+ 0x\w+ page .* bytes differ/ })
      .first()
  ).toBeVisible();
  // Round 2 sent 448 pages: no more can differ.
  expect(Number(await rows(app).getAttribute('aria-rowcount'))).toBeLessThan(460);
  await rows(app).focus();
  await app.press('ArrowDown');
  await app.show('Page');
  await expect(app.pageView).toContainText('pc.ram + 0x');
});

test('a file equals itself', async ({ opened: app, page }) => {
  await app.choose([sampleFile('workload.vmstate.gz')], () => app.command('Compare with another file…'));
  await expect(page.getByRole('tabpanel', { name: 'Diff' })).toContainText('Both sides are the same.');
});
