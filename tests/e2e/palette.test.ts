/** The command palette, the help that is made of the same table, and the theme. */
import type { Locator } from '@playwright/test';
import { expect, test } from './support/app.ts';

test('both keys open the palette, Escape closes it and the focus is back', async ({ opened: app, page }) => {
  await app.bytes.focus();
  for (const key of ['Control+k', 'Control+Shift+p']) {
    await app.press(key);
    await expect(app.palette).toBeVisible();
    await expect(app.palette.getByRole('combobox')).toBeFocused();
    await app.press('Escape');
    await expect(app.palette).toBeHidden();
    await expect(app.bytes).toBeFocused();
  }
  await page.getByRole('button', { name: /^Find anything/ }).click();
  await expect(app.palette).toBeVisible();
});

test('it finds commands, panels, sections, fields and addresses', async ({ opened: app, page }) => {
  const option = (name: RegExp) => app.palette.getByRole('option', { name });
  await app.press('Control+k');
  const box = app.palette.getByRole('combobox');
  await box.fill('elf core');
  await expect(option(/command.*ELF core for crash and gdb.*dump-guest-memory/)).toBeVisible();
  await box.fill('page tables');
  await expect(option(/panel.*Show Page tables/)).toBeVisible();
  await box.fill('mc146818rtc');
  await expect(option(/section.*mc146818rtc/)).toBeVisible();
  await box.fill('cr[3]');
  await expect(option(/field.*cpu\.env\.cr\[3\].*0x110000/)).toBeVisible();
  await box.fill('0x100000');
  await expect(option(/address.*Go to offset 0x10_?0000/)).toBeVisible();
  await expect(option(/address.*Go to guest-physical 0x10_?0000/)).toBeVisible();
  await box.fill('nothing has this name at all');
  await expect(app.palette).toContainText('Nothing of that name');
  await box.fill('/text:dirty');
  await page.keyboard.press('Enter');
  await app.idle();
  await expect(page.getByRole('listbox', { name: 'Found places' })).toBeVisible();
});

test('help lists every command with its keys', async ({ app, page }) => {
  await app.press('F1');
  const help = page.getByRole('dialog', { name: 'Commands and keys' });
  await expect(help.getByRole('row', { name: /^Command palette .*Ctrl\+Shift\+P.*Ctrl\+K/ })).toBeVisible();
  await expect(help.getByRole('row', { name: /^Timeline: zoom in .*W/ })).toBeVisible();
  await help.getByRole('button', { name: 'Close' }).click();
  await expect(help).toBeHidden();
});

test('the theme is the system’s until a person chooses, and the choice is kept', async ({ opened: app, page }) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).not.toBe(light);
  // From the system's to dark to light, wherever the round begins.
  const theme = page.getByRole('button', { name: /^Theme: / });
  await expect(theme).toHaveAccessibleName('Theme: system');
  while ((await theme.getAttribute('aria-label')) !== 'Theme: light') {
    await theme.click();
    await app.idle();
  }
  await expect.poll(background).toBe(light);
  await page.reload();
  await app.idle();
  await expect(theme).toHaveAccessibleName('Theme: light');
  await expect.poll(background).toBe(light);
});

test('a panel is maximised and put back', async ({ opened: app, page }) => {
  await page.getByRole('button', { name: 'Maximise RAM map' }).click();
  const widthOf = async (part: Locator) => (await part.boundingBox())!.width;
  const whole = await widthOf(page.getByRole('main'));
  await expect.poll(() => widthOf(app.ramMap)).toBe(whole);
  // What lies under it is out of the keyboard's way.
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab');
    await expect(app.tree.locator(':focus')).toHaveCount(0);
  }
  await page.getByRole('button', { name: 'Put the panels back' }).click();
  await app.row('header').click();
  await expect(app.row('header')).toBeFocused();
});
