/** The CPU after power-on, reset and INIT. SDM 3A table 9-1; source: QEMU target/i386/cpu.c x86_cpu_reset_hold, helper.c do_cpu_init. */
import { CR0, hasFeature, XSTATE } from './control-registers.ts';
import { cpuid_version } from './cpuid.ts';
import { DESC, TYPE } from './descriptors.ts';
import { CPU_INTERRUPT, ENV, ENV_SIZE, R_CS, R_EDX, type Env, type EnvName } from './env.ts';
import { cpu_x86_load_seg_cache, cpu_x86_update_cr0, cpu_x86_update_cr4, setSmm } from './hflags.ts';
import { cpu_x86_update_dr7, DR6 } from './tcg/bpt_helper.ts';
import { HF2_GIF, HF2_VGIF } from './hflags2.ts';
import type { X86Cpu } from './x86-cpu.ts';

const CLEARED_BY_INIT: readonly EnvName[] = [
  'regs',
  'eip',
  'cc_src',
  'cc_op',
  'eflags',
  'hflags',
  'interrupt_request',
  'halted',
  'error_code',
  'exception_is_int',
  'exception_next_eip',
  'fault_linear',
  'inhibit_irq',
  'ldt_selector',
  'tr_selector',
  'ldt_base',
  'tr_base',
  'gdt_base',
  'idt_base',
  'cr',
  'dr',
  'efer',
  'tsc_offset',
  'mtrr_deftype',
  'mtrr_fixed',
  'mtrr_var',
  'xss'
];

/** What INIT keeps and a reset clears or sets: QEMU's start_init_save to end_init_save. */
const CLEARED_BY_RESET: readonly EnvName[] = [
  'fpregs',
  'fpstt',
  'fpus',
  'fpop',
  'fpcs',
  'fpds',
  'fpip',
  'fpdp',
  'xmm',
  'sysenter_cs',
  'sysenter_esp',
  'sysenter_eip',
  'star',
  'lstar',
  'cstar',
  'fmask',
  'kernelgsbase',
  'tsc_adjust',
  'tsc_deadline',
  'tsc_aux',
  'mcg_status',
  'msr_smi_count',
  'pkru',
  'pkrs'
];

const offsets = [...Object.values(ENV), ENV_SIZE].sort((a, b) => a - b);

function clear({ u8, base }: Env, names: readonly EnvName[]): void {
  for (const name of names) u8.fill(0, base + ENV[name], base + offsets[offsets.indexOf(ENV[name]) + 1]!);
}

/** SDM 4: fast strings. QEMU MSR_IA32_MISC_ENABLE_DEFAULT, _MWAIT. */
const MISC_ENABLE = { FAST_STRING: 1, MWAIT: 1 << 18 } as const;
const DATA = DESC.P | DESC.S | DESC.W | DESC.A;

function setInit(cpu: X86Cpu): void {
  const { env } = cpu;
  setSmm(cpu, false);
  clear(env, CLEARED_BY_INIT);
  env.set('hflags2', HF2_GIF | HF2_VGIF);
  cpu_x86_update_cr0(cpu, CR0.CD | CR0.NW | CR0.ET);
  cpu_x86_update_cr4(cpu, 0);
  env.set('a20_mask', 0xffff_ffff);
  for (const name of ['idt_limit', 'gdt_limit', 'ldt_limit', 'tr_limit'] as const) env.set(name, 0xffff);
  env.set('ldt_flags', DESC.P | (TYPE.LDT << 8));
  env.set('tr_flags', DESC.P | (TYPE.TSS32_BUSY << 8));
  for (let seg = 0; seg < 6; seg++) {
    if (seg === R_CS) cpu_x86_load_seg_cache(env, R_CS, 0xf000, 0xffff_0000, 0xffff, DATA | DESC.CS);
    else cpu_x86_load_seg_cache(env, seg, 0, 0, 0xffff, DATA);
  }
  env.set64('eip', 0xfff0n);
  env.set64('regs', BigInt(cpuid_version(cpu.model)), R_EDX);
  env.set('eflags', 2);
  env.set('exception_index', -1);
  env.set64('dr', BigInt(DR6.FIXED_1), 6);
  cpu_x86_update_dr7(cpu, 0);
  cpu.mmu.flush(true);
}

/** Power-on and the board's reset. The local APIC is reset by itself. */
export function cpu_reset(cpu: X86Cpu): void {
  const { env } = cpu;
  clear(env, CLEARED_BY_RESET);
  env.set('smbase', 0x3_0000);
  env.u8.fill(1, env.base + ENV.fptags, env.base + ENV.fptags + 8);
  env.set('fpuc', 0x37f);
  env.set('mxcsr', 0x1f80);
  env.set64('xcr0', BigInt(XSTATE.FP));
  env.set64('pat', 0x0007_0406_0007_0406n);
  const mwait = hasFeature(cpu.model, '1_ECX', 3) ? MISC_ENABLE.MWAIT : 0;
  env.set64('misc_enable', BigInt(MISC_ENABLE.FAST_STRING | mwait));
  setInit(cpu);
}

/** INIT: floating point, SMBASE and most MSRs stay. */
export function cpu_init(cpu: X86Cpu): void {
  const sipi = cpu.env.get('interrupt_request') & CPU_INTERRUPT.SIPI;
  setInit(cpu);
  cpu.env.set('interrupt_request', sipi);
}

const MCE_BANKS = 10;
const MCG_CTL_P = 1 << 8;
const MCG_SER_P = 1 << 24;

/** What the CPU is made with: machine checks. QEMU mce_init. To be followed by a reset. */
export function cpu_realize({ env, model }: X86Cpu): void {
  const checks = hasFeature(model, '1_EDX', 7) && hasFeature(model, '1_EDX', 14);
  if (model.family < 6 || !checks) return;
  env.set64('mcg_cap', BigInt(MCG_CTL_P | MCG_SER_P | MCE_BANKS));
  env.set64('mcg_ctl', -1n);
  for (let bank = 0; bank < MCE_BANKS; bank++) env.set64('mce_banks', -1n, bank * 4);
}

/** QEMU x86_cpu_set_a20. */
export function x86_cpu_set_a20({ env, mmu }: X86Cpu, on: boolean): void {
  const mask = on ? 0xffff_ffff : ~(1 << 20) >>> 0;
  if (env.get('a20_mask') === mask) return;
  env.set('a20_mask', mask);
  mmu.flush(true);
}
