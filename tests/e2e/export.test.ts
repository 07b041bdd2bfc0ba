/** What is taken out of the page: fields, memory, a core for gdb, the stream again, pictures, notes. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, sampleFile, test, type App } from './support/app.ts';

interface Saved {
  readonly name: string;
  readonly bytes: Buffer;
}
/** Runs what saves a file, and reads it. */
async function saved(app: App, work: () => Promise<void>): Promise<Saved> {
  const coming = app.page.waitForEvent('download');
  await work();
  const download = await coming;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}
/** Saves by a command that asks which one. */
const savedOf = (app: App, command: string, choice: RegExp): Promise<Saved> =>
  saved(app, async () => {
    await app.command(command);
    await app.page.getByRole('dialog').getByRole('option', { name: choice }).click();
  });

test('fields are saved as JSON, CSV and text', async ({ opened: app }) => {
  const json = await saved(app, () => app.command('Fields as JSON'));
  expect(json.name).toBe('workload.fields.json');
  const { stream, sections } = JSON.parse(json.bytes.toString()) as {
    stream: { machine: string };
    sections: { name: string; fields: { path: string; value: unknown }[] }[];
  };
  expect(stream.machine).toBe('pc-i440fx-7.2');
  const cpu = sections.find((s) => s.name === 'cpu')!;
  expect(cpu.fields.find((f) => f.path === 'env.cr[3]')?.value).toBe(0x110000);
  await expect(app.status).toHaveText(/^Saved workload\.fields\.json, /);

  const csv = await saved(app, () => app.command('Fields as CSV'));
  expect(csv.bytes.toString()).toMatch(/^cpu,0,env\.cr\[3\],.*\b(1114112|0x110000)\b/m);
  const text = await saved(app, () => app.command('Fields as text, made for diff'));
  expect(text.bytes.toString()).toContain('env.cr[3] = 0x110000');
});

test('a RAM block is saved raw', async ({ opened: app }) => {
  const block = await savedOf(app, 'RAM block, raw…', /pc\.bios/);
  expect(block.name).toBe('workload.pc.bios.raw');
  expect(block.bytes).toHaveLength(64 << 10);
  // The guest's own firmware, which the sample was booted from, lies at its end.
  expect(block.bytes.includes(Buffer.from('usage: dirty RATE SIZE PATTERN'))).toBe(true);
});

test('an ELF core has the machine’s memory as segments', async ({ opened: app }) => {
  const core = await saved(app, () => app.command('ELF core for crash and gdb'));
  expect(core.bytes.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
  // ET_CORE for EM_X86_64.
  expect([core.bytes.readUInt16LE(16), core.bytes.readUInt16LE(18)]).toEqual([4, 62]);
  expect(core.bytes.length).toBeGreaterThan(16 << 20);
});

test('the stream is saved byte for byte', async ({ opened: app }) => {
  const copy = await saved(app, () => app.command('The stream, copied'));
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  expect(sha(copy.bytes)).toBe(sha(gunzipSync(readFileSync(sampleFile('workload.vmstate.gz')))));
  const again = await saved(app, () => app.command('The stream, encoded again'));
  expect(again.bytes.subarray(0, 4).toString()).toBe('QEVM');
});

test('a view is saved as a picture', async ({ opened: app }) => {
  const png = await savedOf(app, 'Picture of a view, PNG…', /RAM map/);
  expect(png.name).toBe('workload.ram-map.png');
  expect(png.bytes.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const svg = await savedOf(app, 'Picture of a view, SVG…', /Timeline/);
  expect(svg.name).toBe('workload.timeline.svg');
  expect(svg.bytes.toString()).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg.bytes.toString()).toContain('iterate');
});

test('notes are saved as Markdown with links back', async ({ opened: app }) => {
  await app.row('apic').click();
  await app.note('No interrupt is pending.');
  await app.press('Control+Enter');
  const notes = await saved(app, () => app.command('Notes as Markdown'));
  expect(notes.name).toBe('workload.notes.md');
  expect(notes.bytes.toString()).toMatch(
    /\[apic[^\]]*\]\(http[^)]*sample=workload[^)]*\)[\s\S]*No interrupt is pending\./
  );
});
