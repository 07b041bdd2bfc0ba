/**
 * SSE floating point, exact to the last bit and flag of MXCSR: where the fast path of `isa/semantics/sse-float.ts` does not
 * apply. Elements of operands A, B, C and of the result lie in `scratch`, 32 bytes each. QEMU target/i386/ops_sse.h has the
 * same operations; rules of exceptions and NaNs: SDM 1, 11.5 and 4.8.3.5, and the instructions' pages.
 */
import type { ValType } from '../../../wasm/asm.ts';
import {
  FINITE,
  FLOAT16,
  FLOAT32,
  FLOAT64,
  FloatStatus,
  INFINITY,
  QUIET,
  TRUNCATE,
  ZERO,
  nanOf,
  unpackSse,
  zero,
  infinity,
  defaultNaN,
  unpack,
  type Float,
  type Format,
  type Rounding
} from '../../../fpu/float.ts';
import {
  add,
  compare,
  convert,
  div,
  fma,
  fromInteger,
  mul,
  roundToInteger,
  sqrt,
  sub,
  toInteger
} from '../../../fpu/softfloat.ts';
import { CPUException, ENV, EXCP, FLAG, type Env } from '../env.ts';
import type { Helper } from '../isa/backend.ts';
import type { X86Cpu } from '../x86-cpu.ts';

/** MXCSR. SDM 1, figure 10-3. */
const MXCSR = { DAZ: 0x40, MASK_SHIFT: 7, RC_SHIFT: 13, FTZ: 0x8000 } as const;
const EXCEPTIONS = 0x3f;
const CR4_OSXMMEXCPT = 0x400n;

/** First doubleword pair of each operand in `scratch`. */
export const SCRATCH = { a: 0, b: 4, c: 8, result: 12 } as const;

/** What MXCSR asks of arithmetic. */
export function statusOf(env: Env): FloatStatus {
  const mxcsr = env.get('mxcsr');
  const s = new FloatStatus();
  s.rounding = ((mxcsr >> MXCSR.RC_SHIFT) & 3) as Rounding;
  s.masked = (mxcsr >> MXCSR.MASK_SHIFT) & EXCEPTIONS;
  s.denormalsAreZero = (mxcsr & MXCSR.DAZ) !== 0;
  s.flushToZero = (mxcsr & MXCSR.FTZ) !== 0;
  return s;
}

/** Enters exceptions into MXCSR; #XM for an unmasked one (#UD if the system does not know of #XM). */
export function raise({ env }: X86Cpu, s: FloatStatus): void {
  const raised = s.raised & EXCEPTIONS;
  env.set('mxcsr', env.get('mxcsr') | raised);
  if (raised & ~s.masked) throw new CPUException(env.get64('cr', 4) & CR4_OSXMMEXCPT ? EXCP.XM : EXCP.UD);
}

/** Element `i` of an operand in `scratch`. */
function element(env: Env, operand: number, i: number, width: number): bigint {
  const at = env.base + ENV.scratch + operand * 8;
  if (width === 64) return env.u64[(at >>> 3) + i]!;
  return BigInt(width === 32 ? env.u32[(at >>> 2) + i]! : env.u16[(at >>> 1) + i]!);
}
function setElement(env: Env, i: number, width: number, bits: bigint): void {
  const at = env.base + ENV.scratch + SCRATCH.result * 8;
  if (width === 64) env.u64[(at >>> 3) + i] = BigInt.asUintN(64, bits);
  else if (width === 32) env.u32[(at >>> 2) + i] = Number(BigInt.asUintN(32, bits));
  else env.u16[(at >>> 1) + i] = Number(BigInt.asUintN(16, bits));
}

/** What an element's operation gets besides A and B. */
interface Extra {
  readonly c: bigint;
  readonly imm: number;
  /** Which element it is. */
  readonly i: number;
}
type Operation = (s: FloatStatus, a: bigint, b: bigint, extra: Extra) => bigint;

/** Elements of `from` bits in, `to` bits out; (elements, immediate). */
function elementwise(name: string, from: number, to: number, run: Operation): Helper {
  return {
    name,
    params: ['i32', 'i32'],
    run: (cpu, count: number, imm: number) => {
      const { env } = cpu;
      const s = statusOf(env);
      const results: bigint[] = [];
      for (let i = 0; i < count; i++) {
        const [a, b, c] = [SCRATCH.a, SCRATCH.b, SCRATCH.c].map((operand) => element(env, operand, i, from));
        results.push(run(s, a!, b!, { c: c!, imm, i }));
      }
      raise(cpu, s);
      results.forEach((bits, i) => setElement(env, i, to, bits));
    }
  };
}

type Arithmetic = (f: Format, s: FloatStatus, a: Float, b: Float) => bigint;
const operands =
  (f: Format, run: Arithmetic): Operation =>
  (s, a, b) =>
    run(f, s, unpackSse(f, a, s), unpackSse(f, b, s));
const source =
  (f: Format, run: (s: FloatStatus, b: Float, imm: number) => bigint): Operation =>
  (s, _a, b, { imm }) =>
    run(s, unpackSse(f, b, s), imm);

/** MIN and MAX give back the second operand unless the first is beyond it, NaNs and zeros included. */
const extreme =
  (f: Format, sign: 1 | -1): Operation =>
  (s, a, b) => {
    const [x, y] = [unpackSse(f, a, s), unpackSse(f, b, s)];
    const chosen = compare(s, x, y, false) === sign ? x : y;
    const bits = chosen === x ? a : b;
    return chosen.kind === ZERO ? zero(f, chosen.sign) : bits;
  };

/** Predicates 0 to 7; 8 to 15 hold where unordered too or say otherwise, 16 and up differ in signalling. SDM 2, table 3-1. */
const RELATIONS: readonly ((order: -1 | 0 | 1 | undefined) => boolean)[] = [
  (o) => o === 0,
  (o) => o === -1,
  (o) => o === -1 || o === 0,
  (o) => o === undefined,
  (o) => o !== 0,
  (o) => o !== -1,
  (o) => o !== -1 && o !== 0,
  (o) => o !== undefined,
  (o) => o === 0 || o === undefined,
  (o) => o === -1 || o === undefined,
  (o) => o === -1 || o === 0 || o === undefined,
  () => false,
  (o) => o === -1 || o === 1,
  (o) => o === 0 || o === 1,
  (o) => o === 1,
  () => true
];
/** Predicates that leave quiet NaNs alone; the upper sixteen are the other way round. */
const QUIET_PREDICATES = 0b1001_1001_1001_1001;
const comparison =
  (f: Format): Operation =>
  (s, a, b, { imm }) => {
    const predicate = imm & 15;
    const quiet = ((QUIET_PREDICATES >> predicate) & 1) !== ((imm >> 4) & 1);
    return RELATIONS[predicate]!(compare(s, unpackSse(f, a, s), unpackSse(f, b, s), quiet)) ? -1n : 0n;
  };

/** ROUNDPS: bits 0 and 1 the mode, or bit 2 MXCSR's; bit 3 silences PE. Denormals are not told of. */
const roundings = (f: Format): Operation =>
  source(f, (s, b, imm) => {
    const rounding = (imm & 4 ? s.rounding : imm & 3) as Rounding;
    return roundToInteger(f, s, { ...b, denormal: false }, rounding, (imm & 8) !== 0);
  });

/** 2^126: from here on reciprocals are zeros. Intel's CPUs begin a little earlier (SDM 2, RCPPS). */
const RECIPROCAL_TINY = 0x7e80_0000n;
/** RCPPS and RSQRTPS: 1/b and 1/√b rounded to nearest, denormals counting as zeros; no exceptions. */
function estimate(b: bigint, root: boolean): bigint {
  const s = new FloatStatus();
  s.denormalsAreZero = s.flushToZero = true;
  const x = unpackSse(FLOAT32, b, s);
  if (x.kind >= QUIET) return nanOf(FLOAT32, s, x)!;
  if (x.kind === ZERO) return infinity(FLOAT32, x.sign);
  if (root && x.sign) return defaultNaN(FLOAT32);
  if (x.kind === INFINITY || (!root && (b & 0x7fff_ffffn) >= RECIPROCAL_TINY)) return zero(FLOAT32, x.sign);
  const one: Float = { kind: FINITE, sign: 0, exponent: 0, significand: 1n, denormal: false };
  if (!root) return div(FLOAT32, s, one, x);
  return div(FLOAT32, s, one, unpack(FLOAT64, sqrt(FLOAT64, s, x)));
}

const indefinite = (bits: number): bigint => 1n << BigInt(bits - 1);
/** Float to integer of `bits` bits. */
const integral = (f: Format, bits: number, truncate: boolean): Operation =>
  source(f, (s, b) => toInteger(s, b, bits, truncate ? TRUNCATE : s.rounding) ?? indefinite(bits));
const fromSigned =
  (bits: number, f: Format): Operation =>
  (s, _a, b) =>
    fromInteger(f, s, BigInt.asIntN(bits, b));

/** Between float formats; half precision knows no DAZ, and its denormals are not told of. */
const converted =
  (from: Format, to: Format): Operation =>
  (s, _a, b) => {
    if (from === FLOAT16) return convert(to, s, { ...unpack(from, b), denormal: false });
    return convert(to, s, unpackSse(from, b, s));
  };

const FORMATS = { s: FLOAT32, d: FLOAT64 } as const;
type Precision = keyof typeof FORMATS;

function ofPrecision(p: Precision): Readonly<Record<string, Helper>> {
  const f = FORMATS[p];
  const w = f.width;
  const same = (name: string, run: Operation): Helper => elementwise(`${name}_${p}`, w, w, run);
  return {
    add: same('add', operands(f, add)),
    sub: same('sub', operands(f, sub)),
    mul: same('mul', operands(f, mul)),
    div: same('div', operands(f, div)),
    min: same('min', extreme(f, -1)),
    max: same('max', extreme(f, 1)),
    sqrt: same(
      'sqrt',
      source(f, (s, b) => sqrt(f, s, b))
    ),
    addsub: same('addsub', (s, a, b, extra) => operands(f, extra.i & 1 ? add : sub)(s, a, b, extra)),
    cmp: same('cmp', comparison(f)),
    round: same('round', roundings(f))
  };
}
export const arithmetic: Readonly<Record<Precision, Readonly<Record<string, Helper>>>> = {
  s: ofPrecision('s'),
  d: ofPrecision('d')
};
export const estimates = {
  rcp: elementwise('rcp', 32, 32, (_s, _a, b) => estimate(b, false)),
  rsqrt: elementwise('rsqrt', 32, 32, (_s, _a, b) => estimate(b, true))
} as const;

/**
 * Conversions. Where the number of bits changes, elements are those of the side that has more: a narrow operand is spread,
 * a narrow result is gathered by the semantics (element i at bit i × wider width).
 */
export const conversions = {
  ss2sd: elementwise('cvt_s_d', 64, 64, (s, a, b, x) => converted(FLOAT32, FLOAT64)(s, a, BigInt.asUintN(32, b), x)),
  sd2ss: elementwise('cvt_d_s', 64, 64, converted(FLOAT64, FLOAT32)),
  dq2ps: elementwise('cvt_i32_s', 32, 32, fromSigned(32, FLOAT32)),
  qq2ps: elementwise('cvt_i64_s', 64, 64, fromSigned(64, FLOAT32)),
  qq2pd: elementwise('cvt_i64_d', 64, 64, fromSigned(64, FLOAT64)),
  ps2dq: elementwise('cvt_s_i32', 32, 32, integral(FLOAT32, 32, false)),
  tps2dq: elementwise('cvtt_s_i32', 32, 32, integral(FLOAT32, 32, true)),
  pd2dq: elementwise('cvt_d_i32', 64, 64, integral(FLOAT64, 32, false)),
  tpd2dq: elementwise('cvtt_d_i32', 64, 64, integral(FLOAT64, 32, true)),
  ps2qq: elementwise('cvt_s_i64', 64, 64, (s, a, b, x) => integral(FLOAT32, 64, false)(s, a, BigInt.asUintN(32, b), x)),
  tps2qq: elementwise('cvtt_s_i64', 64, 64, (s, a, b, x) =>
    integral(FLOAT32, 64, true)(s, a, BigInt.asUintN(32, b), x)
  ),
  pd2qq: elementwise('cvt_d_i64', 64, 64, integral(FLOAT64, 64, false)),
  tpd2qq: elementwise('cvtt_d_i64', 64, 64, integral(FLOAT64, 64, true)),
  ph2ps: elementwise('cvt_h_s', 32, 32, (s, a, b, x) => converted(FLOAT16, FLOAT32)(s, a, BigInt.asUintN(16, b), x)),
  ps2ph: elementwise('cvt_s_h', 32, 32, (s, _a, b, { imm }) => {
    const t = Object.assign(new FloatStatus(), s, { rounding: imm & 4 ? s.rounding : imm & 3, flushToZero: false });
    const bits = convert(FLOAT16, t, unpackSse(FLOAT32, b, s));
    s.flags = t.flags;
    return bits;
  })
} as const;

/** (U)COMISS and (U)COMISD of the first elements of A and B: ZF, PF and CF in their places. */
function comparingFlags(p: Precision, quiet: boolean): Helper {
  const f = FORMATS[p];
  return {
    name: `${quiet ? 'u' : ''}comis${p}`,
    params: [],
    result: 'i32' satisfies ValType,
    run: (cpu) => {
      const s = statusOf(cpu.env);
      const [a, b] = [SCRATCH.a, SCRATCH.b].map((operand) => unpackSse(f, element(cpu.env, operand, 0, f.width), s));
      const relation = compare(s, a!, b!, quiet);
      raise(cpu, s);
      if (relation === undefined) return FLAG.ZF | FLAG.PF | FLAG.CF;
      return relation < 0 ? FLAG.CF : relation === 0 ? FLAG.ZF : 0;
    }
  };
}
export const comis = {
  comiss: comparingFlags('s', false),
  comisd: comparingFlags('d', false),
  ucomiss: comparingFlags('s', true),
  ucomisd: comparingFlags('d', true)
} as const;

/**
 * DPPS, DPPD: products that bits 7 to 4 of the immediate select, summed in pairs; the sum where bits 3 to 0 say, zeros
 * elsewhere. (elements of all halves, immediate)
 */
function dotProduct(p: Precision): Helper {
  const f = FORMATS[p];
  const size = 128 / f.width;
  return {
    name: `dp_${p}`,
    params: ['i32', 'i32'],
    run: (cpu, count: number, imm: number) => {
      const { env } = cpu;
      const s = statusOf(env);
      const sumOf = (x: bigint, y: bigint): bigint => operands(f, add)(s, x, y, { c: 0n, imm, i: 0 });
      let sums = Array.from({ length: count }, (_, i) => {
        if (!((imm >> (4 + (i % size))) & 1)) return 0n;
        const [a, b] = [SCRATCH.a, SCRATCH.b].map((operand) => element(env, operand, i, f.width));
        return operands(f, mul)(s, a!, b!, { c: 0n, imm, i });
      });
      // Products are no results: an unmasked exception of theirs ends it before sums are formed.
      raise(cpu, s);
      for (let rest = size; rest > 1; rest /= 2) sums = sums.flatMap((x, i) => (i & 1 ? [] : [sumOf(x, sums[i + 1]!)]));
      const results = Array.from({ length: count }, (_, i) =>
        (imm >> (i % size)) & 1 ? sums[Math.floor(i / size)]! : 0n
      );
      raise(cpu, s);
      results.forEach((bits, i) => setElement(env, i, f.width, bits));
    }
  };
}
export const dotProducts = { dpps: dotProduct('s'), dppd: dotProduct('d') } as const;

/** Bits of the immediate of a fused operation: the product is negated, C is negated, C alternates (even elements first). */
export const FMA = { NEGATE_PRODUCT: 1, NEGATE_C: 2, ALTERNATE: 4 } as const;
const turned = (a: Float, turn: boolean): Float => (turn && a.kind < QUIET ? { ...a, sign: a.sign ? 0 : 1 } : a);
const fused =
  (f: Format): Operation =>
  (s, a, b, { c, imm, i }) => {
    const alternate = (imm & FMA.ALTERNATE) !== 0 && (i & 1) === 1;
    const x = turned(unpackSse(f, a, s), (imm & FMA.NEGATE_PRODUCT) !== 0);
    const y = turned(unpackSse(f, c, s), ((imm & FMA.NEGATE_C) !== 0) !== alternate);
    return fma(f, s, x, unpackSse(f, b, s), y);
  };
export const fusedOperations: Readonly<Record<Precision, Helper>> = {
  s: elementwise('fma_s', 32, 32, fused(FLOAT32)),
  d: elementwise('fma_d', 64, 64, fused(FLOAT64))
};
