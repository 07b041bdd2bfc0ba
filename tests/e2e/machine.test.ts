/** A state that native QEMU left becomes a machine that runs in the page. */
import { readFileSync } from 'node:fs';
import { goldens } from '../support/golden.ts';
import { App, expect, goldenFile, IDLE, test } from './support/app.ts';
import { addBreakpoint } from './support/linux-machine.ts';

/** Of QEMU, oldest first. */
const versions = goldens().flatMap(({ name }) => /^(.*)\/linux-seed$/.exec(name)?.[1] ?? []);
const newest = versions.at(-1);
const seed = newest === undefined ? undefined : seedOf(newest);
if (!seed) console.warn('skipped: no golden linux-seed; npm run golden makes it with native QEMU');

/** The stream and the image of the disk that its machine had. */
function seedOf(version: string): { readonly state: string; readonly disk: string; readonly map: string } {
  const meta = readFileSync(goldenFile(version, 'linux-seed', 'meta.json'), 'utf8');
  const { commandLine } = JSON.parse(meta) as { commandLine: string[] };
  const [, disk = ''] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
  return {
    state: goldenFile(version, 'linux-seed', 'state'),
    map: goldenFile(version, 'linux-seed', 'System.map'),
    disk
  };
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
  test.describe.configure({ timeout: 120_000 });

  for (const version of versions) {
    test(`that QEMU ${version} left, dropped with its disk, resumes and its shell answers`, async ({ app, page }) => {
      const { state, disk } = seedOf(version);
      await load(app, state, disk);
      const silence = page.getByText('Nothing was printed yet');
      await expect(silence).toContainText('Resume it (F9)');
      await press(app, 'Resume');
      await expect(toolbar(app)).toContainText('running');
      await page.getByRole('textbox', { name: 'Serial console' }).focus();
      await page.keyboard.type('cat /tmp/before-migration\n');
      // On a busy machine the kernel says between them that an interrupt took long.
      const answer = /cat \/tmp\/before-migration\s*(\[ *\d+\.\d+\] .*?)?test/s;
      await expect(terminal(app)).toContainText(answer, { timeout: 60_000 });
      await expect(silence).toHaveCount(0);
      await press(app, 'Pause');
      await expect(toolbar(app)).toContainText('paused');
      await monitor(app, 'info status');
      await expect(page.getByRole('log', { name: 'Monitor output' })).toContainText('VM status: paused');
      await monitor(app, 'x/2i $pc');
      await expect(page.getByRole('log', { name: 'Monitor output' })).toContainText(
        /0xffffffff[\da-f]{8}:  [\da-f ]+ \w+/
      );
    });
  }

  test('stepped, shows registers, code and stack as they change, and stops at breakpoints', async ({ app, page }) => {
    await load(app, seed!.state, seed!.disk, seed!.map);
    const registers = page.getByRole('table', { name: 'Registers' });
    const rip = registers.getByRole('row', { name: /^RIP / });
    const code = page.getByRole('grid', { name: 'Disassembly' });
    const current = code.locator('[aria-current="true"]');
    await expect(current).toHaveCount(1);
    const before = await rip.getByRole('cell').first().innerText();
    await expect(current.getByRole('rowheader')).toHaveText(before);
    await expect(code).toContainText(/default_idle|native_safe_halt/);
    await expect(page.getByRole('table', { name: 'Stack' })).toContainText(/do_idle\+0x/);
    await expect(registers.getByRole('row', { name: /^CR0 / })).toContainText('PG');

    await press(app, 'Step');
    await expect(toolbar(app)).toContainText('stepped');
    await expect(rip).toContainText('changed');
    await expect(current.getByRole('rowheader')).not.toHaveText(before);
    await app.press('F11');
    await expect(toolbar(app)).toContainText('2 instructions');

    // The idle loop comes by where the state was taken.
    await app.show('Breakpoints');
    await page.getByRole('textbox', { name: 'Breakpoint address' }).fill(before);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await press(app, 'Resume');
    await expect(toolbar(app)).toContainText('at breakpoint 1', { timeout: 60_000 });
    await expect(current.getByRole('rowheader')).toHaveText(before);
    await expect(page.getByRole('list', { name: 'Breakpoints' })).toContainText('1 hit');
    await code.getByRole('button', { name: `Breakpoint at ${before}` }).click();
    await expect(page.getByRole('list', { name: 'Breakpoints' }).getByRole('listitem')).toHaveCount(0);

    await registers.getByRole('button', { name: /^Change R15/ }).click();
    await page.getByRole('textbox', { name: 'New value of R15' }).fill('0x1234');
    await app.press('Enter');
    await expect(registers.getByRole('row', { name: /^R15 / })).toContainText('0x0000000000001234');

    await app.show('Devices');
    await page.getByRole('combobox', { name: 'Device' }).selectOption('cpu/0');
    const device = page.getByRole('table', { name: 'Device, live' });
    await expect(device).toContainText('env.regs[0]');
    await page.getByRole('searchbox', { name: 'Filter fields of the device' }).fill('env.eip');
    await press(app, 'Step');
    await expect(device.getByRole('row', { name: /^env\.eip .*, changed/ })).toBeVisible();
  });

  test('stops where its data is written and says by whom; calls, tables and lines are shown', async ({ app, page }) => {
    await load(app, seed!.state, seed!.disk, seed!.map);
    await app.show('Calls');
    const calls = page.getByRole('table', { name: 'Call chain' });
    await expect(calls.getByRole('row', { name: /^do_idle\+0x/ })).toBeVisible();
    await app.show('CPU tables');
    await expect(page.getByRole('table', { name: 'CPU tables' })).toContainText('asm_exc_divide_error');
    await app.show('Virtqueues');
    await expect(page.getByRole('table', { name: 'Virtqueues' })).toContainText('virtio-blk');
    await app.show('Live RAM');
    await expect(page.getByRole('img', { name: /pages of RAM; .* written since the last look/ })).toBeVisible();

    await addBreakpoint(app, 'data', { 'Breakpoint address': 'jiffies' });
    await press(app, 'Resume');
    const met =
      /write of 8 bytes at 0x[\da-f]+ by 0x[\da-f]+ \(tick_do_update_jiffies64\+0x[\da-f]+\), 0x[\da-f]+ → 0x/;
    await expect(toolbar(app)).toContainText(met, { timeout: 60_000 });
    await expect(page.getByRole('list', { name: 'Breakpoints' })).toContainText('1 hit');
    await expect(calls.getByRole('row', { name: /^tick_do_update_jiffies64\+0x/ })).toBeVisible();
    await app.show('Page tables');
    await page.getByRole('checkbox', { name: 'of the machine, live' }).check();
    await page.getByRole('button', { name: /^RIP 0x/ }).click();
    await expect(page.getByRole('table', { name: 'Steps of the walk' })).toContainText('PML4');
  });

  test('is saved, and what was saved opens and runs again', async ({ app, page }) => {
    await load(app, seed!.state, seed!.disk);
    await press(app, 'Resume');
    await page.getByRole('textbox', { name: 'Serial console' }).focus();
    await page.keyboard.type('echo 1$((1+1))3 > /tmp/here\n');
    await expect(terminal(app)).toContainText(/here\s*#/, { timeout: 60_000 });
    await press(app, 'Pause');
    await expect(toolbar(app)).toContainText('paused');
    const saved = page.waitForEvent('download');
    await press(app, 'Save state');
    const path = await (await saved).path();
    await app.command('Close the file');
    await load(app, path, seed!.disk);
    await press(app, 'Resume');
    await page.getByRole('textbox', { name: 'Serial console' }).focus();
    await page.keyboard.type('cat /tmp/here\n');
    await expect(terminal(app)).toContainText(/cat \/tmp\/here\s*123/, { timeout: 60_000 });
  });

  test('a drive without its image says so, and takes it', async ({ app, page }) => {
    await load(app, seed!.state);
    const remarks = page.getByRole('list', { name: 'What will not work' });
    await expect(remarks).toContainText('virtio0');
    await app.choose([seed!.disk], () => remarks.getByRole('button', { name: 'Attach image…' }).click());
    await expect(remarks.getByRole('button', { name: 'Attach image…' })).toHaveCount(0);
  });
});

test('the committed sample runs and its prompt answers; its panels go with the machine', async ({ app, page }) => {
  test.setTimeout(120_000);
  await app.openSample(IDLE);
  await press(app, 'Load into machine');
  await expect(toolbar(app)).toContainText('ready', { timeout: 60_000 });
  await press(app, 'Resume');
  await page.getByRole('textbox', { name: 'Serial console' }).focus();
  await page.keyboard.type('mem\n');
  await expect(terminal(app)).toContainText('16 MiB of RAM; physical addresses:', { timeout: 60_000 });
  await expect(toolbar(app)).toContainText('running');
  // The terminal has all keys but those that lead out of it.
  await app.press('F6');
  await app.command('Remove the machine');
  await expect(page.getByRole('tab', { name: 'Disassembly' })).toHaveCount(0);
});
