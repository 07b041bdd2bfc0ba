/**
 * FXSAVE, FXRSTOR, the XSAVE family, LDMXCSR and STMXCSR: SDM 1, 10.5 and chapter 13; QEMU target/i386/tcg/fpu_helper.c
 * do_fxsave, do_xsave, do_xrstor. As in QEMU no component is ever taken for unused. Pointers to the last x87 instruction are
 * saved while an exception is pending, as AMD's CPUs do it; else there are zeros.
 */
import { CR4, EFER, XSTATE } from '../../control-registers.ts';
import { EXCP, HF, R_EAX, R_EDX } from '../../env.ts';
import type { X86Cpu } from '../../x86-cpu.ts';
import {
  i32,
  i64,
  op,
  v128,
  type Backend,
  type Helper,
  type OperandShape,
  type Routine,
  type RoutineBackend,
  type Semantics,
  type Value
} from '../backend.ts';
import { needsSse, ZERO } from './vector.ts';

/** The legacy region, the header, and where the standard format has the other components. */
const AT = {
  pointers: 8,
  mxcsr: 24,
  st: 32,
  xmm: 160,
  xstateBv: 512,
  xcompBv: 520,
  reserved: 528,
  ymmh: 576,
  bndregs: 960,
  bndcsr: 1024,
  pkru: 2688
};
const YMMH_BYTES = 256;
const COMPACTED = 1n << 63n;
const MXCSR_MASK = 0xffff;
const MXCSR_INITIAL = 0x1f80;
const FPUC_INITIAL = 0x37f;
const ES = 0x80;
const HF2_IGNNE = 1 << 7;
const EXCEPTIONS = 0x3f;
/** 80 of 128 bits. */
const TEN_BYTES = v128(-1n, 0xffffn);

const at = (linear: Value, offset: number): Value => linear.add(offset);
/** Physical number of ST(i). */
const physical = (b: RoutineBackend, i: number): Value => b.env('fpstt').add(i).and(7);

/** x87 state, its pointers with 64 bits (`wide`) or as offset and selector. */
const SAVE_X87: Routine = {
  name: 'do_xsave_fpu',
  params: ['i64', 'i32'],
  body(b, linear, wide) {
    let tags: Value = i32(0);
    for (let n = 0; n < 8; n++) tags = tags.or(b.env('fptags', n).xor(1).shl(n));
    const fpus = b.env('fpus').or(b.env('fpstt').shl(11));
    const pending = b.let(b.env('fpus').and(ES));
    const shown = (value: Value): Value => pending.select(value, 0);
    const head = b
      .env('fpuc')
      .or(fpus.shl(16))
      .i64()
      .or(tags.i64().shl(32))
      .or(shown(b.env('fpop').i64()).shl(48));
    b.store(linear!, 8, head);
    (['fpip', 'fpdp'] as const).forEach((name, i) => {
      const offset = b.env(name);
      const selector = b.env(i === 0 ? 'fpcs' : 'fpds');
      const far = offset.and(0xffff_ffff).or(selector.i64().shl(32));
      b.store(at(linear!, AT.pointers + 8 * i), 8, shown(wide!.select(offset, far)));
    });
    for (let i = 0; i < 8; i++)
      b.store(at(linear!, AT.st + 16 * i), 16, op('v128.and', b.env('fpregs', physical(b, i)), TEN_BYTES));
    return undefined;
  }
};
const RESTORE_X87: Routine = {
  name: 'do_xrstor_fpu',
  params: ['i64', 'i32'],
  body(b, linear, wide) {
    const head = b.let(b.load(linear!, 8));
    const fpus = b.let(head.shrU(16).i32().and(0xffff));
    const ip = b.let(b.load(at(linear!, AT.pointers), 8));
    const dp = b.let(b.load(at(linear!, AT.pointers + 8), 8));
    const registers = Array.from({ length: 8 }, (_, i) => b.let(b.load(at(linear!, AT.st + 16 * i), 16)));

    const fpuc = b.let(head.i32().and(0x1f7f).or(0x40));
    b.setEnv('fpuc', fpuc);
    b.setEnv('fpstt', fpus.shrU(11).and(7));
    const pending = b.let(fpus.and(fpuc.not()).and(EXCEPTIONS));
    b.setEnv('fpus', fpus.and(~0xb880).or(pending.select(i32(0x8080), 0)));
    b.when(pending.eqz(), () => b.setEnv('hflags2', b.env('hflags2').and(~HF2_IGNNE)));
    for (let n = 0; n < 8; n++)
      b.setEnv(
        'fptags',
        head
          .shrU(32 + n)
          .i32()
          .and(1)
          .xor(1),
        n
      );
    b.setEnv('fpop', head.shrU(48).i32().and(0x7ff));
    b.setEnv('fpip', wide!.select(ip, ip.and(0xffff_ffff)));
    b.setEnv('fpdp', wide!.select(dp, dp.and(0xffff_ffff)));
    b.when(wide!.eqz(), () => {
      b.setEnv('fpcs', ip.shrU(32).i32().and(0xffff));
      b.setEnv('fpds', dp.shrU(32).i32().and(0xffff));
    });
    registers.forEach((value, i) => b.setEnv('fpregs', op('v128.and', value, TEN_BYTES), physical(b, i)));
    return undefined;
  }
};
const CLEAR_X87: Routine = {
  name: 'clear_x87',
  params: [],
  body(b) {
    for (const name of ['fpus', 'fpstt', 'fpop', 'fpcs', 'fpds'] as const) b.setEnv(name, 0);
    b.setEnv('fpip', 0);
    b.setEnv('fpdp', 0);
    b.setEnv('fpuc', FPUC_INITIAL);
    for (let n = 0; n < 8; n++) {
      b.setEnv('fptags', 1, n);
      b.setEnv('fpregs', ZERO, n);
    }
    return undefined;
  }
};

/** Eight or sixteen halves of registers: `half` 1 is bits 128 and up. */
function vectors(name: string, half: 0 | 1, run: (b: RoutineBackend, place: Value, index: Value) => void): Routine {
  return {
    name,
    params: ['i64', 'i32'],
    body(b, linear, count) {
      const i = b.variable('i32', 0);
      b.loop((_again, leave) => {
        run(b, linear!.add(i.value.shl(4).i64()), b.let(i.value.shl(1).or(half)));
        i.set(i.value.add(1));
        b.when(i.value.eq(count!), leave);
      });
      return undefined;
    }
  };
}
const save = (b: RoutineBackend, place: Value, index: Value): void => b.store(place, 16, b.env('xmm', index));
const restore = (b: RoutineBackend, place: Value, index: Value): void => b.setEnv('xmm', b.load(place, 16), index);
const clear = (b: RoutineBackend, _place: Value, index: Value): void => b.setEnv('xmm', ZERO, index);
const SAVE_XMM = vectors('do_xsave_sse', 0, save);
const SAVE_YMMH = vectors('do_xsave_ymmh', 1, save);
const RESTORE_XMM = vectors('do_xrstor_sse', 0, restore);
const RESTORE_YMMH = vectors('do_xrstor_ymmh', 1, restore);
const CLEAR_XMM = vectors('do_clear_sse', 0, clear);
const CLEAR_YMMH = vectors('do_clear_ymmh', 1, clear);

const operandOf = (b: Backend): OperandShape => b.operands[0]!;
const registersOf = (b: Backend): Value => i32(b.shape.codeSize === 64 ? 16 : 8);
const wideOf = (b: Backend): Value => i32(b.shape.size === 8 ? 1 : 0);

/** The area's address; #GP(0) unless aligned. */
function areaOf(b: Backend, alignment: 16 | 64): Value {
  const linear = b.let(b.linear(operandOf(b)));
  b.when(linear.i32().and(alignment - 1), () => b.raise(EXCP.GP, 0));
  return linear;
}
function saveMxcsr(b: Backend, linear: Value): void {
  b.store(
    at(linear, AT.mxcsr),
    8,
    b
      .env('mxcsr')
      .i64()
      .or(BigInt(MXCSR_MASK) << 32n)
  );
}
/** A value for MXCSR; #GP(0) for reserved bits. */
function checkedMxcsr(b: Backend, value: Value): Value {
  const kept = b.let(value);
  b.when(kept.and(~MXCSR_MASK), () => b.raise(EXCP.GP, 0));
  return kept;
}

const present = (b: Backend): void => b.when(b.hflags().and(HF.EM | HF.TS), () => b.raise(EXCP.NM));
/** FXSAVE and FXRSTOR leave XMM registers out where EFER.FFXSR says so, in the kernel of 64-bit mode. */
function unlessFast(b: Backend, then: () => void): void {
  const fast = b
    .env('efer')
    .i32()
    .and(EFER.FFXSR)
    .ne(0)
    .and(
      b
        .hflags()
        .and(HF.CPL | HF.LMA)
        .eq(HF.LMA)
    );
  b.when(fast.eqz(), then);
}

const fxsave: Semantics = (b) => {
  present(b);
  const linear = areaOf(b, 16);
  b.call(SAVE_X87, linear, wideOf(b));
  b.when(b.hflags().and(HF.OSFXSR), () => {
    saveMxcsr(b, linear);
    unlessFast(b, () => void b.call(SAVE_XMM, at(linear, AT.xmm), registersOf(b)));
  });
};
const fxrstor: Semantics = (b) => {
  present(b);
  const linear = areaOf(b, 16);
  const mxcsr = b.let(b.load(at(linear, AT.mxcsr), 4));
  const sse = b.let(b.hflags().and(HF.OSFXSR));
  b.when(sse, () => void checkedMxcsr(b, mxcsr));
  b.call(RESTORE_X87, linear, wideOf(b));
  b.when(sse, () => {
    b.setEnv('mxcsr', mxcsr);
    unlessFast(b, () => void b.call(RESTORE_XMM, at(linear, AT.xmm), registersOf(b)));
  });
};

/** What the XSAVE family begins with: the area, and which components are meant. */
function requested(b: Backend): { readonly linear: Value; readonly rfbm: Value; has(bits: number): Value } {
  b.when(b.env('cr', 4).i32().and(CR4.OSXSAVE).eqz(), () => b.raise(EXCP.UD));
  b.when(b.hflags().and(HF.TS), () => b.raise(EXCP.NM));
  const linear = areaOf(b, 64);
  const asked = b.reg(R_EAX, 4).i64().or(b.reg(R_EDX, 4).i64().shl(32));
  const rfbm = b.let(asked.and(b.env('xcr0')));
  return { linear, rfbm, has: (bits) => rfbm.i32().and(bits) };
}
/** Where PKRU is in the compacted format: behind AVX if that is there. */
const compactedPkru = (linear: Value, components: Value): Value =>
  linear.add(
    components
      .i32()
      .and(XSTATE.YMM)
      .select(i64(AT.ymmh + YMMH_BYTES), AT.ymmh)
  );

function saveComponents(b: Backend, has: (bits: number) => Value, linear: Value, pkru: Value): void {
  const count = registersOf(b);
  b.when(has(XSTATE.FP), () => void b.call(SAVE_X87, linear, wideOf(b)));
  b.when(has(XSTATE.SSE | XSTATE.YMM), () => saveMxcsr(b, linear));
  b.when(has(XSTATE.SSE), () => void b.call(SAVE_XMM, at(linear, AT.xmm), count));
  b.when(has(XSTATE.YMM), () => void b.call(SAVE_YMMH, at(linear, AT.ymmh), count));
  b.when(has(XSTATE.PKRU), () => b.store(pkru, 8, b.env('pkru').i64()));
}

/** From HF.MPX_IU to XSTATE.BNDREGS. */
const BNDREGS_OF_IU = 23;
const BNDCSR = ['bndcfgu', 'bndstatus'] as const;
const BOUNDS = [0, 1, 2, 3, 4, 5, 6, 7];

/** Of XSAVEOPT, which may leave out what is not in use; as QEMU, that is the BND registers at most. */
const saving =
  (optimized: boolean): Semantics =>
  (b) => {
    const { linear, rfbm, has } = requested(b);
    saveComponents(b, has, linear, at(linear, AT.pkru));
    const inUse = b.let(b.hflags().and(HF.MPX_IU));
    const wanted = has(XSTATE.BNDREGS);
    b.when(optimized ? wanted.and(inUse.shrU(BNDREGS_OF_IU)) : wanted, () =>
      BOUNDS.forEach((i) => b.store(at(linear, AT.bndregs + 8 * i), 8, b.env('bnd_regs', i)))
    );
    b.when(has(XSTATE.BNDCSR), () =>
      BNDCSR.forEach((name, i) => b.store(at(linear, AT.bndcsr + 8 * i), 8, b.env(name)))
    );
    const saved = inUse.select(rfbm, rfbm.and(~XSTATE.BNDREGS));
    const bv = at(linear, AT.xstateBv);
    b.store(bv, 8, b.load(bv, 8).and(rfbm.not()).or(saved));
  };
const xsavec: Semantics = (b) => {
  const { linear, rfbm, has } = requested(b);
  saveComponents(b, has, linear, b.let(compactedPkru(linear, rfbm)));
  b.store(at(linear, AT.xstateBv), 8, rfbm);
  b.store(at(linear, AT.xcompBv), 8, rfbm.or(COMPACTED));
};

const XSAVEC_FEATURE = 2;
const hasXsavec: Helper = {
  name: 'has_xsavec',
  params: [],
  result: 'i32',
  run: (cpu: X86Cpu) => (cpu.model.features['XSAVE'] ?? 0) & XSAVEC_FEATURE
};
const loadPkru: Helper = {
  name: 'load_pkru',
  params: ['i32'],
  run(cpu: X86Cpu, value: number) {
    const { env, mmu } = cpu;
    if (env.get('pkru') === value >>> 0) return;
    env.set('pkru', value >>> 0);
    mmu.flush(true);
  }
};

const xrstor: Semantics = (b) => {
  const { linear, has } = requested(b);
  const [bv, comp] = [b.load(at(linear, AT.xstateBv), 8), b.load(at(linear, AT.xcompBv), 8)].map((word) =>
    b.let(word)
  ) as [Value, Value];
  const compacted = b.let(comp.ltS(0));
  const reject = (condition: Value): void => b.when(condition, () => b.raise(EXCP.GP, 0));
  const xcr0 = b.env('xcr0');
  b.when(
    compacted,
    () => {
      reject(b.call(hasXsavec).eqz());
      reject(comp.and(xcr0.or(COMPACTED).not()).or(bv.and(comp.not())).ne(0));
    },
    () => reject(bv.and(xcr0.not()).or(comp).ne(0))
  );
  reject(b.load(at(linear, AT.reserved), 8).ne(0));
  // The standard format has MXCSR whether or not there are SSE registers.
  const fromMemory = compacted.eqz().or(bv.i32().and(XSTATE.SSE));
  const mxcsr = b.variable('i32', MXCSR_INITIAL);
  b.when(has(XSTATE.SSE | XSTATE.YMM), () =>
    b.when(fromMemory, () => mxcsr.set(checkedMxcsr(b, b.load(at(linear, AT.mxcsr), 4))))
  );

  const count = registersOf(b);
  const component = (bit: number, load: () => void, init: () => void): void =>
    b.when(has(bit), () => b.when(bv.i32().and(bit), load, init));
  const pkru = b.let(compacted.select(compactedPkru(linear, comp), at(linear, AT.pkru)));
  component(
    XSTATE.FP,
    () => void b.call(RESTORE_X87, linear, wideOf(b)),
    () => void b.call(CLEAR_X87)
  );
  component(
    XSTATE.SSE,
    () => void b.call(RESTORE_XMM, at(linear, AT.xmm), count),
    () => void b.call(CLEAR_XMM, linear, count)
  );
  component(
    XSTATE.YMM,
    () => void b.call(RESTORE_YMMH, at(linear, AT.ymmh), count),
    () => void b.call(CLEAR_YMMH, linear, count)
  );
  b.when(has(XSTATE.SSE | XSTATE.YMM), () => b.setEnv('mxcsr', mxcsr.value));
  const setBounds = (value: (i: number) => Value, inUse: Value): void => {
    const values = BOUNDS.map((i) => b.let(value(i)));
    values.forEach((each, i) => b.setEnv('bnd_regs', each, i));
    b.setEnv('hflags', inUse);
  };
  component(
    XSTATE.BNDREGS,
    () => setBounds((i) => b.load(at(linear, AT.bndregs + 8 * i), 8), b.hflags().or(HF.MPX_IU)),
    () => setBounds(() => i64(0), b.hflags().and(~HF.MPX_IU))
  );
  component(
    XSTATE.BNDCSR,
    () => BNDCSR.forEach((name, i) => b.setEnv(name, b.load(at(linear, AT.bndcsr + 8 * i), 8))),
    () => BNDCSR.forEach((name) => b.setEnv(name, 0))
  );
  component(
    XSTATE.PKRU,
    () => void b.call(loadPkru, b.load(pkru, 4)),
    () => void b.call(loadPkru, 0)
  );
};

const ldmxcsr: Semantics = (b) => {
  needsSse(b);
  b.setEnv('mxcsr', checkedMxcsr(b, b.read(operandOf(b))));
};
const stmxcsr: Semantics = (b) => {
  needsSse(b);
  b.write(operandOf(b), b.env('mxcsr'));
};

export const extendedState: Readonly<Record<string, Semantics>> = {
  fxsave,
  fxrstor,
  xsave: saving(false),
  xsaveopt: saving(true),
  xsavec,
  xrstor,
  ldmxcsr,
  stmxcsr
};
