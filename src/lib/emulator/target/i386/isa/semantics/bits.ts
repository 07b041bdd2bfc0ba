/** Bit tests, scans, counts, BMI1, BMI2, ADX, byte order, CRC32. SDM 2. */
import { FLAG } from '../../env.ts';
import type { Backend, OperandShape, ReadWrite, Routine, Semantics } from '../backend.ts';
import type { Size } from '../insn.ts';
import { i32, i64, type Value } from '../value.ts';
import { carryIn, sizeOf } from './arithmetic.ts';

const LOG2: Readonly<Record<number, number>> = { 2: 1, 4: 2, 8: 3 };
const constant = (size: Size, value: number | bigint): Value => (size === 8 ? i64(value) : i32(value));

/** Sets one flag (i32, 0 or 1) and leaves the others. */
function setFlag(b: Backend, flag: number, value: Value): void {
  const others = b.let(b.flags().and(~flag));
  b.setFlags('EFLAGS', 4, { src: others.or(value.shl(31 - Math.clz32(flag))) });
}

/** BT, BTS, BTR, BTC. A bit number in a register reaches beyond a memory operand, both ways. */
function bitTest(change?: (value: Value, bit: Value) => Value): Semantics {
  return (b) => {
    const [base, offset] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(base);
    const number = b.read(offset, size);
    const within = b.let(number.and(size * 8 - 1));
    let target: ReadWrite | undefined;
    let value: Value;
    if (base.kind === 'mem' && offset.kind === 'reg') {
      const signed = size === 2 ? number.extend16S().i64S() : number.i64S();
      const linear = b.let(b.linear(base, signed.shrS(3 + LOG2[size]!).shl(LOG2[size]!)));
      if (change) target = b.update(linear, size);
      value = target?.value ?? b.load(linear, size);
    } else {
      if (change) target = b.rmw(base);
      value = target?.value ?? b.read(base);
    }
    const bit = b.let(value.shrU(within).and(1).i32());
    if (change) target!.write(change(value, constant(size, 1).shl(within)));
    setFlag(b, FLAG.CF, bit);
  };
}

/** BSF, BSR: of 0 the destination stays as it is. */
function scan(find: (value: Value, size: Size) => Value): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const value = b.read(source);
    b.when(value.ne(0), () => b.write(destination, find(value, size)));
    b.setFlags('LOGIC', size, { dst: value });
  };
}

/** TZCNT, LZCNT: of 0 they are the operand's width. */
function count(find: (value: Value, size: Size) => Value): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const value = b.read(source);
    const result = b.let(find(value, size));
    b.write(destination, result);
    const zero = result.eqz().shl(6);
    b.setFlags('EFLAGS', 4, { src: b.let(value.eqz().or(zero)) });
  };
}
/** Of a value of 16 bits in an i32. */
const leading = (value: Value, size: Size): Value => (size === 2 ? value.clz().sub(16) : value.clz());
const trailing = (value: Value, size: Size): Value => (size === 2 ? value.or(0x1_0000).ctz() : value.ctz());

const popcnt: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const value = b.read(source);
  b.write(destination, value.popcnt());
  b.setFlags('POPCNT', sizeOf(destination), { src: value });
};

const andn: Semantics = (b) => {
  const [destination, first, second] = b.operands as [OperandShape, OperandShape, OperandShape];
  const right = b.read(second);
  const result = b.let(b.read(first).not().and(right));
  b.write(destination, result);
  b.setFlags('LOGIC', sizeOf(destination), { dst: result });
};

/** BLSR, BLSMSK, BLSI. */
function lowest(rule: 'BMILG' | 'BLSI', compute: (value: Value) => Value): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const value = b.read(source);
    const result = b.let(compute(value));
    b.write(destination, result);
    b.setFlags(rule, sizeOf(destination), { dst: result, src: value });
  };
}

const bextr: Semantics = (b) => {
  const [destination, source, control] = b.operands as [OperandShape, OperandShape, OperandShape];
  const size = sizeOf(destination);
  const bits = size * 8;
  const value = b.read(source);
  const how = b.read(control);
  const start = b.let(how.and(0xff));
  const length = b.let(how.shrU(8).and(0xff));
  const shifted = start.ltU(bits).select(value.shrU(start), constant(size, 0));
  const mask = length.ltU(bits).select(constant(size, 1).shl(length).sub(1), constant(size, -1));
  const result = b.let(shifted.and(mask));
  b.write(destination, result);
  b.setFlags('LOGIC', size, { dst: result });
};

const bzhi: Semantics = (b) => {
  const [destination, source, index] = b.operands as [OperandShape, OperandShape, OperandShape];
  const size = sizeOf(destination);
  const bits = size * 8;
  const value = b.read(source);
  const n = b.let(b.read(index).and(0xff));
  const inside = b.let(n.ltU(bits));
  const result = b.let(inside.select(value.and(constant(size, 1).shl(n).sub(1)), value));
  b.write(destination, result);
  b.setFlags('BMILG', size, { dst: result, src: inside.select(constant(size, 1), constant(size, 0)) });
};

/** PDEP scatters the low bits of a value to the ones of a mask; PEXT gathers them. */
const scatter: Routine = {
  name: 'pdep',
  params: ['i64', 'i64'],
  result: 'i64',
  body: (b, value, mask) => {
    const rest = b.variable('i64', mask!);
    const from = b.variable('i64', value!);
    const result = b.variable('i64', 0);
    b.loop((_again, leave) => {
      b.when(rest.value.eqz(), leave);
      const bit = b.let(rest.value.and(rest.value.neg()));
      b.when(from.value.i32().and(1), () => result.set(result.value.or(bit)));
      from.set(from.value.shrU(1));
      rest.set(rest.value.xor(bit));
    });
    return result.value;
  }
};
const gather: Routine = {
  name: 'pext',
  params: ['i64', 'i64'],
  result: 'i64',
  body: (b, value, mask) => {
    const rest = b.variable('i64', mask!);
    const to = b.variable('i64', 1);
    const result = b.variable('i64', 0);
    b.loop((_again, leave) => {
      b.when(rest.value.eqz(), leave);
      const bit = b.let(rest.value.and(rest.value.neg()));
      b.when(value!.and(bit).ne(0), () => result.set(result.value.or(to.value)));
      to.set(to.value.shl(1));
      rest.set(rest.value.xor(bit));
    });
    return result.value;
  }
};
const permute = (routine: Routine): Semantics => {
  return (b) => {
    const [destination, source, mask] = b.operands as [OperandShape, OperandShape, OperandShape];
    const bits = b.read(mask).i64();
    const result = b.call(routine, b.read(source).i64(), bits);
    b.write(destination, sizeOf(destination) === 8 ? result : result.i32());
  };
};

/** SARX, SHLX, SHRX, RORX: no flags. */
const plainShift = (shift: (value: Value, n: Value) => Value): Semantics => {
  return (b) => {
    const [destination, source, by] = b.operands as [OperandShape, OperandShape, OperandShape];
    const value = b.read(source);
    b.write(destination, shift(value, b.read(by, sizeOf(destination))));
  };
};

/** ADCX and ADOX: carry in and out through one flag. */
function addWith(name: 'C' | 'O', flag: number): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const right = b.read(source);
    const left = b.read(destination);
    const carry = name === 'C' ? carryIn(b, size) : b.let(size === 8 ? b.flag('O').i64() : b.flag('O'));
    const partial = b.let(left.add(right));
    const result = b.let(partial.add(carry));
    const out = b.let(partial.ltU(left).or(result.ltU(partial)));
    b.write(destination, result);
    setFlag(b, flag, out);
  };
}

const swap32 = (value: Value): Value => value.rotl(8).and(0x00ff_00ff).or(value.rotr(8).and(0xff00_ff00));
function swapped(b: Backend, size: Size, value: Value): Value {
  if (size === 2) return value.shl(8).or(value.shrU(8)).and(0xffff);
  if (size === 4) return swap32(value);
  const pairs = 0x0000_ffff_0000_ffffn;
  const bytes = 0x00ff_00ff_00ff_00ffn;
  const halves = b.let(value.rotl(32));
  const words = b.let(halves.and(pairs).shl(16).or(halves.shrU(16).and(pairs)));
  return words.and(bytes).shl(8).or(words.shrU(8).and(bytes));
}

const bswap: Semantics = (b) => {
  const [operand] = b.operands as [OperandShape];
  b.write(operand, swapped(b, sizeOf(operand), b.read(operand)));
};
const movbe: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  b.write(destination, swapped(b, sizeOf(destination), b.read(source)));
};

/** CRC32-C of `bits` more bits. */
const crc: Routine = {
  name: 'crc32c',
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  body: (b, seed, data, bits) => {
    const POLYNOMIAL = 0x82f6_3b78;
    const value = b.variable('i32', seed!);
    const rest = b.variable('i64', data!);
    const left = b.variable('i32', bits!);
    b.loop((_again, leave) => {
      b.when(left.value.eqz(), leave);
      const low = b.let(value.value.xor(rest.value.i32()).and(1));
      value.set(value.value.shrU(1).xor(low.neg().and(POLYNOMIAL)));
      rest.set(rest.value.shrU(1));
      left.set(left.value.sub(1));
    });
    return value.value;
  }
};
const crc32: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const data = b.read(source).i64();
  const result = b.call(crc, b.read(destination, 4), data, source.bytes * 8);
  b.write(destination, destination.bytes === 8 ? result.i64() : result);
};

export const bits: Readonly<Record<string, Semantics>> = {
  bt: bitTest(),
  bts: bitTest((value, bit) => value.or(bit)),
  btr: bitTest((value, bit) => value.and(bit.not())),
  btc: bitTest((value, bit) => value.xor(bit)),
  bsf: scan((value) => value.ctz()),
  bsr: scan((value, size) => constant(size, size === 8 ? 63 : 31).sub(value.clz())),
  tzcnt: count(trailing),
  lzcnt: count(leading),
  popcnt,
  andn,
  blsr: lowest('BMILG', (value) => value.and(value.sub(1))),
  blsmsk: lowest('BMILG', (value) => value.xor(value.sub(1))),
  blsi: lowest('BLSI', (value) => value.and(value.neg())),
  bextr,
  bzhi,
  pdep: permute(scatter),
  pext: permute(gather),
  sarx: plainShift((value, n) => value.shrS(n)),
  shlx: plainShift((value, n) => value.shl(n)),
  shrx: plainShift((value, n) => value.shrU(n)),
  rorx: plainShift((value, n) => value.rotr(n)),
  adcx: addWith('C', FLAG.CF),
  adox: addWith('O', FLAG.OF),
  bswap,
  movbe,
  crc32
};
