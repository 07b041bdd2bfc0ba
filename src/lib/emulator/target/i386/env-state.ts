/**
 * The CPU's sections of the stream, "cpu" and "cpu_common", into the live CPU and back. What the live CPU does not have
 * (KVM's, Hyper-V's, SVM's) stays in the stream's state and goes out as it came.
 * Source: QEMU target/i386/machine.c cpu_pre_save, cpu_post_load; tcg/tcg-cpu.c x86_cpu_exec_enter.
 */
import { CR0 } from './control-registers.ts';
import type { CPUX86State, SegmentCache, X86CPU } from './cpu.ts';
import { DESC } from './descriptors.ts';
import { cpu_compute_eflags } from './eflags.ts';
import { CC_MASK, CPUException, ENV, HF, R_CS, type Env, type EnvName } from './env.ts';
import { recomputeHflags, setSmm } from './hflags.ts';
import { CC_OP_EFLAGS } from './isa/flags.ts';
import { cpu_x86_update_dr7 } from './tcg/bpt_helper.ts';
import { deliverException } from './tcg/excp_helper.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** "cpu_common". Structurally hw/core/cpu.ts CPUState. */
export interface CommonState {
  halted: number;
  interrupt_request: number;
  exception_index: number;
  crash_occurred: boolean;
}

/** Fields of one 64-bit value, by their names here and there. */
const FIELDS_64 = [
  ['eip', 'eip'],
  ['sysenter_esp', 'sysenter_esp'],
  ['sysenter_eip', 'sysenter_eip'],
  ['efer', 'efer'],
  ['star', 'star'],
  ['lstar', 'lstar'],
  ['cstar', 'cstar'],
  ['fmask', 'fmask'],
  ['kernelgsbase', 'kernelgsbase'],
  ['pat', 'pat'],
  ['mtrr_deftype', 'mtrr_deftype'],
  ['tsc_aux', 'tsc_aux'],
  ['tsc_adjust', 'tsc_adjust'],
  ['tsc_deadline', 'tsc_deadline'],
  ['mcg_cap', 'mcg_cap'],
  ['mcg_status', 'mcg_status'],
  ['mcg_ctl', 'mcg_ctl'],
  ['xcr0', 'xcr0'],
  ['xss', 'xss'],
  ['fpip', 'fpip'],
  ['fpdp', 'fpdp'],
  ['misc_enable', 'msr_ia32_misc_enable']
] as const satisfies readonly (readonly [EnvName, keyof CPUX86State])[];

/** Fields of one value of up to 32 bits. */
const FIELDS_32 = [
  ['hflags2', 'hflags2'],
  ['fpuc', 'fpuc'],
  ['fpop', 'fpop'],
  ['sysenter_cs', 'sysenter_cs'],
  ['mxcsr', 'mxcsr'],
  ['smbase', 'smbase'],
  ['pkru', 'pkru'],
  ['pkrs', 'pkrs']
] as const satisfies readonly (readonly [EnvName, keyof CPUX86State])[];

/** Arrays of 64-bit values. */
const ARRAYS = [
  ['regs', 'regs', 16],
  ['dr', 'dr', 8],
  ['mtrr_fixed', 'mtrr_fixed', 11],
  ['mce_banks', 'mce_banks', 40]
] as const satisfies readonly (readonly [EnvName, keyof CPUX86State, number])[];

const TOP = 0x3800;
const SYSTEM_SEGMENTS = ['ldt', 'tr'] as const;
const TABLES = ['gdt', 'idt'] as const;
const CONTROL_REGISTERS = [0, 2, 3, 4];
const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const zeros = (count: number): bigint[] => new Array<bigint>(count).fill(0n);
const noSegment = (): SegmentCache => ({ selector: 0, base: 0n, limit: 0, flags: 0 });

/** What subsections stand for where the stream leaves them out, and KVM's words where there is no KVM. */
const defaults = () => ({
  fpop: 0,
  fpip: 0n,
  fpdp: 0n,
  tsc_adjust: 0n,
  tsc_deadline: 0n,
  msr_ia32_misc_enable: 1n,
  msr_smi_count: 0n,
  xss: 0n,
  pkru: 0,
  pkrs: 0,
  bnd_regs: indices(4).map(() => ({ lb: 0n, ub: 0n })),
  bndcs_regs: { cfgu: 0n, sts: 0n },
  msr_bndcfgs: 0n,
  poll_control_msr: 0n,
  interrupt_injected: -1,
  exception_nr: -1
});

const ZEROED_32 = [
  'fpregs_format_vmstate',
  'intercept_cr_read',
  'intercept_cr_write',
  'intercept_dr_read',
  'intercept_dr_write',
  'intercept_exceptions',
  'v_tpr',
  'mp_state',
  'soft_interrupt',
  'nmi_injected',
  'nmi_pending',
  'has_error_code',
  'sipi_vector'
] as const satisfies readonly (keyof CPUX86State)[];
const ZEROED_64 = [
  'vm_hsave',
  'vm_vmcb',
  'intercept',
  'tsc',
  'system_time_msr',
  'wall_clock_msr',
  'xstate_bv'
] as const satisfies readonly (keyof CPUX86State)[];

/**
 * The stream's side of one CPU. `cpu` and `common` are what the descriptions load and save; the functions named as in QEMU
 * are to be called around that.
 */
export class CpuVmState {
  readonly cpu: X86CPU;
  readonly common: CommonState = { halted: 0, interrupt_request: 0, exception_index: -1, crash_occurred: false };
  readonly #live: X86Cpu;
  /** How hflags came, and what was made of it: what did not change goes out as it came. */
  #hflags = { stream: 0, live: 0 };
  /** KVM says what the TSC was; TCG leaves that to the section "timer". */
  #kvmTsc = false;
  /** The TSC is to be set, once the clocks are. */
  #tscPending = false;

  constructor(live: X86Cpu) {
    this.#live = live;
    const env: Partial<CPUX86State> = {};
    for (const name of [...ZEROED_32, ...FIELDS_32.map(([, name]) => name)]) env[name] = 0;
    for (const name of [...ZEROED_64, ...FIELDS_64.map(([, name]) => name)]) env[name] = 0n;
    for (const [, name, count] of ARRAYS) env[name] = zeros(count);
    Object.assign(env, {
      ...defaults(),
      cr: zeros(5),
      segs: indices(6).map(noSegment),
      ldt: noSegment(),
      tr: noSegment(),
      gdt: noSegment(),
      idt: noSegment(),
      fpregs: indices(8).map(() => ({ tmp: { tmp_mant: 0n, tmp_exp: 0 } })),
      xmm_regs: indices(32).map(() => ({ _q_ZMMReg: zeros(8) })),
      mtrr_var: indices(8).map(() => ({ base: 0n, mask: 0n }))
    });
    this.cpu = { env: env as CPUX86State };
    this.#hflags = { stream: live.env.get('hflags') & ~HF.VM, live: live.env.get('hflags') };
  }

  /** Before "cpu" is loaded. */
  cpu_pre_load(): void {
    Object.assign(this.cpu.env, defaults());
  }

  /** After "cpu" was loaded. */
  cpu_post_load(): void {
    const { env, mmu } = this.#live;
    const state = this.cpu.env;
    if (!(state.cr[0]! & BigInt(CR0.PE)) && (state.segs[R_CS]!.flags >>> DESC.DPL_SHIFT) & 3) {
      // KVM once left a DPL in real mode
      for (const segment of state.segs) segment.flags &= ~(3 << DESC.DPL_SHIFT);
    }
    for (const [here, there] of FIELDS_64) env.set64(here, state[there]);
    for (const [here, there] of FIELDS_32) env.set(here, state[there]);
    for (const [here, there, count] of ARRAYS) for (const i of indices(count)) env.set64(here, state[there][i]!, i);
    for (const i of CONTROL_REGISTERS) env.set64('cr', state.cr[i]!, i);
    env.set('a20_mask', state.a20_mask);
    env.set('msr_smi_count', Number(BigInt.asUintN(32, state.msr_smi_count)));
    state.mtrr_var.forEach(({ base, mask }, i) => {
      env.set64('mtrr_var', base, i * 2);
      env.set64('mtrr_var', mask, i * 2 + 1);
    });
    state.bnd_regs.forEach(({ lb, ub }, i) => {
      env.set64('bnd_regs', lb, i * 2);
      env.set64('bnd_regs', ub, i * 2 + 1);
    });
    env.set64('bndcfgu', state.bndcs_regs.cfgu);
    env.set64('bndstatus', state.bndcs_regs.sts);
    loadSegments(env, state);
    loadFloatingPoint(env, state);
    loadFlags(env, state);
    env.set('inhibit_irq', (state.hflags & HF.INHIBIT_IRQ) === 0 ? 0 : 1);
    setSmm(this.#live, (state.hflags & HF.SMM) !== 0);
    env.set('hflags', state.hflags);
    recomputeHflags(env);
    cpu_x86_update_dr7(this.#live, env.get('dr', 7 * 2));
    this.#hflags = { stream: state.hflags, live: env.get('hflags') };
    this.#kvmTsc = state.tsc !== 0n;
    this.#tscPending = this.#kvmTsc;
    if (!this.#kvmTsc) env.set64('tsc_offset', state.tsc_offset);
    mmu.flush(true);
  }

  /** Before "cpu" is saved. */
  cpu_pre_save(): void {
    const { env, outside } = this.#live;
    const state = this.cpu.env;
    for (const [here, there] of FIELDS_64) state[there] = env.get64(here);
    for (const [here, there] of FIELDS_32) state[there] = env.get(here);
    for (const [here, there, count] of ARRAYS) state[there] = indices(count).map((i) => env.get64(here, i));
    for (const i of CONTROL_REGISTERS) state.cr[i] = env.get64('cr', i);
    state.a20_mask = env.get('a20_mask') | 0;
    state.msr_smi_count = BigInt(env.get('msr_smi_count'));
    state.mtrr_var = indices(8).map((i) => ({
      base: env.get64('mtrr_var', i * 2),
      mask: env.get64('mtrr_var', i * 2 + 1)
    }));
    state.bnd_regs = indices(4).map((i) => ({
      lb: env.get64('bnd_regs', i * 2),
      ub: env.get64('bnd_regs', i * 2 + 1)
    }));
    state.bndcs_regs = { cfgu: env.get64('bndcfgu'), sts: env.get64('bndstatus') };
    saveSegments(env, state);
    saveFloatingPoint(env, state);
    state.eflags = BigInt(cpu_compute_eflags(env));
    const inhibit = env.get('inhibit_irq') === 0 ? 0 : HF.INHIBIT_IRQ;
    const unchanged = (this.#hflags.stream ^ this.#hflags.live) & ~HF.INHIBIT_IRQ;
    state.hflags = (((env.get('hflags') ^ unchanged) & ~HF.INHIBIT_IRQ) | inhibit) >>> 0;
    if (!this.#kvmTsc) state.tsc_offset = env.get64('tsc_offset');
    else if (!this.#tscPending) state.tsc = BigInt.asUintN(64, outside.tsc() + env.get64('tsc_offset'));
  }

  /** After "cpu_common" was loaded. */
  cpu_common_post_load(): void {
    const { env } = this.#live;
    env.set('halted', this.common.halted);
    env.set('interrupt_request', this.common.interrupt_request & ~CPU_INTERRUPT_EXIT);
  }

  /** Before "cpu_common" is saved. */
  cpu_common_pre_save(): void {
    const { env } = this.#live;
    this.common.halted = env.get('halted');
    this.common.interrupt_request = env.get('interrupt_request');
  }

  /** Before the machine goes on: clocks stand right, and what TCG was about to raise is raised. */
  resume(): void {
    const { env, outside } = this.#live;
    if (this.#tscPending) env.set64('tsc_offset', this.cpu.env.tsc - outside.tsc());
    this.#tscPending = false;
    const vector = this.common.exception_index;
    this.common.exception_index = -1;
    if (vector >= 0 && vector < EXCEPTIONS) deliverException(this.#live, new CPUException(vector));
  }
}

/** Of old QEMU, without meaning. */
const CPU_INTERRUPT_EXIT = 1;
/** Above are QEMU's own reasons to leave its loop: EXCP_INTERRUPT, EXCP_HLT, … */
const EXCEPTIONS = 32;

function loadSegments(env: Env, state: CPUX86State): void {
  state.segs.forEach(({ selector, base, limit, flags }, i) => {
    env.set('seg_selector', selector, i);
    env.set64('seg_base', base, i);
    env.set('seg_limit', limit, i);
    env.set('seg_flags', flags, i);
  });
  for (const name of SYSTEM_SEGMENTS) {
    env.set(`${name}_selector`, state[name].selector);
    env.set(`${name}_flags`, state[name].flags);
  }
  for (const name of [...SYSTEM_SEGMENTS, ...TABLES]) {
    env.set64(`${name}_base`, state[name].base);
    env.set(`${name}_limit`, state[name].limit);
  }
}

function saveSegments(env: Env, state: CPUX86State): void {
  state.segs = indices(6).map((i) => ({
    selector: env.get('seg_selector', i),
    base: env.get64('seg_base', i),
    limit: env.get('seg_limit', i),
    flags: env.get('seg_flags', i)
  }));
  for (const name of SYSTEM_SEGMENTS) {
    state[name].selector = env.get(`${name}_selector`);
    state[name].flags = env.get(`${name}_flags`);
  }
  for (const name of [...SYSTEM_SEGMENTS, ...TABLES]) {
    state[name].base = env.get64(`${name}_base`);
    state[name].limit = env.get(`${name}_limit`);
  }
}

/** TOP has a word of its own here, and tags are inverted: 1 is empty. XMM and YMM are halves of one register. */
function loadFloatingPoint(env: Env, state: CPUX86State): void {
  env.set('fpstt', (state.fpus_vmstate >>> 11) & 7);
  env.set('fpus', state.fpus_vmstate & ~TOP);
  state.fpregs.forEach(({ tmp }, i) => {
    env.set64('fpregs', tmp.tmp_mant, i * 2);
    env.set64('fpregs', BigInt(tmp.tmp_exp), i * 2 + 1);
    env.u8[env.base + ENV.fptags + i] = (state.fptag_vmstate >>> i) & 1 ? 0 : 1;
  });
  for (const i of indices(16)) {
    for (const word of indices(4)) env.set64('xmm', state.xmm_regs[i]!._q_ZMMReg[word] ?? 0n, i * 4 + word);
  }
}

function saveFloatingPoint(env: Env, state: CPUX86State): void {
  state.fpus_vmstate = (env.get('fpus') & ~TOP) | (env.get('fpstt') << 11);
  state.fptag_vmstate = indices(8).reduce((tags, i) => tags | (env.u8[env.base + ENV.fptags + i] ? 0 : 1 << i), 0);
  state.fpregs = indices(8).map((i) => ({
    tmp: { tmp_mant: env.get64('fpregs', i * 2), tmp_exp: env.get('fpregs', i * 4 + 2) & 0xffff }
  }));
  for (const i of indices(16)) {
    for (const word of indices(4)) state.xmm_regs[i]!._q_ZMMReg[word] = env.get64('xmm', i * 4 + word);
  }
}

function loadFlags(env: Env, state: CPUX86State): void {
  const eflags = Number(BigInt.asUintN(32, state.eflags));
  env.set('eflags', (eflags & ~CC_MASK) | 2);
  env.set64('cc_src', BigInt(eflags & CC_MASK));
  env.set('cc_op', CC_OP_EFLAGS);
}
