/** A machine in the page goes back in time: the committed sample, so that it needs nothing else. */
import { expect, IDLE, test } from './support/app.ts';

test.describe.configure({ timeout: 120_000 });

test('a guest that ran steps back, goes to any moment, finds who wrote, and goes on from there', async ({
  app,
  page
}) => {
  const toolbar = page.getByRole('toolbar', { name: 'Machine' });
  const button = (name: string) => toolbar.getByRole('button', { name, exact: true });
  const press = (name: string) => button(name).click({ timeout: 30_000 });
  const past = page.getByRole('group', { name: 'Past of the machine' });
  const moment = past.getByRole('slider', { name: 'Moment' });
  const terminal = page.getByRole('region', { name: 'Terminal' });
  const value = async (name: string): Promise<string> => {
    const row = page.getByRole('table', { name: 'Registers' }).getByRole('row', { name: new RegExp(`^${name} `) });
    // It may say behind it that it has changed.
    return (await row.getByRole('cell').first().innerText()).trim().split(/[\s,]/)[0]!;
  };

  await app.openSample(IDLE);
  await press('Load into machine');
  await expect(toolbar).toContainText('ready', { timeout: 60_000 });
  await expect(button('Step back')).toBeDisabled();
  await press('Resume');
  await page.getByRole('textbox', { name: 'Serial console' }).focus();
  await page.keyboard.type('mem\n');
  await expect(terminal).toContainText('16 MiB of RAM', { timeout: 60_000 });
  await press('Pause');
  await expect(toolbar).toContainText('paused');
  await app.idle();

  const end = Number(await moment.inputValue());
  const rip = await value('RIP');
  await press('Step back');
  await expect(past).toContainText('1 instruction back');
  await expect(toolbar).toContainText('in its past');
  await expect(moment).toHaveValue(String(end - 1));
  await press('Step');
  await expect(moment).toHaveValue(String(end));
  await expect(past).not.toContainText('back');
  await app.idle();
  await expect.poll(() => value('RIP')).toBe(rip);

  // Who pushed last: a call or an interrupt, below the top of the stack.
  const stack = BigInt(await value('RSP')) - 8n;
  await press('Last write…');
  const dialog = page.getByRole('dialog', { name: 'Run back to the last write of' });
  await dialog.getByRole('combobox').fill(`0x${stack.toString(16)}`);
  await app.press('Enter');
  await expect(past).toContainText(/instructions? back/, { timeout: 30_000 });
  await expect(page.getByRole('status').filter({ hasText: 'This instruction writes' })).toHaveCount(1);

  await moment.focus();
  await app.press('Home');
  await expect(moment).toHaveValue('0', { timeout: 30_000 });
  await expect(button('Step back')).toBeDisabled();
  await press('Resume');
  await expect(toolbar).toContainText('where its recording ends', { timeout: 60_000 });
  await expect(moment).toHaveValue(String(end));

  await press('Step back');
  await expect(past).toContainText('1 instruction back');
  await past.getByRole('button', { name: /Go on from here/ }).click();
  await expect(past).not.toContainText('back');
  await expect(moment).toHaveAttribute('max', String(end - 1));
  await press('Resume');
  await expect(toolbar).toContainText('running');
  await page.getByRole('textbox', { name: 'Serial console' }).focus();
  await page.keyboard.type('ticks\n');
  await expect(terminal).toContainText(/ticks[\s\S]*\d/, { timeout: 30_000 });
});
