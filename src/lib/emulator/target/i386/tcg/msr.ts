/**
 * Model-specific registers as a table: what QEMU TCG keeps. Others read as 0 and swallow what is written, as there.
 * SDM 4, APM 2 appendix A; source: QEMU target/i386/tcg/sysemu/misc_helper.c helper_rdmsr, helper_wrmsr.
 */
import { CR0, EFER, hasFeature } from '../control-registers.ts';
import { R_ECX, R_FS, R_GS, type EnvName } from '../env.ts';
import { cpu_load_efer } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { edxEax, requireCpl0, setEdxEax64 } from './misc_helper.ts';
import { generalProtection } from './exceptions.ts';
import { isCanonical } from './tss.ts';

interface Msr {
  readonly name: string;
  readonly read: (cpu: X86Cpu) => bigint;
  /** Absent: what is written is ignored. `value` unsigned. */
  readonly write?: (cpu: X86Cpu, value: bigint) => void;
  /** There only with this feature of the model. */
  readonly feature?: readonly [word: string, bit: number];
}

/** A field of the state, element `index` of it. */
const field = (name: string, at: EnvName, index = 0): Msr => ({
  name,
  read: ({ env }) => env.get64(at, index),
  write: ({ env }, value) => env.set64(at, value, index)
});
/** One that holds a linear address. */
const address = (name: string, at: EnvName, index = 0): Msr => ({
  name,
  read: ({ env }) => env.get64(at, index),
  write: ({ env }, value) => {
    if (!isCanonical(env, value)) throw generalProtection();
    env.set64(at, value, index);
  }
});
const constant = (name: string, value: bigint): Msr => ({ name, read: () => value });

const MTRR_VARIABLE = 8;
const MTRR_CAP = BigInt(MTRR_VARIABLE | (1 << 8) | (1 << 10)); // with fixed ranges and write combining
const MCG_CTL_P = 0x100n;
const APIC_BASE_KNOWN = 0xffff_ffffn & ~0x2ffn;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** The bits of EFER that exist with a feature of word 8000_0001_EDX. */
const EFER_FEATURES: readonly (readonly [efer: number, bit: number])[] = [
  [EFER.SCE, 11],
  [EFER.LME, 29],
  [EFER.NXE, 20],
  [EFER.FFXSR, 25]
];

function writeEfer(cpu: X86Cpu, value: bigint): void {
  const { env, model } = cpu;
  const known = EFER_FEATURES.reduce(
    (mask, [efer, bit]) => (hasFeature(model, '8000_0001_EDX', bit) ? mask | efer : mask),
    0
  );
  const old = env.get('efer');
  const efer = (old & ~known) | (Number(value & 0xffff_ffffn) & known);
  if ((old ^ efer) & EFER.LME && env.get('cr') & CR0.PG) throw generalProtection();
  cpu_load_efer(cpu, efer);
}

const TABLE = new Map<number, Msr>([
  [
    0x10,
    {
      name: 'TSC',
      read: ({ env, outside }) => BigInt.asUintN(64, outside.tsc() + env.get64('tsc_offset')),
      write: ({ env, outside }, value) => env.set64('tsc_offset', value - outside.tsc())
    }
  ],
  [
    0x1b,
    {
      name: 'APIC_BASE',
      read: ({ outside }) => outside.apicBase(),
      write: ({ outside }, value) => {
        if (value & ~APIC_BASE_KNOWN) throw generalProtection();
        if (!outside.setApicBase(value)) throw generalProtection();
      }
    }
  ],
  [0x34, { name: 'SMI_COUNT', read: ({ env }) => BigInt(env.get('msr_smi_count')) }],
  [0x35, constant('CORE_THREAD_COUNT', 0x1_0001n)],
  [
    0x3b,
    {
      name: 'TSC_ADJUST',
      feature: ['7_0_EBX', 1],
      read: ({ env }) => env.get64('tsc_adjust'),
      write: ({ env }, value) => {
        env.set64('tsc_offset', env.get64('tsc_offset') + value - env.get64('tsc_adjust'));
        env.set64('tsc_adjust', value);
      }
    }
  ],
  [0x8b, { name: 'UCODE_REV', read: ({ model }) => (model.vendor === 'AuthenticAMD' ? 0x0100_0065n : 0x1_0000_0000n) }],
  [0xfe, { name: 'MTRRcap', feature: ['1_EDX', 12], read: () => MTRR_CAP }],
  [
    0x174,
    {
      name: 'SYSENTER_CS',
      read: ({ env }) => BigInt(env.get('sysenter_cs')),
      write: ({ env }, value) => env.set('sysenter_cs', Number(value & 0xffffn))
    }
  ],
  [0x175, address('SYSENTER_ESP', 'sysenter_esp')],
  [0x176, address('SYSENTER_EIP', 'sysenter_eip')],
  [0x179, { name: 'MCG_CAP', read: ({ env }) => env.get64('mcg_cap') }],
  [0x17a, field('MCG_STATUS', 'mcg_status')],
  [
    0x17b,
    {
      name: 'MCG_CTL',
      read: ({ env }) => (env.get64('mcg_cap') & MCG_CTL_P ? env.get64('mcg_ctl') : 0n),
      write: ({ env }, value) => {
        if (env.get64('mcg_cap') & MCG_CTL_P && (value === 0n || value === ALL_ONES)) env.set64('mcg_ctl', value);
      }
    }
  ],
  [0x198, constant('PERF_STATUS', (4n << 40n) | 1000n)],
  [0x1a0, field('MISC_ENABLE', 'misc_enable')],
  ...Array.from({ length: MTRR_VARIABLE * 2 }, (_, i): [number, Msr] => [
    0x200 + i,
    field(`MTRRphys${i & 1 ? 'Mask' : 'Base'}${i >> 1}`, 'mtrr_var', i)
  ]),
  ...[0x250, 0x258, 0x259, 0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f].map((at, i): [number, Msr] => [
    at,
    field(`MTRRfix ${at.toString(16)}`, 'mtrr_fixed', i)
  ]),
  [0x277, field('PAT', 'pat')],
  [0x2ff, field('MTRRdefType', 'mtrr_deftype')],
  [
    0x6e0,
    {
      name: 'TSC_DEADLINE',
      feature: ['1_ECX', 24],
      read: ({ env }) => env.get64('tsc_deadline'),
      write: ({ env, outside }, value) => {
        env.set64('tsc_deadline', value);
        outside.tscDeadline(value);
      }
    }
  ],
  [
    0x6e1,
    {
      name: 'IA32_PKRS',
      read: ({ env }) => BigInt(env.get('pkrs')),
      write: ({ env, mmu }, value) => {
        if (value >> 32n) throw generalProtection();
        env.set('pkrs', Number(value));
        mmu.flush(true);
      },
      feature: ['7_0_ECX', 31]
    }
  ],
  [0xc000_0080, { name: 'EFER', read: ({ env }) => env.get64('efer'), write: writeEfer }],
  [0xc000_0081, field('STAR', 'star')],
  [0xc000_0082, address('LSTAR', 'lstar')],
  [0xc000_0083, address('CSTAR', 'cstar')],
  [0xc000_0084, field('FMASK', 'fmask')],
  [0xc000_0100, address('FS_BASE', 'seg_base', R_FS)],
  [0xc000_0101, address('GS_BASE', 'seg_base', R_GS)],
  [0xc000_0102, address('KERNEL_GS_BASE', 'kernelgsbase')],
  [0xc000_0103, field('TSC_AUX', 'tsc_aux')]
]);

const APIC_FIRST = 0x800;
const APIC_LAST = 0x8ff;
const MC_FIRST = 0x400;

const isApic = (index: number): boolean => index >= APIC_FIRST && index <= APIC_LAST;

/** The register of a machine check bank that an index names. */
function machineCheck({ env }: X86Cpu, index: number): number | undefined {
  const count = (4 * env.get('mcg_cap')) & 0xff;
  return index >= MC_FIRST && index < MC_FIRST + count ? index - MC_FIRST : undefined;
}

function known({ model }: X86Cpu, index: number): Msr | undefined {
  const msr = TABLE.get(index);
  return msr?.feature && !hasFeature(model, ...msr.feature) ? undefined : msr;
}

/** What RDMSR gives. #GP(0) for x2APIC registers that are not there. */
export function readMsr(cpu: X86Cpu, index: number): bigint {
  const msr = known(cpu, index);
  if (msr) return msr.read(cpu);
  if (isApic(index)) {
    const value = cpu.outside.apicMsrRead(index - APIC_FIRST);
    if (value === undefined) throw generalProtection();
    return value;
  }
  const bank = machineCheck(cpu, index);
  if (bank !== undefined) return cpu.env.get64('mce_banks', bank);
  cpu.outside.log(`rdmsr ${index.toString(16)}: unknown`);
  return 0n;
}

/** What WRMSR does. `value` unsigned. */
export function writeMsr(cpu: X86Cpu, index: number, value: bigint): void {
  const msr = known(cpu, index);
  if (msr) {
    msr.write?.(cpu, value);
    return;
  }
  if (isApic(index)) {
    if (!cpu.outside.apicMsrWrite(index - APIC_FIRST, value)) throw generalProtection();
    return;
  }
  const bank = machineCheck(cpu, index);
  if (bank === undefined) cpu.outside.log(`wrmsr ${index.toString(16)}: unknown`);
  // a control register is all or nothing
  else if ((bank & 3) !== 0 || value === 0n || value === ALL_ONES) cpu.env.set64('mce_banks', value, bank);
}

export function helper_rdmsr(cpu: X86Cpu): void {
  requireCpl0(cpu);
  const index = cpu.env.get('regs', R_ECX * 2);
  const value = readMsr(cpu, index);
  cpu.observer?.msr?.(index, value, false);
  setEdxEax64(cpu.env, value);
}

export function helper_wrmsr(cpu: X86Cpu): void {
  requireCpl0(cpu);
  const [index, value] = [cpu.env.get('regs', R_ECX * 2), edxEax(cpu.env)];
  cpu.observer?.msr?.(index, value, true);
  writeMsr(cpu, index, value);
}
