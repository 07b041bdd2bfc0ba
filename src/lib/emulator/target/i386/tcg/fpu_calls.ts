/** The x87 as generated code calls it: one `Helper` for each kind of work, numbers for names. */
import type { ValType } from '../../../wasm/asm.ts';
import type { Helper } from '../isa/backend.ts';
import { FPUS, fpuOf, type FpuStack } from './fpu-stack.ts';
import { loadEnvironment, restore, save, storeEnvironment } from './fpu_env.ts';
import * as functions from './fpu_functions.ts';
import * as fpu from './fpu_helper.ts';

export const MEMORY_FORMATS = ['m32', 'm64', 'm16int', 'm32int', 'm64int'] as const satisfies fpu.MemoryFormat[];
export const OPERATIONS = ['add', 'mul', 'sub', 'subr', 'div', 'divr'] as const satisfies fpu.Arithmetic[];
const LOW64 = (1n << 64n) - 1n;

/** Parameters by letter: i of 32 bits, l of 64. */
function helper(
  name: string,
  params: string,
  run: (x: FpuStack, ...args: never[]) => number | void,
  result?: ValType
): Helper {
  return {
    name,
    params: Array.from(params, (letter) => (letter === 'l' ? 'i64' : 'i32')),
    result,
    run: (cpu, ...args) => run(fpuOf(cpu), ...args)
  };
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Writes what a store gives to memory, then lets it take effect on the x87. */
function write(x: FpuStack, linear: bigint, bytes: 2 | 4 | 8 | 10, store: fpu.Store): void {
  const { mmu } = x.cpu;
  const { bits } = store;
  if (bits !== undefined) {
    if (bytes === 2) mmu.store16(linear, Number(bits & 0xffffn));
    else if (bytes === 4) mmu.store32(linear, Number(bits & 0xffff_ffffn));
    else {
      if (bytes === 10) {
        mmu.probeWrite(linear, bytes);
        mmu.store16(linear + 8n, Number((bits >> 64n) & 0xffffn));
      }
      mmu.store64(linear, bits & LOW64);
    }
  }
  store.commit();
}
const read80 = (x: FpuStack, linear: bigint): bigint =>
  x.cpu.mmu.load64(linear) | (BigInt(x.cpu.mmu.load16(linear + 8n)) << 64n);

export const waitForX87 = helper('fwait', '', (x) => x.wait());

export const arithmetic = helper('fp_arith', 'iiii', (x, operation: number, dst: number, src: number, pops: number) =>
  fpu.arithmetic(x, OPERATIONS[operation]!, dst, src, pops)
);
export const arithmeticMemory = helper('fp_arith_memory', 'iil', (x, operation: number, format: number, bits: bigint) =>
  fpu.arithmeticMemory(x, OPERATIONS[operation]!, MEMORY_FORMATS[format]!, u64(bits))
);
export const fcom = helper('fcom', 'iii', (x, i: number, quiet: number, pops: number) =>
  fpu.fcom(x, i, quiet !== 0, pops)
);
export const fcomMemory = helper('fcom_memory', 'ili', (x, format: number, bits: bigint, pops: number) =>
  fpu.fcomMemory(x, MEMORY_FORMATS[format]!, u64(bits), pops)
);
/** Gives ZF, PF and CF in their places. */
export const fcomi = helper(
  'fcomi',
  'iii',
  (x, i: number, quiet: number, pops: number) => fpu.fcomi(x, i, quiet !== 0, pops),
  'i32'
);

export const fldSt = helper('fld_st', 'i', (x, i: number) => fpu.fldSt(x, i));
export const fldMemory = helper('fld_memory', 'il', (x, format: number, bits: bigint) =>
  fpu.fldMemory(x, MEMORY_FORMATS[format]!, u64(bits))
);
export const fld80 = helper('fld80', 'li', (x, significand: bigint, head: number) =>
  fpu.fld80(x, u64(significand) | (BigInt(head) << 64n))
);
export const fbld = helper('fbld', 'l', (x, linear: bigint) => fpu.fbld(x, read80(x, u64(linear))));

export const fstFloat = helper('fst_float', 'ili', (x, format: number, linear: bigint, pops: number) =>
  write(x, u64(linear), format === 0 ? 4 : 8, fpu.fstFloat(x, format === 0 ? 'm32' : 'm64', pops))
);
export const fistInteger = helper(
  'fist',
  'iili',
  (x, format: number, truncate: number, linear: bigint, pops: number) => {
    const name = MEMORY_FORMATS[format] as 'm16int' | 'm32int' | 'm64int';
    const bytes = name === 'm16int' ? 2 : name === 'm32int' ? 4 : 8;
    write(x, u64(linear), bytes, fpu.fistInteger(x, name, truncate !== 0, pops));
  }
);
export const fstp80 = helper('fstp80', 'l', (x, linear: bigint) => write(x, u64(linear), 10, fpu.fstp80(x)));
export const fbstp = helper('fbstp', 'l', (x, linear: bigint) => write(x, u64(linear), 10, fpu.fbstp(x)));
export const fstSt = helper('fst_st', 'ii', (x, i: number, pops: number) => fpu.fstSt(x, i, pops));
export const fxch = helper('fxch', 'i', (x, i: number) => fpu.fxch(x, i));
export const fcmov = helper('fcmov', 'ii', (x, i: number, holds: number) => fpu.fcmov(x, i, holds !== 0));
export const ffree = helper('ffree', 'ii', (x, i: number, pops: number) => {
  x.free(i);
  x.setFlags(0, FPUS.C1);
  x.pop(pops);
});

/** FLD1 and its like. */
export const constants = Object.fromEntries(
  fpu.CONSTANT_NAMES.map((name) => [name, helper(name, '', (x) => fpu.fldConstant(x, name))])
) as Readonly<Record<fpu.Constant, Helper>>;

/** What has no operands. */
export const plain = {
  ftst: helper('ftst', '', fpu.ftst),
  fxam: helper('fxam', '', fpu.fxam),
  fchs: helper('fchs', '', fpu.fchs),
  fabs: helper('fabs', '', fpu.fabs),
  fsqrt: helper('fsqrt', '', fpu.fsqrt),
  frndint: helper('frndint', '', fpu.frndint),
  fprem: helper('fprem', '', (x) => functions.fprem(x, false)),
  fprem1: helper('fprem1', '', (x) => functions.fprem(x, true)),
  fscale: helper('fscale', '', functions.fscale),
  fxtract: helper('fxtract', '', functions.fxtract),
  f2xm1: helper('f2xm1', '', functions.f2xm1),
  fyl2x: helper('fyl2x', '', functions.fyl2x),
  fyl2xp1: helper('fyl2xp1', '', functions.fyl2xp1),
  fptan: helper('fptan', '', functions.fptan),
  fpatan: helper('fpatan', '', functions.fpatan),
  fsincos: helper('fsincos', '', functions.fsincos),
  fsin: helper('fsin', '', functions.fsin),
  fcos: helper('fcos', '', functions.fcos),
  fdecstp: helper('fdecstp', '', (x) => {
    x.top -= 1;
    x.setFlags(0, FPUS.C1);
  }),
  fincstp: helper('fincstp', '', (x) => {
    x.top += 1;
    x.setFlags(0, FPUS.C1);
  })
} as const satisfies Readonly<Record<string, Helper>>;

/** Control instructions, which neither wait nor move the pointers. */
export const control = {
  fnclex: helper('fnclex', '', (x) => {
    x.fpus &= ~0x80ff;
    x.summarize();
  }),
  fninit: helper('fninit', '', (x) => x.reset())
} as const satisfies Readonly<Record<string, Helper>>;
export const fldcw = helper('fldcw', 'i', (x, value: number) => x.setControlWord(value));

/** Address, then whether the format is that of 32 bits. */
export const fldenv = helper('fldenv', 'li', (x, linear: bigint, wide: number) =>
  loadEnvironment(x, u64(linear), wide !== 0)
);
export const fnstenv = helper('fnstenv', 'li', (x, linear: bigint, wide: number) =>
  storeEnvironment(x, u64(linear), wide !== 0)
);
export const frstor = helper('frstor', 'li', (x, linear: bigint, wide: number) => restore(x, u64(linear), wide !== 0));
export const fnsave = helper('fnsave', 'li', (x, linear: bigint, wide: number) => save(x, u64(linear), wide !== 0));
