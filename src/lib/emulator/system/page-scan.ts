/**
 * Pages of the host's memory looked at and cleared fast: what JavaScript does with shared memory goes word by word.
 * Source of the idea: QEMU util/bufferiszero.c.
 */
import { HOST_PAGE_SIZE, MAX_WASM_PAGES } from '../host/memory.ts';

const leb = (n: number): number[] => (n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...leb(n >>> 7)]);
/** i32.const of a positive number. */
const i32 = (n: number): number[] => [0x41, ...(n & 0x40 && n < 0x80 ? [n | 0x80, 0] : leb(n))];
const get = (local: number): number[] => [0x20, local];
const I32 = 0x7f;
const BLOCK = 64;

/** (ptr: i32) -> i32: 1 for a page of zeros. Eight loads of eight bytes a turn. */
const isZero = [
  ...[1, 1, I32], // one local: the end
  ...[...get(0), ...i32(HOST_PAGE_SIZE), 0x6a, 0x21, 1],
  ...[0x03, 0x40], // loop
  ...[0, 8, 16, 24, 32, 40, 48, 56].flatMap((at, n) => [...get(0), 0x29, 3, at, ...(n > 0 ? [0x84] : [])]),
  ...[0x50, 0x45, 0x04, 0x40, ...i32(0), 0x0f, 0x0b], // i64.eqz, i32.eqz, if: return 0
  ...[...get(0), ...i32(BLOCK), 0x6a, 0x22, 0, ...get(1), 0x47, 0x0d, 0, 0x0b], // until the end
  ...[...i32(1), 0x0b]
];
/** (ptr: i32, bytes: i32): memory.fill with zeros. */
const clear = [0, ...get(0), ...i32(0), ...get(1), 0xfc, 0x0b, 0, 0x0b];

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const section = (id: number, body: number[]): number[] => [id, ...leb(body.length), ...body];
  const name = (s: string): number[] => [s.length, ...new TextEncoder().encode(s)];
  const code = (body: number[]): number[] => [...leb(body.length), ...body];
  const SHARED = 3;
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 1, I32, 1, I32, 0x60, 2, I32, I32, 0]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, SHARED, 1, ...leb(MAX_WASM_PAGES)]),
    ...section(3, [2, 0, 1]),
    ...section(7, [2, ...name('isZero'), 0, 0, ...name('clear'), 0, 1]),
    ...section(10, [2, ...code(isZero), ...code(clear)])
  ]);
}

let compiled: WebAssembly.Module | undefined;

export interface PageScan {
  /** Whether the page at an address is all zeros. */
  isZero(address: number): number;
  clear(address: number, bytes: number): void;
}

export function pageScan(memory: WebAssembly.Memory): PageScan {
  compiled ??= new WebAssembly.Module(moduleBytes());
  return new WebAssembly.Instance(compiled, { m: { m: memory } }).exports as unknown as PageScan;
}
