/** The timeline of a migration, as it is looked at afterwards: by pointer, by keyboard, beside another run, page by page. */
import { readFileSync } from 'node:fs';
import { type App, expect, test } from './support/app.ts';
import { violations } from './support/axe.ts';
import { convergence, migration, rounds, runSample, slider, WAIT } from './support/lab.ts';

const chart = (app: App) => app.page.getByRole('application', { name: /^Convergence/ });
const stretch = (app: App) => app.page.getByRole('region', { name: 'Selected stretch' });
const figures = (app: App, name: string) =>
  app.page.getByRole('tablist', { name: 'Figures of the migration' }).getByRole('tab', { name });

async function migrate(app: App, preset: string) {
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption(preset);
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  await expect(convergence(app)).toContainText(/Completed after/, WAIT);
  await expect(app.status).toContainText('The migration is over', WAIT);
}

/** The panel, and every rule in both themes: what a chart shows depends on its colours. */
const CHART = { within: '#panel-main', allRules: true };

test.describe.configure({ timeout: 240_000 });
test.beforeEach(async ({ app }) => {
  await runSample(app);
  await app.page.getByRole('button', { name: 'Maximise Convergence' }).click();
});

test('rounds are stepped through and a stretch is summed up by keyboard; tracks are pinned', async ({ app, page }) => {
  await migrate(app, 'Converges at once');
  await chart(app).focus();
  await app.press('.');
  await expect(app.status).toContainText(/Round 1, [\d,]+ pages/);
  await app.press('[');
  await app.press('.');
  await expect(app.status).toContainText(/Round 2, /);
  await app.press(']');
  await expect(stretch(app)).toContainText(/rounds\s*●?\s*1/);
  await expect(stretch(app)).toContainText(/sent\s*●?\s*[\d.]+ [KM]iB/);
  await expect(stretch(app)).toContainText('counted');
  await app.press('f', 'w', 'w', 'd', 's');
  await stretch(app).getByRole('button', { name: 'Clear' }).click();
  await expect(stretch(app)).toBeHidden();

  const pin = chart(app).getByRole('button', { name: 'Pin Throttle' });
  await expect(pin).toHaveAttribute('aria-pressed', 'false');
  await pin.click();
  await expect(pin).toHaveAttribute('aria-pressed', 'true');

  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save chart as SVG' }).click();
  const svg = readFileSync(await (await coming).path(), 'utf8');
  expect(svg).toContain('max-bandwidth');
  expect(svg).toContain('Left to send');
  expect(svg).toContain('completed after');
});

test('by pointer a moment is chosen, the view moved, and a stretch picked on the axis', async ({ app, page }) => {
  await migrate(app, 'Converges at once');
  /** The chart may stand elsewhere once what is above it says something else. */
  const point = async (share: number, y: number): Promise<[number, number]> => {
    const box = (await chart(app).boundingBox())!;
    return [box.x + 180 + (box.width - 190) * share, box.y + y];
  };
  const drag = async (from: number, to: number, y: number): Promise<void> => {
    await page.mouse.move(...(await point(from, y)));
    await page.mouse.down();
    await page.mouse.move(...(await point(to, y)), { steps: 4 });
    await page.mouse.up();
  };
  await page.mouse.click(...(await point(0.5, 40)));
  await expect(slider(app, 'Moment of the migration')).toHaveAttribute('aria-valuetext', /^[\d.]+ s of/);
  await expect(app.status).toContainText('Moment');
  await drag(0.2, 0.4, 8);
  await expect(stretch(app)).toContainText('bandwidth');
  const inView = page.getByRole('note', { name: 'In view' });
  const whole = await inView.textContent();
  await page.mouse.wheel(0, -600);
  await expect(inView).not.toHaveText(whole!);
  const zoomed = await inView.textContent();
  await drag(0.6, 0.5, 60);
  await expect(inView).not.toHaveText(zoomed!);
  await stretch(app).getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('toolbar', { name: 'Chart' }).getByRole('button', { name: 'Fit' }).click();
  await expect(inView).toHaveText(whole!);
});

test('pages: those that stay dirty, who wrote them, one of them through all rounds, and what a cut leaves', async ({
  app,
  page
}) => {
  await migration(app).getByRole('combobox', { name: 'Preset' }).selectOption('Never converges');
  await migration(app).getByRole('button', { name: 'Migrate' }).click();
  await expect.poll(() => rounds(app), WAIT).toBeGreaterThan(3);
  await slider(app, 'Downtime limit').press('End');
  await slider(app, 'Bandwidth limit').press('End');
  await expect(convergence(app)).toContainText(/Completed after/, WAIT);

  await figures(app, 'Pages').click();
  const hot = page.getByRole('table', { name: 'Hot pages' });
  await expect(hot).toContainText(/0x[\da-f]+/);
  await hot.getByRole('button').first().click();
  const life = page.getByRole('table', { name: /^Biography of pc\.ram/ });
  await expect(life).toContainText('bulk round');
  await expect(life).toContainText('normal');
  // Each round has the instruction that wrote it.
  await expect(life.getByRole('row').nth(2)).toContainText(/0x[\da-f]+/);
  const all = await life.getByRole('row').count();

  await page.getByRole('combobox', { name: 'Colour of the pages' }).selectOption('Cut here');
  await expect(convergence(app)).toContainText('the guest goes on there');
  await slider(app, 'Moment of the migration').press('Home');
  await expect(convergence(app)).toContainText(/has 0 pages as they are/);
  await expect.poll(() => life.getByRole('row').count()).toBeLessThan(all);
});

test('two runs share an axis: the one before, or a recording; axe finds nothing', async ({ app, page }) => {
  await migrate(app, 'Converges at once');
  await migrate(app, 'Rescued by auto-converge');
  await page.getByRole('combobox', { name: 'Compare with' }).selectOption({ index: 1 });
  await expect(convergence(app)).toContainText('run 1, Converges at once');
  await figures(app, 'Compare').click();
  const compared = page.getByRole('table', { name: 'Runs compared' });
  await expect(compared.getByRole('row', { name: /downtime/ })).toContainText(/ms.*ms/);
  expect(await violations(page, CHART)).toEqual([]);
  await figures(app, 'Pages').click();
  expect(await violations(page, CHART)).toEqual([]);
  await figures(app, 'Rounds').click();
  await chart(app).focus();
  await app.press('.', '[', '.', ']');
  expect(await violations(page, CHART)).toEqual([]);

  const coming = page.waitForEvent('download');
  await convergence(app).getByRole('button', { name: 'Save recording' }).click();
  const saved = await (await coming).path();
  await convergence(app).getByRole('button', { name: 'Compare with recording…' }).click();
  await convergence(app).getByLabel('Recording', { exact: true }).setInputFiles(saved);
  await expect(app.status).toContainText('Opened');
  await figures(app, 'Compare').click();
  await expect(compared).toBeVisible();
});
