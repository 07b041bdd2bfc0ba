/**
 * XXH64 (seed 0) of a 4096-byte page, and whether it is all zero, in a WebAssembly function of some 300 bytes:
 * JavaScript has no fast 64-bit multiplication, and every page of a stream is hashed while it arrives.
 * Source: the xxHash specification (doc/xxhash_spec.md of the xxHash project), for lengths that are multiples of 32.
 */
import { PAGE } from './page.ts';

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;

/** Signed LEB128. */
function leb(value: bigint): number[] {
  const out = [];
  let v = BigInt.asIntN(64, value);
  for (;;) {
    const byte = Number(v & 0x7fn);
    v >>= 7n;
    if ((v === 0n && (byte & 0x40) === 0) || (v === -1n && (byte & 0x40) !== 0)) return [...out, byte];
    out.push(byte | 0x80);
  }
}
const unsigned = (n: number): number[] => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...unsigned(n >>> 7)]);

// The instructions used, by their WebAssembly names.
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
const i64 = (value: bigint): number[] => [0x42, ...leb(value)];
const i32 = (value: number): number[] => [0x41, ...leb(BigInt(value))];
const add = [0x7c];
const mul = [0x7e];
const or = [0x84];
const xor = [0x85];
const shru = (n: bigint): number[] => [...i64(n), 0x88];
const rotl = (n: bigint): number[] => [...i64(n), 0x89];

/** (ptr: i32) -> i32: writes the hash to address 0 (little-endian) and returns 1 for a page of zeros. */
function hashFunction(): number[] {
  const [ptr, end, any, x, h] = [0, 1, 2, 3, 4];
  const lanes = [5, 6, 7, 8];
  const round = [...mul, ...rotl(31n), ...i64(P1), ...mul];
  return [
    ...[2, 1, 0x7f, 7, 0x7e], // locals: one i32 behind the parameter, seven i64
    ...[...get(ptr), ...i32(PAGE), 0x6a, ...set(end)],
    ...[P1 + P2, P2, 0n, -P1].flatMap((seed, k) => [...i64(seed), ...set(lanes[k]!)]),
    ...[0x03, 0x40], // loop
    ...lanes.flatMap((lane, k) => [
      ...[...get(ptr), 0x29, 3, k * 8, ...tee(x), ...get(any), ...or, ...set(any)],
      ...[...get(lane), ...get(x), ...i64(P2), ...mul, ...add, ...rotl(31n), ...i64(P1), ...mul, ...set(lane)]
    ]),
    ...[...get(ptr), ...i32(32), 0x6a, ...tee(ptr), ...get(end), 0x47, 0x0d, 0, 0x0b],
    ...[1n, 7n, 12n, 18n].flatMap((n, k) => [...get(lanes[k]!), ...rotl(n), ...(k > 0 ? add : [])]),
    ...set(h),
    ...lanes.flatMap((lane) => [
      ...[...get(h), ...get(lane), ...i64(P2), ...round, ...xor, ...i64(P1), ...mul, ...i64(P4), ...add, ...set(h)]
    ]),
    ...[...get(h), ...i64(BigInt(PAGE)), ...add, ...tee(h), ...get(h), ...shru(33n), ...xor, ...i64(P2), ...mul],
    ...[...tee(h), ...get(h), ...shru(29n), ...xor, ...i64(P3), ...mul],
    ...[...set(h), ...i32(0), ...get(h), ...get(h), ...shru(32n), ...xor, 0x37, 3, 0], // i64.store
    ...[...get(any), 0x50, 0x0b] // i64.eqz
  ];
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const section = (id: number, body: number[]): number[] => [id, ...unsigned(body.length), ...body];
  const name = (s: string): number[] => [s.length, ...new TextEncoder().encode(s)];
  const code = hashFunction();
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, 0x7f, 1, 0x7f]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('hash'), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code])
  ]);
}

let compiled: WebAssembly.Module | undefined;

/** A buffer whose pages can be hashed where they lie. The first 64 bytes of its memory are the result's. */
export class HashBuffer {
  readonly memory: WebAssembly.Memory;
  readonly #hash: (ptr: number) => number;
  #result: Uint32Array;
  /** The usable bytes. Replaced by `grow`. */
  bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: number) {
    compiled ??= new WebAssembly.Module(moduleBytes());
    this.memory = new WebAssembly.Memory({ initial: Math.ceil((bytes + 64) / 65536) });
    const { exports } = new WebAssembly.Instance(compiled, { m: { m: this.memory } });
    this.#hash = exports.hash as (ptr: number) => number;
    this.#result = new Uint32Array(this.memory.buffer, 0, 2);
    this.bytes = new Uint8Array(this.memory.buffer, 64);
  }

  /** Makes room for `bytes` bytes; contents stay, views of before do not. */
  grow(bytes: number): void {
    const pages = Math.ceil((bytes + 64) / 65536);
    const have = this.memory.buffer.byteLength / 65536;
    if (pages > have) this.memory.grow(pages - have);
    this.#result = new Uint32Array(this.memory.buffer, 0, 2);
    this.bytes = new Uint8Array(this.memory.buffer, 64);
  }

  /** Hashes the page at an index of `bytes`; true for a page of zeros. The hash is in `low` and `high`. */
  hash(at: number): boolean {
    return this.#hash(at + 64) !== 0;
  }
  get low(): number {
    return this.#result[0]!;
  }
  get high(): number {
    return this.#result[1]!;
  }
}

let single: HashBuffer | undefined;

/** XXH64 of 4096 bytes that lie elsewhere, as two 32-bit halves. */
export function hashPage(page: Uint8Array): { readonly low: number; readonly high: number; readonly zero: boolean } {
  single ??= new HashBuffer(PAGE);
  single.bytes.set(page.subarray(0, PAGE));
  const zero = single.hash(0);
  return { low: single.low, high: single.high, zero };
}

/** The hash of a page of zeros. */
export const ZERO_PAGE_HASH = hashPage(new Uint8Array(PAGE));
