/**
 * Conversions between float formats and integers: SSE, SSE2, their VEX forms, F16C. Where the number of bits changes,
 * the exact operations of `tcg/ops_sse.ts` have their elements in places of the wider side. SDM 1, 11.4.1.6 and 14.4.
 */
import { conversions } from '../../tcg/ops_sse.ts';
import {
  i32,
  lane,
  op,
  shuffle,
  type Backend,
  type Helper,
  type OperandShape,
  type Semantics,
  type Value
} from '../backend.ts';
import { KITS, nearest, ordinary, settled, type Attempt } from './float-fast.ts';
import { attempt, halvesOf, operandsOf, slowly, writePacked, writeScalar } from './float-operands.ts';
import {
  constant,
  enterMmx,
  halves,
  immediateOf,
  lowHalf,
  needsMmx,
  needsSse,
  readHalf,
  splat64,
  twice,
  writeMmx,
  ZERO
} from './vector.ts';

const f32 = (bits: Value): Value => op('f32.reinterpret_i32', bits);
const f64 = (bits: Value): Value => op('f64.reinterpret_i64', bits);
const bits32 = (value: Value): Value => op('i32.reinterpret_f32', value);
const bits64 = (value: Value): Value => op('i64.reinterpret_f64', value);
const one = (results: readonly Value[]): Value => results[0]!;

// Scalars

/** CVTSS2SD, CVTSD2SS. */
const ss2sd: Semantics = (b) => {
  needsSse(b);
  const x = b.read(operandsOf(b)[2], 4);
  const tried = { result: b.let(bits64(op('f64.promote_f32', f32(x)))), ok: ordinary(KITS.ss, x) };
  const slow = (): Value[] => slowly(b, conversions.ss2sd, [[undefined, x]], 'i64', 1);
  writeScalar(b, one(attempt(b, [tried], i32(1), slow)));
};
const sd2ss: Semantics = (b) => {
  needsSse(b);
  const x = b.read(operandsOf(b)[2], 8);
  const result = b.let(bits32(op('f32.demote_f64', f64(x))));
  const { safe, zero } = KITS.ss;
  const exact = bits64(op('f64.promote_f32', f32(result))).eq(x);
  const ok = safe(result)
    .or(zero(result).and(KITS.sd.zero(x)))
    .and(ordinary(KITS.sd, x))
    .and(settled(b).or(exact));
  const slow = (): Value[] => slowly(b, conversions.sd2ss, [[undefined, x]], 'i32', 1);
  writeScalar(b, one(attempt(b, [{ result, ok }], nearest(b), slow)));
};

/** CVTSI2SS, CVTSI2SD: exact where the float has as many bits, else by MXCSR. */
function fromGeneral(to: 32 | 64): Semantics {
  return (b) => {
    needsSse(b);
    const source = operandsOf(b)[2];
    const wide = source.bytes === 8;
    const x = b.read(source, wide ? 8 : 4);
    const convert = wide ? (`f${to}.convert_i64_s` as const) : (`f${to}.convert_i32_s` as const);
    const result = b.let(to === 32 ? bits32(op(convert, x)) : bits64(op(convert, x)));
    if (to === 64 && !wide) return writeScalar(b, result);
    const precision = to === 32 ? 24n : 53n;
    const exact = x
      .i64S()
      .add(1n << precision)
      .leU(2n << precision);
    const helper = to === 32 ? conversions.qq2ps : conversions.qq2pd;
    const slow = (): Value[] => slowly(b, helper, [[undefined, x.i64S()]], to === 32 ? 'i32' : 'i64', 1);
    writeScalar(b, one(attempt(b, [{ result, ok: settled(b).or(exact) }], nearest(b), slow)));
  };
}

/** CVT(T)SS2SI, CVT(T)SD2SI. */
function toGeneral(from: 32 | 64, truncate: boolean): Semantics {
  return (b) => {
    needsSse(b);
    const [destination, , source] = operandsOf(b);
    const wide = destination.bytes === 8;
    const bits = b.read(source, from === 32 ? 4 : 8);
    const x = b.let(from === 32 ? f32(bits) : f64(bits));
    const whole = b.let(op(truncate ? (`f${from}.trunc` as const) : (`f${from}.nearest` as const), x));
    const limit = op(`f${from}.lt`, op(`f${from}.abs`, whole), 2 ** (wide ? 63 : 31));
    const result = b.let(
      op(wide ? (`i64.trunc_sat_f${from}_s` as const) : (`i32.trunc_sat_f${from}_s` as const), whole)
    );
    const ok = limit.and(settled(b).or(op(`f${from}.eq`, whole, x)));
    const names =
      from === 32
        ? (['ps2dq', 'tps2dq', 'ps2qq', 'tps2qq'] as const)
        : (['pd2dq', 'tpd2dq', 'pd2qq', 'tpd2qq'] as const);
    const helper = conversions[names[(wide ? 2 : 0) + (truncate ? 1 : 0)]!];
    const slow = (): Value[] => slowly(b, helper, [[undefined, bits]], wide ? 'i64' : 'i32', 1);
    b.write(destination, one(attempt(b, [{ result, ok }], truncate ? i32(1) : nearest(b), slow)));
  };
}

// Vectors

/** The last source by halves of 16 bytes, as far as it has them. */
function sourceHalves(b: Backend, source: OperandShape, wide: boolean): Value[] {
  const low = readHalf(b, source, 0);
  return wide ? [low, readHalf(b, source, 1)] : [low];
}
/** The lower two doublewords, zero-extended. */
const spread = (x: Value): Value => op('i64x2.extend_low_i32x4_u', x);
/** The lower doublewords of four quadwords. */
const gather = (low: Value, high: Value): Value =>
  shuffle(low, high, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]);

/** Elements of 32 bits to elements of 32 bits. */
function sameWidth(helper: Helper, allowed: (b: Backend) => Value, fast: (b: Backend, x: Value) => Attempt): Semantics {
  return (b) => {
    needsSse(b);
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const inputs = halvesOf(destination).map((half) => readHalf(b, source, half));
    const tried = inputs.map((x) => fast(b, x));
    const slow = (): Value[] =>
      slowly(
        b,
        helper,
        inputs.map((x) => [undefined, x]),
        'v128',
        4
      );
    writePacked(b, destination, attempt(b, tried, allowed(b), slow));
  };
}
const dq2ps = sameWidth(conversions.dq2ps, nearest, (b, x) => ({
  result: b.let(op('f32x4.convert_i32x4_s', x)),
  ok: settled(b).or(op('v128.any_true', op('i32x4.shr_u', op('i32x4.abs', x), 24)).eqz())
}));
const BELOW_31 = constant(32, 0x4f000000, 0x4f000000, 0x4f000000, 0x4f000000);
const ps2dq = (truncate: boolean): Semantics =>
  sameWidth(truncate ? conversions.tps2dq : conversions.ps2dq, truncate ? () => i32(1) : nearest, (b, x) => {
    const whole = b.let(op(truncate ? 'f32x4.trunc' : 'f32x4.nearest', x));
    const inRange = op('i32x4.all_true', op('f32x4.lt', op('f32x4.abs', whole), BELOW_31));
    return {
      result: b.let(op('i32x4.trunc_sat_f32x4_s', whole)),
      ok: inRange.and(settled(b).or(op('i32x4.all_true', op('f32x4.eq', whole, x))))
    };
  });

/** Two doublewords to two quadwords; of VEX.L, four. `fast` takes the lower half of a vector. */
function widening(helper: Helper | undefined, fast: (b: Backend, low: Value) => Attempt): Semantics {
  return (b) => {
    needsSse(b);
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const x = readHalf(b, source, 0, true);
    const lows =
      destination.kind === 'ymm' ? [x, b.let(shuffle(x, ZERO, [8, 9, 10, 11, 12, 13, 14, 15, ...UPPER]))] : [x];
    const tried = lows.map((low) => fast(b, low));
    if (!helper)
      return writePacked(
        b,
        destination,
        tried.map(({ result }) => result)
      );
    const slow = (): Value[] =>
      slowly(
        b,
        helper,
        lows.map((low) => [undefined, spread(low)]),
        'v128',
        2
      );
    writePacked(b, destination, attempt(b, tried, i32(1), slow));
  };
}
const UPPER = [16, 17, 18, 19, 20, 21, 22, 23];
/** Ordinary, looking at the lower two of four elements. */
const lowOrdinary = (x: Value): Value => ordinary(KITS.ps, lane('i64x2.replace_lane', 1, x, 0));
const ps2pd = widening(conversions.ss2sd, (b, x) => ({
  result: b.let(op('f64x2.promote_low_f32x4', x)),
  ok: lowOrdinary(x)
}));
const dq2pd = widening(undefined, (b, x) => ({ result: b.let(op('f64x2.convert_low_i32x4_s', x)), ok: i32(1) }));

/** Two quadwords to two doublewords and zeros; of VEX.L, four in an XMM register. */
function narrowed(
  b: Backend,
  source: OperandShape,
  helper: Helper,
  allowed: Value,
  fast: (x: Value) => Attempt
): Value {
  const inputs = sourceHalves(b, source, b.shape.wide);
  const tried = inputs.map((x) => fast(x));
  const slow = (): Value[] =>
    slowly(
      b,
      helper,
      inputs.map((x) => [undefined, x]),
      'v128',
      2
    ).map((x) => gather(x, ZERO));
  const [low, high] = attempt(b, tried, allowed, slow) as [Value, Value?];
  return high ? halves(lowHalf(low), lowHalf(high)) : low;
}
const narrowing =
  (helper: Helper, allowed: (b: Backend) => Value, fast: (b: Backend, x: Value) => Attempt): Semantics =>
  (b) => {
    needsSse(b);
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    b.writeVector(
      destination,
      narrowed(b, source, helper, allowed(b), (x) => fast(b, x))
    );
  };
const pd2psFast = (b: Backend, x: Value): Attempt => {
  const { safe, zero } = KITS.ps;
  const result = b.let(op('f32x4.demote_f64x2_zero', x));
  const zeros = op('v128.and', zero(result), gather(KITS.pd.zero(x), splat64(-1n)));
  const exact = op('i64x2.all_true', op('f64x2.eq', op('f64x2.promote_low_f32x4', result), x));
  const fine = op('i32x4.all_true', op('v128.or', safe(result), zeros));
  return { result, ok: fine.and(ordinary(KITS.pd, x)).and(settled(b).or(exact)) };
};
const pd2dqFast =
  (truncate: boolean) =>
  (b: Backend, x: Value): Attempt => {
    const whole = b.let(op(truncate ? 'f64x2.trunc' : 'f64x2.nearest', x));
    const inRange = op('i64x2.all_true', op('f64x2.lt', op('f64x2.abs', whole), splat64(0x41e0_0000_0000_0000n)));
    return {
      result: b.let(op('i32x4.trunc_sat_f64x2_s_zero', whole)),
      ok: inRange.and(settled(b).or(op('i64x2.all_true', op('f64x2.eq', whole, x))))
    };
  };
const always = (): Value => i32(1);

// With MMX registers

function needsBoth(b: Backend): void {
  needsSse(b);
  needsMmx(b);
}
/** CVTPI2PS, CVTPI2PD. */
const pi2ps: Semantics = (b) => {
  needsBoth(b);
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const x = b.let(twice(b.read(source, 8)));
  const tried = {
    result: b.let(op('f32x4.convert_i32x4_s', x)),
    ok: settled(b).or(op('v128.any_true', op('i32x4.shr_u', op('i32x4.abs', x), 24)).eqz())
  };
  const slow = (): Value[] => slowly(b, conversions.dq2ps, [[undefined, x]], 'v128', 2);
  const result = one(attempt(b, [tried], nearest(b), slow));
  enterMmx(b);
  b.write(destination, lowHalf(result), 8);
};
const pi2pd: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  // Only a register makes an MMX instruction of it.
  if (source.kind === 'mm') needsMmx(b);
  const x = b.let(twice(b.read(source, 8)));
  if (source.kind === 'mm') enterMmx(b);
  b.writeVector(destination, op('f64x2.convert_low_i32x4_s', x));
};
/** CVT(T)PS2PI. */
const ps2pi = (truncate: boolean): Semantics => {
  const helper = truncate ? conversions.tps2dq : conversions.ps2dq;
  return (b) => {
    needsBoth(b);
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const x = b.let(twice(b.read(source, 8)));
    const whole = b.let(op(truncate ? 'f32x4.trunc' : 'f32x4.nearest', x));
    const inRange = op('i32x4.all_true', op('f32x4.lt', op('f32x4.abs', whole), BELOW_31));
    const tried = {
      result: b.let(op('i32x4.trunc_sat_f32x4_s', whole)),
      ok: inRange.and(settled(b).or(op('i32x4.all_true', op('f32x4.eq', whole, x))))
    };
    const slow = (): Value[] => slowly(b, helper, [[undefined, x]], 'v128', 2);
    const result = one(attempt(b, [tried], truncate ? i32(1) : nearest(b), slow));
    enterMmx(b);
    writeMmx(b, destination, lowHalf(result));
  };
};
/** CVT(T)PD2PI. */
const pd2pi =
  (truncate: boolean): Semantics =>
  (b) => {
    needsBoth(b);
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const helper = truncate ? conversions.tpd2dq : conversions.pd2dq;
    const result = narrowed(b, source, helper, truncate ? i32(1) : nearest(b), (x) => pd2dqFast(truncate)(b, x));
    enterMmx(b);
    writeMmx(b, destination, lowHalf(result));
  };

// Half precision

/** VCVTPH2PS. */
const ph2ps: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const x = readHalf(b, source, 0, true);
  const parts = [op('i32x4.extend_low_i16x8_u', x), op('i32x4.extend_high_i16x8_u', x)];
  const inputs = halvesOf(destination).map((half) => [undefined, b.let(parts[half]!)]);
  writePacked(b, destination, slowly(b, conversions.ph2ps, inputs, 'v128', 4));
};
/** VCVTPS2PH: half as many bytes, in a register zeros above them. */
const ps2ph: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const imm = immediateOf(b);
  const inputs = halvesOf(source).map((half) => [undefined, b.readVector(source, { half })]);
  const [low, high] = slowly(b, conversions.ps2ph, inputs, 'v128', 4, imm) as [Value, Value?];
  const result = b.let(op('i16x8.narrow_i32x4_u', low, high ?? ZERO));
  if (destination.kind === 'mem' && !high) b.write(destination, lowHalf(result), 8);
  else b.writeVector(destination, result);
};

export const sseConvert: Readonly<Record<string, Semantics>> = {
  cvtss2sd: ss2sd,
  cvtsd2ss: sd2ss,
  cvtsi2ss: fromGeneral(32),
  cvtsi2sd: fromGeneral(64),
  cvtss2si: toGeneral(32, false),
  cvttss2si: toGeneral(32, true),
  cvtsd2si: toGeneral(64, false),
  cvttsd2si: toGeneral(64, true),
  cvtdq2ps: dq2ps,
  cvtps2dq: ps2dq(false),
  cvttps2dq: ps2dq(true),
  cvtps2pd: ps2pd,
  cvtdq2pd: dq2pd,
  cvtpd2ps: narrowing(conversions.sd2ss, nearest, pd2psFast),
  cvtpd2dq: narrowing(conversions.pd2dq, nearest, pd2dqFast(false)),
  cvttpd2dq: narrowing(conversions.tpd2dq, always, pd2dqFast(true)),
  cvtpi2ps: pi2ps,
  cvtpi2pd: pi2pd,
  cvtps2pi: ps2pi(false),
  cvttps2pi: ps2pi(true),
  cvtpd2pi: pd2pi(false),
  cvttpd2pi: pd2pi(true),
  vcvtph2ps: ph2ps,
  vcvtps2ph: ps2ph
};
