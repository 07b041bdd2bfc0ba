/**
 * What a state shows to be in use of a CPU's features, by QEMU's names: what this CPU lacks of them keeps a snapshot from
 * running here. SDM 3A 2.5, SDM 1 13.3; QEMU target/i386/cpu.c feature_word_info, kvm/kvm-cpu.c for KVM's.
 */
import type { CPUX86State, X86CPU } from './cpu.ts';
import { HF } from './env.ts';

type BitNames = readonly (readonly [bit: number, feature: string])[];

const CR4: BitNames = [
  [0, 'vme'],
  [1, 'vme'],
  [4, 'pse'],
  [5, 'pae'],
  [6, 'mce'],
  [7, 'pge'],
  [9, 'fxsr'],
  [10, 'sse'],
  [11, 'umip'],
  [12, 'la57'],
  [13, 'vmx'],
  [14, 'smx'],
  [16, 'fsgsbase'],
  [17, 'pcid'],
  [18, 'xsave'],
  [20, 'smep'],
  [21, 'smap'],
  [22, 'pku'],
  [23, 'cet'],
  [24, 'pks'],
  [25, 'uintr'],
  [28, 'lam'],
  [32, 'fred']
];

const XCR0: BitNames = [
  [2, 'avx'],
  [5, 'avx512f'],
  [6, 'avx512f'],
  [7, 'avx512f'],
  [9, 'pku'],
  [17, 'amx-tile'],
  [18, 'amx-tile'],
  [19, 'apxf']
];

/** MPX does nothing before one of its two configurations says so: a guest that only has XSAVE carry it along does not use it. */
const BNDCFG: BitNames = [[0, 'mpx']];

const EFER: BitNames = [
  [0, 'syscall'],
  [10, 'lm'],
  [11, 'nx'],
  [12, 'svm'],
  [14, 'fxsr-opt'],
  [15, 'tce']
];

/** MSRs of hypervisors that are not 0 where a guest relies on them. */
const PARAVIRTUAL = [
  ['system_time_msr', 'kvmclock'],
  ['async_pf_en_msr', 'kvm-asyncpf'],
  ['pv_eoi_en_msr', 'kvm-pv-eoi'],
  ['steal_time_msr', 'kvm-steal-time'],
  ['msr_hv_guest_os_id', 'hyperv']
] as const satisfies readonly (readonly [keyof CPUX86State, string])[];

const namesOf = (value: bigint | undefined, names: BitNames): string[] =>
  names.flatMap(([bit, name]) => (((value ?? 0n) >> BigInt(bit)) & 1n ? [name] : []));

/** Without repetition; fields that the stream left out count as 0. */
export function featuresInUse({ env }: X86CPU): readonly string[] {
  const nested = (env.hflags ?? 0) & HF.GUEST ? ['svm'] : [];
  const hypervisor = PARAVIRTUAL.flatMap(([field, name]) => (env[field] ? [name] : []));
  const registers = [...namesOf(env.cr?.[4], CR4), ...namesOf(env.xcr0, XCR0), ...namesOf(env.efer, EFER)];
  const bounds = [...namesOf(env.bndcs_regs?.cfgu, BNDCFG), ...namesOf(env.msr_bndcfgs, BNDCFG)];
  return [...new Set([...registers, ...bounds, ...nested, ...hypervisor])];
}
