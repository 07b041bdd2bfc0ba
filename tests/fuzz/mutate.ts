/**
 * Puts an input together from a seed and mutates it, deterministic by the generator given: items as a sender could
 * garble them, the vmdescription by its tokens, bytes as a bad disk does, files beside the stream, wrappings.
 */
import { gzipSync } from 'node:zlib';
import type { Beside, Item, Place, Seed } from './corpus.ts';
import { hostile, type Random } from './random.ts';

export interface Input {
  readonly bytes: Uint8Array;
  readonly beside: Beside;
  /** What was done to it. */
  readonly done: readonly string[];
}

/** An item that may be changed in place: its bytes are its own. */
interface Loose {
  bytes: Uint8Array;
  places: readonly Place[];
  readonly name: string;
}

const HEADER_ITEMS = 2;
const text = new TextEncoder();
const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};
const splice = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array =>
  concat(bytes.subarray(0, at), insert, bytes.subarray(Math.min(bytes.length, at + remove)));
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Puts a number of some bytes, as far as they are there. */
function put(bytes: Uint8Array, { at, size }: Place, value: number): void {
  for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) {
    if (at + i < bytes.length) bytes[at + i] = rest % 256;
  }
}

const names = ['ram', 'timer', 'cpu', 'block', 'dirty-bitmap', 'apic', '0000:00:03.0/virtio-net', 'x'.repeat(255), ''];
const words = ['ram', 'pc.ram', 'virtio', 'configuration/capabilities', 'QEVM\0\0\0\x03', '\x7e\0\0\0\0', '<b>\x1b[2J'];

// Items

type ItemMutation = (items: Loose[], r: Random) => void;
const some = (items: readonly Loose[], r: Random): Loose => r.pick(items);

const itemMutations: Readonly<Record<string, ItemMutation>> = {
  'lie in a number': (items, r) => {
    const item = some(items, r);
    if (item.places.length > 0) put(item.bytes, r.pick(item.places), r.pick(hostile));
  },
  'lie in three numbers': (items, r) => {
    for (let n = 0; n < 3; n++) itemMutations['lie in a number']!(items, r);
  },
  'random number': (items, r) => {
    const item = some(items, r);
    if (item.places.length > 0) put(item.bytes, r.pick(item.places), r.below(2 ** 32));
  },
  'drop an item': (items, r) => void items.splice(r.below(items.length), 1),
  'repeat an item': (items, r) => {
    const from = r.below(items.length);
    const copies = 1 + r.below(r.chance(20) ? 300 : 3);
    const { bytes, places, name } = items[from]!;
    for (let n = 0; n < copies; n++) items.splice(from, 0, { bytes: Uint8Array.from(bytes), places, name });
  },
  'swap items': (items, r) => {
    const [a, b] = [r.below(items.length), r.below(items.length)];
    [items[a], items[b]] = [items[b]!, items[a]!];
  },
  'cut an item': (items, r) => {
    const item = some(items, r);
    item.bytes = item.bytes.subarray(0, r.below(item.bytes.length + 1));
  },
  'cut out of an item': (items, r) => {
    const item = some(items, r);
    item.bytes = splice(item.bytes, r.below(item.bytes.length + 1), 1 + r.below(40), new Uint8Array());
  },
  'put into an item': (items, r) => {
    const item = some(items, r);
    item.bytes = splice(item.bytes, r.below(item.bytes.length + 1), 0, text.encode(r.pick(words)));
  },
  'head of one, body of another': (items, r) => {
    const [a, b] = [some(items, r), some(items, r)];
    const at = Math.min(a.bytes.length, 14 + r.below(30));
    a.bytes = concat(a.bytes.subarray(0, at), b.bytes.subarray(Math.min(b.bytes.length, at)));
  },
  'drop a footer': (items, r) => {
    const item = some(items, r);
    item.bytes = item.bytes.subarray(0, Math.max(0, item.bytes.length - 5));
  },
  'another name': (items, r) => {
    const item = some(items, r);
    const length = item.bytes[5] ?? 0;
    const name = text.encode(r.pick(names));
    if (item.bytes.length > 6 + length)
      item.bytes = splice(item.bytes, 5, 1 + length, concat(Uint8Array.of(name.length), name));
  },
  'repeat a subsection': (items, r) => {
    const item = some(items, r);
    const at = item.bytes.indexOf(5, r.below(item.bytes.length + 1));
    if (at < 0) return;
    const subsection = item.bytes.slice(at, at + 2 + item.bytes[at + 1]! + 4 + r.below(64));
    item.bytes = splice(item.bytes, at, 0, concat(...new Array<Uint8Array>(1 + r.below(50)).fill(subsection)));
  },
  'put into PACKAGED': (items, r) => {
    const from = r.below(items.length);
    const count = 1 + r.below(items.length - from);
    const length = items.slice(from, from + count).reduce((sum, i) => sum + i.bytes.length, 0);
    const bytes = Uint8Array.of(8, 0, 7, 0, 4, 0, 0, 0, 0);
    put(bytes, { at: 5, size: 4 }, r.chance(2) ? length : r.pick(hostile));
    items.splice(from, 0, { bytes, places: [{ at: 5, size: 4 }], name: 'PACKAGED' });
  },
  'a RAM record': (items, r) => {
    const ram = items.filter((i) => i.name === 'ram');
    if (ram.length === 0) return;
    const item = some(ram, r);
    const record = new Uint8Array(8 + r.below(24));
    for (let i = 0; i < record.length; i++) record[i] = r.below(256);
    record.fill(0, 0, 5);
    put(record, { at: 6, size: 2 }, (1 << r.below(11)) | (r.below(4) << 12) | (r.chance(2) ? 0x20 : 0));
    item.bytes = splice(item.bytes, Math.min(item.bytes.length, 5 + r.below(60)), 0, record);
  }
};

// The vmdescription

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const jsonValues = [
  '4294967296',
  '-1',
  '1e308',
  '0.5',
  'null',
  'true',
  '""',
  '"uint32"',
  '"struct"',
  '"qtailq"',
  '{}',
  '[]'
];
const keys = [
  '"array_len"',
  '"size"',
  '"type"',
  '"struct"',
  '"fields"',
  '"subsections"',
  '"name"',
  '"vmsd_name"',
  '"index"'
];

type JsonMutation = (tokens: string[], r: Random) => void;

const jsonMutations: Readonly<Record<string, JsonMutation>> = {
  'JSON: another value': (t, r) => void (t[r.below(t.length)] = r.pick(jsonValues)),
  'JSON: another size': (t, r) => {
    const at = t.indexOf(r.pick(['"size"', '"array_len"', '"version"', '"instance_id"']), r.below(t.length));
    if (at >= 0) t[at + 2] = r.chance(2) ? String(r.pick(hostile)) : r.pick(jsonValues);
  },
  'JSON: another key': (t, r) => {
    const at = t.indexOf(':', r.below(t.length));
    if (at > 0) t[at - 1] = r.pick(keys);
  },
  'JSON: one more member': (t, r) => {
    const at = t.indexOf('{', r.below(t.length));
    if (at >= 0) t.splice(at + 1, 0, r.pick(keys), ':', r.pick(jsonValues), ',');
  },
  'JSON: drop': (t, r) => void t.splice(r.below(t.length), 1 + r.below(6)),
  'JSON: repeat': (t, r) => {
    const at = r.below(t.length);
    t.splice(at, 0, ...t.slice(at, at + 1 + r.below(60)));
  },
  'JSON: swap': (t, r) => {
    const [a, b] = [r.below(t.length), r.below(t.length)];
    [t[a], t[b]] = [t[b]!, t[a]!];
  },
  'JSON: nest': (t, r) => {
    const [open, close] = r.pick([
      ['[', ']'],
      ['{"fields":[', ']}'],
      ['{"name":"x","type":"struct","struct":{"fields":[', ']}}']
    ] as const);
    const times = 1 + r.below(r.chance(20) ? 4000 : 60);
    const at = r.below(t.length);
    t[at] = open.repeat(times) + t[at]! + (r.chance(4) ? '' : close.repeat(times));
  }
};

function jsonOf(devices: readonly string[], r: Random, done: string[]): Uint8Array {
  const json = `{"page_size": 4096, "devices": [${devices.join(', ')}]}`;
  if (!r.chance(3)) return text.encode(json);
  const tokens = json.match(token)!;
  for (let n = 1 + r.below(3); n > 0 && tokens.length > 0; n--) {
    const name = r.pick(Object.keys(jsonMutations));
    done.push(name);
    jsonMutations[name]!(tokens, r);
  }
  return text.encode(tokens.join(''));
}

// Bytes

type ByteMutation = (bytes: Uint8Array, random: Random) => Uint8Array;

/** The places that decide most: type bytes and what lies behind them are found by their look. */
function interesting(bytes: Uint8Array, r: Random): number {
  const from = r.below(bytes.length);
  for (let i = from; i < Math.min(bytes.length - 5, from + 4096); i++) {
    if (bytes[i] === 0x7e && bytes[i + 1] === 0) return Math.min(bytes.length - 1, i + r.below(12));
  }
  return from;
}

const byteMutations: Readonly<Record<string, ByteMutation>> = {
  'flip a bit': (b, r) => {
    b[r.below(b.length)]! ^= 1 << r.below(8);
    return b;
  },
  'flip bits near a footer': (b, r) => {
    for (let n = 1 + r.below(4); n > 0; n--) b[interesting(b, r)]! ^= 1 << r.below(8);
    return b;
  },
  'hostile be32': (b, r) => {
    put(b, { at: interesting(b, r), size: 4 }, r.pick(hostile));
    return b;
  },
  'hostile be64': (b, r) => {
    const at = r.below(b.length);
    put(b, { at, size: 4 }, r.pick(hostile));
    put(b, { at: at + 4, size: 4 }, r.pick(hostile));
    return b;
  },
  truncate: (b, r) => b.subarray(0, r.below(b.length + 1)),
  'cut out': (b, r) => splice(b, r.below(b.length), 1 + r.below(64), new Uint8Array()),
  repeat: (b, r) => {
    const at = r.below(b.length);
    return splice(b, at, 0, b.slice(at, at + 1 + r.below(512)));
  },
  'put in noise': (b, r) =>
    splice(
      ...([b, r.below(b.length), 0] as const),
      Uint8Array.from({ length: 1 + r.below(64) }, () => r.below(256))
    ),
  'put in a word': (b, r) => splice(b, r.below(b.length), r.below(8), text.encode(r.pick(words))),
  'wipe a range': (b, r) => {
    const from = r.below(b.length);
    return b.fill(r.pick([0, 0xff, 0x7b, 0x05, 0x5b, 0x7e]), from, from + r.below(r.chance(4) ? b.length : 300));
  },
  swap: (b, r) => {
    const [x, y] = [r.below(b.length), r.below(b.length)].sort((a, c) => a - c) as [number, number];
    return concat(b.subarray(0, x), b.subarray(y), b.subarray(x, y));
  }
};

function mutateBytes(bytes: Uint8Array, r: Random, done: string[], where = ''): Uint8Array {
  if (bytes.length === 0) return bytes;
  const name = r.pick(Object.keys(byteMutations));
  done.push(where + name);
  return byteMutations[name]!(Uint8Array.from(bytes), r);
}

// Wrappings

function wrap(bytes: Uint8Array, r: Random): Uint8Array {
  if (r.chance(2)) return gzipSync(bytes, { level: 1 });
  const header = new Uint8Array(92);
  header.set(text.encode('LibvirtQemudSave'));
  [2, 0, 1].forEach((word, i) => viewOf(header).setUint32(16 + 4 * i, word, true));
  return concat(header, bytes);
}

/** A few items of a seed: header and configuration, RAM, some devices with their descriptions. Now and then all. */
function choose(seed: Seed, r: Random): Item[] {
  if (r.chance(32)) return [...seed.items];
  const ram = r.below(4);
  let room = 1 + r.below(7);
  const from = HEADER_ITEMS + r.below(seed.items.length);
  const few = (i: number): boolean => i >= from && room-- > 0;
  return seed.items.filter((item, i) => {
    if (i < HEADER_ITEMS) return true;
    if (item.kind === 'full') return few(i);
    return item.kind === 'command' ? r.chance(2) : ram > 0 && (item.kind !== 'part' || r.chance(2));
  });
}

/** One input of a campaign. */
export function mutate(seed: Seed, r: Random): Input {
  const done: string[] = [];
  let bytes: Uint8Array;
  if (seed.whole) bytes = Uint8Array.from(seed.whole);
  else {
    const items: Loose[] = choose(seed, r).map((i) => ({ ...i, bytes: Uint8Array.from(i.bytes) }));
    const devices = items.flatMap(({ name }) => seed.devices[name] ?? []);
    for (let n = r.below(4); n > 0 && items.length > 0; n--) {
      const name = r.pick(Object.keys(itemMutations));
      done.push(name);
      itemMutations[name]!(items, r);
    }
    const ends: Uint8Array[] = [Uint8Array.of(0)];
    if (devices.length > 0 && !r.chance(3)) {
      const json = jsonOf(devices, r, done);
      const head = Uint8Array.of(6, 0, 0, 0, 0);
      put(head, { at: 1, size: 4 }, r.chance(20) ? r.pick(hostile) : json.length);
      ends.push(head, json);
    }
    bytes = concat(...items.map((i) => i.bytes), ...(r.chance(20) ? [] : ends));
    if (r.chance(12)) {
      done.push('wrap');
      bytes = wrap(bytes, r);
    }
  }
  for (let n = done.length === 0 ? 1 + r.below(3) : r.below(2); n > 0; n--) bytes = mutateBytes(bytes, r, done);
  const garble = (file: Uint8Array): Uint8Array => (r.chance(2) ? mutateBytes(file, r, done, 'beside: ') : file);
  const { channels, preempt, ram } = seed.beside;
  const beside = {
    ...(channels ? { channels: channels.map(garble) } : {}),
    ...(preempt ? { preempt: garble(preempt) } : {}),
    ...(ram ? { ram: garble(ram) } : {})
  };
  return { bytes, beside, done };
}
