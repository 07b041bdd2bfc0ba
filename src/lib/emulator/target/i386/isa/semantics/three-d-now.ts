/**
 * 3DNow!: two single-precision numbers in an MMX register. AMD64 APM 5, the instructions' pages; as QEMU
 * target/i386/ops_sse.h does them: rounded to nearest, with denormals and infinities, and reciprocals exact at once, so
 * that the steps that refine them have nothing to do.
 */
import type { Operator } from '../../../../wasm/opcodes.ts';
import { op, shuffle, type Semantics, type Value } from '../backend.ts';
import { binary, constant, splat64, unary } from './vector.ts';

const ONE = splat64(0x3f80_0000_3f80_0000n);
const SIGNS = splat64(0x8000_0000_8000_0000n);
const LOWEST = [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3];
const SWAPPED = [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3];

/** An operator of WebAssembly that is the instruction. */
const direct = (name: Operator): Semantics => binary((a, b) => op(name, a, b));
/** The lower number in all places. */
const lower = (vector: Value): Value => shuffle(vector, vector, LOWEST);
const toIntegers = (vector: Value): Value => op('i32x4.trunc_sat_f32x4_s', vector);

/** 1 / √|b| with the sign of b. */
const pfrsqrt = unary((b) => {
  const root = op('f32x4.sqrt', op('v128.andnot', lower(b), SIGNS));
  return op('v128.or', op('f32x4.div', ONE, root), op('v128.and', lower(b), SIGNS));
});

/** The first numbers of a and of b, and the second ones. */
const FIRST = [0, 1, 2, 3, 16, 17, 18, 19, 0, 1, 2, 3, 16, 17, 18, 19];
const SECOND = FIRST.map((byte) => byte + 4);
/** Of both operands, what the two numbers make. */
const horizontal = (compute: (first: Value, second: Value) => Value): Semantics =>
  binary((a, b) => compute(shuffle(a, b, FIRST), shuffle(a, b, SECOND)));
/** Turns the sign of the lower number: adding −x subtracts x. */
const LOWER_SIGN = constant(32, -0x8000_0000, 0, -0x8000_0000, 0);

/** Upper halves of products of words, rounded. */
const pmulhrw = binary((a, b) => {
  const products = op('i32x4.extmul_low_i16x8_s', a, b);
  const rounded = op('i32x4.shr_s', op('i32x4.add', products, constant(32, 0x8000, 0x8000, 0x8000, 0x8000)), 16);
  return op('i16x8.narrow_i32x4_s', rounded, rounded);
});

const move = unary((b) => b);

export const threeDNow: Readonly<Record<string, Semantics>> = {
  pi2fd: unary((b) => op('f32x4.convert_i32x4_s', b)),
  pi2fw: unary((b) => op('f32x4.convert_i32x4_s', op('i32x4.shr_s', op('i32x4.shl', b, 16), 16))),
  pf2id: unary(toIntegers),
  pf2iw: unary((b) =>
    op(
      'i32x4.max_s',
      op('i32x4.min_s', toIntegers(b), splat64(0x0000_7fff_0000_7fffn)),
      splat64(0xffff_8000_ffff_8000n)
    )
  ),
  pfadd: direct('f32x4.add'),
  pfsub: direct('f32x4.sub'),
  pfsubr: binary((a, b) => op('f32x4.sub', b, a)),
  pfmul: direct('f32x4.mul'),
  pfmax: direct('f32x4.pmax'),
  pfmin: direct('f32x4.pmin'),
  pfcmpeq: direct('f32x4.eq'),
  pfcmpge: direct('f32x4.ge'),
  pfcmpgt: direct('f32x4.gt'),
  pfacc: horizontal((first, second) => op('f32x4.add', first, second)),
  pfnacc: horizontal((first, second) => op('f32x4.sub', first, second)),
  pfpnacc: horizontal((first, second) => op('f32x4.add', first, op('v128.xor', second, LOWER_SIGN))),
  pfrcp: unary((b) => op('f32x4.div', ONE, lower(b))),
  pfrsqrt,
  pfrcpit1: move,
  pfrsqit1: move,
  pfrcpit2: move,
  pmulhrw,
  pswapd: unary((b) => shuffle(b, b, SWAPPED)),
  pavgusb: direct('i8x16.avgr_u')
};
