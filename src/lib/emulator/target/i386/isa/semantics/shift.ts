/** Shifts and rotates. SDM 2. Counts are taken modulo 32, or 64 for 64-bit operands; 0 leaves the flags. */
import { FLAG } from '../../env.ts';
import type { Backend, OperandShape, Semantics } from '../backend.ts';
import { signExtended } from '../flags.ts';
import type { Size } from '../insn.ts';
import { i32, i64, type Value } from '../value.ts';
import { sizeOf } from './arithmetic.ts';

/** The masked count in the type of the operation. */
function countOf(b: Backend, operand: OperandShape, size: Size): Value {
  const count = b.read(operand, 1).and(size === 8 ? 63 : 31);
  return b.let(size === 8 ? count.i64() : count);
}
/** A value of small size with its sign, in the type of the operation. */
const signed = (size: Size, value: Value): Value => (size < 4 ? signExtended(size, value).i32() : value);
const msb = (size: Size, value: Value): Value =>
  value
    .shrU(size * 8 - 1)
    .and(1)
    .i32();

function shift(name: 'shl' | 'shr' | 'sar'): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const count = countOf(b, source, size);
    const target = b.rmw(destination);
    const value = name === 'sar' ? b.let(signed(size, target.value)) : target.value;
    const by = (n: Value): Value => (name === 'shl' ? value.shl(n) : name === 'shr' ? value.shrU(n) : value.shrS(n));
    const result = b.let(by(count));
    target.write(result);
    b.when(count.ne(0), () =>
      b.setFlags(name === 'shl' ? 'SHL' : 'SAR', size, { dst: result, src: b.let(by(count.sub(1))) })
    );
  };
}

/** Sets CF and OF (i32, 0 or 1) and leaves the others. */
function setCarryOverflow(b: Backend, carry: Value, overflow: Value): void {
  const others = b.let(b.flags().and(~(FLAG.CF | FLAG.OF)));
  b.setFlags('EFLAGS', 4, { src: others.or(carry).or(overflow.shl(11)) });
}

function rotate(left: boolean): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const bits = size * 8;
    const count = countOf(b, source, size);
    const target = b.rmw(destination);
    const { value } = target;
    let result: Value;
    if (size >= 4) result = left ? value.rotl(count) : value.rotr(count);
    else {
      const n = b.let((left ? count : count.neg()).and(bits - 1));
      result = value
        .shl(n)
        .or(value.shrU(i32(bits).sub(n)))
        .and(size === 1 ? 0xff : 0xffff);
    }
    result = b.let(result);
    target.write(result);
    b.when(count.ne(0), () => {
      const top = msb(size, result);
      const carry = left ? result.and(1).i32() : top;
      const other = left
        ? carry
        : result
            .shrU(bits - 2)
            .and(1)
            .i32();
      setCarryOverflow(b, b.let(carry), b.let(top.xor(other)));
    });
  };
}

/** RCL and RCR rotate the carry as one bit more. */
function rotateCarry(left: boolean): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const bits = size * 8;
    const masked = b.read(source, 1).and(size === 8 ? 63 : 31);
    const count = b.let((size < 4 ? masked.remU(bits + 1) : masked).i64());
    const target = b.rmw(destination);
    const value = target.value.i64();
    const carry = b.let(b.flag('C').i64());
    // Bits that come round twice over: by 65 - count, which for a count of 1 is all of them.
    const rest = (shifted: Value): Value => count.gtU(1).select(shifted, i64(0));
    const over = i64(bits + 1).sub(count);
    const result = b.let(
      left
        ? value
            .shl(count)
            .or(carry.shl(count.sub(1)))
            .or(rest(value.shrU(over)))
        : value
            .shrU(count)
            .or(carry.shl(i64(bits).sub(count)))
            .or(rest(value.shl(over)))
    );
    const moved = count.ne(0);
    const wide = b.let(moved.select(result, value));
    target.write(size === 8 ? wide : wide.i32());
    b.when(moved, () => {
      const out = b.let(
        value
          .shrU(left ? i64(bits).sub(count) : count.sub(1))
          .and(1)
          .i32()
      );
      const top = msb(8, wide.shl(64 - bits));
      const other = left ? out : msb(8, wide.shl(65 - bits));
      setCarryOverflow(b, out, b.let(top.xor(other)));
    });
  };
}

/** SHLD, SHRD: bits of the second operand are shifted into the first. */
function double(left: boolean): Semantics {
  return (b) => {
    const [destination, source, by] = b.operands as [OperandShape, OperandShape, OperandShape];
    const size = sizeOf(destination);
    const count = b.let(
      b
        .read(by, 1)
        .and(size === 8 ? 63 : 31)
        .i64()
    );
    const filler = b.read(source).i64();
    const target = b.rmw(destination);
    const value = target.value.i64();
    let at: (n: Value) => Value;
    if (size === 8) {
      at = (n) => {
        const shifted = left
          ? value.shl(n).or(filler.shrU(i64(64).sub(n)))
          : value.shrU(n).or(filler.shl(i64(64).sub(n)));
        return n.eqz().select(value, shifted);
      };
    } else if (size === 4) {
      const joined = b.let(left ? value.shl(32).or(filler) : filler.shl(32).or(value));
      at = (n) => (left ? joined.shl(n).shrU(32) : joined.shrU(n));
    } else {
      // Counts above 16 are undefined; processors go on with the first operand.
      const joined = b.let(value.shl(32).or(filler.shl(16)).or(value));
      at = (n) => (left ? joined.shl(n).shrU(32) : joined.shrU(n));
    }
    const narrow = (wide: Value): Value => (size === 8 ? wide : wide.i32());
    const result = b.let(narrow(at(count)));
    target.write(result);
    b.when(count.ne(0), () =>
      b.setFlags(left ? 'SHL' : 'SAR', size, { dst: result, src: b.let(narrow(at(count.sub(1)))) })
    );
  };
}

export const shifts: Readonly<Record<string, Semantics>> = {
  shl: shift('shl'),
  shr: shift('shr'),
  sar: shift('sar'),
  rol: rotate(true),
  ror: rotate(false),
  rcl: rotateCarry(true),
  rcr: rotateCarry(false),
  shld: double(true),
  shrd: double(false)
};
