/** Mutations that migration streams suffer from, and those that a spiteful sender makes. Deterministic by seed. */

/** A small generator of random numbers (Mulberry32): the seed of a failure is all that is needed to see it again. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const hostile = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const bodies = new TextEncoder();
const words = [
  'ram',
  'timer',
  'cpu',
  'pc.ram',
  'virtio',
  'configuration/capabilities',
  'fields',
  '"array_len": 4294967295'
];

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const splice = (bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array =>
  Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(Math.min(bytes.length, at + remove))]);

/** The places that decide most: type bytes and what lies behind them are found by their look. */
function interesting(bytes: Uint8Array, random: Random): number {
  const from = random.below(bytes.length);
  for (let i = from; i < Math.min(bytes.length - 5, from + 4096); i++) {
    if (bytes[i] === 0x7e && bytes[i + 1] === 0) return i + random.below(12);
  }
  return from;
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'flip a bit': (b, r) => {
    const at = r.below(b.length);
    b[at]! ^= 1 << r.below(8);
    return b;
  },
  'flip bits near a footer': (b, r) => {
    for (let n = 1 + r.below(4); n > 0; n--) b[Math.min(b.length - 1, interesting(b, r))]! ^= 1 << r.below(8);
    return b;
  },
  'hostile be32': (b, r) => {
    const at = Math.max(0, Math.min(b.length - 4, interesting(b, r)));
    if (b.length >= 4) new DataView(b.buffer, b.byteOffset).setUint32(at, r.pick(hostile));
    return b;
  },
  'hostile be64': (b, r) => {
    const at = Math.max(0, r.below(b.length) - 8);
    if (b.length >= 8) {
      const view = new DataView(b.buffer, b.byteOffset);
      view.setUint32(at, r.pick(hostile));
      view.setUint32(at + 4, r.pick(hostile));
    }
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
      b,
      r.below(b.length),
      0,
      Uint8Array.from({ length: 1 + r.below(64) }, () => r.below(256))
    ),
  'put in a word': (b, r) => splice(b, r.below(b.length), r.below(8), bodies.encode(r.pick(words))),
  'wipe a range': (b, r) => b.fill(r.pick([0, 0xff, 0x7b, 0x05, 0x5b]), r.below(b.length), r.below(b.length)),
  swap: (b, r) => {
    const [x, y] = [r.below(b.length), r.below(b.length)].sort((a, c) => a - c) as [number, number];
    return Buffer.concat([b.subarray(0, x), b.subarray(y), b.subarray(x, y)]);
  },
  'nest JSON': (b, r) => {
    const at = b.lastIndexOf(0x7b);
    return splice(b, Math.max(0, at), 0, bodies.encode('[{"fields":'.repeat(1 + r.below(4000))));
  }
};

const names = Object.keys(mutations);

/** One input and what was done to it. */
export function mutate(original: Uint8Array, random: Random): { readonly bytes: Uint8Array; readonly done: string[] } {
  let bytes = Uint8Array.from(original);
  const done: string[] = [];
  for (let n = 1 + random.below(3); n > 0 && bytes.length > 0; n--) {
    const name = random.pick(names);
    done.push(name);
    bytes = Uint8Array.from(mutations[name]!(bytes, random));
  }
  return { bytes, done };
}
