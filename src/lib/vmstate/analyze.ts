/**
 * What QEMU's `scripts/analyze-migration.py -d state` prints for a stream, byte for byte.
 *
 * The script has two dialects. That of QEMU 7.2 to 8.x skips the configuration by its name's length, reads the block
 * list up to a zero byte, shows an array only where the JSON has an `index`, knows no commands and shows a null pointer
 * as the integer that the JSON then called it. That of 9.0 to 11 reads the configuration through the JSON, counts the
 * block list's bytes, makes an array of whatever comes twice under one name, passes SWITCHOVER_START and prints
 * `nullptr`. What a stream's own script prints is what the newer one prints for it wherever the older one succeeds:
 * null pointers are called `uint64` in streams of the older QEMUs, and those name nothing twice without an index. So
 * this follows the newer dialect. Where the script gives up (xbzrle, postcopy, multifd, mapped-ram, no vmdescription)
 * this goes on with what it would print if it did not; and where two sections have the same name and instance, it reads
 * each by its own description, while the script reads both by the last one and loses its way (isapc with two isa-ide).
 */
import { hexByte, hexOf } from './hex.ts';
import { QemuFileReader } from './qemu-file.ts';
import { sectionLabel, type Section, type Snapshot } from './snapshot.ts';
import { readRange } from './source.ts';
import { MAX_BYTE_ROWS, parseVmDescription } from './vmdesc.ts';
import { load, type Placed, type VMStateDescription } from './vmstate.ts';

/** JSON with objects that keep the order and the strangest of keys. */
export type Analysis = string | boolean | readonly Analysis[] | ReadonlyMap<string, Analysis>;

/** A section beyond this is no device state that the JSON could describe. */
const MAX_SECTION = 2 ** 28;

/** How the script shows a type; what is not here it shows as bytes. `uint8 equal` and its like it takes for signed. */
const integers: Readonly<Record<string, 'signed' | 'unsigned'>> = {
  int8: 'signed',
  int16: 'signed',
  int32: 'signed',
  'int32 equal': 'signed',
  'int32 le': 'signed',
  int64: 'signed',
  uint8: 'unsigned',
  uint16: 'unsigned',
  uint32: 'unsigned',
  'uint32 equal': 'unsigned',
  uint64: 'unsigned',
  'int64 equal': 'signed',
  'uint8 equal': 'signed',
  'uint16 equal': 'signed'
};

/** `0xfffffffe (-2)`: as wide as the value, with the signed number where it is negative. */
function integerText(bytes: Uint8Array, kind: 'signed' | 'unsigned'): string {
  const digits = hexOf(bytes);
  if (kind === 'unsigned' || bytes.length === 0 || bytes[0]! < 0x80) return `0x${digits}`;
  return `0x${digits} (${BigInt.asIntN(bytes.length * 8, BigInt('0x' + digits))})`;
}

/** @param body the section's bytes; `body[0]` is stream offset `base` */
function valueOf(row: Placed, body: Uint8Array, base: number): Analysis {
  const bytes = body.subarray(row.start - base, row.end - base);
  if (row.type === 'uint8' && bytes.length > MAX_BYTE_ROWS) return Array.from(bytes, (b) => `0x${hexByte(b)}`);
  const opaque = lists.has(row.type) || row.value instanceof Uint8Array;
  if (!opaque && row.children?.[0]?.name === '[0]') return row.children.map((child) => valueOf(child, body, base));
  if (row.type === 'nullptr') return 'nullptr';
  if (row.type === 'bool') return (bytes[0] ?? 0) !== 0;
  const integer = integers[row.type];
  if (integer) return integerText(bytes, integer);
  const isStruct = row.type === 'struct' || row.type === 'subsection';
  return isStruct && !opaque ? objectOf(row.children ?? [], body, base) : hexOf(bytes, ' ');
}

/** Types that have elements, which the script does not see. */
const lists: ReadonlySet<string> = new Set(['qtailq', 'qlist', 'gtree', 'bitmap']);

function objectOf(rows: readonly Placed[], body: Uint8Array, base: number): ReadonlyMap<string, Analysis> {
  const out = new Map<string, Analysis>();
  for (const row of rows) {
    const value = valueOf(row, body, base);
    const before = row.type === 'subsection' ? undefined : out.get(row.name);
    if (before === undefined) out.set(row.name, value);
    else out.set(row.name, [...(Array.isArray(before) ? (before as readonly Analysis[]) : [before]), value]);
  }
  return out;
}

async function sectionOf(
  snapshot: Snapshot,
  section: Section,
  vmsd: VMStateDescription<object> | undefined
): Promise<Analysis> {
  if (section.name === 'ram') {
    const sizes = snapshot.ram.blocks.map(
      (block) => [block.idstr, `0x${block.usedLength.toString(16).padStart(16, '0')}`] as const
    );
    return new Map([['section sizes', new Map(sizes)]]);
  }
  if (!vmsd && section.fields.length === 0) return '';
  const end = Math.min(section.bodyEnd, section.bodyStart + MAX_SECTION);
  const body = await readRange(snapshot.bytes, section.bodyStart, end);
  const file = new QemuFileReader(body, section.bodyStart);
  return objectOf(vmsd ? load(file, vmsd, section.version).fields : section.fields, body, section.bodyStart);
}

/**
 * The state as the script's JSON: `NAME (SECTION_ID)` to fields, in the order in which sections first came.
 * Sections that the vmdescription does not know are shown by our own descriptions, or as an empty text.
 */
export async function analyze(snapshot: Snapshot): Promise<ReadonlyMap<string, Analysis>> {
  const described = parseVmDescription(snapshot.vmdescription?.json);
  const byId = new Map<number, readonly [key: string, value: Analysis]>();
  const seen = new Map<string, number>();
  for (const section of snapshot.sections) {
    if (section.kind !== 'start' && section.kind !== 'full') continue;
    const idstr = section.idstr ?? section.name;
    const label = sectionLabel(section);
    const occurrence = seen.get(label) ?? 0;
    seen.set(label, occurrence + 1);
    const value = await sectionOf(snapshot, section, described?.find(idstr, section.instance, occurrence));
    byId.set(section.sectionId, [`${idstr} (${section.sectionId})`, value]);
  }
  return new Map(byId.values());
}

/** Python's `json.dumps(indent=4)`: ASCII only. */
const quote = (text: string): string =>
  JSON.stringify(text).replace(/[\x7f-\uffff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

/** The text of an analysis as the script prints it, without the newline at its end. */
export function analysisText(value: Analysis, indent = ''): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'boolean') return String(value);
  const inner = indent + '    ';
  const list = Array.isArray(value);
  const parts = list
    ? (value as readonly Analysis[]).map((v) => analysisText(v, inner))
    : [...(value as ReadonlyMap<string, Analysis>)].map(([k, v]) => `${quote(k)}: ${analysisText(v, inner)}`);
  const [open, close] = list ? '[]' : '{}';
  if (parts.length === 0) return `${open}${close}`;
  return `${open}\n${parts.map((p) => inner + p).join(',\n')}\n${indent}${close}`;
}
