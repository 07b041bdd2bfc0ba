/** A whole journey without a pointer: from the first page to a note on a field, and out again. */
import { expect, test } from './support/app.ts';

test('everything is reached by keyboard alone', async ({ app, page }) => {
  const focus = page.locator(':focus');
  const reach = async (name: RegExp, key = 'Tab') => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press(key);
      if (name.test((await focus.getAttribute('aria-label')) ?? (await focus.innerText()))) return;
    }
    throw new Error(`the keyboard did not reach ${name}`);
  };

  // A sample by Tab and Enter.
  await reach(/^Workload guest, migrated/);
  await app.press('Enter');
  await expect(app.status).toHaveText(/^Opened workload\.vmstate\.gz/);

  // Panels by F6; the tree by arrows and letters.
  await app.press('F6');
  await expect(app.tree.locator(':focus')).toHaveAttribute('aria-level', '1');
  await app.press('a', 'p', 'i', 'c');
  await expect(app.row('apic')).toBeFocused();
  await app.press('ArrowRight', 'ArrowRight');
  await expect(app.fields).toContainText('apic');

  // Tabs of a panel by arrows.
  await app.press('F6');
  const problems = page.getByRole('tab', { name: 'Problems' });
  await reach(/^Problems$/, 'Shift+Tab');
  await expect(problems).toBeFocused();
  await app.press('ArrowRight');
  await expect(page.getByRole('tab', { name: 'Notes' })).toBeFocused();
  await expect(page.getByRole('textbox', { name: /^Note on/ })).toBeVisible();

  // Bytes by offset.
  await app.press('Control+g');
  await app.typeInto(page.getByRole('textbox', { name: 'Go to offset' }), '0xdd5ca3');
  await app.press('Enter');
  await expect(app.bytes).toBeFocused();
  await app.press('ArrowDown', 'ArrowDown');
  await expect(app.fields).toContainText('env.regs');

  // A page of memory through the list behind the map.
  for (let i = 0; i < 9 && !(await app.ramMap.locator(':focus').count()); i++) await app.press('F6');
  await reach(/^Pages in view$/);
  await app.press('Enter');
  await app.press('Enter');
  await expect(app.pageView).toContainText('pc.ram + 0x0');

  // Search, and into what it found.
  await app.press('Control+f');
  await app.typeInto(page.getByRole('searchbox', { name: 'Search' }), 'field:eip');
  await app.press('Enter');
  await reach(/^Found places$/);
  await app.press('Enter');
  await expect(app.row('env.eip')).toHaveAttribute('aria-selected', 'true');

  // A note on it.
  await app.note('waits here');
  await app.press('Control+Enter');
  await expect(page.getByRole('list', { name: 'Notes' })).toContainText('waits here');

  // Back to where it was, then out by the palette.
  await app.findAnything('>close the file');
  await app.press('Enter');
  await expect(page.getByRole('list', { name: 'Samples' })).toBeVisible();
});

test('menus open by Enter and are walked by arrows', async ({ opened: app, page }) => {
  const file = page.getByRole('menubar').getByRole('menuitem', { name: 'File' });
  await file.focus();
  await app.press('Enter');
  await expect(page.getByRole('menuitem', { name: /^Open…/ })).toBeFocused();
  await app.press('ArrowDown');
  await expect(page.locator(':focus')).toHaveRole('menuitem');
  await app.press('Escape');
  await expect(file).toBeFocused();
  await app.press('ArrowRight');
  await expect(page.getByRole('menubar').getByRole('menuitem', { name: 'View' })).toBeFocused();
});

test('tabs that have no room are chosen from a menu', async ({ opened: app, page }) => {
  await expect(page.getByRole('button', { name: 'All panels beside Bytes' })).toHaveCount(0);
  await page.setViewportSize({ width: 420, height: 800 });
  const more = page.getByRole('button', { name: 'All panels beside Bytes' });
  await more.focus();
  await app.press('Enter');
  await expect(page.getByRole('menuitemcheckbox', { name: 'Bytes' })).toBeChecked();
  await app.press('End', 'Enter');
  await expect(page.getByRole('menu')).toHaveCount(0);
  // The tab that is chosen comes into sight, and the keyboard goes into its panel.
  const checks = page.getByRole('tab', { name: 'Checks' });
  await expect(checks).toHaveAttribute('aria-selected', 'true');
  await expect(checks).toBeInViewport({ ratio: 1 });
  await expect(page.getByRole('tabpanel', { name: 'Checks' }).locator(':focus')).toHaveCount(1);
});

test('the focus is always seen', async ({ opened: app, page }) => {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const unseen = await page.evaluate(() => {
      const element = document.activeElement!;
      if (element === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      // An editor or a list draws a ring of its own inside.
      const seen = outlineStyle !== 'none' && outlineWidth !== '0px';
      return seen ? undefined : element.outerHTML.slice(0, 120);
    });
    expect(unseen).toBeUndefined();
  }
  await app.idle();
});
