/** The RAM map: colours, layouts, the list of the same pages, brush, zoom. */
import { expect, pictureOf, test, type App } from './support/app.ts';

const canvas = (app: App) => app.ramMap.getByRole('application', { name: /^RAM map of 4,112 pages/ });
const list = (app: App) => app.ramMap.getByRole('listbox', { name: 'Pages in view' });
const legend = (app: App) => app.ramMap.getByRole('group', { name: 'Legend' });
const picture = (app: App) => pictureOf(canvas(app));

test('each colouring has its legend, and draws another picture', async ({ opened: app, page }) => {
  const pictures = new Set<string>();
  const colourings: readonly (readonly [string, RegExp])[] = [
    ['Kind', /zero\s*2,776\s*normal\s*1,320/],
    ['Entropy', /0.*8/],
    ['Last round', /first.*last|1.*12/],
    ['Times sent', /once\s*12 times/],
    ['Guess', /looks like x86 code/],
    ['Page tables', /PML4\s*1/]
  ];
  for (const [name, says] of colourings) {
    await page.getByRole('combobox', { name: 'Colour by' }).selectOption(name);
    await app.idle();
    await expect(legend(app)).toContainText(says);
    let drawn = '';
    await expect.poll(async () => pictures.has((drawn = await picture(app)))).toBe(false);
    pictures.add(drawn);
  }
});

test('the layout is a Hilbert curve or lines, of physical memory or of blocks', async ({ opened: app, page }) => {
  const hilbert = await picture(app);
  await page.getByRole('combobox', { name: 'Layout' }).selectOption('Linear');
  await app.idle();
  await expect.poll(() => picture(app)).not.toBe(hilbert);
  await page.getByRole('combobox', { name: 'Memory shown' }).selectOption('pc.bios');
  await app.idle();
  await expect(app.ramMap.getByRole('application', { name: /^RAM map of 16 pages/ })).toBeVisible();
  await expect(list(app).getByRole('option')).toHaveCount(16);
});

test('a click on the map selects the page and shows its inspector', async ({ opened: app }) => {
  await canvas(app).click();
  await app.idle();
  await expect(app.pageView).toContainText('pc.ram + 0x');
});

test('the list behind the map leads to a page by keyboard alone', async ({ opened: app }) => {
  await list(app).focus();
  await expect(list(app).getByRole('option', { selected: true })).toHaveText(/^0x0, 16 pages, zero 100%/);
  await app.press('End');
  await expect(list(app).getByRole('option', { selected: true })).toHaveText(/^0xffff0000, 16 pages/);
  // A group of pages is zoomed into until single pages are listed.
  await app.press('Enter');
  await expect(list(app).getByRole('option', { selected: true })).not.toHaveText(/16 pages/);
  await app.press('Enter');
  await expect(app.pageView).toBeVisible();
  await expect(app.pageView).toContainText('pc.bios + 0x0');
});

test('keys zoom and move the map, F shows all again', async ({ opened: app }) => {
  await canvas(app).focus();
  // A key brings the focus ring too.
  await app.press('f');
  const all = await picture(app);
  await app.press('w');
  await expect.poll(() => picture(app)).not.toBe(all);
  await app.press('d', 's', 'f');
  await expect.poll(() => picture(app)).toBe(all);
});

test('brushed pages narrow the timeline, until all are shown again', async ({ opened: app, page }) => {
  await app.ramMap.getByRole('button', { name: 'Brush' }).click();
  const box = (await canvas(app).boundingBox())!;
  await page.mouse.move(box.x + box.width / 2 - 40, box.y + box.height / 2 + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 20, box.y + box.height / 2 + 30, { steps: 4 });
  await page.mouse.up();
  await app.idle();
  await expect(app.ramMap).toContainText(/Only\s*[\d,]+ pages/);
  await expect(app.timeline).toContainText(/Only\s*[\d,]+ pages/);
  const [chosen] = /[\d,]+ pages/.exec(await app.timeline.innerText())!;
  await expect(app.fields.getByRole('heading', { level: 3 }).first()).toHaveText(chosen);
  await expect(app.fields).toContainText(/sent\s*[\d,]+ times, [\d.]+ a page/);
  await expect(app.fields).toContainText(/pc\.ram/);
  await app.ramMap.getByRole('button', { name: 'Show all' }).click();
  await expect(app.timeline).not.toContainText('Only');
});
