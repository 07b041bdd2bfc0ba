/** Notes on any place, kept with the content of the file. */
import { expect, IDLE, test, WORKLOAD } from './support/app.ts';

test('a note survives a reload, leads to its place, and can be changed and removed', async ({ opened: app, page }) => {
  await (await app.scrollTo('i8254')).click();
  await app.note('Channel 0 drives the clock.');
  await app.press('Control+Enter');
  const notes = page.getByRole('list', { name: 'Notes' });
  await expect(notes.getByRole('listitem')).toContainText('Channel 0 drives the clock.');

  await page.reload();
  await app.idle();
  await app.row('cpu').click();
  await app.show('Notes');
  await notes.getByRole('button', { name: /i8254/ }).first().click();
  await app.idle();
  await expect(app.row('i8254')).toHaveAttribute('aria-selected', 'true');

  await notes.getByRole('button', { name: /^Change the note/ }).click();
  await page.getByRole('textbox', { name: 'Note', exact: true }).fill('Channel 0 is the timer interrupt.');
  await app.press('Tab');
  await expect(notes).toContainText('Channel 0 is the timer interrupt.');
  await notes.getByRole('button', { name: /^Remove the note/ }).click();
  await expect(notes.getByRole('listitem')).toHaveCount(0);
});

test('a note belongs to its file, and is drawn on the timeline', async ({ opened: app, page }) => {
  await app.row('cpu').click();
  await app.show('Notes');
  await page.getByRole('textbox', { name: /^Note on/ }).fill('halted here');
  await page.getByRole('button', { name: 'Keep' }).click();
  await app.idle();
  const items = app.timeline.getByRole('listbox', { name: 'Items of the timeline' });
  await items.focus();
  await app.press('End');
  await expect(items.getByRole('option', { selected: true })).toHaveText(/^Notes: .*halted here/);
  await app.command('Close the file');
  await app.openSample(IDLE);
  await app.show('Notes');
  await expect(page.getByRole('list', { name: 'Notes' }).getByRole('listitem')).toHaveCount(0);
  await app.command('Close the file');
  await app.openSample(WORKLOAD);
  await app.show('Notes');
  await expect(page.getByRole('list', { name: 'Notes' }).getByRole('listitem')).toHaveCount(1);
});
