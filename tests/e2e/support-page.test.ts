/** What is decoded and what the CPU lacks, on a page of its own. */
import { instructionCount, missingCpuFeatures } from '../../src/lib/emulator/target/i386/cpu-support.ts';
import { described } from '../../src/lib/emulator/descriptions.ts';
import { expect, test } from './support/app.ts';

test('the support page names each missing feature of the CPU with its instructions, and each section', async ({
  app,
  page
}) => {
  await app.go('/support');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('What is decoded');
  const features = page.getByRole('table').filter({ hasText: 'CPU models that have it' });
  const missing = missingCpuFeatures();
  // Virtual machines inside of ours: nobody has missed them so far.
  expect(missing.find((f) => f.name === 'svm')?.instructions).toContain('vmrun');
  await expect(features.getByRole('rowheader')).toHaveText(missing.map((f) => f.name));
  for (const { name, models, instructions } of missing) {
    const cells = features.getByRole('row', { name: new RegExp(`^${name}( |$)`) }).getByRole('cell');
    await expect(cells).toHaveText([models.join(', '), instructions.join(', ')]);
  }
  await expect(page.getByRole('main')).toContainText(`executes ${instructionCount()} instructions`);
  const sections = page.getByRole('table').filter({ hasText: 'subsections' });
  await expect(sections.getByRole('rowheader')).toHaveCount(described.length);
  await page.getByRole('link', { name: 'Back to the explorer' }).click();
  await expect(page.getByRole('button', { name: 'Open…' })).toBeVisible();
});
