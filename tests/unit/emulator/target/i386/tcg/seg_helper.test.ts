/** SDM 2 MOV, LLDT, LTR, LAR, LSL, VERR, VERW: their tables of exceptions. */
import { describe, expect, test } from 'vitest';
import { CC_MASK, EXCP, FLAG, R_DS, R_FS, R_SS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import {
  helper_lar,
  helper_lldt,
  helper_load_seg,
  helper_lsl,
  helper_ltr,
  helper_verr,
  helper_verw
} from '../../../../../../src/lib/emulator/target/i386/tcg/seg_helper.ts';
import {
  flatCpu,
  GDT,
  longCpu,
  protectedCpu,
  raised,
  SEL,
  setDescriptor,
  TSS,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const SPARE = 0x60;
const FLAT_LOW = 0x0000_ffff;
/** Second words of descriptors: present, DPL 0 unless told, 4 GiB. */
const E2 = {
  data: 0x00cf_9300,
  readOnly: 0x00cf_9100,
  executeOnly: 0x00cf_9900,
  code: 0x00cf_9b00,
  conforming: 0x00cf_9f00,
  absent: 0x00cf_1300,
  ldt: 0x0000_8200,
  tss32: 0x0000_8900,
  tss16: 0x0000_8100,
  callGate: 0x0000_8c00
} as const;
const zf = ({ env }: FlatCpu): boolean => (env.get('cc_src') & FLAG.ZF) !== 0;

describe('loading a segment register', () => {
  test('in real mode sets selector and base, and keeps the limit', () => {
    const { env, ...cpu } = flatCpu();
    env.set('seg_limit', 0xffff_ffff, R_DS); // "unreal" mode
    helper_load_seg({ env, ...cpu }, R_DS, 0x1234);
    expect([env.get('seg_selector', R_DS), env.get64('seg_base', R_DS), env.get('seg_limit', R_DS)]).toEqual([
      0x1234,
      0x1_2340n,
      0xffff_ffff
    ]);
  });

  test('in protected mode takes base and limit from the descriptor', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0x5678_1234, 0x1245_9334);
    helper_load_seg(cpu, R_FS, SPARE);
    expect(cpu.env.get64('seg_base', R_FS)).toBe(0x1234_5678n);
    expect(cpu.env.get('seg_limit', R_FS)).toBe(0x5_1234);
    expect(cpu.env.get('seg_flags', R_FS)).toBe(0x1245_9334);
  });

  test('with granularity counts pages', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0x0000_0001, 0x00c0_9300);
    helper_load_seg(cpu, R_DS, SPARE);
    expect(cpu.env.get('seg_limit', R_DS)).toBe(0x1fff);
  });

  test('marks the descriptor accessed, in memory too', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, FLAT_LOW, E2.data & ~0x100);
    helper_load_seg(cpu, R_DS, SPARE);
    expect(cpu.env.get('seg_flags', R_DS)).toBe(E2.data);
    expect(cpu.mmu.loadPhysical(GDT + SPARE + 4, 4)).toBe(E2.data);
  });

  test('takes it from the LDT where TI says so', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, 0x0c, FLAT_LOW, E2.data);
    helper_load_seg(cpu, R_DS, 0x0c);
    expect(cpu.env.get('seg_selector', R_DS)).toBe(0x0c);
  });

  test.each([
    ['beyond the table', R_DS, 0x100, E2.data, EXCP.GP, 0x100],
    ['of a system segment', R_DS, SPARE, E2.ldt, EXCP.GP, SPARE],
    ['of code that cannot be read', R_DS, SPARE, E2.executeOnly, EXCP.GP, SPARE],
    ['with an RPL above DPL', R_DS, SPARE | 3, E2.data, EXCP.GP, SPARE],
    ['that is absent', R_DS, SPARE, E2.absent, EXCP.NP, SPARE],
    ['null into SS', R_SS, 0, E2.data, EXCP.GP, 0],
    ['into SS with another RPL', R_SS, SPARE | 3, E2.data, EXCP.GP, SPARE],
    ['into SS with another DPL', R_SS, SPARE, E2.data | 0x6000, EXCP.GP, SPARE],
    ['into SS that cannot be written', R_SS, SPARE, E2.readOnly, EXCP.GP, SPARE],
    ['of code into SS', R_SS, SPARE, E2.code, EXCP.GP, SPARE],
    ['into SS that is absent', R_SS, SPARE, E2.absent, EXCP.SS, SPARE]
  ])('%s faults and changes nothing', (_, seg, selector, e2, vector, error) => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, FLAT_LOW, e2);
    const before = cpu.env.get('seg_selector', seg);
    expect(raised(() => helper_load_seg(cpu, seg, selector))).toEqual([vector, error]);
    expect(cpu.env.get('seg_selector', seg)).toBe(before);
  });

  test('conforming code is readable from every level', () => {
    const cpu = protectedCpu(3);
    setDescriptor(cpu, SPARE, FLAT_LOW, E2.conforming);
    helper_load_seg(cpu, R_DS, SPARE | 3);
    expect(cpu.env.get('seg_selector', R_DS)).toBe(SPARE | 3);
  });

  test('null into DS is unusable, and no fault', () => {
    const cpu = protectedCpu();
    helper_load_seg(cpu, R_DS, 3);
    expect([cpu.env.get('seg_selector', R_DS), cpu.env.get('seg_flags', R_DS)]).toEqual([3, 0]);
  });

  test('null into SS is allowed in 64-bit mode below CPL 3 alone', () => {
    const kernel = longCpu(0);
    helper_load_seg(kernel, R_SS, 0);
    expect(kernel.env.get('seg_selector', R_SS)).toBe(0);
    expect(raised(() => helper_load_seg(longCpu(3), R_SS, 3))).toEqual([EXCP.GP, 0]);
  });

  test('a descriptor table that is not mapped is a page fault', () => {
    const cpu = protectedCpu();
    cpu.mmu.faults.set(GDT >> 12, 'all');
    expect(raised(() => helper_load_seg(cpu, R_DS, SEL.data0))).toEqual([EXCP.PF, 0]);
    expect(cpu.env.get64('fault_linear')).toBe(BigInt(GDT + SEL.data0));
  });
});

describe('LLDT', () => {
  test('takes 16 bytes in long mode', () => {
    const cpu = longCpu();
    setDescriptor(cpu, SPARE, 0x9000_00ff, E2.ldt);
    setDescriptor(cpu, SPARE + 8, 0xffff_8880, 0);
    helper_lldt(cpu, SPARE);
    expect(cpu.env.get64('ldt_base')).toBe(0xffff_8880_0000_9000n);
    expect([cpu.env.get('ldt_selector'), cpu.env.get('ldt_limit')]).toEqual([SPARE, 0xff]);
  });
  test('with null makes the LDT empty', () => {
    const cpu = protectedCpu();
    helper_lldt(cpu, 0);
    expect(raised(() => helper_load_seg(cpu, R_DS, 0x0c))).toEqual([EXCP.GP, 0x0c]);
  });
  test.each([
    ['in the LDT', 0x0c, E2.ldt, EXCP.GP, 0x0c],
    ['of another type', SPARE, E2.tss32, EXCP.GP, SPARE],
    ['absent', SPARE, E2.ldt & ~0x8000, EXCP.NP, SPARE]
  ])('%s faults', (_, selector, e2, vector, error) => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0xff, e2);
    expect(raised(() => helper_lldt(cpu, selector))).toEqual([vector, error]);
  });
});

describe('LTR', () => {
  test('makes the TSS busy in memory', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, (TSS << 16) | 0x67, E2.tss32);
    helper_ltr(cpu, SPARE);
    expect(cpu.mmu.loadPhysical(GDT + SPARE + 4, 4)).toBe(0x8b00);
    expect([cpu.env.get('tr_selector'), cpu.env.get64('tr_base'), cpu.env.get('tr_limit')]).toEqual([
      SPARE,
      BigInt(TSS),
      0x67
    ]);
  });
  test.each([
    ['null', 0, E2.tss32, EXCP.GP, 0],
    ['busy', SPARE, 0x8b00, EXCP.GP, SPARE],
    ['absent', SPARE, 0x0900, EXCP.NP, SPARE]
  ])('%s faults', (_, selector, e2, vector, error) => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0x67, e2);
    expect(raised(() => helper_ltr(cpu, selector))).toEqual([vector, error]);
  });
});

describe('LAR and LSL', () => {
  test('give rights and limit, and set ZF', () => {
    const cpu = protectedCpu(3);
    expect(helper_lar(cpu, SEL.data3)).toBe(0x00c0_f300);
    expect(zf(cpu)).toBe(true);
    expect(helper_lsl(cpu, SEL.data3)).toBe(0xffff_ffff);
  });
  test('keep the other flags', () => {
    const cpu = protectedCpu();
    cpu.env.set('cc_src', CC_MASK);
    expect(helper_lar(cpu, 0)).toBeUndefined();
    expect(cpu.env.get('cc_src')).toBe(CC_MASK & ~FLAG.ZF);
  });
  test('see no segments of more privileged levels', () => {
    const cpu = protectedCpu(3);
    expect(helper_lar(cpu, SEL.data0)).toBeUndefined();
    expect(helper_lsl(cpu, SEL.code0)).toBeUndefined();
  });
  test('LSL sees no gates', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0, E2.callGate);
    expect(helper_lar(cpu, SPARE)).toBe(0x8c00);
    expect(helper_lsl(cpu, SPARE)).toBeUndefined();
  });
  test('see no 16-bit TSS in long mode', () => {
    const cpu = longCpu();
    setDescriptor(cpu, SPARE, 0x2b, E2.tss16);
    expect(helper_lsl(cpu, SPARE)).toBeUndefined();
  });
});

describe('VERR and VERW', () => {
  test.each([
    ['data', E2.data, true, true],
    ['read-only data', E2.readOnly, true, false],
    ['code', E2.code, true, false],
    ['execute-only code', E2.executeOnly, false, false],
    ['an LDT', E2.ldt, false, false]
  ])('%s', (_, e2, readable, writable) => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, FLAT_LOW, e2);
    helper_verr(cpu, SPARE);
    expect(zf(cpu)).toBe(readable);
    helper_verw(cpu, SPARE);
    expect(zf(cpu)).toBe(writable);
  });
});
