/** The raw JSON in an editor that is fetched when it is wanted. */
import { expect, test } from './support/app.ts';

test('the description that the stream carries is shown in the editor, and the decoded fields', async ({
  opened: app,
  page
}) => {
  await app.show('JSON');
  const panel = page.getByRole('tabpanel', { name: 'JSON' });
  await expect(panel.getByRole('textbox', { name: 'JSON' })).toBeAttached();
  await expect(panel).toContainText(/"configuration":/);
  await panel.getByRole('combobox', { name: 'JSON document' }).selectOption('Fields, decoded');
  await app.idle();
  await expect(panel).toContainText(/"container":\s"gzip"/);
});

test('the keyboard reads the editor and leaves it again', async ({ opened: app, page }) => {
  await app.show('JSON');
  const editor = page.getByRole('textbox', { name: 'JSON' });
  await editor.focus();
  await app.press('Control+End');
  await expect(page.getByRole('tabpanel', { name: 'JSON' })).toContainText(/"unused"/);
  await app.press('F6');
  await expect(editor).not.toBeFocused();
});
