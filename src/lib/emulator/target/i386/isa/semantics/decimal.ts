/** Decimal arithmetic of the 8086. SDM 2. */
import { EXCP, FLAG, R_EAX } from '../../env.ts';
import type { Backend, Semantics } from '../backend.ts';
import { parityFlag, signFlag, signExtended, zeroFlag } from '../flags.ts';
import type { Value } from '../value.ts';

/** Sets AL and the flags that follow from it, with CF and AF (i32, 0 or 1) as given. */
function setAdjusted(b: Backend, al: Value, carry: Value, auxiliary: Value): void {
  const result = b.let(al.and(0xff));
  b.setReg(R_EAX, 1, result);
  const wide = signExtended(1, result);
  const flags = zeroFlag(wide).shl(6).or(signFlag(wide).shl(7)).or(parityFlag(wide).shl(2));
  b.setFlags('EFLAGS', 1, { src: b.let(flags.or(carry).or(auxiliary.shl(4))) });
}

const packed = (add: boolean): Semantics => {
  return (b) => {
    const old = b.reg(R_EAX, 1);
    const flags = b.let(b.flags());
    const carryBefore = flags.and(FLAG.CF);
    const low = b.let(old.and(15).gtU(9).or(flags.and(FLAG.AF).ne(0)));
    const high = b.let(old.gtU(0x99).or(carryBefore));
    const correction = low.mul(6).add(high.mul(0x60));
    const result = add ? old.add(correction) : old.sub(correction);
    // DAS also borrows where AL was below 6.
    const borrow = add ? high : high.or(low.and(old.ltU(6)));
    setAdjusted(b, b.let(result), b.let(borrow), low);
  };
};

const unpacked = (add: boolean): Semantics => {
  return (b) => {
    const ax = b.reg(R_EAX, 2);
    const adjust = b.let(ax.and(15).gtU(9).or(b.flag('A')));
    const by = adjust.mul(0x106);
    const sum = add ? ax.add(by) : ax.sub(by);
    b.setReg(R_EAX, 2, b.let(sum.and(0xff0f)));
    b.setFlags('EFLAGS', 1, { src: adjust.or(adjust.shl(4)) });
  };
};

const aam: Semantics = (b) => {
  const base = b.read(b.operands[0]!, 1);
  b.when(base.eqz(), () => b.raise(EXCP.DE));
  const al = b.reg(R_EAX, 1);
  const rest = b.let(al.remU(base));
  b.setReg(R_EAX, 2, b.let(al.divU(base).shl(8).or(rest)));
  b.setFlags('LOGIC', 1, { dst: rest });
};
const aad: Semantics = (b) => {
  const ax = b.reg(R_EAX, 2);
  const base = b.read(b.operands[0]!, 1);
  const result = b.let(ax.shrU(8).mul(base).add(ax).and(0xff));
  b.setReg(R_EAX, 2, result);
  b.setFlags('LOGIC', 1, { dst: result });
};

export const decimal: Readonly<Record<string, Semantics>> = {
  daa: packed(true),
  das: packed(false),
  aaa: unpacked(true),
  aas: unpacked(false),
  aam,
  aad
};
