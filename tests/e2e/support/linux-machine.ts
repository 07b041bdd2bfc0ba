/** The Linux guest that native QEMU left at its shell, as a machine in the page. */
import { existsSync, readFileSync } from 'node:fs';
import { type App, expect, goldenFile } from './app.ts';

const version = ['11.1.3', '10.0.13', '7.2.22'].find((v) => existsSync(goldenFile(v, 'linux-seed', 'state')));

/** Stream, names of its kernel, and image of its disk; undefined where scripts/golden.mjs has not made them. */
export const linuxFiles: readonly string[] | undefined = version === undefined ? undefined : filesOf(version);
if (!linuxFiles) console.warn('SKIPPED: no golden linux-seed; npm run golden makes it with native QEMU');

function filesOf(of: string): string[] {
  const { commandLine } = JSON.parse(readFileSync(goldenFile(of, 'linux-seed', 'meta.json'), 'utf8')) as {
    commandLine: string[];
  };
  const [, disk = ''] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
  return [...['state', 'System.map'].map((name) => goldenFile(of, 'linux-seed', name)), disk].filter(existsSync);
}

/** Drops it and loads it: paused, where it was. */
export async function loadLinux(app: App): Promise<void> {
  await app.drop(...linuxFiles!);
  await expect(app.tree).toBeVisible();
  const bar = app.page.getByRole('toolbar', { name: 'Machine' });
  await bar.getByRole('button', { name: 'Load into machine' }).click({ timeout: 60_000 });
  await expect(bar).toContainText('ready', { timeout: 60_000 });
  await app.idle();
}

/** A breakpoint by the panel's form. @param boxes names of its boxes and what they get */
export async function addBreakpoint(app: App, kind: string, boxes: Readonly<Record<string, string>>): Promise<void> {
  const { page } = app;
  await app.show('Breakpoints');
  await page.getByRole('combobox', { name: 'Kind of breakpoint' }).selectOption(kind);
  for (const [name, text] of Object.entries(boxes)) await page.getByRole('textbox', { name }).fill(text);
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await app.idle();
}
