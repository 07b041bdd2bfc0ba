/**
 * The oracle of the device descriptions: what native QEMU says of each section in the JSON at the end of its stream.
 * Streams without that JSON only show that nothing is left over and that saving gives the same bytes.
 */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { QemuFileReader, QemuFileWriter } from '../../../src/lib/vmstate/qemu-file.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { sectionLabel, type Section, type Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { readRange } from '../../../src/lib/vmstate/source.ts';
import { parseVmDescription, type VmDescriptions } from '../../../src/lib/vmstate/vmdesc.ts';
import { joinPath, leaves, load, save, type Placed } from '../../../src/lib/vmstate/vmstate.ts';
import { goldens, withState } from '../../support/golden.ts';

const all = goldens();
if (all.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** What a section of one QEMU version is called in another; descriptions have the newest name. */
const RENAMED: Readonly<Record<string, string>> = { 'hpet: num_timers': 'num_timers_save' };
/** The same bytes, called signed in 7.2. */
const RETYPED: Readonly<Record<string, string>> = { 'ich9_ahci: ahci.ports': 'uint32 equal' };
/** 7.2 has one buffer of 100 bytes where 10.0 has four fields. */
const SPLIT = new Set([
  'globalstate: runstate buffer 100',
  // 7.2 has bools there, which we keep.
  'e1000e: unused[0] unused_buffer 1',
  'e1000e: unused[1] unused_buffer 5'
]);

/** Sections with one of our descriptions. */
const described = (snapshot: Snapshot): Section[] =>
  snapshot.sections.filter((s) => s.kind === 'full' && descriptions.find(s.name) !== undefined);

/** A section's body and a little of what follows it, as the reader sees it. */
async function bodyOf(snapshot: Snapshot, section: Section): Promise<QemuFileReader> {
  return new QemuFileReader(await readRange(snapshot.bytes, section.bodyStart, section.end + 16), section.bodyStart);
}

function* allRows(rows: readonly Placed[], parent = ''): Generator<[path: string, row: Placed]> {
  for (const row of rows) {
    const path = joinPath(parent, row.name);
    yield [path, row];
    if (row.children) yield* allRows(row.children, path);
  }
}

/** Looks up our row for one of QEMU's. */
function finder(rows: readonly Placed[]): (path: string, row: Placed) => boolean {
  const byPath = new Map<string, Placed[]>();
  const add = (path: string, row: Placed): unknown => byPath.get(path)?.push(row) ?? byPath.set(path, [row]);
  for (const [path, row] of allRows(rows)) {
    add(path, row);
    // QEMU does not say of an array of one element that it is an array.
    if (path.includes('[0]')) add(path.replaceAll('[0]', ''), row);
  }
  return (path, row) => {
    // QEMU lists buffers of no bytes too.
    if (row.start === row.end) return true;
    const same = (r: Placed): boolean => r.type === row.type && r.start === row.start && r.end === row.end;
    if (byPath.get(path)?.some(same)) return true;
    // A byte of what we keep as bytes.
    const [, array, index] = /^(.*)\[(\d+)\]$/.exec(path) ?? [];
    const holds = (r: Placed): boolean => r.value instanceof Uint8Array && r.start + Number(index) === row.start;
    return row.type === 'uint8' && array !== undefined && (byPath.get(array)?.some(holds) ?? false);
  };
}

/** How a section differs from its description. */
async function differences(
  snapshot: Snapshot,
  section: Section,
  vmdesc: VmDescriptions | undefined
): Promise<string[]> {
  const out: string[] = [];
  const vmsd = descriptions.find(section.name)!;
  const file = await bodyOf(snapshot, section);
  const ours = load(file, vmsd, section.version);
  if (ours.failure) return [`${sectionLabel(section)} fails at ${ours.failure.at}: ${ours.failure.message}`];
  for (const { message, path } of ours.complaints) out.push(`complains about ${path}: ${message}`);
  if (file.offset !== section.bodyEnd) out.push(`ends ${file.offset - section.bodyEnd} bytes behind its end`);

  const saved = new QemuFileWriter();
  save(saved, vmsd, ours.state, section.version);
  if (Buffer.compare(saved.finish(), file.bytes.subarray(0, file.pos)) !== 0)
    out.push('saves otherwise than it was loaded');

  // 7.2 gives both channels of an isapc one name and instance; the JSON of the second cannot be asked for.
  const twin = snapshot.sections.find((s) => s.name === section.name && s.instance === section.instance);
  const theirs = twin === section ? vmdesc?.find(section.name, section.instance) : undefined;
  if (theirs) {
    const found = finder(ours.fields);
    for (const { path, row } of leaves(load(await bodyOf(snapshot, section), theirs, section.version).fields)) {
      if (SPLIT.has(`${vmsd.name}: ${path} ${row.type} ${row.end - row.start}`)) continue;
      const key = `${vmsd.name}: ${path}`;
      if (!found(RENAMED[key] ?? path, { ...row, type: RETYPED[key] ?? row.type })) {
        out.push(`lacks ${path} ${row.type} at ${row.start}..${row.end}`);
      }
    }
  }
  return out.map((difference) => `${sectionLabel(section)} ${difference}`);
}

describe.skipIf(all.length === 0)('descriptions agree with native QEMU', () => {
  test.each(all)('$name', async (golden) => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source);
      const vmdesc = snapshot.vmdescription && parseVmDescription(snapshot.vmdescription.json);
      const found = [];
      for (const section of described(snapshot)) found.push(...(await differences(snapshot, section, vmdesc)));
      expect(found).toEqual([]);
    });
  });

  test.each(all.filter((g) => g.name.endsWith('/pc-seed')))('$name has no section without one', async (golden) => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source);
      const without = snapshot.sections.filter((s) => s.kind === 'full' && !descriptions.find(s.name));
      expect(without.map((s) => s.name)).toEqual([]);
    });
  });
});
