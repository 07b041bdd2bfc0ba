/** Real files in: chosen, dropped, several at once; native QEMU's, and what is none. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, goldenFile, sampleFile, test, type App, type FileToOpen } from './support/app.ts';

/** The newest recorded version of a suite's QEMU, by how it begins. */
const version = (begins: string): string | undefined =>
  existsSync(goldenFile()) ? readdirSync(goldenFile()).find((name) => name.startsWith(begins)) : undefined;
const trixie = version('10.') ?? 'no-trixie';

/** Devices in the order of the stream, as QEMU's analyze-migration.py names them: `ram (2)`, `dma (17)`. */
const devicesOf = (folder: string): string[] =>
  Object.keys(JSON.parse(readFileSync(goldenFile(folder, 'analyze.json'), 'utf8')) as object)
    .filter((key) => !key.startsWith('ram '))
    .map((key) => key.replace(/ \(\d+\)$/, ''));

/** Every row of the tree is in the document when all have room. */
const withRoom = (app: App) => app.page.setViewportSize({ width: 1280, height: 2600 });

test('a file chosen by the button is read', async ({ app }) => {
  await app.open(sampleFile('idle.vmstate.gz'));
  await expect(app.status).toHaveText(/^Opened idle\.vmstate\.gz, pc-i440fx-7\.2, \d+ sections/);
  await expect(app.fields).toContainText('gzip');
});

test('a state and a System.map dropped together are told apart by their content', async ({ app, page }) => {
  await app.drop(sampleFile('System.map'), sampleFile('workload.vmstate.gz'));
  await expect(app.title).toContainText('workload.vmstate.gz');
  const files = page.getByRole('table', { name: 'Files' });
  await expect(files.getByRole('row', { name: /workload\.vmstate\.gz migration stream/ })).toBeVisible();
  await expect(files.getByRole('row', { name: /System\.map kernel symbols/ })).toBeVisible();
});

for (const [suite, begins] of [
  ['bookworm', '7.2.'],
  ['trixie', '10.']
] as const) {
  const recorded = version(begins);
  const folder = `${recorded}/pc-seed`;
  test(`a stream of ${suite}'s QEMU shows the devices that QEMU's own script finds, without a problem`, async ({
    app
  }) => {
    test.skip(!recorded || !existsSync(goldenFile(folder, 'state')), `no stream of QEMU ${begins}x was recorded`);
    await withRoom(app);
    await app.open(goldenFile(folder, 'state'));
    await expect(app.problems).toContainText('No problems');
    const rows = async () =>
      (await app.tree.getByRole('treeitem').allInnerTexts()).map((text) => text.split('\n')[0]!.replace(/\/\d+$/, ''));
    await expect.poll(rows).toEqual(expect.arrayContaining(devicesOf(folder)));
  });
}

test('a template of x-ignore-shared is joined with its RAM file', async ({ app, page }) => {
  const folder = `${trixie}/ignore-shared`;
  test.skip(!existsSync(goldenFile(folder, 'ram')), 'no x-ignore-shared stream was recorded');
  await app.open(goldenFile(folder, 'state'));
  await expect(app.problems).toContainText('not in this stream');
  await app.open(goldenFile(folder, 'state'), goldenFile(folder, 'ram'));
  const files = page.getByRole('table', { name: 'Files' });
  await expect(files.getByRole('row', { name: /^state migration stream/ })).toBeVisible();
  await expect(files.getByRole('row', { name: /^ram RAM 64\.0 MiB/ })).toBeVisible();
  await expect(app.problems).not.toContainText('not in this stream');
});

test('captures of multifd channels bring the pages that the main stream leaves out', async ({ app, page }) => {
  const folder = `${trixie}/multifd`;
  test.skip(!existsSync(goldenFile(folder, 'channel-0')), 'no multifd stream was recorded');
  await app.open(goldenFile(folder, 'state'));
  await expect(app.problems).toContainText('Open the captures of the channels together with the stream.');
  const parts = ['state', 'channel-0', 'channel-1', 'channel-2'].map((name) => goldenFile(folder, name));
  await app.open(...parts);
  await expect(app.problems).toContainText('No problems');
  const files = page.getByRole('table', { name: 'Files' });
  await expect(files.getByRole('row', { name: /^channel-\d multifd channel/ })).toHaveCount(3);
});

test('a folder is refused in words', async ({ app, page }) => {
  await app.drop(new URL('support', import.meta.url).pathname);
  await expect(page.getByRole('alert')).toHaveText('“support” is a folder. Drop the files in it.');
});

/** What is wrong, where, and what comes next. */
const bad: readonly (readonly [what: string, file: FileToOpen, at: string, says: RegExp])[] = [
  ['an empty file', { name: 'empty', bytes: new Uint8Array() }, '0x0', /this is an empty file.*see info migrate/],
  ['an ELF file', { name: 'vmlinux', bytes: elf() }, '0x0', /this is an ELF file.*along with a migration stream/],
  ['random bytes', { name: 'noise', bytes: noise(5000) }, '0x0', /nothing that is known here.*begins with QEVM/]
];
for (const [what, file, at, says] of bad) {
  test(`${what} is a problem in words, with its offset`, async ({ app }) => {
    await app.open(file);
    const problem = app.problems.getByRole('button');
    await expect(problem).toHaveCount(1);
    await expect(problem).toContainText('fatal');
    await expect(problem).toContainText(at);
    await expect(problem).toContainText(says);
    await expect(app.status).toContainText('is no migration stream');
  });
}

test('of a stream cut inside the CPU all before it is shown, and the problem leads to the byte', async ({ app }) => {
  // The cpu section is at 0xdd5ca3 to 0xdd63f4.
  const whole = gunzipSync(readFileSync(sampleFile('workload.vmstate.gz')));
  await app.open({ name: 'cut.state', bytes: whole.subarray(0, 0xdd6000) });
  const problem = app.problems.getByRole('button');
  await expect(problem).toContainText(/fatal\s*0xdd5ffc.*the stream ends inside cpu\/0/);
  await problem.click();
  await app.idle();
  await expect(app.row('cpu')).toBeVisible();
  await expect(app.bytes.getByRole('gridcell', { selected: true }).first()).toBeVisible();
  await expect(app.bytes.getByRole('rowheader', { name: '00dd5ff0' })).toBeVisible();
  await expect(app.fields).toContainText('Byte 0xdd5ffc');
  await app.row('cpu').click();
  await app.press('ArrowRight');
  await expect(app.row('env.eip')).toHaveAccessibleName('env.eip 0xffffffff80100cc4');
});

test('of a damaged gzip file all that could be unpacked is shown', async ({ app }) => {
  const whole = readFileSync(sampleFile('workload.vmstate.gz'));
  await app.open({ name: 'cut.gz', bytes: whole.subarray(0, 30_000) });
  await expect(app.problems).toContainText('the file ends inside the compressed data (byte 30000 of cut.gz)');
  await expect(app.row('ram').first()).toBeVisible();
  await expect(app.ramMap.getByRole('group', { name: 'Legend' })).toContainText('never sent');
});

/** The head of a 64-bit little-endian ELF executable for x86-64. */
function elf(): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]);
  bytes.set([2, 0, 0x3e, 0, 1], 16);
  return bytes;
}
/** Bytes without a pattern, the same at every run. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24);
}
