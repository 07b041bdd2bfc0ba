/** APM 3 SYSCALL, SYSRET; SDM 2B SYSENTER, SYSEXIT. */
import { describe, expect, test } from 'vitest';
import { cpuModel } from '../../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { EFER } from '../../../../../../src/lib/emulator/target/i386/control-registers.ts';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import { EXCP, FLAG, HF, R_CS, R_ECX, R_EDX, R_ESP, R_SS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import {
  helper_syscall,
  helper_sysenter,
  helper_sysexit,
  helper_sysret
} from '../../../../../../src/lib/emulator/target/i386/tcg/syscall.ts';
import {
  allFeatures,
  cplOf,
  csSelector,
  longCpu,
  protectedCpu,
  raised,
  ssSelector,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const intel = cpuModel('kvm64', allFeatures)!;

/** MSRs as Linux sets them. */
function withMsrs(cpu: FlatCpu): FlatCpu {
  cpu.env.set64('star', 0x0023_0010_8000_0000n);
  cpu.env.set64('lstar', 0xffff_ffff_8100_0000n);
  cpu.env.set64('cstar', 0xffff_ffff_8100_1000n);
  cpu.env.set64('fmask', BigInt(FLAG.IF | FLAG.TF | FLAG.DF | FLAG.CF));
  setEflags(cpu.env, FLAG.IF | FLAG.DF | FLAG.RF | FLAG.ID | 2);
  cpu.env.set('cc_src', FLAG.CF | FLAG.ZF);
  return cpu;
}
const flags = ({ env }: FlatCpu): number => env.get('eflags') | env.get('cc_src');
const attributes = ({ env }: FlatCpu, seg: number): unknown[] => [
  env.get64('seg_base', seg),
  env.get('seg_limit', seg),
  env.get('seg_flags', seg)
];

describe('SYSCALL', () => {
  test('saves RIP and RFLAGS, and masks flags', () => {
    const cpu = withMsrs(longCpu(3));
    helper_syscall(cpu, 0x5555_0000_1002n);
    expect(cpu.env.get64('regs', R_ECX)).toBe(0x5555_0000_1002n);
    expect(cpu.env.get64('regs', 11)).toBe(BigInt(FLAG.IF | FLAG.DF | FLAG.ID | FLAG.CF | FLAG.ZF | 2));
    expect(flags(cpu)).toBe(FLAG.ID | FLAG.ZF | 2);
    expect(cpu.env.get64('eip')).toBe(0xffff_ffff_8100_0000n);
    expect([csSelector(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([0x10, 0x18, 0]);
    expect(attributes(cpu, R_CS)).toEqual([0n, 0xffff_ffff, 0xa0_9b00]);
    expect(attributes(cpu, R_SS)).toEqual([0n, 0xffff_ffff, 0xc0_9300]);
  });
  test('of compatibility code goes to CSTAR, in 64-bit mode', () => {
    const cpu = withMsrs(longCpu(3));
    cpu.env.set('hflags', cpu.env.get('hflags') & ~HF.CS64);
    helper_syscall(cpu, 0x1000n);
    expect([cpu.env.get64('eip'), cpu.env.get('hflags') & HF.CS64]).toEqual([0xffff_ffff_8100_1000n, HF.CS64]);
  });
  test('outside of long mode goes to STAR and keeps EFLAGS but IF', () => {
    const cpu = withMsrs(protectedCpu(3));
    cpu.env.set64('efer', BigInt(EFER.SCE));
    helper_syscall(cpu, 0x1002n);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', R_ECX), cpu.env.get64('regs', 11)]).toEqual([
      0x8000_0000n,
      0x1002n,
      0n
    ]);
    expect(flags(cpu)).toBe(FLAG.DF | FLAG.ID | FLAG.CF | FLAG.ZF | 2);
    expect(attributes(cpu, R_CS)).toEqual([0n, 0xffff_ffff, 0xc0_9b00]);
  });
  test('without EFER.SCE is #UD, and on Intel outside of 64-bit mode', () => {
    const cpu = withMsrs(longCpu(3));
    cpu.env.set64('efer', BigInt(EFER.LMA | EFER.LME));
    expect(raised(() => helper_syscall(cpu, 0n))).toEqual([EXCP.UD, undefined]);
    const legacy = withMsrs(protectedCpu(3));
    legacy.env.set64('efer', BigInt(EFER.SCE));
    legacy.model = intel;
    expect(raised(() => helper_syscall(legacy, 0n))).toEqual([EXCP.UD, undefined]);
  });
});

describe('SYSRET', () => {
  test('goes to 64-bit user code with the flags of R11', () => {
    const cpu = withMsrs(longCpu(0));
    cpu.env.set64('regs', 0x7fff_0000_1234n, R_ECX);
    cpu.env.set64('regs', BigInt(FLAG.RF | FLAG.VM | FLAG.IF | FLAG.SF | 2), 11);
    helper_sysret(cpu, 8);
    expect([csSelector(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([0x33, 0x2b, 3]);
    expect([flags(cpu), cpu.env.get64('eip')]).toEqual([FLAG.IF | FLAG.SF | 2, 0x7fff_0000_1234n]);
    expect(attributes(cpu, R_CS)).toEqual([0n, 0xffff_ffff, 0xa0_fb00]);
    expect(attributes(cpu, R_SS)).toEqual([0n, 0xffff_ffff, 0xc0_f300]);
  });
  test('to compatibility code cuts RIP', () => {
    const cpu = withMsrs(longCpu(0));
    cpu.env.set64('regs', 0x1_0000_1234n, R_ECX);
    helper_sysret(cpu, 4);
    expect([csSelector(cpu), cpu.env.get64('eip'), cpu.env.get('hflags') & (HF.CS64 | HF.CS32)]).toEqual([
      0x23,
      0x1234n,
      HF.CS32
    ]);
  });
  test('traps at once with TF in R11, as SYSCALL would have; SYSCALL itself only where FMASK leaves TF', () => {
    const cpu = withMsrs(longCpu(0));
    cpu.env.set64('regs', BigInt(FLAG.TF | 2), 11);
    helper_sysret(cpu, 8);
    expect(cpu.singleStep).toBe(true);
    helper_syscall(cpu, 0n);
    expect(cpu.singleStep).toBe(false);
  });
  test('above CPL 0 is #GP', () => {
    expect(raised(() => helper_sysret(withMsrs(longCpu(3)), 8))).toEqual([EXCP.GP, 0]);
  });
});

describe('SYSENTER and SYSEXIT', () => {
  function withSysenter(cpu: FlatCpu): FlatCpu {
    cpu.model = intel;
    cpu.env.set('sysenter_cs', 0x13);
    cpu.env.set64('sysenter_esp', 0xffff_8000_0000_9000n);
    cpu.env.set64('sysenter_eip', 0xffff_8000_0000_1000n);
    setEflags(cpu.env, FLAG.IF | 2);
    return cpu;
  }
  test('enter 64-bit code in long mode', () => {
    const cpu = withSysenter(longCpu(3));
    helper_sysenter(cpu);
    expect([csSelector(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([0x10, 0x18, 0]);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', R_ESP), flags(cpu)]).toEqual([
      0xffff_8000_0000_1000n,
      0xffff_8000_0000_9000n,
      2
    ]);
  });
  test('enter 32-bit code otherwise', () => {
    const cpu = withSysenter(protectedCpu(3));
    helper_sysenter(cpu);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', R_ESP)]).toEqual([0x1000n, 0x9000n]);
    expect(attributes(cpu, R_CS)).toEqual([0n, 0xffff_ffff, 0xc0_9b00]);
  });
  test.each([
    [4, 0x23, 0x2b, 0x2222n, 0x1111n],
    [8, 0x33, 0x3b, 0x1_0000_2222n, 0x1_0000_1111n]
  ] as const)('leave to code of width %i', (width, cs, ss, eip, rsp) => {
    const cpu = withSysenter(longCpu(0));
    cpu.env.set64('regs', 0x1_0000_1111n, R_ECX);
    cpu.env.set64('regs', 0x1_0000_2222n, R_EDX);
    helper_sysexit(cpu, width);
    expect([csSelector(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([cs, ss, 3]);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', R_ESP)]).toEqual([eip, rsp]);
  });
  test('without a selector, and leaving above CPL 0, are #GP', () => {
    const cpu = withSysenter(protectedCpu(3));
    expect(raised(() => helper_sysexit(cpu, 4))).toEqual([EXCP.GP, 0]);
    cpu.env.set('sysenter_cs', 3);
    expect(raised(() => helper_sysenter(cpu))).toEqual([EXCP.GP, 0]);
  });
  test('are not AMD\u2019s in 64-bit mode', () => {
    expect(raised(() => helper_sysenter(longCpu(3)))).toEqual([EXCP.UD, undefined]);
  });
});
