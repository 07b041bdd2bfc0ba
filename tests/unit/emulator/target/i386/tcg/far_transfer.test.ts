/** SDM 2A CALL, JMP, 2B RET: far forms and their exceptions. */
import { describe, expect, test } from 'vitest';
import { EXCP, HF, R_CS, R_DS, R_ESP, R_SS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import {
  helper_lcall,
  helper_ljmp,
  helper_lret
} from '../../../../../../src/lib/emulator/target/i386/tcg/far_transfer.ts';
import {
  cplOf,
  csSelector,
  flatCpu,
  longCpu,
  protectedCpu,
  raised,
  SEL,
  setDescriptor,
  setSegment,
  ssSelector,
  FLAT,
  TSS,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const GATE = 0x60;
const SPARE = 0x70;
const NEXT = 0x1_2345n;
const esp = ({ env }: FlatCpu): bigint => env.get64('regs', R_ESP);
const setEsp = ({ env }: FlatCpu, value: bigint): void => env.set64('regs', value, R_ESP);
const words = ({ mmu }: FlatCpu, at: number, count: number, size: 2 | 4 = 4): number[] =>
  Array.from({ length: count }, (_, i) => mmu.loadPhysical(at + i * size, size));

describe('JMP far', () => {
  test('in real mode loads CS as it is', () => {
    const cpu = flatCpu();
    helper_ljmp(cpu, 0x1000, 0x20n, 0n);
    expect([csSelector(cpu), cpu.env.get64('seg_base', R_CS), cpu.env.get64('eip')]).toEqual([
      0x1000,
      0x1_0000n,
      0x20n
    ]);
  });
  test('changes between 16, 32 and 64 bits with the segment', () => {
    const cpu = longCpu();
    helper_ljmp(cpu, SEL.code0, 0x100n, NEXT);
    expect(cpu.env.get('hflags') & (HF.CS32 | HF.CS64)).toBe(HF.CS32);
    helper_ljmp(cpu, SEL.code64, 0xffff_8000_0000_0000n, NEXT);
    expect(cpu.env.get('hflags') & (HF.CS32 | HF.CS64)).toBe(HF.CS32 | HF.CS64);
    expect(cpu.env.get64('eip')).toBe(0xffff_8000_0000_0000n);
  });
  test('to conforming code keeps CPL', () => {
    const cpu = protectedCpu(3);
    setDescriptor(cpu, SPARE, 0xffff, 0x00cf_9f00);
    helper_ljmp(cpu, SPARE, 1n, NEXT);
    expect([csSelector(cpu), cplOf(cpu)]).toEqual([SPARE | 3, 3]);
  });
  test.each([
    ['null', 0, 0, 0n, EXCP.GP, 0],
    ['beyond the table', 0x100, 0, 0n, EXCP.GP, 0x100],
    ['data', SPARE, 0x00cf_9300, 0n, EXCP.GP, SPARE],
    ['less privileged code', SPARE, 0x00cf_fb00, 0n, EXCP.GP, SPARE],
    ['code with a higher RPL', SPARE | 3, 0x00cf_9b00, 0n, EXCP.GP, SPARE],
    ['absent code', SPARE, 0x00cf_1b00, 0n, EXCP.NP, SPARE],
    ['code beyond its limit', SPARE, 0x0040_9b00, 0x1_0000n, EXCP.GP, 0],
    ['an LDT', SPARE, 0x0000_8200, 0n, EXCP.GP, SPARE],
    ['an absent call gate', SPARE, 0x0000_0c00, 0n, EXCP.NP, SPARE],
    ['an interrupt gate', SPARE, 0x0000_8e00, 0n, EXCP.GP, SPARE]
  ])('to %s faults', (_, selector, e2, offset, vector, error) => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0xffff, e2);
    expect(raised(() => helper_ljmp(cpu, selector, offset, NEXT))).toEqual([vector, error]);
    expect(csSelector(cpu)).toBe(SEL.code0);
  });
  test('to an address that is not canonical faults', () => {
    expect(raised(() => helper_ljmp(longCpu(), SEL.code64, 0x8000_0000_0000n, NEXT))).toEqual([EXCP.GP, 0]);
  });
  test('through a call gate takes the gate\u2019s offset', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, GATE, (SEL.code0 << 16) | 0x5678, 0x1234_8c00);
    helper_ljmp(cpu, GATE, 0xdeadn, NEXT);
    expect([csSelector(cpu), cpu.env.get64('eip')]).toEqual([SEL.code0, 0x1234_5678n]);
  });
  test('through a gate to more privileged code faults', () => {
    const cpu = protectedCpu(3);
    setDescriptor(cpu, GATE, SEL.code0 << 16, 0x0000_ec00);
    expect(raised(() => helper_ljmp(cpu, GATE, 0n, NEXT))).toEqual([EXCP.GP, SEL.code0]);
  });
});

describe('CALL far', () => {
  test('in real mode pushes 16 bits, and SP wraps', () => {
    const cpu = flatCpu();
    setEsp(cpu, 0x5_0002n);
    helper_lcall(cpu, 0x2000, 0x30n, 2, 0x77n);
    expect(esp(cpu)).toBe(0x5_fffen);
    expect(cpu.mmu.loadPhysical(0, 2)).toBe(0xf000);
    expect(cpu.mmu.loadPhysical(0xfffe, 2)).toBe(0x77);
    expect([csSelector(cpu), cpu.env.get64('eip')]).toEqual([0x2000, 0x30n]);
  });
  test('at the same level pushes CS and EIP', () => {
    const cpu = protectedCpu();
    setEsp(cpu, 0x8000n);
    helper_lcall(cpu, SEL.code0, 0x100n, 4, NEXT);
    expect(words(cpu, 0x7ff8, 2)).toEqual([0x1_2345, SEL.code0]);
    expect([esp(cpu), cpu.env.get64('eip')]).toEqual([0x7ff8n, 0x100n]);
  });
  test('whose push faults leaves everything as it was', () => {
    const cpu = protectedCpu();
    setEsp(cpu, 0x8000n);
    cpu.mmu.faults.set(7, 'stores');
    expect(raised(() => helper_lcall(cpu, SEL.code0, 0x100n, 4, NEXT))).toEqual([EXCP.PF, 2]);
    expect([esp(cpu), cpu.env.get64('eip')]).toEqual([0x8000n, 0x1_1234n]);
  });

  function withGate(width: 16 | 32, count: number): FlatCpu {
    const cpu = protectedCpu(3);
    setDescriptor(cpu, GATE, (SEL.code0 << 16) | 0x0100, (width === 32 ? 0x0000_ec00 : 0x0000_e400) | count);
    cpu.mmu.storePhysical(TSS + 4, 0x9000, 4); // ESP0
    cpu.mmu.storePhysical(TSS + 8, SEL.data0, 2);
    setEsp(cpu, 0x8000n);
    cpu.mmu.storePhysical(0x8000, 0x1111_1111, 4);
    cpu.mmu.storePhysical(0x8004, 0x2222_2222, 4);
    return cpu;
  }
  test('through a gate to a more privileged level switches stacks and copies parameters', () => {
    const cpu = withGate(32, 2);
    helper_lcall(cpu, GATE | 3, 0n, 4, NEXT);
    expect(words(cpu, 0x9000 - 24, 6)).toEqual([0x1_2345, SEL.code3, 0x1111_1111, 0x2222_2222, 0x8000, SEL.data3]);
    expect([esp(cpu), ssSelector(cpu), csSelector(cpu), cplOf(cpu)]).toEqual([0x9000n - 24n, SEL.data0, SEL.code0, 0]);
  });
  test('through a 16-bit gate pushes words', () => {
    const cpu = withGate(16, 1);
    helper_lcall(cpu, GATE | 3, 0n, 4, NEXT);
    expect(words(cpu, 0x9000 - 10, 5, 2)).toEqual([0x2345, SEL.code3, 0x1111, 0x8000, SEL.data3]);
  });
  test.each([
    ['a null inner SS', 0, FLAT.data, EXCP.TS, 0],
    ['an inner SS of another level', SEL.data3, FLAT.data, EXCP.TS, SEL.data3 & ~3],
    ['an inner SS that is absent', SPARE, [0xffff, 0x00cf_1300], EXCP.SS, SPARE],
    ['an inner SS that cannot be written', SPARE, [0xffff, 0x00cf_9100], EXCP.TS, SPARE]
  ] as const)('with %s faults', (_, selector, [e1, e2], vector, error) => {
    const cpu = withGate(32, 0);
    setDescriptor(cpu, SPARE, e1, e2);
    cpu.mmu.storePhysical(TSS + 8, selector, 2);
    expect(raised(() => helper_lcall(cpu, GATE | 3, 0n, 4, NEXT))).toEqual([vector, error]);
    expect([esp(cpu), cplOf(cpu)]).toEqual([0x8000n, 3]);
  });
  test('with a TSS that is too short faults with its selector', () => {
    const cpu = withGate(32, 0);
    cpu.env.set('tr_limit', 7);
    expect(raised(() => helper_lcall(cpu, GATE | 3, 0n, 4, NEXT))).toEqual([EXCP.TS, SEL.tss]);
  });
  test('through a 64-bit gate switches to RSP0 and a null SS', () => {
    const cpu = longCpu(3);
    setDescriptor(cpu, GATE, (SEL.code64 << 16) | 0x5678, 0x1234_ec00);
    setDescriptor(cpu, GATE + 8, 0xffff_8000, 0);
    cpu.mmu.store64(BigInt(TSS + 4), 0x9000n);
    setEsp(cpu, 0x8000n);
    helper_lcall(cpu, GATE | 3, 0n, 8, NEXT);
    expect(cpu.env.get64('eip')).toBe(0xffff_8000_1234_5678n);
    expect([esp(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([0x9000n - 32n, 0, 0]);
    expect([0, 8, 16, 24].map((at) => cpu.mmu.load64(BigInt(0x9000 - 32 + at)))).toEqual([
      NEXT,
      BigInt(SEL.code64user),
      0x8000n,
      BigInt(SEL.data3)
    ]);
  });
});

describe('RET far', () => {
  test('to the same level drops parameters', () => {
    const cpu = protectedCpu();
    setEsp(cpu, 0x8000n);
    cpu.mmu.storePhysical(0x8000, 0x777, 4);
    cpu.mmu.storePhysical(0x8004, SEL.code0, 4);
    helper_lret(cpu, 4, 8);
    expect([cpu.env.get64('eip'), esp(cpu)]).toEqual([0x777n, 0x8010n]);
  });
  test('to an outer level takes its stack, and drops segments it may not have', () => {
    const cpu = protectedCpu();
    setEsp(cpu, 0x8000n);
    [0x777, SEL.code3, 0xaaaa_aaaa, 0x6000, SEL.data3].forEach((w, i) => cpu.mmu.storePhysical(0x8000 + i * 4, w, 4));
    helper_lret(cpu, 4, 4);
    expect([cpu.env.get64('eip'), esp(cpu), cplOf(cpu), ssSelector(cpu)]).toEqual([0x777n, 0x6004n, 3, SEL.data3]);
    expect([cpu.env.get('seg_selector', R_DS), cpu.env.get('seg_flags', R_DS) & 0x8000]).toEqual([0, 0]);
  });
  test.each([
    ['null', 0, EXCP.GP, 0],
    ['data', SEL.data0, EXCP.GP, SEL.data0],
    ['beyond the table', 0x100, EXCP.GP, 0x100]
  ])('to %s faults', (_, selector, vector, error) => {
    const cpu = protectedCpu();
    setEsp(cpu, 0x8000n);
    cpu.mmu.storePhysical(0x8004, selector, 4);
    expect(raised(() => helper_lret(cpu, 4, 0))).toEqual([vector, error]);
    expect(esp(cpu)).toBe(0x8000n);
  });
  test('to an inner level faults', () => {
    const cpu = protectedCpu(3);
    setEsp(cpu, 0x8000n);
    cpu.mmu.storePhysical(0x8004, SEL.code0, 4);
    expect(raised(() => helper_lret(cpu, 4, 0))).toEqual([EXCP.GP, SEL.code0]);
  });
  test('to an outer level with an absent stack is #SS', () => {
    const cpu = protectedCpu();
    setDescriptor(cpu, SPARE, 0xffff, 0x00cf_7300);
    setEsp(cpu, 0x8000n);
    [0x777, SEL.code3, 0x6000, SPARE | 3].forEach((w, i) => cpu.mmu.storePhysical(0x8000 + i * 4, w, 4));
    expect(raised(() => helper_lret(cpu, 4, 0))).toEqual([EXCP.SS, SPARE]);
    expect(cplOf(cpu)).toBe(0);
  });
  test('in 64-bit mode pops from all of RSP', () => {
    const cpu = longCpu();
    setEsp(cpu, 0xffff_8000_0000_8000n);
    cpu.mmu.store64(0x8000n, 0xffff_8000_0000_1000n);
    cpu.mmu.store64(0x8008n, BigInt(SEL.code64));
    helper_lret(cpu, 8, 0);
    expect([cpu.env.get64('eip'), esp(cpu)]).toEqual([0xffff_8000_0000_1000n, 0xffff_8000_0000_8010n]);
  });
  test('on a 16-bit stack keeps the upper half of ESP', () => {
    const cpu = protectedCpu();
    setSegment(cpu, R_SS, SPARE, 0xffff, 0x000f_9300);
    setEsp(cpu, 0x1234_8000n);
    cpu.mmu.storePhysical(0x8000, 0x777, 4);
    cpu.mmu.storePhysical(0x8004, SEL.code0, 4);
    helper_lret(cpu, 4, 0);
    expect(esp(cpu)).toBe(0x1234_8008n);
  });
});
