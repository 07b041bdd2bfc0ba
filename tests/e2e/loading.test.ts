/** While a file is read: progress, what is there already, and the way out. */
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, sampleFile, test, type App } from './support/app.ts';

const text = (word: string) => Buffer.concat([Buffer.from([word.length]), Buffer.from(word, 'latin1')]);
const u32 = (...words: readonly number[]) => Buffer.from(words.flatMap((w) => [w >>> 24, w >>> 16, w >>> 8, w]));

/**
 * A stream of many gigabytes in a few megabytes: one RAM part, packed once and repeated as members of a gzip file. It
 * takes many seconds to read, however fast the machine.
 */
function endless(): Buffer {
  const pages = 4096;
  // QEMU: migration/savevm.c, qemu_savevm_state_setup; a RAM block of 16 MiB.
  const head = Buffer.concat([
    ...[u32(0x5145564d, 3), Buffer.from([7]), u32(13), Buffer.from('pc-i440fx-7.2')],
    ...[
      Buffer.from([1]),
      u32(1),
      text('ram'),
      u32(0, 4),
      u32(0, (pages << 12) | 4),
      text('pc.ram'),
      u32(0, pages << 12)
    ],
    ...[u32(0, 0x10), Buffer.from([0x7e]), u32(1)]
  ]);
  // RAM_SAVE_FLAG_PAGE with the block's name at first, then with RAM_SAVE_FLAG_CONTINUE.
  const sent = Array.from({ length: pages }, (_, page) => [
    u32(0, (page << 12) | (page === 0 ? 0x08 : 0x28)),
    ...(page === 0 ? [text('pc.ram')] : []),
    Buffer.alloc(4096, 1 + (page & 0x7f))
  ]).flat();
  const part = Buffer.concat([Buffer.from([2]), u32(1), ...sent, u32(0, 0x10), Buffer.from([0x7e]), u32(1)]);
  const member = gzipSync(part);
  return Buffer.concat([gzipSync(head), ...Array.from({ length: 500 }, () => member)]);
}

/** Opens it, and goes on while it is read. */
async function openEndless({ page }: App, path: string): Promise<void> {
  writeFileSync(path, endless());
  const asked = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Open…' }).click();
  await (await asked).setFiles(path);
}

test('a long file shows progress and its sections at once, and can be stopped', async ({ app, page }, info) => {
  await openEndless(app, info.outputPath('endless.gz'));

  const reading = page.getByRole('progressbar', { name: 'Reading' });
  await expect(reading).toBeVisible();
  await expect(app.row('ram:')).toBeVisible();
  await expect(app.fields).toContainText('pc-i440fx-7.2');
  // More of it comes while a person looks around.
  const parts = async () => Number(/(\d+) parts/.exec(await app.row('ram:').innerText())?.[1]);
  const before = await parts();
  await app.row('configuration').click();
  await expect(app.fields).toContainText('configuration section');
  await expect.poll(parts).toBeGreaterThan(before);
  await expect(app.row('configuration')).toHaveAttribute('aria-selected', 'true');

  await page.getByRole('contentinfo').getByRole('button', { name: 'Cancel' }).click();
  await app.idle();
  await expect(reading).toBeHidden();
  await expect(app.status).toHaveText(/^Opened endless\.gz in part, pc-i440fx-7\.2, .* rounds/);
  // What was read stays, and can be looked into.
  await app.goToOffset('0x10');
  await expect(app.bytes.getByRole('gridcell', { selected: true }).first()).toBeVisible();
});

test('another file opened while one is read takes its place', async ({ app, page }, info) => {
  await openEndless(app, info.outputPath('endless.gz'));
  await expect(app.row('ram:')).toBeVisible();
  await app.open(sampleFile('idle.vmstate.gz'));
  await expect(app.title).toContainText('idle.vmstate.gz');
  await expect(app.row('cpu')).toBeVisible();
  await expect(page.getByRole('progressbar', { name: 'Reading' })).toBeHidden();
});
