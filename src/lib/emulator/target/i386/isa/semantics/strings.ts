/** String instructions. SDM 2. The engine repeats; each iteration commits before the next begins. */
import { FLAG, R_EAX, R_EDI, R_ES, R_ESI } from '../../env.ts';
import type { Backend, RepeatOptions, Semantics } from '../backend.ts';
import type { Size } from '../insn.ts';
import { i32, i64, type Value } from '../value.ts';

const elementOf = (b: Backend): Size => b.operands.find(({ kind }) => kind === 'mem')!.bytes as Size;

const at = (b: Backend, register: number): Value => b.reg(register, b.shape.addressSize).i64();
const source = (b: Backend): Value => b.let(b.linearIn('operand', at(b, R_ESI)));
const destination = (b: Backend): Value => b.let(b.linearIn(R_ES, at(b, R_EDI)));

/** Moves index registers on by one element, the way EFLAGS.DF says. */
function advance(b: Backend, size: Size, ...registers: readonly number[]): void {
  const { addressSize } = b.shape;
  const step = b.variable('i64', size);
  b.when(b.env('eflags').and(FLAG.DF), () => step.set(-size));
  for (const register of registers) {
    const sum = at(b, register).add(step.value);
    b.setReg(register, addressSize, addressSize === 8 ? sum : sum.i32());
  }
}

const PAGE_SIZE = 4096;

/**
 * The part of a repeated MOVS or STOS that lies in one page of each operand, upwards, done at once.
 * `run` gets host addresses and a number of elements; what it says is false is left to single iterations.
 */
function bulk(
  b: Backend,
  size: Size,
  registers: readonly number[],
  run: (hosts: readonly Value[], count: Value) => Value
): RepeatOptions['bulk'] {
  if (b.shape.addressSize === 2) return undefined;
  return (limit) => {
    const done = b.variable('i64', 0);
    b.when(b.env('eflags').and(FLAG.DF).eqz(), () => {
      const linears = registers.map((register) => (register === R_ESI ? source(b) : destination(b)));
      const hosts = linears.map((linear, at) => b.span(linear, registers[at] === R_EDI));
      const count = b.variable('i64', limit);
      for (const linear of linears) {
        const room = b.let(
          i64(PAGE_SIZE)
            .sub(linear.and(PAGE_SIZE - 1))
            .divU(size)
        );
        b.when(room.ltU(count.value), () => count.set(room));
      }
      const mapped = hosts.reduce((all, host) => all.and(host.ne(0)), i32(1));
      b.when(mapped.and(count.value.ne(0)), () =>
        b.when(run(hosts, count.value.i32()), () => {
          done.set(count.value);
          for (const register of registers) {
            const sum = at(b, register).add(count.value.mul(size));
            b.setReg(register, b.shape.addressSize, b.shape.addressSize === 8 ? sum : sum.i32());
          }
        })
      );
    });
    return done.value;
  };
}

const movs: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(
    () => {
      const value = b.load(source(b), size);
      b.store(destination(b), size, value);
      advance(b, size, R_ESI, R_EDI);
    },
    {
      bulk: bulk(b, size, [R_ESI, R_EDI], ([from, to], count) => {
        const bytes = b.let(count.mul(size));
        // Where the destination begins inside the source, elements stored are loaded again.
        const apart = b.let(to!.sub(from!).geU(bytes));
        b.when(apart, () => b.copy(to!, from!, bytes));
        return apart;
      })
    }
  );
};
const stos: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(
    () => {
      b.store(destination(b), size, b.reg(R_EAX, size));
      advance(b, size, R_EDI);
    },
    {
      bulk: bulk(b, size, [R_EDI], ([to], count) => {
        b.fill(to!, b.reg(R_EAX, size), size, count);
        return i32(1);
      })
    }
  );
};
const lods: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    b.setReg(R_EAX, size, b.load(source(b), size));
    advance(b, size, R_ESI);
  });
};
const UNTIL_ZERO: RepeatOptions = { until: 'Z' };
const compare = (b: Backend, size: Size, left: Value, right: Value): void =>
  b.setFlags('SUB', size, { dst: b.let(left.sub(right)), src: right, src2: left });
const cmps: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    // The second operand is read first, as processors and QEMU do: it shows in which page fault comes.
    const right = b.load(destination(b), size);
    const left = b.load(source(b), size);
    advance(b, size, R_ESI, R_EDI);
    compare(b, size, left, right);
  }, UNTIL_ZERO);
};
const scas: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    const right = b.load(destination(b), size);
    advance(b, size, R_EDI);
    compare(b, size, b.reg(R_EAX, size), right);
  }, UNTIL_ZERO);
};

export const strings: Readonly<Record<string, Semantics>> = { movs, stos, lods, cmps, scas };
