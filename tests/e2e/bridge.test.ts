/** A guest leaves the page for native QEMU by the toolbar, and comes back; a capture is opened and replayed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ask, booted, image } from '../../guests/workload.mjs';
import { Machine as Native } from '../../scripts/qemu/machine.mjs';
import { qemus } from '../../scripts/qemu/qemu.mjs';
import { type App, expect, test } from './support/app.ts';
import { convergence, loadSample, machine, migration, rounds, runSample, WAIT } from './support/lab.ts';

const program = fileURLToPath(new URL('../../bin/migrascope', import.meta.url));
const args = ['-M', 'pc-i440fx-7.2', '-m', '16M', '-vga', 'none', '-nic', 'none', '-bios', image];
const qemu = qemus().find(({ suite }) => suite === 'trixie') ?? qemus()[0];
const running: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));

test.describe.configure({ timeout: 180_000 });
test.skip(!qemu, 'no native QEMU');
test.afterAll(() => {
  for (const child of running) child.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** `migrascope …`; its first line of output. */
async function migrascope(...words: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  const from = words[0] === 'serve' ? child.stdout : child.stderr;
  const [line] = (await once(createInterface(from), 'line')) as [string];
  return { child, line };
}
const type = async (app: App, line: string) => {
  await app.page.getByRole('textbox', { name: 'Serial console' }).focus();
  await app.page.keyboard.type(`${line}\n`);
};
const terminal = (app: App) => app.page.getByRole('region', { name: 'Terminal' });

test('a guest goes to native QEMU and comes back, and answers on both sides', async ({ app, page }) => {
  const { line } = await migrascope('serve', '--port', '0');
  expect(line).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#bridge=[\w-]{32}$/);
  await app.go(line);
  // The token is not left in the address.
  expect(page.url()).not.toContain('bridge');
  await runSample(app);
  await type(app, 'note made in the page');
  await expect(terminal(app)).toContainText('note made in the page', WAIT);

  const native = await Native.start(qemu!, [...args, '-incoming', 'tcp:127.0.0.1:0']);
  try {
    const uri = await native.incomingUri();
    await migration(app).getByRole('textbox', { name: 'Other side' }).fill(uri);
    await migration(app).getByRole('button', { name: 'Migrate', exact: true }).click();
    await expect(convergence(app)).toContainText('Completed', WAIT);
    await native.resumed();
    expect(await ask(native, 'note')).toMatch(/: made in the page\n$/);
    await ask(native, 'note made natively');

    const back = `unix:${join(folder, 'back.sock')}`;
    await migration(app).getByRole('textbox', { name: 'Other side' }).fill(back);
    await migration(app).getByRole('button', { name: 'Wait for incoming…' }).click();
    await expect(migration(app).getByRole('button', { name: 'Stop waiting' })).toBeVisible();
    await expect.poll(() => existsSync(join(folder, 'back.sock'))).toBe(true);
    await native.migrate(back);
    await expect(app.status).toContainText('The guest has come and goes on here.', WAIT);
    await expect(machine(app)).toContainText('running', WAIT);
    await type(app, 'note');
    await expect(terminal(app)).toContainText('made natively', WAIT);
  } finally {
    native.kill();
  }
});

test('without the bridge the toolbar says what it needs', async ({ app }) => {
  await loadSample(app);
  await app.show('Convergence');
  await expect(migration(app).getByRole('textbox', { name: 'Other side' })).toBeDisabled();
  await expect(migration(app).getByRole('textbox', { name: 'Other side' })).toHaveAttribute(
    'title',
    /migrascope serve/
  );
});

test('a capture of two native QEMUs is opened, with its rounds, and replayed', async ({ app, page }) => {
  const monitor = join(folder, 'qmp.sock');
  const incoming = `unix:${join(folder, 'in.sock')}`;
  const out = join(folder, 'native.recording');
  const source = await Native.start(qemu!, [...args, '-qmp', `unix:${monitor},server=on,wait=off`]);
  const target = await Native.start(qemu!, [...args, '-incoming', incoming]);
  try {
    await booted(source);
    await ask(source, 'dirty 20000 8M xor');
    await source.qmp('migrate-set-parameters', { 'max-bandwidth': 8 << 20, 'downtime-limit': 20 });
    const { child, line } = await migrascope('capture', '--listen', `unix:${join(folder, 'via.sock')}`, '--forward', incoming, '--qmp', `unix:${monitor}`, out); // prettier-ignore
    const over = once(child, 'exit');
    await source.qmp('migrate', { uri: /waiting at (\S+)/.exec(line)![1] });
    // It does not converge by itself.
    const syncs = async () => (await source.qmp('query-migrate')).ram?.['dirty-sync-count'] ?? 0;
    await expect.poll(syncs, WAIT).toBeGreaterThan(3);
    await source.qmp('migrate-set-parameters', { 'max-bandwidth': 1 << 30, 'downtime-limit': 100_000 });
    await source.migrated();
    expect((await over)[0]).toBe(0);
  } finally {
    source.kill();
    target.kill();
  }
  await app.open(out);
  await expect(app.tree).toBeVisible();
  await expect(convergence(app)).toContainText(/Completed after .* the guest stood for \d+ ms/, WAIT);
  await expect.poll(() => rounds(app)).toBeGreaterThan(2);
  const all = await rounds(app);
  await page.getByRole('slider', { name: 'Moment of the migration' }).press('Home');
  await expect.poll(() => rounds(app)).toBeLessThan(all);
  // What had been sent by then is selected in the other panels.
  await expect.poll(() => page.url()).toMatch(/sel=range(:|%3A)0-\d+/);
  await convergence(app).getByRole('combobox', { name: 'Speed of the replay' }).selectOption('× 16');
  await convergence(app).getByRole('button', { name: 'Replay' }).click();
  await expect.poll(() => rounds(app), WAIT).toBe(all);
});
