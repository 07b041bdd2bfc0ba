/** The migration lab, by the links that a lesson gives. */
import type { Locator } from '@playwright/test';
import { type App, expect } from './app.ts';

const WAIT = { timeout: 90_000 };
export const bar = (app: App): Locator => app.page.getByRole('toolbar', { name: 'Migration' });
export const convergence = (app: App): Locator => app.page.getByRole('region', { name: 'Convergence' });
export const slider = (app: App, name: string): Locator => app.page.getByRole('slider', { name, exact: true });
/** With the table's head. */
export const rounds = (app: App): Locator =>
  app.page.getByRole('table', { name: 'Rounds of the migration' }).getByRole('row');

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
  else await expect.poll(() => rounds(app).count(), WAIT).toBeGreaterThan(until);
}
