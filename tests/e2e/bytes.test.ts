/** The bytes, linked with sections and fields both ways. */
import { expect, test, type App } from './support/app.ts';

const selected = (app: App) => app.bytes.getByRole('gridcell', { selected: true });

test('a field selected in the tree shows its very bytes', async ({ opened: app }) => {
  await app.row('header').click();
  await app.press('ArrowRight', 'ArrowDown');
  await expect(selected(app)).toHaveText(['51', '45', '56', '4d']);
  await app.press('ArrowDown');
  await expect(selected(app)).toHaveText(['00', '00', '00', '03']);
});

test('a byte that is clicked selects the field it belongs to, in the tree too', async ({ opened: app }) => {
  await app.bytes.getByRole('gridcell', { name: '70', exact: true }).first().click();
  await app.idle();
  await expect(app.row('name')).toHaveAttribute('aria-selected', 'true');
  await expect(app.fields.getByRole('heading', { name: 'name', exact: true })).toBeVisible();
  await expect(app.fields).toContainText('pc-i440fx-7.2');
  await expect(selected(app)).toHaveCount('pc-i440fx-7.2'.length);
});

test('arrow keys move the cursor from byte to byte, Shift selects', async ({ opened: app }) => {
  await app.bytes.focus();
  await app.press('Control+Home', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight');
  await expect(selected(app)).toHaveText(['00', '00', '00', '03']);
  await app.press('ArrowDown', 'ArrowUp', 'Home', 'Shift+ArrowRight', 'Shift+ArrowRight');
  await expect(selected(app)).toHaveText(['51', '45', '56']);
  await expect(app.fields.getByRole('heading', { name: '3 bytes' })).toBeVisible();
  await app.press('Control+End');
  await expect(
    app.page.getByRole('tabpanel', { name: 'Bytes' }).getByRole('button', { name: 'vmdescription' })
  ).toBeVisible();
  await app.press('Control+Home');
  await expect(app.bytes.getByRole('rowheader').first()).toHaveText('00000000');
});

test('Ctrl+G goes to an offset; what is typed is previewed, and Escape takes it back', async ({
  opened: app,
  page
}) => {
  await app.press('Control+g');
  const box = page.getByRole('textbox', { name: 'Go to offset' });
  await expect(box).toBeFocused();
  // The cpu section begins at 0xdd5ca3.
  await page.keyboard.type('0xdd5ca3');
  await expect(app.bytes.getByRole('rowheader', { name: '00dd5ca0' })).toBeVisible();
  await app.press('Escape');
  await expect(app.bytes.getByRole('rowheader').first()).toHaveText('00000000');
  await app.goToOffset('0xdd5ca3');
  await expect(app.bytes).toBeFocused();
  await expect(app.row('cpu')).toBeInViewport();
  await app.goToOffset('+0x20');
  await expect(app.page.getByRole('contentinfo')).toContainText('0xdd_5cc3');
});

test('the crumbs above the bytes name the section and the fields, and lead there', async ({ opened: app, page }) => {
  await app.goToOffset('0');
  await page.getByRole('tabpanel', { name: 'Bytes' }).getByRole('button', { name: 'header' }).click();
  await expect(app.fields).toContainText('header section');
  await expect(selected(app)).toHaveCount(8);
});

test('rows hold 8, 16 or 32 bytes, and the choice outlives a reload', async ({ opened: app, page }) => {
  await page.getByRole('combobox', { name: 'Bytes per row' }).selectOption('32');
  await expect(app.bytes.getByRole('rowheader').nth(1)).toHaveText('00000020');
  await page.reload();
  await app.idle();
  await expect(app.bytes.getByRole('rowheader').nth(1)).toHaveText('00000020');
});

test('selected bytes are copied as hex, text, C and dump', async ({ opened: app, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await app.row('header').click();
  await app.press('ArrowRight', 'ArrowRight');
  await app.bytes.focus();
  await app.press('Control+c');
  await expect.poll(copied).toBe('51 45 56 4d');
  await expect(app.status).toHaveText('4 B copied.');
  await app.command('Copy bytes as text');
  await expect.poll(copied).toBe('QEVM');
  await app.command('Copy bytes as a C array');
  await expect.poll(copied).toContain('0x51, 0x45, 0x56, 0x4d');
  await app.command('Copy bytes as a hex dump');
  await expect.poll(copied).toMatch(/^0+ .*51 45 56 4d.*QEVM/);
});

test('the wheel and the scroll bar reach the end of a stream larger than any element can be', async ({
  opened: app,
  page
}) => {
  const bar = page.getByRole('scrollbar', { name: /^Scroll through/ });
  await app.bytes.hover();
  await page.mouse.wheel(0, 400);
  await expect(app.bytes.getByRole('rowheader', { name: '00000000' })).toBeHidden();
  const box = (await bar.boundingBox())!;
  await page.mouse.click(box.x + box.width / 2, box.y + box.height - 8);
  await app.idle();
  await expect(app.bytes.getByRole('rowheader').last()).toHaveText(/^00dd/);
});
