/** Segment registers, descriptor tables, far transfers, interrupts and system calls; the work is done in `tcg/`. SDM 2 for each. */
import { EXCP, FLAG, INHIBIT_TRAPS, R_ES, R_DS, R_FS, R_GS, R_SS } from '../../env.ts';
import { i32, type Backend, type Helper, type Semantics, type Term, type Value } from '../backend.ts';
import { checkUmip, requireCpl0, requireProtected, sized, width } from './privilege.ts';
import * as call from './system-calls.ts';

/** Helpers that leave `eip` where the program goes on. */
export const transfer =
  (helper: Helper, args: (b: Backend) => readonly Term[] = () => []): Semantics =>
  (b) => {
    b.call(helper, ...args(b));
    b.resume();
  };

/** Loads a segment register; after SS by MOV or POP, not by LSS, one more instruction is left alone. */
export function loadSegment(b: Backend, segment: Term, selector: Value, inhibit = true): void {
  b.call(call.LOAD_SEG, segment, selector.i32());
  if (!inhibit) return;
  const index = typeof segment === 'object' ? segment : i32(segment);
  b.when(index.eq(R_SS), () => b.setEnv('inhibit_irq', INHIBIT_TRAPS));
}

const loadFarPointer =
  (segment: number): Semantics =>
  (b) => {
    const [destination, source] = b.operands;
    const bytes = b.shape.size;
    const offset = b.load(b.linear(source!), bytes);
    const selector = b.load(b.linear(source!, bytes), 2);
    loadSegment(b, segment, selector, false);
    b.write(destination!, offset, bytes);
  };

const storeSelector =
  (field: 'ldt_selector' | 'tr_selector'): Semantics =>
  (b) => {
    requireProtected(b);
    checkUmip(b);
    const [destination] = b.operands;
    b.write(destination!, sized(b.env(field), destination!.bytes));
  };

const loadSystemRegister =
  (helper: Helper): Semantics =>
  (b) => {
    requireProtected(b);
    requireCpl0(b);
    b.call(helper, b.read(b.operands[0]!, 2));
  };

const verify =
  (helper: Helper): Semantics =>
  (b) => {
    requireProtected(b);
    b.call(helper, b.read(b.operands[0]!, 2));
  };

const describe =
  (helper: Helper): Semantics =>
  (b) => {
    requireProtected(b);
    const [destination, source] = b.operands;
    const result = b.let(b.call(helper, b.read(source!, 2)));
    b.when(result.ne(-1), () => b.write(destination!, sized(result, b.shape.size), b.shape.size));
  };

const arpl: Semantics = (b) => {
  requireProtected(b);
  const [destination, source] = b.operands;
  const rpl = b.let(b.read(source!, 2).and(3));
  const target = b.rmw(destination!, 2);
  const old = b.let(target.value);
  const lower = b.let(old.and(3).ltU(rpl));
  const flags = b.let(b.flags().and(~FLAG.ZF));
  target.write(lower.select(old.and(~3).or(rpl), old));
  b.setFlags('EFLAGS', 2, { src: flags.or(lower.shl(6)) });
};

/** SGDT and SIDT store all 32 bits whatever the operand size. */
const storeTable =
  (table: 'gdt' | 'idt'): Semantics =>
  (b) => {
    checkUmip(b);
    const [destination] = b.operands;
    const bytes = b.shape.codeSize === 64 ? 8 : 4;
    b.store(b.linear(destination!), 2, b.env(`${table}_limit`));
    b.store(b.linear(destination!, 2), bytes, sized(b.env(`${table}_base`), bytes));
  };

const loadTable =
  (table: 'gdt' | 'idt'): Semantics =>
  (b) => {
    requireCpl0(b);
    const [source] = b.operands;
    const limit = b.let(b.load(b.linear(source!), 2));
    const long = b.shape.codeSize === 64;
    const base = b.load(b.linear(source!, 2), long ? 8 : 4).i64();
    b.setEnv(`${table}_base`, !long && b.shape.size === 2 ? base.and(0xff_ffff) : base);
    b.setEnv(`${table}_limit`, limit);
  };

// Far transfers

/** Selector and offset of a far pointer: in the instruction, or in memory. */
function farPointer(b: Backend): readonly [selector: Value, offset: Value] {
  const [operand] = b.operands;
  if (operand!.kind === 'far') return [b.farSelector(operand!), b.farOffset(operand!)];
  const bytes = b.shape.size;
  const offset = b.let(b.load(b.linear(operand!), bytes));
  return [b.let(b.load(b.linear(operand!, bytes), 2)), offset.i64()];
}
const jmpf: Semantics = (b) => {
  const [selector, offset] = farPointer(b);
  b.call(call.LJMP, selector, offset, b.nextEip());
  b.resume();
};
const callf: Semantics = (b) => {
  const [selector, offset] = farPointer(b);
  b.call(call.LCALL, selector, offset, width(b), b.nextEip());
  b.resume();
};
const retf: Semantics = (b) => {
  const [count] = b.operands;
  b.call(call.LRET, width(b), count ? b.read(count, 2).and(0xffff) : 0);
  b.resume();
};

const int: Semantics = (b) => {
  b.call(call.INT, b.read(b.operands[0]!, 1).and(0xff), b.nextEip());
  b.resume();
};
const into: Semantics = (b) => {
  b.when(b.flag('O'), () => {
    b.call(call.RAISE_INTERRUPT, EXCP.OF, b.nextEip());
    b.resume();
  });
  b.endBlock();
};

export const segmentation: Readonly<Record<string, Semantics>> = {
  lds: loadFarPointer(R_DS),
  les: loadFarPointer(R_ES),
  lss: loadFarPointer(R_SS),
  lfs: loadFarPointer(R_FS),
  lgs: loadFarPointer(R_GS),
  sldt: storeSelector('ldt_selector'),
  str: storeSelector('tr_selector'),
  lldt: loadSystemRegister(call.LLDT),
  ltr: loadSystemRegister(call.LTR),
  verr: verify(call.VERR),
  verw: verify(call.VERW),
  lar: describe(call.LAR),
  lsl: describe(call.LSL),
  arpl,
  sgdt: storeTable('gdt'),
  sidt: storeTable('idt'),
  lgdt: loadTable('gdt'),
  lidt: loadTable('idt'),
  jmpf,
  callf,
  retf,
  iret: transfer(call.IRET, (b) => [width(b), b.nextEip()]),
  int,
  int3: transfer(call.RAISE_INTERRUPT, (b) => [EXCP.BP, b.nextEip()]),
  into,
  int1: transfer(call.ICEBP, (b) => [b.nextEip()]),
  syscall: transfer(call.SYSCALL, (b) => [b.nextEip()]),
  sysret: transfer(call.SYSRET, (b) => [width(b)]),
  sysenter: transfer(call.SYSENTER),
  sysexit: transfer(call.SYSEXIT, (b) => [width(b)])
};
