/** Migrations of the idle sample's guest, by hand or by the links that a lesson gives. */
import type { Locator } from '@playwright/test';
import { type App, expect, IDLE } from './app.ts';

/** For what takes a machine its time. */
export const WAIT = { timeout: 90_000 };
export const machine = (app: App): Locator => app.page.getByRole('toolbar', { name: 'Machine' });
export const migration = (app: App): Locator => app.page.getByRole('toolbar', { name: 'Migration' });
export const convergence = (app: App): Locator => app.page.getByRole('region', { name: 'Convergence' });
export const slider = (app: App, name: string): Locator => app.page.getByRole('slider', { name, exact: true });
/** How many rounds there are; those in sight are rows. */
export const rounds = async (app: App): Promise<number> => {
  const table = app.page.getByRole('table', { name: 'Rounds of the migration' });
  return (await table.count()) === 0 ? 0 : Number(await table.getAttribute('aria-rowcount')) - 1;
};

/** Opens the sample and makes a machine of it; nothing runs yet. */
export async function loadSample(app: App): Promise<void> {
  await app.openSample(IDLE);
  await machine(app).getByRole('button', { name: 'Load into machine' }).click();
  await expect(machine(app)).toContainText('ready', WAIT);
}
/** Its guest runs, and Convergence is in front. */
export async function runSample(app: App): Promise<void> {
  await loadSample(app);
  await machine(app).getByRole('button', { name: 'Resume' }).click();
  await expect(machine(app)).toContainText('running', WAIT);
  await app.show('Convergence');
}

/** Opens a preset; nothing runs yet. */
export async function openPreset(app: App, preset: string, sample = 'workload-idle'): Promise<void> {
  await app.page.goto('about:blank');
  await app.go(`/#sample=${sample}&preset=${preset}`);
  await expect(migration(app).getByRole('button', { name: 'Migrate' })).toBeFocused(WAIT);
}
/** @param until so many rounds, or its end */
export async function startPreset(app: App, until: number | 'completed'): Promise<void> {
  await app.page.keyboard.press('Enter');
  if (until === 'completed') await expect(convergence(app)).toContainText(/Completed after/, WAIT);
  else await expect.poll(() => rounds(app), WAIT).toBeGreaterThanOrEqual(until);
}
