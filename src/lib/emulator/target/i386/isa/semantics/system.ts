/** Flags, control registers, MSRs, ports and the rest of what systems are made with. SDM 2 for each; `tcg/` has the rare work. */
import { EXCP, FLAG, HF, R_EDI, R_ESI, R_FS, R_GS } from '../../env.ts';
import { CR4 } from '../../control-registers.ts';
import { HF_IOBPT } from '../../tcg/bpt_helper.ts';
import {
  i32,
  type Backend,
  type Helper,
  type OperandShape,
  type Semantics,
  type Term,
  type Value
} from '../backend.ts';
import type { Size } from '../insn.ts';
import {
  checkUmip,
  checkVm86Iopl,
  cpl,
  hiddenFromUser,
  iopl,
  requireCpl0,
  requireProtected,
  sized
} from './privilege.ts';
import { segmentation, transfer } from './segmentation.ts';
import * as call from './system-calls.ts';

/** Helpers that check all by themselves and change registers only. */
const plain =
  (helper: Helper): Semantics =>
  (b) => {
    b.call(helper);
  };
// Flags

const cli: Semantics = (b) => {
  b.when(cpl(b).gtU(iopl(b)), () => b.raise(EXCP.GP, 0));
  b.setEnv('eflags', b.env('eflags').and(~FLAG.IF));
};
/** The instruction after it is not interrupted if interrupts were off before. */
const sti: Semantics = (b) => {
  b.when(cpl(b).gtU(iopl(b)), () => b.raise(EXCP.GP, 0));
  const old = b.let(b.env('eflags'));
  b.when(old.and(FLAG.IF).eqz(), () => {
    b.setEnv('inhibit_irq', 1);
    b.setEnv('eflags', old.or(FLAG.IF));
  });
  b.endBlock();
};

const pushf: Semantics = (b) => {
  checkVm86Iopl(b);
  const eflags = b
    .env('eflags')
    .and(~(FLAG.VM | FLAG.RF))
    .or(b.flags());
  b.push(sized(eflags, b.shape.size));
};

const ARITHMETIC = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF;
/** IF and IOPL are left alone, without a fault, where privilege lacks. QEMU tcg/emit.c.inc gen_POPF. */
const popf: Semantics = (b) => {
  checkVm86Iopl(b);
  const narrow = b.shape.size === 2 ? 0xffff : -1;
  const value = b.let(b.stackTop().i32());
  const level = b.let(cpl(b));
  const ifMask = level.leU(iopl(b)).select(i32(FLAG.IF), 0);
  const kernelMask = level.eqz().select(i32(FLAG.IF | FLAG.IOPL), 0);
  const own = FLAG.TF | FLAG.DF | ((FLAG.AC | FLAG.ID | FLAG.NT) & narrow);
  const mask = b.let(ifMask.or(kernelMask).or(own));
  const old = b.env('eflags');
  b.setEnv('eflags', old.xor(old.xor(value).and(mask)));
  b.setFlags('EFLAGS', 4, { src: value.and(ARITHMETIC) });
  b.addSp(b.shape.size);
  b.endBlock();
};

const setAc =
  (on: boolean): Semantics =>
  (b) => {
    hiddenFromUser(b);
    const eflags = b.env('eflags');
    b.setEnv('eflags', on ? eflags.or(FLAG.AC) : eflags.and(~FLAG.AC));
    b.endBlock();
  };

// Registers

const smsw: Semantics = (b) => {
  checkUmip(b);
  const [destination] = b.operands;
  b.write(destination!, sized(b.env('cr', 0), destination!.bytes));
};
const moveFrom =
  (helper: Helper): Semantics =>
  (b) => {
    requireCpl0(b);
    const [destination, source] = b.operands;
    const value = b.call(helper, b.index(source!));
    b.write(destination!, sized(value, destination!.bytes));
  };
const moveTo =
  (helper: Helper): Semantics =>
  (b) => {
    requireCpl0(b);
    const [destination, source] = b.operands;
    b.call(helper, b.index(destination!), b.read(source!).i64());
    b.endBlock();
  };

function requireFsgsbase(b: Backend): void {
  b.when(b.env('cr', 4).i32().and(CR4.FSGSBASE).eqz(), () => b.raise(EXCP.UD));
}
const readBase =
  (segment: number): Semantics =>
  (b) => {
    requireFsgsbase(b);
    const [destination] = b.operands;
    b.write(destination!, sized(b.env('seg_base', segment), destination!.bytes));
  };
const writeBase =
  (segment: number): Semantics =>
  (b) => {
    requireFsgsbase(b);
    b.call(call.WRSEGBASE, segment, b.read(b.operands[0]!).i64());
  };
const swapgs: Semantics = (b) => {
  requireCpl0(b);
  const old = b.let(b.env('seg_base', R_GS));
  b.setEnv('seg_base', b.env('kernelgsbase'), R_GS);
  b.setEnv('kernelgsbase', old);
};

// Ports

function portOf(b: Backend, operand: OperandShape): Value {
  return operand.kind === 'imm' ? b.read(operand, 1).and(0xff) : b.read(operand, 2);
}
const input: Semantics = (b) => {
  const [destination, port] = b.operands;
  b.call(call.IN, portOf(b, port!), destination!.bytes, b.nextEip());
};
const output: Semantics = (b) => {
  const [port, source] = b.operands;
  b.call(call.OUT, portOf(b, port!), source!.bytes, b.nextEip());
};

/** Moves SI or DI on by an element, in the direction of DF. */
function advance(b: Backend, register: number, bytes: number): void {
  const size = b.shape.addressSize;
  const step = b.env('eflags').and(FLAG.DF).select(i32(-bytes), bytes);
  b.setReg(register, size, b.reg(register, size).add(size === 8 ? step.i64S() : step));
}
/** I/O breakpoints trap after the instruction; not between the elements of a repeated one. */
function checkBreakpoint(b: Backend, port: Value, bytes: number): void {
  if (b.shape.rep !== 'none') return;
  b.when(b.hflags().and(HF_IOBPT), () => {
    b.call(call.BPT_IO, port, bytes, b.nextEip());
  });
}
const ins: Semantics = (b) => {
  const [destination, port] = b.operands;
  const bytes = destination!.bytes;
  b.repeat(() => {
    const number = b.let(b.read(port!, 2));
    b.call(call.CHECK_IO, number, bytes);
    const target = b.rmw(destination!, bytes as Size);
    target.write(b.let(b.call(call.PORT_READ, number, bytes)));
    advance(b, R_EDI, bytes);
    checkBreakpoint(b, number, bytes);
  });
};
const outs: Semantics = (b) => {
  const [port, source] = b.operands;
  const bytes = source!.bytes;
  b.repeat(() => {
    const number = b.let(b.read(port!, 2));
    b.call(call.CHECK_IO, number, bytes);
    b.call(call.PORT_WRITE, number, b.let(b.read(source!, bytes as Size)), bytes);
    advance(b, R_ESI, bytes);
    checkBreakpoint(b, number, bytes);
  });
};

// The rest

const next = (b: Backend): readonly Term[] => [b.nextEip()];

const invlpg: Semantics = (b) => {
  b.call(call.INVLPG, b.linear(b.operands[0]!));
  b.endBlock();
};
const invpcid: Semantics = (b) => {
  requireProtected(b);
  const [type, descriptor] = b.operands;
  const low = b.let(b.load(b.linear(descriptor!), 8));
  const high = b.let(b.load(b.linear(descriptor!, 8), 8));
  b.call(call.INVPCID, b.read(type!).i64(), low, high);
  b.endBlock();
};
const rsm: Semantics = (b) => {
  b.when(b.hflags().and(HF.SMM).eqz(), () => b.raise(EXCP.UD));
  b.call(call.RSM);
  b.resume();
};
const rdpid: Semantics = (b) => {
  const [destination] = b.operands;
  b.write(destination!, sized(b.env('tsc_aux'), destination!.bytes));
};
/** There is always a number: CF. */
const rdrand: Semantics = (b) => {
  const destination = b.operands[0]!;
  const value = b.let(b.call(call.RDRAND, b.reg(b.index(destination), 8), b.eip()));
  b.write(destination, sized(value, destination.bytes));
  b.setFlags('EFLAGS', 4, { src: i32(FLAG.CF) });
};
const lmsw: Semantics = (b) => {
  b.call(call.LMSW, b.read(b.operands[0]!, 2));
  b.endBlock();
};
/** Sees to what was changed of the mode before the next instruction. */
const ending =
  (helper: Helper): Semantics =>
  (b) => {
    b.call(helper);
    b.endBlock();
  };

export const system: Readonly<Record<string, Semantics>> = {
  ...segmentation,
  cli,
  sti,
  pushf,
  popf,
  clac: setAc(false),
  stac: setAc(true),
  smsw,
  lmsw,
  clts: ending(call.CLTS),
  mov_from_cr: moveFrom(call.READ_CR),
  mov_to_cr: moveTo(call.WRITE_CR),
  mov_from_dr: moveFrom(call.GET_DR),
  mov_to_dr: moveTo(call.SET_DR),
  rdfsbase: readBase(R_FS),
  rdgsbase: readBase(R_GS),
  wrfsbase: writeBase(R_FS),
  wrgsbase: writeBase(R_GS),
  swapgs,
  in: input,
  out: output,
  ins,
  outs,
  hlt: transfer(call.HLT, next),
  monitor: plain(call.MONITOR),
  mwait: transfer(call.MWAIT, next),
  invlpg,
  invpcid,
  invd: requireCpl0,
  wbinvd: requireCpl0,
  cpuid: ending(call.CPUID),
  rdtsc: plain(call.RDTSC),
  rdtscp: plain(call.RDTSCP),
  rdpmc: plain(call.RDPMC),
  rdpid,
  rdrand,
  rdseed: rdrand,
  rdmsr: plain(call.RDMSR),
  wrmsr: ending(call.WRMSR),
  xgetbv: plain(call.XGETBV),
  xsetbv: ending(call.XSETBV),
  rdpkru: plain(call.RDPKRU),
  wrpkru: plain(call.WRPKRU),
  rsm
};
