/** MUL, IMUL, DIV, IDIV, MULX. SDM 2; 128-bit products and quotients in routines. */
import { EXCP, R_EAX, R_EDX } from '../../env.ts';
import type { Backend, OperandShape, Routine, RoutineBackend, Semantics } from '../backend.ts';
import { signExtended } from '../flags.ts';
import type { Size } from '../insn.ts';
import { i64, type Value } from '../value.ts';
import { sizeOf } from './arithmetic.ts';

const LOW32 = 0xffff_ffffn;

/** Upper half of an unsigned 64 × 64 bit product. */
export const mulHighU: Routine = {
  name: 'mulu64_high',
  params: ['i64', 'i64'],
  result: 'i64',
  body: (b, x, y) => {
    const [xl, xh, yl, yh] = [x!.and(LOW32), x!.shrU(32), y!.and(LOW32), y!.shrU(32)].map((v) => b.let(v)) as [
      Value,
      Value,
      Value,
      Value
    ];
    const low = b.let(xl.mul(yl));
    const middle = b.let(xh.mul(yl).add(low.shrU(32)));
    const other = b.let(xl.mul(yh).add(middle.and(LOW32)));
    return xh.mul(yh).add(middle.shrU(32)).add(other.shrU(32));
  }
};

/** The same of a signed one. */
const mulHighS: Routine = {
  name: 'muls64_high',
  params: ['i64', 'i64'],
  result: 'i64',
  body: (b, x, y) => b.call(mulHighU, x!, y!).sub(x!.shrS(63).and(y!)).sub(y!.shrS(63).and(x!))
};

/** Operand as i64, with or without its sign. */
const widened = (size: Size, value: Value, signed: boolean): Value =>
  signed ? signExtended(size, value) : value.i64();
const narrowed = (size: Size, value: Value): Value => (size === 8 ? value : value.i32());

/** rDX:rAX, or AX, ← rAX × operand. */
function multiply(b: Backend, operand: OperandShape, signed: boolean): void {
  const size = sizeOf(operand);
  const left = b.let(widened(size, b.reg(R_EAX, size), signed));
  const right = b.let(widened(size, b.read(operand), signed));
  const low = b.let(left.mul(right));
  let high: Value;
  if (size === 8) {
    high = b.call(signed ? mulHighS : mulHighU, left, right);
    b.setReg(R_EAX, 8, low);
    b.setReg(R_EDX, 8, high);
  } else {
    high = b.let(signed ? low.shrS(size * 8) : low.shrU(size * 8));
    if (size === 1) b.setReg(R_EAX, 2, low.i32());
    else {
      b.setReg(R_EAX, size, low.i32());
      b.setReg(R_EDX, size, high.i32());
    }
  }
  // What the upper half would be, did the product fit in the lower.
  const fitting = signed ? signExtended(size, narrowed(size, low)).shrS(63) : i64(0);
  const lost = b.let(high.xor(fitting).ne(0));
  b.setFlags('MUL', size, { dst: narrowed(size, low), src: size === 8 ? lost.i64() : lost });
}

const imul: Semantics = (b) => {
  if (b.operands.length === 1) return multiply(b, b.operands[0]!, true);
  const [destination, second, third] = b.operands as [OperandShape, OperandShape, OperandShape?];
  const size = sizeOf(destination);
  const left = b.let(signExtended(size, third ? b.read(second) : b.read(destination)));
  const right = b.let(signExtended(size, third ? b.read(third, size) : b.read(second)));
  const product = b.let(left.mul(right));
  const result = b.let(narrowed(size, product));
  b.write(destination, result);
  const lost =
    size === 8
      ? b.call(mulHighS, left, right).xor(product.shrS(63)).ne(0).i64()
      : signExtended(size, result).ne(product);
  b.setFlags('MUL', size, { dst: result, src: b.let(lost) });
};

/** Where `divide128` leaves the remainder. */
const REMAINDER = 15;

/** high:low ÷ divisor, unsigned; #DE where the quotient has more than 64 bits. The remainder is left in `scratch`. */
const divide128: Routine = {
  name: 'divu128',
  params: ['i64', 'i64', 'i64'],
  result: 'i64',
  body: (b, high, low, divisor) => {
    b.when(divisor!.leU(high!), () => b.raise(EXCP.DE));
    const quotient = b.variable('i64');
    const rest = b.variable('i64');
    b.when(
      high!.eqz(),
      () => {
        quotient.set(low!.divU(divisor!));
        rest.set(low!.remU(divisor!));
      },
      () => {
        quotient.set(low!);
        rest.set(high!);
        const left = b.variable('i32', 64);
        b.loop((_again, leave) => {
          // A bit shifted out of the remainder makes it larger than any divisor.
          const out = b.let(rest.value.ltS(0));
          rest.set(rest.value.shl(1).or(quotient.value.shrU(63)));
          quotient.set(quotient.value.shl(1));
          b.when(out.or(rest.value.geU(divisor!)), () => {
            rest.set(rest.value.sub(divisor!));
            quotient.set(quotient.value.or(1));
          });
          left.set(left.value.sub(1));
          b.when(left.value.eqz(), leave);
        });
      }
    );
    b.setEnv('scratch', rest.value, REMAINDER);
    return quotient.value;
  }
};

const magnitude = (b: RoutineBackend, value: Value): Value => b.let(value.ltS(0).select(value.neg(), value));

const divideSigned128: Routine = {
  name: 'divs128',
  params: ['i64', 'i64', 'i64'],
  result: 'i64',
  body: (b, high, low, divisor) => {
    const negative = b.let(high!.ltS(0));
    const lowMagnitude = b.let(negative.select(low!.neg(), low!));
    const highMagnitude = b.let(negative.select(high!.not().add(low!.eqz().i64()), high!));
    const quotient = b.call(divide128, highMagnitude, lowMagnitude, magnitude(b, divisor!));
    const opposite = b.let(negative.xor(divisor!.ltS(0)));
    const limit = opposite.select(i64(1n << 63n), i64((1n << 63n) - 1n));
    b.when(quotient.gtU(limit), () => b.raise(EXCP.DE));
    const rest = b.env('scratch', REMAINDER);
    b.setEnv('scratch', negative.select(rest.neg(), rest), REMAINDER);
    return opposite.select(quotient.neg(), quotient);
  }
};

function divide(signed: boolean): Semantics {
  return (b) => {
    const [operand] = b.operands as [OperandShape];
    const size = sizeOf(operand);
    const divisor = b.let(widened(size, b.read(operand), signed));
    b.when(divisor.eqz(), () => b.raise(EXCP.DE));
    if (size === 8) {
      const quotient = b.call(signed ? divideSigned128 : divide128, b.reg(R_EDX, 8), b.reg(R_EAX, 8), divisor);
      b.setReg(R_EAX, 8, quotient);
      b.setReg(R_EDX, 8, b.env('scratch', REMAINDER));
      return;
    }
    const bits = size * 8;
    let dividend: Value;
    if (size === 1) dividend = widened(2, b.reg(R_EAX, 2), signed);
    else {
      const joined = b.let(b.reg(R_EDX, size).i64().shl(bits).or(b.reg(R_EAX, size).i64()));
      dividend = size === 2 && signed ? joined.extend32S() : joined;
    }
    dividend = b.let(dividend);
    // The one signed division that WebAssembly traps on does not fit either.
    if (signed) b.when(dividend.eq(1n << 63n).and(divisor.eq(-1)), () => b.raise(EXCP.DE));
    const quotient = b.let(signed ? dividend.divS(divisor) : dividend.divU(divisor));
    const fits = signed ? signExtended(size, quotient.i32()).eq(quotient) : quotient.shrU(bits).eqz();
    b.when(fits.eqz(), () => b.raise(EXCP.DE));
    const rest = b.let((signed ? dividend.remS(divisor) : dividend.remU(divisor)).i32());
    if (size === 1) b.setReg(R_EAX, 2, quotient.i32().and(0xff).or(rest.shl(8)));
    else {
      b.setReg(R_EAX, size, quotient.i32());
      b.setReg(R_EDX, size, rest);
    }
  };
}

/** Two results and no flags; where both are one register, the upper half stays. */
const mulx: Semantics = (b) => {
  const [high, low, operand] = b.operands as [OperandShape, OperandShape, OperandShape];
  const right = b.read(operand);
  if (sizeOf(operand) === 8) {
    const left = b.reg(R_EDX, 8);
    const upper = b.call(mulHighU, left, right);
    b.write(low, left.mul(right));
    b.write(high, upper);
    return;
  }
  const product = b.let(b.reg(R_EDX, 4).i64().mul(right.i64()));
  b.write(low, product.i32());
  b.write(high, product.shrU(32).i32());
};

export const multiplication: Readonly<Record<string, Semantics>> = {
  mul: (b) => multiply(b, b.operands[0]!, false),
  imul,
  div: divide(false),
  idiv: divide(true),
  mulx
};
