/** SDM 3A table 9-1. */
import { describe, expect, test } from 'vitest';
import { ENV, HF, R_CS, R_DS, R_EDX } from '../../../../../src/lib/emulator/target/i386/env.ts';
import { HF2_GIF, HF2_VGIF } from '../../../../../src/lib/emulator/target/i386/hflags2.ts';
import { cpu_init, cpu_reset, x86_cpu_set_a20 } from '../../../../../src/lib/emulator/target/i386/reset.ts';
import { flatCpu, longCpu } from '../../../../support/flat-cpu.ts';

describe('a reset', () => {
  test('starts at FFFFFFF0 in real mode with interrupts off', () => {
    const { env } = flatCpu('qemu64');
    expect([env.get64('seg_base', R_CS), env.get64('eip'), env.get('eflags')]).toEqual([0xffff_0000n, 0xfff0n, 2]);
    expect([env.get('cr') >>> 0, env.get('cr', 8), env.get('hflags'), env.get('hflags2')]).toEqual([
      0x6000_0010,
      0,
      HF.ADDSEG,
      HF2_GIF | HF2_VGIF
    ]);
    expect([env.get64('regs', R_EDX), env.get('seg_limit', R_DS), env.get('smbase')]).toEqual([
      0x6_0fb1n,
      0xffff,
      0x3_0000
    ]);
    expect([env.get('fpuc'), env.get('mxcsr'), env.u8[env.base + ENV.fptags + 7]]).toEqual([0x37f, 0x1f80, 1]);
    expect([env.get64('pat'), env.get64('xcr0'), env.get64('misc_enable'), env.get('a20_mask')]).toEqual([
      0x0007_0406_0007_0406n,
      1n,
      1n,
      0xffff_ffff
    ]);
  });
  test('of long mode clears what there was, but machine check banks', () => {
    const cpu = longCpu(3);
    cpu.env.set64('lstar', 5n);
    cpu.env.set64('xmm', 5n, 3);
    cpu.env.set64('mce_banks', 5n, 2);
    cpu.env.set('interrupt_request', 2);
    cpu_reset(cpu);
    expect([cpu.env.get64('lstar'), cpu.env.get64('xmm', 3), cpu.env.get('interrupt_request')]).toEqual([0n, 0n, 0]);
    expect([cpu.env.get64('mce_banks', 2), cpu.env.get('efer'), cpu.env.get('hflags')]).toEqual([5n, 0, HF.ADDSEG]);
  });
});

describe('INIT', () => {
  test('keeps floating point, SMBASE and MSRs', () => {
    const cpu = longCpu(3);
    const { env } = cpu;
    env.set64('lstar', 5n);
    env.set64('xmm', 6n, 3);
    env.set('smbase', 0xa_0000);
    env.set('fpuc', 0x27f);
    env.set64('regs', 7n, 3);
    env.set64('icount', 99n);
    cpu_init(cpu);
    expect([env.get64('lstar'), env.get64('xmm', 3), env.get('smbase'), env.get('fpuc')]).toEqual([
      5n,
      6n,
      0xa_0000,
      0x27f
    ]);
    expect([env.get64('regs', 3), env.get64('eip'), env.get('efer'), env.get64('icount')]).toEqual([
      0n,
      0xfff0n,
      0,
      99n
    ]);
    expect(cpu.mmu.flushes).toContain('global');
  });
});

describe('A20', () => {
  test('off masks bit 20, and changes flush', () => {
    const cpu = flatCpu();
    x86_cpu_set_a20(cpu, true);
    expect(cpu.mmu.flushes).toEqual([]);
    x86_cpu_set_a20(cpu, false);
    expect([cpu.env.get('a20_mask'), cpu.mmu.flushes]).toEqual([0xffef_ffff, ['global']]);
  });
});
