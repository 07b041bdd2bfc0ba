/** The migration lab, by the links that a lesson gives. */
import type { Locator } from '@playwright/test';
import { type App, expect } from './app.ts';

const WAIT = { timeout: 90_000 };
export const bar = (app: App): Locator => app.page.getByRole('toolbar', { name: 'Migration' });
export const convergence = (app: App): Locator => app.page.getByRole('region', { name: 'Convergence' });
export const slider = (app: App, name: string): Locator => app.page.getByRole('slider', { name, exact: true });
/** How many rounds there are; those in sight are rows. */
export const rounds = async (app: App): Promise<number> => {
  const table = app.page.getByRole('table', { name: 'Rounds of the migration' });
  return (await table.count()) === 0 ? 0 : Number(await table.getAttribute('aria-rowcount')) - 1;
};

/** Opens a preset; nothing runs yet. */
export async function openPreset(app: App, preset: string, sample = 'workload-idle'): Promise<void> {
  await app.page.goto('about:blank');
  await app.go(`/#sample=${sample}&preset=${preset}`);
  await expect(bar(app).getByRole('button', { name: 'Migrate' })).toBeFocused(WAIT);
}
/** @param until so many rounds, or its end */
export async function startPreset(app: App, until: number | 'completed'): Promise<void> {
  await app.page.keyboard.press('Enter');
  if (until === 'completed') await expect(convergence(app)).toContainText(/Completed after/, WAIT);
  else await expect.poll(() => rounds(app), WAIT).toBeGreaterThanOrEqual(until);
}
