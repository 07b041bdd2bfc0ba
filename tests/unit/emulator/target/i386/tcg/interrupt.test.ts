/** Delivery through the IDT and the way back. SDM 3A 6.12 to 6.14, SDM 2A INT n, IRET. */
import { describe, expect, test } from 'vitest';
import { EXCP, FLAG, HF, R_CS, R_DS, R_ES, R_ESP, R_GS } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import { HF2_NMI } from '../../../../../../src/lib/emulator/target/i386/hflags2.ts';
import {
  do_interrupt_all,
  helper_icebp,
  helper_int,
  helper_raise_interrupt,
  type Cause
} from '../../../../../../src/lib/emulator/target/i386/tcg/interrupt.ts';
import { helper_iret } from '../../../../../../src/lib/emulator/target/i386/tcg/iret.ts';
import { loadVm86Segment } from '../../../../../../src/lib/emulator/target/i386/tcg/task_switch.ts';
import {
  cplOf,
  csSelector,
  flatCpu,
  IDT,
  longCpu,
  protectedCpu,
  raised,
  SEL,
  setDescriptor,
  ssSelector,
  TSS,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const SPARE = 0x70;
const NEXT = 0x1_1236n;
const esp = ({ env }: FlatCpu): bigint => env.get64('regs', R_ESP);
const setEsp = ({ env }: FlatCpu, value: bigint): void => env.set64('regs', value, R_ESP);
const longs = ({ mmu }: FlatCpu, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => mmu.loadPhysical(at + i * 4, 4));
const quads = ({ mmu }: FlatCpu, at: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => mmu.load64(at + BigInt(i * 8)));

/** type: 0xe interrupt gate, 0xf trap gate, 6 and 7 of 16 bits. */
function setGate(cpu: FlatCpu, vector: number, selector: number, offset: number, type = 0x8e00): void {
  const at = IDT + vector * (cpu.env.get('hflags') & HF.LMA ? 16 : 8);
  cpu.mmu.storePhysical(at, (selector << 16) | (offset & 0xffff), 4);
  cpu.mmu.storePhysical(at + 4, (offset & 0xffff_0000) | type, 4);
}

function protectedWithGate(cpl: 0 | 3, type = 0xee00): FlatCpu {
  const cpu = protectedCpu(cpl);
  setGate(cpu, 0x40, SEL.code0, 0xc000_1000, type);
  cpu.mmu.storePhysical(TSS + 4, 0x9000, 4);
  cpu.mmu.storePhysical(TSS + 8, SEL.data0, 2);
  setEsp(cpu, 0x8000n);
  setEflags(cpu.env, FLAG.IF | FLAG.TF | FLAG.NT | 2);
  cpu.env.set('cc_src', FLAG.CF);
  return cpu;
}

describe('in real mode', () => {
  test('an interrupt pushes three words and clears IF and TF', () => {
    const cpu = flatCpu();
    setEsp(cpu, 0x1_0000n);
    setEflags(cpu.env, FLAG.IF | FLAG.TF | 2);
    cpu.env.set('cc_src', FLAG.ZF);
    cpu.mmu.storePhysical(0x21 * 4, 0x1000_0500, 4);
    helper_int(cpu, 0x21, 0x102n);
    expect([csSelector(cpu), cpu.env.get64('seg_base', R_CS), cpu.env.get64('eip')]).toEqual([
      0x1000,
      0x1_0000n,
      0x500n
    ]);
    expect(esp(cpu)).toBe(0x1_fffan);
    expect([0, 2, 4].map((at) => cpu.mmu.loadPhysical(0xfffa + at, 2))).toEqual([0x102, 0xf000, 0x342]);
    expect(cpu.env.get('eflags')).toBe(2);
    helper_iret(cpu, 2, 0n);
    expect([csSelector(cpu), cpu.env.get64('eip'), cpu.env.get('cc_src')]).toEqual([0xf000, 0x102n, FLAG.ZF]);
    expect(cpu.env.get('eflags')).toBe(FLAG.IF | FLAG.TF | 2);
  });
  test('a vector beyond the table is #GP', () => {
    const cpu = flatCpu();
    cpu.env.set('idt_limit', 0x21 * 4 + 2);
    expect(raised(() => helper_int(cpu, 0x21, 0n))).toEqual([EXCP.GP, 0x21 * 8 + 2]);
  });
});

describe('in protected mode', () => {
  test('an interrupt gate at the same level pushes EFLAGS, CS, EIP and clears IF', () => {
    const cpu = protectedWithGate(0);
    do_interrupt_all(cpu, 0x40, 'hardware');
    expect(longs(cpu, 0x7ff4, 3)).toEqual([0x1_1234, SEL.code0, FLAG.IF | FLAG.TF | FLAG.NT | FLAG.CF | 2]);
    expect([esp(cpu), cpu.env.get64('eip'), cpu.env.get('eflags')]).toEqual([0x7ff4n, 0xc000_1000n, 2]);
  });
  test('a trap gate leaves IF', () => {
    const cpu = protectedWithGate(0, 0x8f00);
    do_interrupt_all(cpu, 0x40, 'hardware');
    expect(cpu.env.get('eflags')).toBe(FLAG.IF | 2);
  });
  test('a fault sets RF in what is pushed and pushes its code', () => {
    const cpu = protectedWithGate(0);
    setGate(cpu, EXCP.GP, SEL.code0, 0x100);
    do_interrupt_all(cpu, EXCP.GP, 'exception', 0x18);
    const [code, eip, , eflags] = longs(cpu, 0x7ff0, 4);
    expect([code, eip, eflags! & FLAG.RF]).toEqual([0x18, 0x1_1234, FLAG.RF]);
  });
  test.each([EXCP.DB, EXCP.DF] as const)('vector %i sets no RF', (vector) => {
    const cpu = protectedWithGate(0);
    setGate(cpu, vector, SEL.code0, 0x100);
    do_interrupt_all(cpu, vector, 'exception');
    expect(longs(cpu, 0x7ff4, 3)[2]! & FLAG.RF).toBe(0);
  });
  test('to an inner level switches to the stack of the TSS', () => {
    const cpu = protectedWithGate(3);
    helper_int(cpu, 0x40, NEXT);
    expect(longs(cpu, 0x9000 - 20, 5)).toEqual([
      Number(NEXT),
      SEL.code3,
      FLAG.IF | FLAG.TF | FLAG.NT | FLAG.CF | 2,
      0x8000,
      SEL.data3
    ]);
    expect([cplOf(cpu), ssSelector(cpu), csSelector(cpu), esp(cpu)]).toEqual([0, SEL.data0, SEL.code0, 0x9000n - 20n]);
  });
  test('and IRET goes back to it', () => {
    const cpu = protectedWithGate(3);
    setEflags(cpu.env, FLAG.IF | 2);
    helper_int(cpu, 0x40, NEXT);
    cpu.env.set('hflags2', cpu.env.get('hflags2') | HF2_NMI);
    helper_iret(cpu, 4, 0n);
    expect([cplOf(cpu), ssSelector(cpu), csSelector(cpu), esp(cpu), cpu.env.get64('eip')]).toEqual([
      3,
      SEL.data3,
      SEL.code3,
      0x8000n,
      NEXT
    ]);
    expect([cpu.env.get('eflags'), cpu.env.get('cc_src')]).toEqual([FLAG.IF | 2, FLAG.CF]);
    expect(cpu.env.get('hflags2') & HF2_NMI).toBe(0);
  });
  test('a 16-bit gate pushes words', () => {
    const cpu = protectedWithGate(0, 0x8600);
    do_interrupt_all(cpu, 0x40, 'hardware');
    expect([esp(cpu), cpu.env.get64('eip'), cpu.mmu.loadPhysical(0x7ffa, 2)]).toEqual([0x7ffan, 0x1000n, 0x1234]);
  });

  const gp = 0x40 * 8 + 2;
  test.each<[string, 0 | 3, Cause, (cpu: FlatCpu) => void, number, number]>([
    ['a vector beyond the table', 0, 'hardware', ({ env }) => env.set('idt_limit', 0x207 - 1), EXCP.GP, gp | 1],
    ['the same for INT n, without EXT', 0, 'software', ({ env }) => env.set('idt_limit', 0x207 - 1), EXCP.GP, gp],
    ['INT n of a kernel\u2019s gate', 3, 'software', (cpu) => setGate(cpu, 0x40, SEL.code0, 0), EXCP.GP, gp],
    ['no gate', 0, 'exception', (cpu) => setGate(cpu, 0x40, SEL.code0, 0, 0x8900), EXCP.GP, gp | 1],
    ['an absent gate', 0, 'exception', (cpu) => setGate(cpu, 0x40, SEL.code0, 0, 0x0e00), EXCP.NP, gp | 1],
    ['a null selector', 0, 'exception', (cpu) => setGate(cpu, 0x40, 0, 0), EXCP.GP, 1],
    ['a data segment', 0, 'software', (cpu) => setGate(cpu, 0x40, SEL.data0, 0), EXCP.GP, SEL.data0],
    ['less privileged code', 0, 'hardware', (cpu) => setGate(cpu, 0x40, SEL.code3, 0), EXCP.GP, (SEL.code3 & ~3) | 1],
    ['a null inner SS', 3, 'hardware', ({ mmu }) => mmu.storePhysical(TSS + 8, 0, 2), EXCP.TS, 1],
    [
      'an inner SS of another level',
      3,
      'hardware',
      ({ mmu }) => mmu.storePhysical(TSS + 8, SEL.data3, 2),
      EXCP.TS,
      0x21
    ]
  ])('%s faults', (_, cpl, cause, prepare, vector, error) => {
    const cpu = protectedWithGate(cpl);
    prepare(cpu);
    expect(raised(() => do_interrupt_all(cpu, 0x40, cause))).toEqual([vector, error]);
    expect([esp(cpu), cplOf(cpu)]).toEqual([0x8000n, cpl]);
  });
  test('absent code is #NP', () => {
    const cpu = protectedWithGate(0);
    setDescriptor(cpu, SPARE, 0xffff, 0x00cf_1b00);
    setGate(cpu, 0x40, SPARE, 0);
    expect(raised(() => do_interrupt_all(cpu, 0x40, 'hardware'))).toEqual([EXCP.NP, SPARE | 1]);
  });
  test('INT1 asks nobody for privilege', () => {
    const cpu = protectedWithGate(3);
    setGate(cpu, EXCP.DB, SEL.code0, 0x300);
    helper_icebp(cpu, NEXT);
    expect([cplOf(cpu), cpu.env.get64('eip'), longs(cpu, 0x9000 - 20, 1)[0]]).toEqual([0, 0x300n, Number(NEXT)]);
  });
});

describe('virtual-8086 mode', () => {
  /** In vm86 with a gate at 0x40 and 0x3 to the kernel. */
  function vm86(iopl: number): FlatCpu {
    const cpu = protectedWithGate(0);
    setGate(cpu, EXCP.BP, SEL.code0, 0x200, 0xee00);
    setEflags(cpu.env, FLAG.VM | FLAG.IF | (iopl << 12) | 2);
    for (let seg = 0; seg < 6; seg++) loadVm86Segment(cpu, seg, 0x1000 + seg);
    setEsp(cpu, 0x100n);
    cpu.env.set64('eip', 0x20n);
    return cpu;
  }
  test('an interrupt pushes the data segments, which become null', () => {
    const cpu = vm86(3);
    helper_int(cpu, 0x40, 0x22n);
    expect(longs(cpu, 0x9000 - 36, 9)).toEqual([
      0x22,
      0x1001,
      FLAG.VM | FLAG.IF | FLAG.IOPL | FLAG.CF | 2,
      0x100,
      0x1002,
      0x1000,
      0x1003,
      0x1004,
      0x1005
    ]);
    expect([cplOf(cpu), cpu.env.get('hflags') & HF.VM, cpu.env.get('seg_selector', R_GS)]).toEqual([0, 0, 0]);
  });
  test('and IRET brings them back', () => {
    const cpu = vm86(3);
    helper_int(cpu, 0x40, 0x22n);
    helper_iret(cpu, 4, 0n);
    expect([csSelector(cpu), ssSelector(cpu), cpu.env.get('seg_selector', R_ES)]).toEqual([0x1001, 0x1002, 0x1000]);
    expect([cpu.env.get64('seg_base', R_DS), cpu.env.get64('eip'), esp(cpu)]).toEqual([0x1_0030n, 0x22n, 0x100n]);
    expect([cplOf(cpu), cpu.env.get('hflags') & HF.VM]).toEqual([3, HF.VM]);
  });
  test('INT n and IRET need IOPL 3, INT3 does not', () => {
    expect(raised(() => helper_int(vm86(0), 0x40, 0x22n))).toEqual([EXCP.GP, 0]);
    expect(raised(() => helper_iret(vm86(0), 2, 0x22n))).toEqual([EXCP.GP, 0]);
    const cpu = vm86(0);
    helper_raise_interrupt(cpu, EXCP.BP, 0x21n);
    expect(cpu.env.get64('eip')).toBe(0x200n);
  });
  test('an interrupt to a level that is not 0 faults', () => {
    const cpu = vm86(3);
    setGate(cpu, 0x40, SEL.code3, 0, 0xee00);
    expect(raised(() => do_interrupt_all(cpu, 0x40, 'hardware'))).toEqual([EXCP.GP, (SEL.code3 & ~3) | 1]);
  });
});

describe('in long mode', () => {
  function longWithGate(cpl: 0 | 3, type = 0xee00, ist = 0): FlatCpu {
    const cpu = longCpu(cpl);
    setGate(cpu, 0x40, SEL.code64, 0x8000_1000, type | ist);
    cpu.mmu.storePhysical(IDT + 0x40 * 16 + 8, 0xffff_ffff, 4);
    cpu.mmu.store64(BigInt(TSS + 4), 0xffff_8000_0000_9008n);
    cpu.mmu.store64(BigInt(TSS + 0x24), 0xffff_8000_0000_a000n); // IST1
    setEsp(cpu, 0x7fff_0000_8004n);
    cpu.env.set64('eip', 0x5555_0000_1234n);
    setEflags(cpu.env, FLAG.IF | 2);
    return cpu;
  }
  test('an interrupt aligns the stack and pushes SS:RSP always', () => {
    const cpu = longWithGate(0);
    do_interrupt_all(cpu, 0x40, 'hardware');
    expect(esp(cpu)).toBe(0x7fff_0000_8000n - 40n);
    expect(quads(cpu, esp(cpu), 5)).toEqual([
      0x5555_0000_1234n,
      BigInt(SEL.code64),
      BigInt(FLAG.IF | 2),
      0x7fff_0000_8004n,
      BigInt(SEL.data0)
    ]);
    expect([cpu.env.get64('eip'), cpu.env.get('eflags'), ssSelector(cpu)]).toEqual([
      0xffff_ffff_8000_1000n,
      2,
      SEL.data0
    ]);
  });
  test('from user mode it takes RSP0, aligned, and a null SS', () => {
    const cpu = longWithGate(3);
    do_interrupt_all(cpu, 0x40, 'exception', 5);
    expect(esp(cpu)).toBe(0xffff_8000_0000_9000n - 48n);
    expect(quads(cpu, esp(cpu), 2)).toEqual([5n, 0x5555_0000_1234n]);
    expect([cplOf(cpu), ssSelector(cpu), csSelector(cpu)]).toEqual([0, 0, SEL.code64]);
  });
  test('and IRETQ goes back to user mode', () => {
    const cpu = longWithGate(3);
    do_interrupt_all(cpu, 0x40, 'hardware');
    helper_iret(cpu, 8, 0n);
    expect([cplOf(cpu), ssSelector(cpu), csSelector(cpu)]).toEqual([3, SEL.data3, SEL.code64user]);
    expect([esp(cpu), cpu.env.get64('eip'), cpu.env.get('eflags')]).toEqual([
      0x7fff_0000_8004n,
      0x5555_0000_1234n,
      FLAG.IF | 2
    ]);
  });
  test('an IST entry is used at the same level too', () => {
    const cpu = longWithGate(0, 0x8e00, 1);
    do_interrupt_all(cpu, 0x40, 'hardware');
    expect([esp(cpu), ssSelector(cpu)]).toEqual([0xffff_8000_0000_a000n - 40n, 0]);
  });
  test('IRETQ at the same level pops SS:RSP, null SS included', () => {
    const cpu = longWithGate(0, 0x8e00, 1);
    do_interrupt_all(cpu, 0x40, 'hardware');
    cpu.mmu.store64(esp(cpu) + 32n, 0n);
    helper_iret(cpu, 8, 0n);
    expect([esp(cpu), ssSelector(cpu), cplOf(cpu)]).toEqual([0x7fff_0000_8004n, 0, 0]);
  });
  test.each<[string, (cpu: FlatCpu) => void, number, number]>([
    ['compatibility code', (cpu) => setGate(cpu, 0x40, SEL.code0, 0, 0xee00), EXCP.GP, SEL.code0 | 1],
    ['a 16-bit gate', (cpu) => setGate(cpu, 0x40, SEL.code64, 0, 0xe600), EXCP.GP, 0x203],
    ['a vector beyond the table', ({ env }) => env.set('idt_limit', 0x40f - 1), EXCP.GP, 0x203],
    ['an offset that is not canonical', ({ mmu }) => mmu.storePhysical(IDT + 0x40 * 16 + 8, 0x8000, 4), EXCP.GP, 1],
    ['a stack that is not canonical', ({ mmu }) => mmu.store64(BigInt(TSS + 4), 1n << 47n), EXCP.SS, 1],
    ['a TSS that is too short', ({ env }) => env.set('tr_limit', 10), EXCP.TS, SEL.tss | 1]
  ])('%s faults', (_, prepare, vector, error) => {
    const cpu = longWithGate(3);
    prepare(cpu);
    expect(raised(() => do_interrupt_all(cpu, 0x40, 'hardware'))).toEqual([vector, error]);
    expect([cplOf(cpu), esp(cpu)]).toEqual([3, 0x7fff_0000_8004n]);
  });
  test('a stack that is not mapped faults, with nothing changed', () => {
    const cpu = longWithGate(3);
    cpu.mmu.faults.set(8, 'stores');
    expect(raised(() => do_interrupt_all(cpu, 0x40, 'hardware'))).toEqual([EXCP.PF, 6]);
    expect([cplOf(cpu), cpu.env.get('eflags')]).toEqual([3, FLAG.IF | 2]);
  });
});

describe('IRET', () => {
  /** EIP, CS, EFLAGS, ESP, SS at 8000. */
  function frame(cpu: FlatCpu, ...values: number[]): FlatCpu {
    setEsp(cpu, 0x8000n);
    values.forEach((value, i) => cpu.mmu.storePhysical(0x8000 + i * 4, value, 4));
    return cpu;
  }
  test('at CPL 3 changes neither IOPL nor, above IOPL, IF', () => {
    const cpu = frame(protectedCpu(3), 0x100, SEL.code3, FLAG.IOPL | FLAG.IF | FLAG.AC | FLAG.ZF);
    helper_iret(cpu, 4, 0n);
    expect([cpu.env.get('eflags'), cpu.env.get('cc_src')]).toEqual([FLAG.AC | 2, FLAG.ZF]);
  });
  test('of 16 bits changes the low half of EFLAGS alone', () => {
    const cpu = protectedCpu();
    setEflags(cpu.env, FLAG.AC | 2);
    setEsp(cpu, 0x8000n);
    [0x100, SEL.code0, FLAG.IF].forEach((value, i) => cpu.mmu.storePhysical(0x8000 + i * 2, value, 2));
    helper_iret(cpu, 2, 0n);
    expect([cpu.env.get('eflags'), esp(cpu)]).toEqual([FLAG.AC | FLAG.IF | 2, 0x8006n]);
  });
  test.each([
    ['a null CS', [0, 0, 2], EXCP.GP, 0],
    ['a data segment', [0, SEL.data0, 2], EXCP.GP, SEL.data0],
    ['an outer null SS', [0, SEL.code3, 2, 0, 0], EXCP.GP, 0],
    ['an outer SS of level 0', [0, SEL.code3, 2, 0, SEL.data0], EXCP.GP, SEL.data0],
    ['code that is no data segment for SS', [0, SEL.code3, 2, 0, SEL.code3], EXCP.GP, SEL.code3 & ~3]
  ])('to %s faults', (_, values, vector, error) => {
    const cpu = frame(protectedCpu(), ...values);
    expect(raised(() => helper_iret(cpu, 4, 0n))).toEqual([vector, error]);
    expect([esp(cpu), cplOf(cpu), csSelector(cpu)]).toEqual([0x8000n, 0, SEL.code0]);
  });
  test('to an RIP that is not canonical faults before anything changes', () => {
    const cpu = longCpu();
    setEsp(cpu, 0x8000n);
    [1n << 47n, BigInt(SEL.code64user), 2n, 0x7000n, BigInt(SEL.data3)].forEach((value, i) =>
      cpu.mmu.store64(BigInt(0x8000 + i * 8), value)
    );
    expect(raised(() => helper_iret(cpu, 8, 0n))).toEqual([EXCP.GP, 0]);
    expect(cplOf(cpu)).toBe(0);
  });
  test('with NT in long mode is #GP', () => {
    const cpu = longCpu();
    setEflags(cpu.env, FLAG.NT | 2);
    expect(raised(() => helper_iret(cpu, 8, 0n))).toEqual([EXCP.GP, 0]);
  });
  test('from 64-bit code to compatibility code takes a 32-bit stack', () => {
    const cpu = longCpu();
    setEsp(cpu, 0x8000n);
    [0x100n, BigInt(SEL.code3), 2n, 0x1_0000_7000n, BigInt(SEL.data3)].forEach((value, i) =>
      cpu.mmu.store64(BigInt(0x8000 + i * 8), value)
    );
    helper_iret(cpu, 8, 0n);
    expect([esp(cpu), cpu.env.get('hflags') & (HF.CS64 | HF.CS32 | HF.SS32)]).toEqual([0x7000n, HF.CS32 | HF.SS32]);
  });
});
