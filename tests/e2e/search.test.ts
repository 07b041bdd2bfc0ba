/** Search: fields, bytes with wildcards, text, addresses; in the worker, to be stopped. */
import { expect, test, type App } from './support/app.ts';

const panel = (app: App) => app.page.getByRole('tabpanel', { name: 'Search' });
const hits = (app: App) => app.page.getByRole('listbox', { name: 'Found places' }).getByRole('option');

async function search(app: App, query: string): Promise<void> {
  await app.press('Control+f');
  await app.page.getByRole('searchbox', { name: 'Search' }).fill(query);
  await app.press('Enter');
}

test('the empty search says what can be asked', async ({ opened: app, page }) => {
  await app.press('Control+f');
  await expect(page.getByRole('searchbox', { name: 'Search' })).toBeFocused();
  await expect(panel(app)).toContainText('hex:de ad ?? ef');
});

test('a field is found by name and leads to the tree', async ({ opened: app }) => {
  await search(app, 'field:rtc_offset');
  await expect(panel(app)).toContainText(/\d+ places? for field:rtc_offset/);
  await search(app, 'field:hflags');
  await expect(panel(app)).toContainText('for field:hflags');
  await hits(app).first().click();
  await app.idle();
  await expect(app.row('env.hflags')).toHaveAttribute('aria-selected', 'true');
});

test('bytes with wildcards are found, and the very bytes are selected', async ({ opened: app }) => {
  await search(app, 'hex:51 45 ?? 4d 00');
  await expect(hits(app)).toHaveCount(1);
  await hits(app).first().click();
  await app.idle();
  await expect(app.bytes.getByRole('gridcell', { selected: true })).toHaveText(['51', '45', '56', '4d', '00']);
});

test('text is found in guest memory and in the stream; the keyboard walks the places', async ({
  opened: app,
  page
}) => {
  await search(app, 'text:dirty');
  await expect(panel(app)).toContainText(/\d+ places? for text:dirty/);
  await expect(hits(app).first()).toContainText('dirty');
  await page.getByRole('listbox', { name: 'Found places' }).focus();
  await app.press('End', 'Home', 'ArrowDown');
  await expect(hits(app).nth(1)).toHaveAttribute('aria-selected', 'true');
  await app.press('Enter');
  await expect(app.page.getByRole('button', { name: 'Back', exact: true })).toBeEnabled();
});

test('an address is found wherever guest memory holds it', async ({ opened: app }) => {
  // A return address on the stack of the guest's kernel.
  await search(app, 'ptr:0xffffffff80100cbe');
  await expect(panel(app)).toContainText(/[1-9]\d* places? for ptr:/);
  await hits(app).first().click();
  await app.idle();
  await app.show('Page');
  await expect(app.pageView).toContainText('pc.ram + 0x');
});

test('what cannot be searched for is explained', async ({ opened: app }) => {
  await search(app, 'hex:xyz');
  await expect(panel(app)).not.toContainText('places');
  await expect(panel(app)).toContainText(/hex/);
});
