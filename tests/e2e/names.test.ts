/** The names that scripts, screen readers and lessons rely on: each is there, with its role. */
import { existsSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { expect, goldenFile, test } from './support/app.ts';

type Role = Parameters<Page['getByRole']>[0];
type Names = readonly (readonly [role: Role, name: string, panel?: string])[];

async function expectAll(page: Page, names: Names): Promise<void> {
  for (const [role, name, panel] of names) {
    if (panel !== undefined) await page.getByRole('tab', { name: panel, exact: true }).click();
    await expect(page.getByRole(role, { name, exact: true }), `${role} "${name}"`).toBeAttached();
  }
}

test('the first page has its names', async ({ app, page }) => {
  await expectAll(page, [
    ['button', 'Open…'],
    ['list', 'Samples']
  ]);
  await expect(app.status).toHaveCount(1);
  expect(await page.evaluate(() => typeof window.migrascope.version)).toBe('string');
});

test('an open stream has its names', async ({ opened: app, page }) => {
  await expectAll(page, [
    ['tree', 'Sections'],
    ['grid', 'Bytes'],
    ['region', 'Fields'],
    ['region', 'RAM map'],
    ['region', 'Timeline'],
    ['table', 'Rounds'],
    ['log', 'Problems'],
    ['region', 'Page tables', 'Page tables'],
    ['toolbar', 'Machine']
  ]);
  await expect(app.status).toContainText('Opened workload.vmstate.gz');
});

test('a machine has its names', async ({ opened: app, page }) => {
  await page.getByRole('button', { name: 'Load into machine' }).click();
  await app.idle();
  const machine = page.getByRole('toolbar', { name: 'Machine' });
  for (const name of ['Resume', 'Pause', 'Step', 'Step over', 'Step out', 'Step back', 'Run to…'])
    await expect(machine.getByRole('button', { name, exact: true }), name).toBeVisible();
  await expectAll(page, [
    ['table', 'Registers'],
    ['grid', 'Disassembly'],
    ['textbox', 'Serial console'],
    ['region', 'Convergence', 'Convergence'],
    ['textbox', 'Monitor', 'Monitor'],
    ['list', 'Breakpoints', 'Breakpoints']
  ]);
  const migration = page.getByRole('toolbar', { name: 'Migration' });
  for (const name of ['Migrate', 'Cancel'])
    await expect(migration.getByRole('button', { name, exact: true }), name).toBeVisible();
  for (const name of ['Bandwidth limit', 'Downtime limit', 'Dirty rate'])
    await expect(page.getByRole('slider', { name, exact: true }), name).toBeVisible();
});

const withScreen = ['11.1.3', '10.0.13', '7.2.22']
  .map((version) => goldenFile(version, 'pc-seed', 'state'))
  .find((path) => existsSync(path));
test('a machine with a graphics card has its display', async ({ app, page }) => {
  test.skip(withScreen === undefined, 'no test stream of a machine with a screen');
  await app.open(withScreen!);
  await page.getByRole('button', { name: 'Load into machine' }).click();
  await app.idle();
  await expectAll(page, [['img', 'Display', 'Display']]);
});
