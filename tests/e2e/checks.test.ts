/** The load doctor: what an error of QEMU means, and whether a destination would take the state. */
import { expect, test, type App } from './support/app.ts';

async function explain(app: App, message: string): Promise<void> {
  await app.show('Checks');
  await app.page.getByRole('textbox', { name: 'Explain this error' }).fill(message);
  await app.page.getByRole('button', { name: 'Explain' }).click();
  await app.idle();
}

test('an error that is pasted is explained, with a way to the section', async ({ opened: app, page }) => {
  await explain(app, 'Missing section footer for 0000:00:01.3/piix4_pm');
  const explanation = page.getByRole('list', { name: 'Explanation' });
  await expect(explanation.getByRole('listitem').first()).toContainText('0000:00:01.3/piix4_pm');
  await explain(app, "qemu-system-x86_64: error while loading state for instance 0x0 of device 'i8254'");
  const place = explanation.getByRole('button', { name: /i8254.* at 0xdd6/ }).first();
  await place.click();
  await app.idle();
  await expect(app.bytes).toBeVisible();
  await expect(page.getByRole('contentinfo')).toContainText('0xdd_6');
});

test('what is no message of QEMU is said to be unknown', async ({ opened: app, page }) => {
  await explain(app, 'the cat sat on the keyboard');
  await expect(page.getByRole('tabpanel', { name: 'Checks' })).toContainText(
    'This is none of the messages that are known here'
  );
});

test('a destination with less memory and another machine would refuse the state', async ({ opened: app, page }) => {
  await app.show('Checks');
  const panel = page.getByRole('tabpanel', { name: 'Checks' });
  await panel.getByRole('textbox', { name: 'Machine type' }).fill('pc-q35-7.2');
  await panel.getByRole('spinbutton', { name: 'Memory, MiB' }).fill('32');
  await panel.getByRole('button', { name: 'Check' }).click();
  await app.idle();
  const found = page.getByRole('list', { name: 'What would happen' });
  await expect(
    found
      .getByRole('listitem')
      .filter({ hasText: /^\s*fails/ })
      .first()
  ).toBeVisible();
  await expect(found).toContainText('pc-i440fx-7.2');
  await expect(found).toContainText('pc.ram');
});

test('the command line that the sample was made with would take it', async ({ opened: app, page }) => {
  await app.show('Checks');
  const panel = page.getByRole('tabpanel', { name: 'Checks' });
  await panel
    .getByRole('textbox', { name: /command line/ })
    .fill('qemu-system-x86_64 -nographic -M pc-i440fx-7.2,acpi=off -cpu qemu64,+pdpe1gb -m 16M -vga none -nic none');
  await panel.getByRole('button', { name: 'Check' }).click();
  await app.idle();
  const found = page.getByRole('list', { name: 'What would happen' });
  await expect(
    found
      .getByRole('listitem')
      .filter({ hasText: /^\s*fine/ })
      .first()
  ).toBeVisible();
  await expect(found.getByRole('listitem').filter({ hasText: /^\s*fails/ })).toHaveCount(0);
});
