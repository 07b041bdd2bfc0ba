/** What a field means: value, bits, type, bytes, source; and the bytes as other types. */
import { expect, test, type App } from './support/app.ts';

/** Selects a field by the palette, as a person does who knows its name. */
async function select(app: App, field: string): Promise<void> {
  await app.findAnything(field);
  await app.palette.getByRole('option').filter({ hasText: 'field' }).filter({ hasText: field }).first().click();
  await app.idle();
}

test('a register shows its bits with names and meanings', async ({ opened: app }) => {
  await select(app, 'cpu.env.cr[0]');
  await expect(app.fields.getByRole('heading', { name: 'env.cr[0]' })).toBeVisible();
  await expect(app.fields).toContainText('0x80010033 (PE | MP | ET | NE | WP | PG)');
  const bits = app.fields.getByRole('table', { name: 'Bits' });
  await expect(bits.getByRole('row', { name: /^31 PG 1/ })).toBeVisible();
  await expect(bits.getByRole('row', { name: /^3 TS 0/ })).toBeVisible();
});

test('a field says its type, place, raw bytes and where in QEMU it comes from', async ({ opened: app }) => {
  await select(app, 'cpu.env.cr[0]');
  const facts = app.fields.getByRole('definition');
  await expect(facts.filter({ hasText: '2,147,549,235' })).toBeVisible();
  await expect(facts.filter({ hasText: '00 00 00 00 80 01 00 33' })).toBeVisible();
  await select(app, 'cpu.env.hflags');
  await expect(app.fields.getByRole('link', { name: 'target/i386/cpu.h HF_*' })).toHaveAttribute(
    'href',
    'https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/target/i386/cpu.h'
  );
});

test('a pointer is followed into guest memory', async ({ opened: app }) => {
  await select(app, 'cpu.env.eip');
  await app.fields.getByRole('button', { name: 'Follow to guest-virtual 0xffffffff80100cc4' }).click();
  await app.idle();
  await expect(app.fields.getByRole('heading', { name: '0xffffffff80100cc4' })).toBeVisible();
  await app.fields.getByRole('button', { name: '0x100cc4' }).click();
  await app.show('Page');
  await expect(app.pageView).toContainText('pc.ram + 0x100000');
  await app.press('Alt+ArrowLeft', 'Alt+ArrowLeft');
  await expect(app.row('env.eip')).toHaveAttribute('aria-selected', 'true');
});

test('the data inspector reads the bytes at the cursor in both orders', async ({ opened: app }) => {
  await app.goToOffset('0');
  const inspector = app.fields.getByRole('table', { name: 'Data inspector' });
  // QEVM.
  await expect(inspector.getByRole('row', { name: /^uint32/ })).toHaveAccessibleName('uint32 1363498573 1297499473');
  await expect(inspector.getByRole('row', { name: /^int8/ })).toHaveAccessibleName('int8 81');
});

test('a struct lists its fields, and they lead on', async ({ opened: app }) => {
  await app.row('timer').click();
  const table = app.fields.getByRole('table', { name: 'Fields of the section' });
  await table.getByRole('button', { name: 'cpu_clock_offset' }).click();
  await expect(app.fields.getByRole('heading', { name: 'cpu_clock_offset' })).toBeVisible();
  await app.press('Alt+ArrowLeft');
  await expect(table).toBeVisible();
});
