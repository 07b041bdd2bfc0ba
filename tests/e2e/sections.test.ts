/** The tree of sections and fields, by pointer and by keyboard. */
import { expect, test } from './support/app.ts';

test('a section opens to its fields, nested as QEMU nests them', async ({ opened: app }) => {
  const timer = app.row('timer');
  await expect(timer).toHaveAttribute('aria-level', '1');
  await expect(timer).toHaveAttribute('aria-expanded', 'false');
  await timer.click();
  await app.press('ArrowRight');
  await expect(timer).toHaveAttribute('aria-expanded', 'true');
  await expect(app.row('cpu_ticks_offset')).toHaveAttribute('aria-level', '2');
  await app.press('ArrowLeft');
  await expect(app.row('cpu_ticks_offset')).toBeHidden();
});

test('arrow keys walk the tree: right opens and enters, left leaves and closes', async ({ opened: app, page }) => {
  await app.row('header').click();
  await app.press('ArrowRight', 'ArrowRight');
  await expect(app.row('magic')).toBeFocused();
  await expect(app.row('magic')).toHaveAttribute('aria-selected', 'true');
  await app.press('ArrowDown');
  await expect(app.row('version')).toBeFocused();
  await app.press('ArrowLeft');
  await expect(app.row('header')).toBeFocused();
  await app.press('ArrowLeft');
  await expect(app.row('magic')).toBeHidden();
  await app.press('End');
  await expect(app.row('vmdescription')).toBeFocused();
  await app.press('Home');
  await expect(app.row('header')).toBeFocused();
  await app.press('PageDown');
  await expect(app.row('header')).not.toBeFocused();
  await expect(page.getByRole('tree').locator(':focus')).toHaveAttribute('aria-level', '1');
});

test('typing goes to the next row that begins so', async ({ opened: app }) => {
  await app.row('header').click();
  await app.press('i', '8', '2');
  await expect(app.row('i8259')).toBeFocused();
  await expect(app.fields).toContainText('full section');
});

test('Enter opens and closes; * opens all on a level', async ({ opened: app }) => {
  await app.row('header').click();
  await app.press('Enter');
  await expect(app.row('magic')).toBeVisible();
  await app.press('Enter');
  await expect(app.row('magic')).toBeHidden();
  await app.press('*');
  await expect(app.row('magic')).toBeVisible();
  await expect(app.row('name')).toHaveAccessibleName('name "pc-i440fx-7.2"');
});

test('the parts of RAM fold into one row that says what they hold', async ({ opened: app, page }) => {
  const parts = app.row('ram: 55 parts');
  await expect(parts).toContainText('6,495 pages');
  await parts.click();
  await expect(app.fields.getByRole('table', { name: 'Sections in it' })).toContainText('ram');
  await app.press('ArrowRight', 'ArrowDown');
  await expect(page.getByRole('tree').locator(':focus')).toHaveAttribute('aria-setsize', '55');
  await expect(app.fields).toContainText('pages sent, records 0 to');
});

test('hovering a row previews its bytes, without selecting', async ({ opened: app }) => {
  await app.row('header').click();
  await app.press('ArrowRight');
  const byte = app.bytes.getByRole('gridcell', { name: '03', exact: true }).first();
  await app.row('configuration').hover();
  await expect(byte).toHaveCSS('box-shadow', 'none');
  await app.row('version').hover();
  await expect(byte).not.toHaveCSS('box-shadow', 'none');
  await expect(app.row('header')).toHaveAttribute('aria-selected', 'true');
});
