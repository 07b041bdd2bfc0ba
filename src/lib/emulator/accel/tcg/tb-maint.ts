/**
 * Decoded pages: making them, decoding into them, giving them up. Generated code finds its way through them by itself
 * (`backend/code-pages.ts`). In the place of QEMU accel/tcg/tb-maint.c and translator.c.
 */
import type { Handler, Interpreter } from '../../target/i386/backend/interpreter.ts';
import { CODE_KEY, DECODED, HANDLER, type Layout, PAGE_SIZE, RECORD } from '../../target/i386/backend/layout.ts';
import { writeExpectation, writeMarker, writeRecord } from '../../target/i386/backend/record.ts';
import type { Env } from '../../target/i386/env.ts';
import type { Decode } from '../../target/i386/isa/decode.ts';
import type { CodeSize, DecodeFault, Insn, Row } from '../../target/i386/isa/insn.ts';
import { shapeNumber, shapeOf } from '../../target/i386/isa/shape.ts';

const PAGE_CODE = 1;
/** Instructions decoded at once: enough for most blocks, little enough not to run far into what is not code. */
const RUN = 64;
/** Left free when decoding begins, so that what it needs is there: its records, and pages that crossings ask for. */
const RESERVE = 4 * DECODED.size;
const LONGEST = 15;

/** The instruction that raises #UD: what undecodable bytes, and rows without semantics, become. */
export const UNDEFINED_ROW: Row = { name: '(bad)', map: '', opcode: 0, operands: [], ends: true, semantics: '(bad)' };

export class CodePages {
  readonly #env: Env;
  readonly #layout: Layout;
  readonly #decode: Decode;
  readonly #supports: (row: Row) => boolean;
  readonly #handlers = new Map<Row, Map<number, Handler>>();
  #interpreter!: Interpreter;
  #free: number;
  /** Host pages with decoded pages. */
  readonly #hosts = new Set<number>();
  /** Offsets in a page at whose instructions a record asks whether to stop: of whatever page, as pages have many names. */
  #stops: ReadonlySet<number> = new Set();
  /** Bytes of an instruction that lies in two pages. */
  readonly #joined = new Uint8Array(2 * LONGEST);

  constructor(env: Env, layout: Layout, decode: Decode, supports: (row: Row) => boolean) {
    this.#env = env;
    this.#layout = layout;
    this.#decode = decode;
    this.#supports = supports;
    this.#free = layout.arena;
  }

  attach(interpreter: Interpreter): void {
    this.#interpreter = interpreter;
  }

  /** Has the instructions at these offsets of a page ask whether to stop; what was decoded of them is given up. */
  setStops(stops: ReadonlySet<number>): void {
    const { u16, u32 } = this.#env;
    const before = this.#stops;
    const changed = [...[...stops].filter((at) => !before.has(at)), ...[...before].filter((at) => !stops.has(at))];
    this.#stops = stops;
    for (const host of this.#hosts) {
      let page = u32[(this.#layout.decodedPages >>> 2) + (host >>> 12)]!;
      for (; page !== 0; page = u32[(page + DECODED.next) >>> 2]!) {
        for (const offset of changed) {
          const slot = ((page + DECODED.records) >>> 2) + offset;
          if (u32[slot] === 0) continue;
          u16[(u32[slot]! + RECORD.handler) >>> 1] = HANDLER.LOOKUP;
          u32[slot] = 0;
        }
      }
    }
  }

  /** Gives up everything. */
  flush(): void {
    const { u32, u8 } = this.#env;
    for (const host of this.#hosts) {
      u32[(this.#layout.decodedPages >>> 2) + (host >>> 12)] = 0;
      u8[this.#layout.pageFlags + (host >>> 12)]! &= ~PAGE_CODE;
    }
    this.#hosts.clear();
    this.#free = this.#layout.arena;
    this.#env.set('code_flushes', this.#env.get('code_flushes') + 1);
    this.#interpreter.exports.flush_code();
  }

  /** CoreImports.new_page */
  newPage(host: number, key: number): number {
    if (this.#free + DECODED.size > this.#layout.arenaEnd) this.flush();
    const { u8, u32 } = this.#env;
    const page = this.#take(DECODED.size);
    u8.fill(0, page, page + DECODED.size);
    const head = (this.#layout.decodedPages >>> 2) + (host >>> 12);
    u32[(page + DECODED.next) >>> 2] = u32[head]!;
    u32[(page + DECODED.key) >>> 2] = key;
    u32[(page + DECODED.host) >>> 2] = host;
    u32[head] = page;
    this.#hosts.add(host);
    return page;
  }

  /** CoreImports.decode */
  decode(page: number, offset: number): number {
    const env = this.#env;
    if (this.#free + RESERVE > this.#layout.arenaEnd) {
      const host = env.u32[(page + DECODED.host) >>> 2]!;
      const key = env.u32[(page + DECODED.key) >>> 2]!;
      this.flush();
      page = this.newPage(host, key);
      env.set('code_page', page);
    }
    this.#protect(page);
    const host = env.u32[(page + DECODED.host) >>> 2]!;
    const [code, stack] = modeOf(env.u32[(page + DECODED.key) >>> 2]!);
    const records = (page + DECODED.records) >>> 2;
    const first = this.#free;
    let at = offset;
    for (let count = 0; count < RUN && at < PAGE_SIZE; count++) {
      const known = env.u32[records + at]!;
      if (known !== 0) {
        writeMarker(env, this.#take(RECORD.size), HANDLER.GOTO, at, known);
        return first;
      }
      const insn = this.#decode(env.u8, host + at, code, host + PAGE_SIZE);
      let record = this.#take(RECORD.size);
      env.u32[records + at] = record;
      if (this.#stops.has(at)) {
        writeMarker(env, record, HANDLER.STOP, at);
        record = this.#take(RECORD.size);
      }
      if (insn === 'fetch') {
        writeMarker(env, record, HANDLER.CROSS, at);
        writeMarker(env, this.#take(RECORD.size), HANDLER.LOOKUP, at);
        writeMarker(env, this.#take(RECORD.size), HANDLER.LOOKUP, at);
        return first;
      }
      const fine = this.#write(record, insn, code, stack, at);
      at += fine.length;
      if (fine.row.ends) break;
    }
    writeMarker(env, this.#take(RECORD.size), HANDLER.LOOKUP, at);
    return first;
  }

  /** CoreImports.decode_cross */
  decodeCross(record: number, next: number): void {
    const env = this.#env;
    this.#protect(next);
    const offset = env.u16[(record + RECORD.offset) >>> 1]!;
    const page = env.get('code_page');
    const [code, stack] = modeOf(env.u32[(page + DECODED.key) >>> 2]!);
    const rest = PAGE_SIZE - offset;
    const [here, there] = [page, next].map((each) => env.u32[(each + DECODED.host) >>> 2]!) as [number, number];
    this.#joined.set(env.u8.subarray(here + offset, here + PAGE_SIZE));
    this.#joined.set(env.u8.subarray(there, there + LONGEST), rest);
    const insn = this.#decode(this.#joined, 0, code, rest + LONGEST);
    writeExpectation(env, record, next, env.u32[(next + DECODED.generation) >>> 2]!);
    const inner = record + RECORD.size;
    const { length } = this.#write(inner, insn, code, stack, offset);
    writeMarker(env, inner + RECORD.size, HANDLER.LOOKUP, offset + length);
  }

  /** PhysMem.onCodeWrite: a device writes to a page with code. */
  discard(hostPage: number): void {
    this.#interpreter.exports.code_discard(hostPage * PAGE_SIZE);
  }

  #write(
    record: number,
    decoded: Insn | DecodeFault,
    code: CodeSize,
    stack: 2 | 4 | 8,
    offset: number
  ): Pick<Insn, 'row' | 'length'> {
    const insn = typeof decoded === 'string' || !this.#supports(decoded.row) ? undefinedInsn(code) : decoded;
    let handlers = this.#handlers.get(insn.row);
    if (!handlers) this.#handlers.set(insn.row, (handlers = new Map<number, Handler>()));
    const number = shapeNumber(insn, code, stack);
    let handler = handlers.get(number);
    if (!handler) {
      handler = this.#interpreter.handlerFor(shapeOf(insn, code, stack));
      handlers.set(number, handler);
    }
    writeRecord(this.#env, record, insn, code, offset, handler);
    return insn;
  }

  /** Stores into the page are to be noticed from now on. */
  #protect(page: number): void {
    const host = this.#env.u32[(page + DECODED.host) >>> 2]!;
    const flags = this.#layout.pageFlags + (host >>> 12);
    if (this.#env.u8[flags]! & PAGE_CODE) return;
    this.#env.u8[flags]! |= PAGE_CODE;
    this.#interpreter.exports.protect(host);
  }

  #take(bytes: number): number {
    const at = this.#free;
    this.#free += bytes;
    return at;
  }
}

function modeOf(key: number): [CodeSize, 2 | 4 | 8] {
  if (key & CODE_KEY.CS64) return [64, 8];
  return [key & CODE_KEY.CS32 ? 32 : 16, key & CODE_KEY.SS32 ? 4 : 2];
}

function undefinedInsn(code: CodeSize): Insn {
  return {
    row: UNDEFINED_ROW,
    length: 1,
    size: 4,
    addressSize: code === 64 ? 8 : 4,
    operands: [],
    condition: 0,
    lock: false,
    rep: 'none',
    segment: 3,
    wide: false
  };
}
