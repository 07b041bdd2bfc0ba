/** The CPU's registers as rows, and one of them changed by hand. */
import type { Meaning } from '../vmstate/vmstate.ts';
import type { TcgCpu } from './accel/tcg/cpu-exec.ts';
import type { CpuView, RegisterRow } from './machine-api.ts';
import { cpu_compute_eflags, cpu_load_eflags, EFLAGS_CONTROL } from './target/i386/eflags.ts';
import { HF, R_CS, R_ESP, R_SS, type EnvName } from './target/i386/env.ts';
import {
  CR0,
  CR3,
  CR4,
  DR6,
  DR7,
  EFER,
  EFLAGS,
  FPU_CONTROL,
  FPU_STATUS,
  GENERAL_REGISTERS,
  MXCSR,
  PAT,
  SEGMENT_FLAGS,
  SEGMENT_REGISTERS,
  SELECTOR,
  SYSTEM_SEGMENT_FLAGS,
  XCR0
} from './target/i386/registers.ts';
import { helper_set_dr } from './target/i386/tcg/bpt_helper.ts';
import { helper_write_crN } from './target/i386/tcg/misc_helper.ts';

interface Register {
  readonly name: string;
  readonly bytes: number;
  readonly about?: Meaning;
  readonly get: (cpu: TcgCpu) => bigint;
  /** None: it cannot be changed by hand. */
  readonly set?: (cpu: TcgCpu, value: bigint) => void;
}

/** 64 bits that lie in the state as they are. */
const quad = (name: string, field: EnvName, index = 0, about?: Meaning): Register => ({
  ...{ name, bytes: 8, ...(about ? { about } : {}) },
  get: ({ env }) => env.get64(field, index),
  set: ({ env }, value) => env.set64(field, value, index)
});
/** The same, for what other state follows from. */
const readOnlyQuad = (name: string, field: EnvName, index = 0, about?: Meaning): Register => {
  const { set: _, ...register } = quad(name, field, index, about);
  return register;
};
const word = (name: string, bytes: number, field: EnvName, index = 0, about?: Meaning): Register => ({
  ...{ name, bytes, ...(about ? { about } : {}) },
  get: ({ env }) => BigInt(env.get(field, index))
});
const control = (n: number, about?: Meaning): Register => ({
  ...{ name: `CR${n}`, bytes: 8, ...(about ? { about } : {}) },
  get: ({ env, outside }) => (n === 8 ? BigInt(outside.apicTpr()) : env.get64('cr', n)),
  set: (cpu, value) => helper_write_crN(cpu, n, value)
});
const debug = (n: number, about?: Meaning): Register => ({
  ...{ name: `DR${n}`, bytes: 8, ...(about ? { about } : {}) },
  get: ({ env }) => env.get64('dr', n),
  set: (cpu, value) => helper_set_dr(cpu, n, value)
});
const segment = (name: string, n: number): readonly Register[] => [
  word(name, 2, 'seg_selector', n, SELECTOR),
  readOnlyQuad(`${name}.base`, 'seg_base', n),
  word(`${name}.limit`, 4, 'seg_limit', n),
  word(`${name}.flags`, 4, 'seg_flags', n, SEGMENT_FLAGS)
];
const systemSegment = (name: 'ldt' | 'tr'): readonly Register[] => [
  word(name.toUpperCase(), 2, `${name}_selector`, 0, SELECTOR),
  readOnlyQuad(`${name.toUpperCase()}.base`, `${name}_base`),
  word(`${name.toUpperCase()}.limit`, 4, `${name}_limit`),
  word(`${name.toUpperCase()}.flags`, 4, `${name}_flags`, 0, SYSTEM_SEGMENT_FLAGS)
];
const table = (name: 'gdt' | 'idt'): readonly Register[] => [
  readOnlyQuad(`${name.toUpperCase()}.base`, `${name}_base`),
  word(`${name.toUpperCase()}.limit`, 2, `${name}_limit`)
];
/** 128 bits, or the 80 of a floating-point register. */
const wide = (name: string, field: EnvName, index: (cpu: TcgCpu) => number, bytes: number): Register => ({
  ...{ name, bytes },
  get(cpu) {
    const at = (cpu.env.base + cpu.env.offsetOf(field)) / 8 + index(cpu) * 2;
    return BigInt.asUintN(bytes * 8, (cpu.env.u64[at + 1]! << 64n) | cpu.env.u64[at]!);
  },
  set(cpu, value) {
    const at = (cpu.env.base + cpu.env.offsetOf(field)) / 8 + index(cpu) * 2;
    cpu.env.u64[at] = BigInt.asUintN(64, value);
    cpu.env.u64[at + 1] = BigInt.asUintN(bytes * 8 - 64, value >> 64n);
  }
});

/** Both halves of a 256-bit register. */
const ymm = (n: number): Register => {
  const [low, high] = [wide('', 'xmm', () => n * 2, 16), wide('', 'xmm', () => n * 2 + 1, 16)];
  return {
    ...{ name: `YMM${n}`, bytes: 32 },
    get: (cpu) => (high.get(cpu) << 128n) | low.get(cpu),
    set: (cpu, value) => {
      low.set!(cpu, BigInt.asUintN(128, value));
      high.set!(cpu, value >> 128n);
    }
  };
};

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

const GROUPS: readonly { readonly title: string; readonly registers: readonly Register[] }[] = [
  {
    title: 'General',
    registers: [
      ...GENERAL_REGISTERS.slice(0, 16).map((name, n) => quad(name, 'regs', n)),
      quad('RIP', 'eip'),
      {
        ...{ name: 'RFLAGS', bytes: 4, about: EFLAGS },
        get: ({ env }) => BigInt(cpu_compute_eflags(env) >>> 0),
        set: ({ env }, value) => cpu_load_eflags(env, Number(value & 0xffff_ffffn), EFLAGS_CONTROL)
      }
    ]
  },
  {
    title: 'Control',
    registers: [control(0, CR0), control(2), control(3, CR3), control(4, CR4), control(8)].concat([
      readOnlyQuad('EFER', 'efer', 0, EFER),
      readOnlyQuad('XCR0', 'xcr0', 0, XCR0)
    ])
  },
  {
    title: 'Segments',
    registers: [
      ...SEGMENT_REGISTERS.flatMap(segment),
      ...systemSegment('ldt'),
      ...systemSegment('tr'),
      ...table('gdt'),
      ...table('idt')
    ]
  },
  { title: 'Debug', registers: [...numbers(4).map((n) => debug(n)), debug(6, DR6), debug(7, DR7)] },
  {
    title: 'MSRs',
    registers: [
      ...(['star', 'lstar', 'cstar', 'fmask', 'kernelgsbase'] as const).map((n) => quad(n.toUpperCase(), n)),
      word('SYSENTER_CS', 4, 'sysenter_cs'),
      quad('SYSENTER_ESP', 'sysenter_esp'),
      quad('SYSENTER_EIP', 'sysenter_eip'),
      readOnlyQuad('PAT', 'pat', 0, PAT),
      quad('TSC_OFFSET', 'tsc_offset'),
      quad('TSC_AUX', 'tsc_aux')
    ]
  },
  {
    title: 'Floating point',
    registers: [
      word('FCW', 2, 'fpuc', 0, FPU_CONTROL),
      {
        ...{ name: 'FSW', bytes: 2, about: FPU_STATUS },
        get: ({ env }) => BigInt((env.get('fpus') & 0xc7ff) | ((env.get('fpstt') & 7) << 11))
      },
      ...numbers(8).map((n) => wide(`ST${n}`, 'fpregs', ({ env }) => (env.get('fpstt') + n) & 7, 10)),
      word('MXCSR', 4, 'mxcsr', 0, MXCSR),
      ...numbers(16).map((n) => wide(`XMM${n}`, 'xmm', () => n * 2, 16))
    ]
  },
  { title: 'AVX', registers: numbers(16).map(ymm) }
];
const BY_NAME = new Map(GROUPS.flatMap((g) => g.registers).map((register) => [register.name, register]));

export function cpuView(cpu: TcgCpu): CpuView {
  const { env } = cpu;
  const hflags = env.get('hflags');
  const long = (hflags & HF.CS64) !== 0;
  const row = ({ name, bytes, about, get, set }: Register): RegisterRow => ({
    ...{ name, bytes, value: get(cpu), writable: set !== undefined },
    ...(about ? { about } : {})
  });
  return {
    groups: GROUPS.map(({ title, registers }) => ({ title, rows: registers.map(row) })),
    pc: pcOf(cpu),
    stack: stackOf(cpu),
    codeSize: long ? 64 : hflags & HF.CS32 ? 32 : 16,
    stackWidth: long ? 8 : hflags & HF.SS32 ? 4 : 2,
    cpl: hflags & HF.CPL,
    halted: env.get('halted') !== 0,
    instructions: Number(cpu.icount)
  };
}

/** Linear address of the next instruction. */
export const pcOf = ({ env }: TcgCpu): bigint =>
  BigInt.asUintN(
    env.get('hflags') & HF.CS64 ? 64 : 32,
    env.get64('eip') + (env.get('hflags') & HF.CS64 ? 0n : env.get64('seg_base', R_CS))
  );

/** Linear address of the top of the stack. */
export function stackOf({ env }: TcgCpu): bigint {
  const hflags = env.get('hflags');
  const pointer = env.get64('regs', R_ESP);
  if (hflags & HF.CS64) return pointer;
  return BigInt.asUintN(32, BigInt.asUintN(hflags & HF.SS32 ? 32 : 16, pointer) + env.get64('seg_base', R_SS));
}

/** @throws what the CPU would raise, or a RangeError where there is no such register */
export function setRegister(cpu: TcgCpu, name: string, value: bigint): void {
  const register = BY_NAME.get(name);
  if (!register?.set) throw new RangeError(`${name} cannot be changed`);
  if (BigInt.asUintN(register.bytes * 8, value) !== value) throw new RangeError(`${name} has ${register.bytes} bytes`);
  register.set(cpu, value);
}
