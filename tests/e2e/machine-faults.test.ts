/** Workers that die: what is said, and what is left of their machines. */
import type { Page } from '@playwright/test';
import { App, expect, IDLE, test } from './support/app.ts';
import { addBreakpoint, linuxFiles, loadLinux } from './support/linux-machine.ts';

test.describe.configure({ timeout: 240_000 });

const toolbar = (page: Page) => page.getByRole('toolbar', { name: 'Machine' });
const press = (page: Page, name: string) =>
  toolbar(page).getByRole('button', { name, exact: true }).click({ timeout: 30_000 });
const terminal = (page: Page) => page.getByRole('region', { name: 'Terminal' });

async function type(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Serial console' }).focus();
  await page.keyboard.type(text);
}

async function workerOf(page: Page) {
  const workers = await Promise.all(page.workers().map(async (w) => [w, await w.evaluate(() => self.name)] as const));
  return workers.find(([, name]) => name === 'machine')![0];
}
/** An error that nobody catches, in the machine's worker. */
async function kill(page: Page): Promise<void> {
  const worker = await workerOf(page);
  await worker.evaluate(
    () =>
      void setTimeout(() => {
        throw new Error('cut short');
      })
  );
  await expect(toolbar(page)).toContainText(/stopped working: .*cut short/);
}

test('a worker that dies before its machine ran is shown, and the machine is loaded again', async ({ page }) => {
  const app = new App(page);
  await app.go();
  await app.openSample(IDLE);
  await press(page, 'Load into machine');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
  await kill(page);
  await expect(toolbar(page).getByRole('button', { name: 'Restart from the last checkpoint' })).toHaveCount(0);
  await press(page, 'Load it again');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
});

test('a guest goes on from its last checkpoint when its worker has died', async ({ page }) => {
  test.skip(!linuxFiles);
  const app = new App(page);
  await app.go();
  await loadLinux(app);
  await addBreakpoint(app, 'code', { 'Breakpoint address': 'panic' });
  await app.show('Serial console');
  await press(page, 'Resume');
  await type(page, 'echo kept-$((6*7)) > /tmp/kept\n');
  // More instructions than lie between two checkpoints.
  await type(page, 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; echo counted $i\n');
  await expect(terminal(page)).toContainText('counted 60000', { timeout: 120_000 });
  await kill(page);
  await press(page, 'Restart from the last checkpoint');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
  await expect(page.getByRole('list', { name: 'What will not work' })).toHaveCount(0);
  await app.show('Breakpoints');
  await expect(page.getByRole('list', { name: 'Breakpoints' }).getByRole('listitem')).toHaveCount(1);
  await app.show('Serial console');
  await press(page, 'Resume');
  await type(page, '\ncat /tmp/kept\n');
  await expect(terminal(page)).toContainText(/kept-42/, { timeout: 60_000 });
  // And once more: the new machine is kept too.
  await kill(page);
  await press(page, 'Restart from the last checkpoint');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
});

test('a worker that hangs is noticed, stopped by hand, and its guest goes on from its last checkpoint', async ({
  page
}) => {
  const app = new App(page);
  await app.go();
  await app.openSample(IDLE);
  await press(page, 'Load into machine');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
  await press(page, 'Resume');
  await type(page, 'mem\n');
  await expect(terminal(page)).toContainText('16 MiB of RAM', { timeout: 60_000 });
  const worker = await workerOf(page);
  await worker.evaluate(
    () =>
      void setTimeout(() => {
        for (;;);
      })
  );
  await expect(toolbar(page)).toContainText('does not answer', { timeout: 60_000 });
  await press(page, 'Stop its worker');
  await expect(toolbar(page)).toContainText('did not answer for 10 seconds');
  await press(page, 'Restart from the last checkpoint');
  await expect(toolbar(page)).toContainText('ready', { timeout: 60_000 });
  await expect(page.getByRole('status').filter({ hasText: 'as it was at its last checkpoint' })).toHaveCount(1);
  await press(page, 'Resume');
  await type(page, 'mem\n');
  await expect(terminal(page)).toContainText('16 MiB of RAM', { timeout: 60_000 });
});
