/** APM 2, table 10-1. */
import { describe, expect, test } from 'vitest';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import { ENV_SIZE, FLAG, HF, R_CS, R_DS, R_GS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { HF2_NMI, HF2_SMM_INSIDE_NMI } from '../../../../../../src/lib/emulator/target/i386/hflags2.ts';
import { do_smm_enter, helper_rsm } from '../../../../../../src/lib/emulator/target/i386/tcg/smm_helper.ts';
import { csSelector, longCpu, protectedCpu, type FlatCpu } from '../../../../../support/flat-cpu.ts';

const AREA = 0x3_8000;
const stateOf = ({ env }: FlatCpu): Uint8Array => env.u8.slice(env.base, env.base + ENV_SIZE);
/** Offsets in the state that differ. */
const differences = (a: Uint8Array, b: Uint8Array): number[] => [...a.keys()].filter((i) => a[i] !== b[i]);

describe('an SMI', () => {
  test('starts real mode at SMBASE with flat data', () => {
    const cpu = longCpu(3);
    do_smm_enter(cpu);
    const { env } = cpu;
    expect([csSelector(cpu), env.get64('seg_base', R_CS), env.get64('eip')]).toEqual([0x3000, 0x3_0000n, 0x8000n]);
    expect([env.get('seg_limit', R_DS), env.get('cr'), env.get('cr', 8), env.get('efer')]).toEqual([
      0xffff_ffff, 0x10, 0, 0
    ]);
    expect(env.get('hflags') & (HF.SMM | HF.PE | HF.LMA | HF.CS64 | HF.CPL)).toBe(HF.SMM);
    expect([env.get('msr_smi_count'), env.get('dr', 14), env.get('eflags')]).toEqual([1, 0x400, 2]);
    expect(cpu.mmu.flushes.at(-1)).toBe('global');
    helper_rsm(cpu);
    expect(cpu.outside.smms).toEqual([true, false]);
  });
  test('saves the state where the manual says', () => {
    const cpu = longCpu();
    const { env, mmu } = cpu;
    for (let i = 0; i < 16; i++) env.set64('regs', BigInt(i) | (1n << 60n), i);
    env.set64('seg_base', 0xffff_8000_1234_0000n, R_GS);
    env.set64('cr', 0x12_3000n, 3);
    setEflags(env, FLAG.IF | 2);
    env.set('cc_src', FLAG.ZF);
    do_smm_enter(cpu);
    const quad = (offset: number): bigint => mmu.load64(BigInt(AREA + offset));
    const long = (offset: number): number => mmu.loadPhysical(AREA + offset, 4);
    expect([quad(0x7ff8), quad(0x7ff0), quad(0x7fb8), quad(0x7f80)]).toEqual(
      [0n, 1n, 8n, 15n].map((i) => i | (1n << 60n))
    );
    expect([long(0x7f70), long(0x7f58) >>> 0, quad(0x7f50), long(0x7f48)]).toEqual([
      FLAG.IF | FLAG.ZF | 2,
      0x8000_0011,
      0x12_3000n,
      0x20
    ]);
    expect([quad(0x7e58), long(0x7e50) & 0xffff, long(0x7efc), long(0x7f00)]).toEqual([
      0xffff_8000_1234_0000n,
      0x10,
      0x2_0064,
      0x3_0000
    ]);
    expect([quad(0x7ed0), quad(0x7f78), quad(0x7e98)]).toEqual([0x501n, 0x1_1234n, 0x4000n]);
  });
  test.each([
    ['long mode', () => longCpu(3)],
    ['the kernel', () => longCpu(0)],
    ['protected mode', () => protectedCpu(3)]
  ])('and RSM leave %s as it was', (_, make) => {
    const cpu = make();
    const { env } = cpu;
    env.set64('dr', 0xffff_0ff0n, 6);
    env.set64('seg_base', 0x7fff_1234_5000n, R_GS);
    setEflags(env, FLAG.IF | FLAG.DF | FLAG.AC | 2);
    env.set('cc_src', FLAG.CF | FLAG.OF);
    // attributes are saved without the limit that a descriptor has in their midst
    for (let seg = 0; seg < 6; seg++) env.set('seg_flags', env.get('seg_flags', seg) & ~0xf_0000, seg);
    const before = stateOf(cpu);
    do_smm_enter(cpu);
    for (let i = 0; i < 16; i++) env.set64('regs', -1n, i);
    helper_rsm(cpu);
    env.set('msr_smi_count', 0);
    expect(differences(stateOf(cpu), before)).toEqual([]);
  });
  test('within an NMI leaves NMIs blocked', () => {
    const cpu = longCpu();
    const { env } = cpu;
    do_smm_enter(cpu);
    expect(env.get('hflags2') & (HF2_NMI | HF2_SMM_INSIDE_NMI)).toBe(HF2_NMI);
    helper_rsm(cpu);
    expect(env.get('hflags2') & HF2_NMI).toBe(0);
    env.set('hflags2', env.get('hflags2') | HF2_NMI);
    do_smm_enter(cpu);
    helper_rsm(cpu);
    expect(env.get('hflags2') & (HF2_NMI | HF2_SMM_INSIDE_NMI)).toBe(HF2_NMI);
  });
  test('can move SMBASE', () => {
    const cpu = longCpu();
    do_smm_enter(cpu);
    cpu.mmu.storePhysical(AREA + 0x7f00, 0xa_0000, 4);
    helper_rsm(cpu);
    expect(cpu.env.get('smbase')).toBe(0xa_0000);
  });
});
