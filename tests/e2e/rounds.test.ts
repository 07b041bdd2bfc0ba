/** Dirty rounds: how many, how sure, what would not stay clean, what the downtime was spent on. */
import { expect, test } from './support/app.ts';

test('the sample has twelve rounds; the first and the one at the end are certain, the others inferred', async ({
  opened: app
}) => {
  await expect(app.rounds).toHaveAttribute('aria-rowcount', '13');
  await expect(app.rounds.getByRole('row', { name: /^Round 1 4,144 4\.49 MiB .*certain/ })).toBeVisible();
  await expect(app.rounds.getByRole('row', { name: /^Round 2, inferred 448 .* 100% inferred/ })).toBeVisible();
  await app.rounds.focus();
  await app.press('End');
  await expect(app.rounds.getByRole('row', { name: /^Round 12 36 144 KiB .*certain: / })).toBeVisible();
});

test('a round that is chosen is selected in the timeline, the RAM map and the fields', async ({ opened: app }) => {
  await app.rounds.getByRole('button', { name: 'Round 2, inferred' }).click();
  await app.idle();
  await expect(app.ramMap).toContainText('Only round 2');
  await expect(app.timeline).toContainText(/records\s*448/);
  await expect(app.fields).toContainText('1.75 MiB');
});

test('the pages sent most often and the sections of the downtime lead to their places', async ({
  opened: app,
  page
}) => {
  const downtime = page.getByRole('region', { name: 'Switchover' });
  await expect(downtime.getByRole('heading')).toHaveText('Downtime: 184 KiB');
  await downtime.getByRole('button', { name: 'cpu/0' }).click();
  await app.idle();
  await expect(app.row('cpu')).toHaveAttribute('aria-selected', 'true');
  const hot = page.getByRole('region', { name: 'Hot pages' });
  await expect(hot.getByRole('listitem').first()).toContainText('12 times');
  await hot.getByRole('button').first().click();
  await app.idle();
  await expect(app.pageView).toContainText('12 times');
});
