/**
 * What is mutated: streams taken apart into their items, so that each input is put together from a few of them, and
 * files that are not taken apart. From the committed sample, hand-made streams of every feature, and, where
 * scripts/golden.mjs made them, native QEMU's.
 */
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSource } from '../../src/bridge/file-source.ts';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { PageKind } from '../../src/lib/vmstate/ram-index.ts';
import { RamFlag } from '../../src/lib/vmstate/ram.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import type { Section, SectionKind, Snapshot } from '../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange, type ByteSource } from '../../src/lib/vmstate/source.ts';
import { leaves } from '../../src/lib/vmstate/vmstate.ts';
import { goldens } from '../support/golden.ts';
import { handmade } from './handmade.ts';

/** A number in an item that means something: a count, a length, an id, a register. */
export interface Place {
  readonly at: number;
  readonly size: number;
}

/** One section or command. */
export interface Item {
  readonly kind: SectionKind;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly places: readonly Place[];
}

/** Files that are dropped together with a stream. */
export interface Beside {
  readonly channels?: readonly Uint8Array[];
  readonly preempt?: Uint8Array;
  readonly ram?: Uint8Array;
}

export interface Seed {
  readonly name: string;
  /** In stream order, without EOF and vmdescription. */
  readonly items: readonly Item[];
  /** The vmdescription's devices by section name, as JSON. */
  readonly devices: Readonly<Record<string, string>>;
  readonly beside: Beside;
  /** A file that is not taken apart; `items` is empty then. */
  readonly whole?: Uint8Array;
}

const PAGES_KEPT = 3;
const PARTS_KEPT = 3;
const PLACES_KEPT = 300;
const LARGEST_ITEM = 1 << 18;
const LARGEST_FILE = 1 << 17;
const BESIDE_KEPT = 20_000;

/** The scenarios whose files matter as they are: what is around a stream, or beside it. */
const containers = /\/(gzip|zstd|xz|libvirt|libvirt-gzip)$/;

const EOS = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, RamFlag.EOS);

/** Behind the last of a few page records. */
async function endOfRecords({ ram, bytes }: Snapshot, record: number): Promise<number> {
  const at = ram.offsetOf(record);
  if (ram.kindOf(record) === PageKind.normal) return at + ram.pageSize;
  const head = await readRange(bytes, at, at + 8 + 256 + 4);
  const view = new DataView(head.buffer);
  const payload = 8 + (head[7]! & RamFlag.CONTINUE ? 0 : 1 + head[8]!);
  const kind = ram.kindOf(record);
  if (kind === PageKind.xbzrle) return at + payload + 3 + view.getUint16(payload + 1);
  return at + payload + (kind === PageKind.compressed ? 4 + view.getUint32(payload) : 1);
}

/** An item with the places of its head, its footer and its fields. */
async function item(snapshot: Snapshot, s: Section): Promise<Item> {
  const [first, last] = s.records ?? [0, 0];
  let bytes: Uint8Array;
  // Of those that came on another channel none is in the section.
  const inside = Array.from({ length: last - first }, (_, i) => first + i).filter(
    (i) => snapshot.ram.sourceOf(i) === 0
  );
  const own = inside[PAGES_KEPT - 1];
  if (own === undefined || inside.length === PAGES_KEPT) bytes = await readRange(snapshot.bytes, s.start, s.end);
  else {
    bytes = Buffer.concat([
      await readRange(snapshot.bytes, s.start, await endOfRecords(snapshot, own)),
      EOS,
      await readRange(snapshot.bytes, s.bodyEnd, s.end)
    ]);
  }
  const places: Place[] = [];
  const put = (at: number, size: number): void => {
    if (at >= 0 && at + size <= bytes.length && places.length < PLACES_KEPT) places.push({ at, size });
  };
  const head = s.bodyStart - s.start;
  if (s.kind === 'command') places.push({ at: 1, size: 2 }, { at: 3, size: 2 });
  else if (s.sectionId >= 0) places.push({ at: 1, size: 4 }, { at: bytes.length - 4, size: 4 });
  if (s.kind === 'start' || s.kind === 'full') {
    places.push({ at: 5, size: 1 }, { at: head - 8, size: 4 }, { at: head - 4, size: 4 });
  }
  for (const { row } of leaves(s.fields)) {
    const size = row.end - row.start;
    if (size === 1 || size === 2 || size === 4 || size === 8) put(row.start - s.start, size);
  }
  if (s.records) put(s.bodyStart - s.start, 8);
  return { kind: s.kind, name: s.name, bytes: Uint8Array.from(bytes.subarray(0, LARGEST_ITEM)), places };
}

async function takeApart(name: string, source: ByteSource, beside: Beside): Promise<Seed> {
  const snapshot = await readSnapshot(source, { descriptions });
  const items: Item[] = [];
  let parts = 0;
  for (const s of snapshot.sections) {
    if (s.kind === 'eof' || s.kind === 'vmdescription' || s.kind === 'unreadable') continue;
    if (s.kind === 'part' && ++parts > PARTS_KEPT) continue;
    items.push(await item(snapshot, s));
  }
  const devices: Record<string, string> = {};
  const json = snapshot.vmdescription?.json as { devices?: { name: string }[] } | undefined;
  for (const device of json?.devices ?? []) devices[device.name] = JSON.stringify(device);
  return { name, items, devices, beside };
}

async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const fd = openSync(path, 'r');
  try {
    return await use(fileSource(fd));
  } finally {
    closeSync(fd);
  }
}

/** One scenario of native QEMU. */
async function fromGolden(name: string, folder: string): Promise<Seed[]> {
  const beginning = (file: string): Promise<Uint8Array> | undefined => {
    const path = join(folder, file);
    return existsSync(path) ? withFile(path, (source) => readRange(source, 0, BESIDE_KEPT)) : undefined;
  };
  const state = join(folder, 'state');
  if (containers.test(name)) {
    const whole = await withFile(state, (source) => readRange(source, 0, LARGEST_FILE));
    return [{ name, items: [], devices: {}, beside: {}, whole }];
  }
  const channels = await Promise.all([0, 1].map((i) => beginning(`channel-${i}`)).filter((c) => c !== undefined));
  const [preempt, ram] = [await beginning('preempt'), await beginning('ram')];
  const seed = await withFile(state, (source) =>
    takeApart(name, source, { channels, ...(preempt ? { preempt } : {}), ...(ram ? { ram } : {}) })
  );
  const cpr = await beginning('cpr');
  const other: Seed[] = cpr ? [{ name: `${name} cpr`, items: [], devices: {}, beside: {}, whole: cpr }] : [];
  return seed.items.length > 2 ? [seed, ...other] : other;
}

/** At most so many streams of native QEMU, every nth so that versions and machines stay represented. */
export async function seeds(most = 60): Promise<Seed[]> {
  const packed = new Uint8Array(
    readFileSync(new URL('../../static/samples/workload/idle.vmstate.gz', import.meta.url))
  );
  const out: Seed[] = [await takeApart('idle.vmstate', bytesSource(packed), {})];
  for (const { name, files, beside = {} } of handmade()) {
    if ('stream' in files) out.push(await takeApart(name, bytesSource(files.stream), beside));
    else out.push({ name, items: [], devices: {}, beside, whole: files.whole });
  }
  // Benches are large, and of containers the same few streams are inside.
  const all = goldens().filter(({ name }) => !name.includes('/bench-'));
  const step = Math.max(1, all.length / most);
  for (let i = 0; i < all.length; i += step) {
    const { name, folder } = all[Math.floor(i)]!;
    out.push(...(await fromGolden(name, folder)));
  }
  return out;
}
