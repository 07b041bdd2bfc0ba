/** axe on every page, panel and dialog, in both themes: no violations. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, sampleFile, test } from './support/app.ts';

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, help, nodes }) => nodes.map((n) => `${id}: ${help}: ${n.target.join(' ')}`));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('the first page, what is decoded and the licences', async ({ app, page }) => {
      expect(await violations(page)).toEqual([]);
      for (const command of ['What is decoded', 'About, licences']) {
        await app.command(command);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect(await violations(page)).toEqual([]);
      }
    });

    test('the workbench, and the palette, the help and a menu over it', async ({ opened: app, page }) => {
      expect(await violations(page)).toEqual([]);
      await app.row('cpu').click();
      await app.press('ArrowRight');
      expect(await violations(page)).toEqual([]);
      await app.press('Control+k');
      await page.keyboard.type('cr');
      expect(await violations(page)).toEqual([]);
      await app.press('Escape', 'F1');
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await app.press('Escape');
      await page.getByRole('menuitem', { name: 'Export' }).click();
      await expect(page.getByRole('menu')).toBeVisible();
      expect(await violations(page)).toEqual([]);
    });

    test('the panels beside: JSON, checks, differences, notes, search', async ({ opened: app, page }) => {
      await app.show('JSON');
      await app.show('Notes');
      await page.getByRole('textbox', { name: /^Note on/ }).fill('seen');
      await page.getByRole('button', { name: 'Keep' }).click();
      await app.press('Control+f');
      await page.keyboard.type('text:dirty');
      await app.press('Enter');
      expect(await violations(page)).toEqual([]);
      await app.show('Checks');
      await page.getByRole('textbox', { name: 'Explain this error' }).fill('Missing section footer for i8254');
      await page.getByRole('button', { name: 'Explain' }).click();
      await page.getByRole('textbox', { name: 'Machine type' }).fill('pc-q35-7.2');
      await page.getByRole('button', { name: 'Check' }).click();
      await app.idle();
      expect(await violations(page)).toEqual([]);
      await app.choose([sampleFile('idle.vmstate.gz')], () => app.command('Compare with another file…'));
      await app.press('F7');
      expect(await violations(page)).toEqual([]);
    });

    test('memory: a page with its bytes, code and sends, page tables, every colouring', async ({
      opened: app,
      page
    }) => {
      await app.rounds.getByRole('button', { name: 'Round 2, inferred' }).click();
      await app.idle();
      await page.getByRole('region', { name: 'Hot pages' }).getByRole('button').first().click();
      await app.idle();
      for (const tab of ['Bytes', 'Code', 'Sends']) {
        await app.pageView.getByRole('tab', { name: tab }).click();
        await app.idle();
        expect(await violations(page)).toEqual([]);
      }
      await app.show('Page tables');
      await page.getByRole('textbox', { name: 'Address' }).fill('0xffffffff80100cc4');
      await app.press('Enter');
      for (const colouring of ['Entropy', 'Last round', 'Guess', 'Page tables']) {
        await page.getByRole('combobox', { name: 'Colour by' }).selectOption(colouring);
        await app.idle();
      }
      expect(await violations(page)).toEqual([]);
    });

    test('problems, and what could not be opened', async ({ app, page }) => {
      await app.open({ name: 'noise', bytes: Uint8Array.from({ length: 100 }, (_, i) => i) });
      await expect(app.problems.getByRole('button')).toHaveCount(1);
      expect(await violations(page)).toEqual([]);
    });
  });
}
