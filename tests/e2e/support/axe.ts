/** What axe finds on the page. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

interface Looks {
  /** What alone has changed; the whole page where it is absent. */
  readonly within?: string;
  /** In the dark theme too; else only what depends on colours is looked at there. */
  readonly allRules?: boolean;
}

/** What is wrong in the light theme and in the dark one. */
export async function violations(page: Page, { within, allRules = false }: Looks = {}): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(() => window.migrascope.idle());
    // Only what is wrong is told again, and there are no frames: the page is asked once.
    const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).setLegacyMode();
    if (within !== undefined) axe.include(within);
    if (colorScheme === 'dark' && !allRules) axe.withRules(['color-contrast', 'link-in-text-block']);
    for (const { id, help, nodes } of (await axe.analyze()).violations) {
      found.push(...nodes.map((node) => `${colorScheme}: ${id}: ${help}: ${node.target.join(' ')}`));
    }
  }
  return found;
}
