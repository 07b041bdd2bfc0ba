import { describe, expect, test } from 'vitest';
import { EXCP, HF, R_EAX, R_ECX, R_EDX, R_GS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { CR0, EFER } from '../../../../../../src/lib/emulator/target/i386/control-registers.ts';
import { cpuModel } from '../../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import {
  helper_rdmsr,
  helper_wrmsr,
  readMsr,
  writeMsr
} from '../../../../../../src/lib/emulator/target/i386/tcg/msr.ts';
import { allFeatures, flatCpu, longCpu, protectedCpu, raised } from '../../../../../support/flat-cpu.ts';

const GP0 = [EXCP.GP, 0];

describe('RDMSR and WRMSR', () => {
  test('take ECX, EDX and EAX', () => {
    const cpu = longCpu();
    cpu.env.set64('regs', 0xc000_0102n, R_ECX);
    cpu.env.set64('regs', 0xffff_ffff_8100_0000n, R_EAX);
    cpu.env.set64('regs', 0xffff_8880n, R_EDX);
    helper_wrmsr(cpu);
    expect(cpu.env.get64('kernelgsbase')).toBe(0xffff_8880_8100_0000n);
    cpu.env.set64('regs', -1n, R_EAX);
    helper_rdmsr(cpu);
    expect([cpu.env.get64('regs', R_EAX), cpu.env.get64('regs', R_EDX)]).toEqual([0x8100_0000n, 0xffff_8880n]);
  });
  test('are the kernel\u2019s', () => {
    expect(raised(() => helper_rdmsr(longCpu(3)))).toEqual(GP0);
    expect(raised(() => helper_wrmsr(longCpu(3)))).toEqual(GP0);
  });
  test.each([
    [0x175, 'sysenter_esp', 0],
    [0x176, 'sysenter_eip', 0],
    [0x1a0, 'misc_enable', 0],
    [0x203, 'mtrr_var', 3],
    [0x250, 'mtrr_fixed', 0],
    [0x259, 'mtrr_fixed', 2],
    [0x26f, 'mtrr_fixed', 10],
    [0x277, 'pat', 0],
    [0x2ff, 'mtrr_deftype', 0],
    [0x405, 'mce_banks', 5],
    [0xc000_0081, 'star', 0],
    [0xc000_0082, 'lstar', 0],
    [0xc000_0084, 'fmask', 0],
    [0xc000_0101, 'seg_base', R_GS],
    [0xc000_0103, 'tsc_aux', 0]
  ] as const)('%i is %s', (index, field, element) => {
    const cpu = longCpu();
    writeMsr(cpu, index, 0x1234_5678_9abcn);
    expect([cpu.env.get64(field, element), readMsr(cpu, index)]).toEqual([0x1234_5678_9abcn, 0x1234_5678_9abcn]);
  });
  test('PKRS has 32 bits, and what it denies is forgotten', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0x6e1, 0xc000_0001n);
    expect([cpu.env.get('pkrs'), readMsr(cpu, 0x6e1), cpu.mmu.flushes]).toEqual([
      0xc000_0001,
      0xc000_0001n,
      ['global']
    ]);
    expect(raised(() => writeMsr(cpu, 0x6e1, 1n << 32n))).toEqual(GP0);
  });
  test('of addresses want canonical ones', () => {
    for (const index of [0x175, 0x176, 0xc000_0082, 0xc000_0083, 0xc000_0100, 0xc000_0101, 0xc000_0102]) {
      expect(raised(() => writeMsr(longCpu(), index, 1n << 47n))).toEqual(GP0);
    }
  });
  test('that nobody knows read as 0, swallow what is written, and are logged', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0xdead, 5n);
    expect([readMsr(cpu, 0xdead), cpu.outside.messages]).toEqual([0n, ['wrmsr dead: unknown', 'rdmsr dead: unknown']]);
  });
  test('of the x2APIC are the APIC\u2019s', () => {
    const cpu = longCpu();
    cpu.outside.apic.set(0x3f, 7n);
    expect(readMsr(cpu, 0x83f)).toBe(7n);
    writeMsr(cpu, 0x83f, 8n);
    expect(cpu.outside.apic.get(0x3f)).toBe(8n);
    expect(raised(() => readMsr(cpu, 0x802))).toEqual(GP0);
    expect(raised(() => writeMsr(cpu, 0x802, 0n))).toEqual(GP0);
  });
});

describe('EFER', () => {
  test('keeps LMA and drops what the model lacks', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0xc000_0080, BigInt(EFER.SCE | EFER.LME | EFER.NXE | EFER.SVME | (1 << 15)));
    expect(cpu.env.get('efer')).toBe(EFER.SCE | EFER.LME | EFER.LMA | EFER.NXE);
    expect(cpu.env.get('hflags') & HF.LMA).toBe(HF.LMA);
    expect(cpu.mmu.flushes).toEqual(['global']);
  });
  test('LME changed under paging is #GP', () => {
    const cpu = longCpu();
    expect(raised(() => writeMsr(cpu, 0xc000_0080, BigInt(EFER.SCE)))).toEqual(GP0);
    cpu.env.set('cr', cpu.env.get('cr') & ~CR0.PG);
    writeMsr(cpu, 0xc000_0080, 0n);
    expect(cpu.env.get('efer')).toBe(EFER.LMA);
  });
  test('of a 32-bit model has no LME', () => {
    const cpu = protectedCpu();
    cpu.model = cpuModel('qemu32', allFeatures)!;
    writeMsr(cpu, 0xc000_0080, BigInt(EFER.LME | EFER.SCE | EFER.NXE));
    expect(cpu.env.get('efer')).toBe(0);
  });
});

describe('special registers', () => {
  test('TSC moves by writing', () => {
    const cpu = longCpu();
    cpu.outside.ticks = 1000n;
    writeMsr(cpu, 0x10, 400n);
    cpu.outside.ticks = 1100n;
    expect(readMsr(cpu, 0x10)).toBe(500n);
  });
  test('TSC_DEADLINE is there with its feature only', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0x6e0, 5n);
    expect(cpu.outside.deadline).toBe(0n);
    cpu.model = { ...cpu.model, features: { ...cpu.model.features, '1_ECX': 1 << 24 } };
    writeMsr(cpu, 0x6e0, 5n);
    expect([cpu.outside.deadline, readMsr(cpu, 0x6e0)]).toEqual([5n, 5n]);
  });
  test('APIC_BASE refuses reserved bits', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0x1b, 0xfee0_0800n);
    expect([cpu.outside.base, readMsr(cpu, 0x1b)]).toEqual([0xfee0_0800n, 0xfee0_0800n]);
    expect(raised(() => writeMsr(cpu, 0x1b, 0xfee0_0801n))).toEqual(GP0);
    expect(raised(() => writeMsr(cpu, 0x1b, 0xfee0_0c00n))).toEqual(GP0);
  });
  test('SYSENTER_CS keeps 16 bits', () => {
    const cpu = longCpu();
    writeMsr(cpu, 0x174, 0x12_0010n);
    expect(readMsr(cpu, 0x174)).toBe(0x10n);
  });
  test('machine check controls are all or nothing', () => {
    const cpu = flatCpu();
    expect(readMsr(cpu, 0x179)).toBe(0x100_010an);
    writeMsr(cpu, 0x17b, 5n);
    writeMsr(cpu, 0x400, 5n);
    expect([readMsr(cpu, 0x17b), readMsr(cpu, 0x400)]).toEqual([0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn]);
    writeMsr(cpu, 0x401, 5n);
    writeMsr(cpu, 0x400, 0n);
    expect([readMsr(cpu, 0x401), readMsr(cpu, 0x400)]).toEqual([5n, 0n]);
  });
  test('constants are QEMU\u2019s', () => {
    const cpu = longCpu();
    expect([0x35, 0x8b, 0xfe, 0x198].map((index) => readMsr(cpu, index))).toEqual([
      0x1_0001n,
      0x100_0065n,
      0x508n,
      0x400_0000_03e8n
    ]);
  });
});
