/** The list of problems: where, what, what next; and the keys that walk it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, sampleFile, test } from './support/app.ts';

/** The sample with the footers of two sections overwritten. */
function damaged(): Uint8Array {
  const bytes = Uint8Array.from(gunzipSync(readFileSync(sampleFile('workload.vmstate.gz'))));
  // timer ends at 0xdd5c7e, fw_cfg at 0xdd672b: the byte 0x7e and the section's id before it.
  for (const end of [0xdd5c7e, 0xdd672b]) {
    expect(bytes[end - 5]).toBe(0x7e);
    bytes[end - 1]! ^= 0xff;
  }
  return bytes;
}

test('each problem leads to its byte; F8 goes on to the next, and around', async ({ app, page }) => {
  await app.open({ name: 'footers.state', bytes: damaged() });
  const problems = app.problems.getByRole('button');
  await expect(problems).toHaveCount(2);
  await expect(problems.nth(0)).toContainText(/timer/);
  await expect(problems.nth(1)).toContainText(/fw_cfg/);
  await problems.nth(0).click();
  await app.idle();
  const place = page.getByRole('contentinfo');
  await expect(place).toContainText('0xdd_5c7');
  await app.press('F8');
  await expect(place).toContainText('0xdd_672');
  await app.press('F8');
  await expect(place).toContainText('0xdd_5c7');
  await app.press('Shift+F8');
  await expect(place).toContainText('0xdd_672');
  // What lies behind the damage was read all the same.
  await expect(app.row('fw_cfg')).toBeVisible();
  await app.row('header').click();
  await app.press('End');
  await expect(app.row('vmdescription')).toBeVisible();
});
