/** A state that native QEMU left becomes a machine that runs in the page. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, goldenFile, test, type App } from './support/app.ts';

const version = ['11.1.3', '10.0.13', '7.2.22'].find((v) => existsSync(goldenFile(v, 'linux-seed', 'state')));
const seed = version === undefined ? undefined : seedOf(version);
if (!seed) console.warn('skipped: no golden linux-seed; npm run golden makes it with native QEMU');

/** The stream and the image of the disk that its machine had. */
function seedOf(version: string): { readonly state: string; readonly disk: string } {
  const meta = readFileSync(goldenFile(version, 'linux-seed', 'meta.json'), 'utf8');
  const { commandLine } = JSON.parse(meta) as { commandLine: string[] };
  const [, disk = ''] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
  return { state: goldenFile(version, 'linux-seed', 'state'), disk };
}

const toolbar = (app: App) => app.page.getByRole('toolbar', { name: 'Machine' });
const press = (app: App, name: string) =>
  toolbar(app).getByRole('button', { name, exact: true }).click({ timeout: 30_000 });
const terminal = (app: App) => app.page.getByRole('region', { name: 'Terminal' });

async function load(app: App, ...files: readonly string[]): Promise<void> {
  await app.drop(...files);
  await expect(app.tree).toBeVisible();
  await press(app, 'Load into machine');
  await expect(toolbar(app)).toContainText('ready', { timeout: 60_000 });
  await app.idle();
}
async function monitor(app: App, line: string): Promise<void> {
  await app.show('Monitor');
  await app.page.getByRole('textbox', { name: 'Monitor' }).fill(line);
  await app.press('Enter');
}

test.describe('a Linux guest', () => {
  test.skip(!seed, 'no golden linux-seed');
  test.describe.configure({ timeout: 180_000 });

  test('dropped with its disk, resumes and its shell answers', async ({ app, page }) => {
    await load(app, seed!.state, seed!.disk);
    await press(app, 'Resume');
    await expect(toolbar(app)).toContainText('running');
    await page.getByRole('textbox', { name: 'Serial console' }).focus();
    await page.keyboard.type('cat /tmp/before-migration\n');
    await expect(terminal(app)).toContainText(/cat \/tmp\/before-migration\s*test/, { timeout: 60_000 });
    await press(app, 'Pause');
    await expect(toolbar(app)).toContainText('paused');
    await monitor(app, 'info status');
    await expect(page.getByRole('log', { name: 'Monitor output' })).toContainText('VM status: paused');
  });
});
