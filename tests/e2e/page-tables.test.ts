/** From virtual to physical addresses, step by step, as the guest's own tables say. */
import { expect, test, type App } from './support/app.ts';

async function walk(app: App, address: string): Promise<void> {
  await app.show('Page tables');
  await app.page.getByRole('region', { name: 'Page tables' }).getByRole('textbox', { name: 'Address' }).fill(address);
  await app.press('Enter');
}

test('an address of the kernel is walked to its page', async ({ opened: app, page }) => {
  const tables = page.getByRole('region', { name: 'Page tables' });
  await walk(app, '0xffffffff80100cc4');
  const steps = tables.getByRole('table', { name: 'Steps of the walk' });
  // CR3 is 0x110000; bits 47 to 39 of the address are 511, and an entry has 8 bytes.
  await expect(steps.getByRole('row', { name: /^PML4 511 0x110ff8 0x/ })).toBeVisible();
  await expect(steps.getByRole('row', { name: /^PDPT 510 / })).toBeVisible();
  await expect(tables.getByRole('list', { name: 'Bits of the address' })).toContainText('0xcc4');
  await expect(tables).toContainText(/page of 4\.00 KiB/);
  await tables.getByRole('button', { name: '0x100cc4', exact: true }).click();
  await app.idle();
  await expect(app.pageView).toContainText('pc.ram + 0x100000');
});

test('an address that is not mapped ends in a fault at the level that is missing', async ({ opened: app, page }) => {
  const tables = page.getByRole('region', { name: 'Page tables' });
  await walk(app, '0xffff900000000000');
  await expect(tables).toContainText(/Fault.*not present/);
  await walk(app, '0x0000900000000000');
  await expect(tables).toContainText(/Fault.*canonical/);
  await walk(app, 'nonsense');
  await expect(tables.getByRole('alert')).toContainText('hexadecimal with 0x');
});

test('all that is mapped is listed, filtered by rights, and leads to walks', async ({ opened: app, page }) => {
  await app.show('Page tables');
  const tables = page.getByRole('region', { name: 'Page tables' });
  const mappings = tables.getByRole('table', { name: 'Mappings' });
  await expect(tables).toContainText(/\d+ mappings/);
  const all = await mappings.getAttribute('aria-rowcount');
  await tables.getByRole('searchbox', { name: 'Filter mappings' }).fill('x');
  await expect(mappings).not.toHaveAttribute('aria-rowcount', all!);
  await mappings.getByRole('button', { name: '0xffffffff80100000' }).click();
  await app.idle();
  await expect(tables.getByRole('textbox', { name: 'Address' })).toHaveValue('0xffffffff80100000');
  await expect(tables.getByRole('table', { name: 'Steps of the walk' })).toBeVisible();
});

test('another CR3 may be tried', async ({ opened: app, page }) => {
  await walk(app, '0xffffffff80100cc4');
  const tables = page.getByRole('region', { name: 'Page tables' });
  await tables.getByRole('textbox', { name: 'CR3' }).fill('0x0');
  await app.idle();
  await expect(tables).toContainText(/Fault/);
});
