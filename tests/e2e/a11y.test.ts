/** axe on every page, panel and dialog: no violations; colours in both themes. */
import { expect, sampleFile, test } from './support/app.ts';
import { violations } from './support/axe.ts';
import { addBreakpoint, linuxFiles, loadLinux } from './support/linux-machine.ts';

// axe looks at every element: a busy machine needs longer for it than for a journey.
test.describe.configure({ timeout: 120_000 });

const main = '#panel-main';
const side = '#panel-side';
const panels = { notes: '#panel-leftBottom', rounds: '#panel-bottomRight', map: '#panel-bottomMiddle' } as const;

test('the first page, what is decoded and the licences', async ({ app, page }) => {
  expect(await violations(page)).toEqual([]);
  for (const command of ['What is decoded', 'About, licences']) {
    await app.command(command);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await violations(page)).toEqual([]);
  }
});

test('the workbench', async ({ opened: app, page }) => {
  await app.row('cpu').click();
  await app.press('ArrowRight', 'ArrowDown');
  expect(await violations(page)).toEqual([]);
});

test('the palette, the help and a menu', async ({ opened: app, page }) => {
  await app.findAnything('cr');
  expect(await violations(page, { within: '[role=dialog]' })).toEqual([]);
  await app.press('Escape');
  await app.press('F1');
  await expect(page.getByRole('dialog')).toBeVisible();
  expect(await violations(page, { within: '[role=dialog]' })).toEqual([]);
  await app.press('Escape');
  await page.getByRole('menuitem', { name: 'Export' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  expect(await violations(page, { within: 'header' })).toEqual([]);
});

test('the menu of tabs that have no room', async ({ opened: _app, page }) => {
  await page.setViewportSize({ width: 420, height: 800 });
  await page.getByRole('button', { name: 'All panels beside Bytes' }).click();
  await expect(page.getByRole('menu')).toBeVisible();
  expect(await violations(page, { within: '[data-area=main]' })).toEqual([]);
});

test('JSON, checks, differences, notes, search', async ({ opened: app, page }) => {
  await app.show('JSON');
  expect(await violations(page, { within: main })).toEqual([]);

  await app.show('Notes');
  await page.getByRole('textbox', { name: /^Note on/ }).fill('seen');
  await page.getByRole('button', { name: 'Keep' }).click();
  expect(await violations(page, { within: panels.notes })).toEqual([]);

  await app.press('Control+f');
  await app.typeInto(page.getByRole('searchbox', { name: 'Search' }), 'text:dirty');
  await app.press('Enter');
  expect(await violations(page, { within: panels.rounds })).toEqual([]);

  await app.show('Checks');
  await page.getByRole('textbox', { name: 'Explain this error' }).fill('Missing section footer for i8254');
  await page.getByRole('button', { name: 'Explain' }).click();
  await page.getByRole('textbox', { name: 'Machine type' }).fill('pc-q35-7.2');
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  expect(await violations(page, { within: main })).toEqual([]);

  await app.choose([sampleFile('idle.vmstate.gz')], () => app.command('Compare with another file…'));
  await app.press('F7');
  expect(await violations(page, { within: main })).toEqual([]);
});

test('a page with its bytes, code and sends; page tables; the RAM map filtered and coloured', async ({
  opened: app,
  page
}) => {
  await page.getByRole('region', { name: 'Hot pages' }).getByRole('button').first().click();
  await app.idle();
  for (const tab of ['Bytes', 'Code', 'Sends']) {
    await app.pageView.getByRole('tab', { name: tab }).click();
    await app.idle();
    expect(await violations(page, { within: side })).toEqual([]);
  }
  await app.show('Page tables');
  await page.getByRole('textbox', { name: 'Address' }).fill('0xffffffff80100cc4');
  await app.press('Enter');
  expect(await violations(page, { within: side })).toEqual([]);
  await app.rounds.getByRole('button', { name: 'Round 2, inferred' }).click();
  await page.getByRole('combobox', { name: 'Colour by' }).selectOption('Guess');
  await app.idle();
  expect(await violations(page, { within: panels.map })).toEqual([]);
});

test('problems, and a file that is none', async ({ app, page }) => {
  await app.open({ name: 'noise', bytes: Uint8Array.from({ length: 100 }, (_, i) => i) });
  await expect(app.problems.getByRole('button')).toHaveCount(1);
  expect(await violations(page)).toEqual([]);
});

test('a machine: its toolbar, and every panel of the debugger', async ({ app, page }) => {
  test.skip(!linuxFiles, 'no golden linux-seed');
  await loadLinux(app);
  await addBreakpoint(app, 'port', { 'Breakpoint port': '0x3f8-0x3ff' });
  for (const panel of ['Devices', 'Calls', 'Live RAM', 'CPU tables', 'Registers', 'Virtqueues']) await app.show(panel);
  await page.getByRole('button', { name: 'Step', exact: true }).click();
  await app.idle();
  expect(await violations(page)).toEqual([]);
  for (const panel of ['Interrupts', 'Stack', 'Board']) await app.show(panel);
  await app.show('Page tables');
  await page.getByRole('checkbox', { name: 'of the machine, live' }).check();
  await page.getByRole('button', { name: /^RIP 0x/ }).click();
  expect(await violations(page)).toEqual([]);
});
