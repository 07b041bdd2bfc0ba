/** The page inspector: bytes, code by a disassembler that is fetched when needed, and every time it was sent. */
import { expect, test, type App } from './support/app.ts';

async function goTo(app: App, place: string): Promise<void> {
  await app.findAnything(place);
  await expect(app.palette.getByRole('option', { selected: true })).toContainText('Go to');
  await app.press('Enter');
  await app.show('Page');
}
const tab = async (app: App, name: string): Promise<void> => {
  await app.pageView.getByRole('tab', { name }).click();
  await app.idle();
};

test('a page says where it is, what it looks like and how often it was sent', async ({ opened: app }) => {
  await goTo(app, 'gpa:0x100000');
  await expect(app.pageView).toContainText('pc.ram + 0x100000');
  const facts = app.pageView.getByRole('definition');
  await expect(facts.filter({ hasText: 'looks like x86 code' })).toBeVisible();
  await expect(facts.filter({ hasText: /bits\/byte/ })).toBeVisible();
  await app.pageView.getByRole('button', { name: 'Page behind' }).click();
  await app.idle();
  await expect(app.pageView).toContainText('pc.ram + 0x101000');
  await app.pageView.getByRole('button', { name: 'Page before' }).click();
  await app.idle();
  await expect(app.pageView).toContainText('pc.ram + 0x100000');
});

test('code is disassembled, and the disassembler is fetched only now', async ({ opened: app, page }) => {
  const fetched: string[] = [];
  page.on('request', (request) => request.url().includes('iced') && fetched.push(request.url()));
  await goTo(app, 'gpa:0x100cc4');
  expect(fetched).toEqual([]);
  await tab(app, 'Code');
  const code = app.pageView.getByRole('table', { name: 'Code of the page' });
  // RIP points here: the guest waits in hlt, behind sti.
  await expect(code.getByRole('row').first()).toHaveAccessibleName(/^0x100cc4 [0-9a-f]+ \w+/);
  await expect.poll(() => fetched.length).toBeGreaterThan(0);
  await app.pageView.getByRole('combobox', { name: 'Mode' }).selectOption('16-bit');
  await app.idle();
  await expect(code.getByRole('row').first()).toHaveAccessibleName(/^0x100cc4/);
});

test('each time a page was sent can be looked at, with what changed', async ({ opened: app, page }) => {
  // The hottest page: sent in every round.
  await page.getByRole('region', { name: 'Hot pages' }).getByRole('button', { name: 'pc.ram + 0x107000' }).click();
  await app.idle();
  await tab(app, 'Sends');
  const sends = app.pageView.getByRole('table', { name: 'Sends of the page' });
  await expect(sends).toHaveAttribute('aria-rowcount', '13');
  await sends.getByRole('button', { name: 'Show the page as sent in round 2' }).click();
  await app.idle();
  await expect(app.pageView).toContainText('as sent in round 2');
  await expect(app.pageView).toContainText(/runs? of bytes changed/);
  await tab(app, 'Bytes');
  await expect(app.pageView.getByRole('table', { name: 'Bytes of the page' }).getByRole('row').first()).toBeVisible();
  await app.pageView.getByRole('button', { name: 'newest' }).click();
  await app.idle();
  await expect(app.pageView).not.toContainText('as sent in round');
});

test('a send leads to its bytes in the stream', async ({ opened: app, page }) => {
  await page.getByRole('region', { name: 'Hot pages' }).getByRole('button', { name: 'pc.ram + 0x107000' }).click();
  await app.idle();
  await tab(app, 'Sends');
  const link = app.pageView.getByRole('table', { name: 'Sends of the page' }).getByRole('button', { name: /^0x/ });
  const offset = await link.first().innerText();
  await link.first().click();
  await app.idle();
  await expect(page.getByRole('contentinfo')).toContainText(Number(offset).toLocaleString('en'));
});
