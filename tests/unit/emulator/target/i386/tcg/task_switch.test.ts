/** SDM 3A 8.3. */
import { describe, expect, test } from 'vitest';
import { CR0 } from '../../../../../../src/lib/emulator/target/i386/control-registers.ts';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import { EXCP, FLAG, HF, R_DS, R_ESP } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { helper_lcall, helper_ljmp } from '../../../../../../src/lib/emulator/target/i386/tcg/far_transfer.ts';
import { do_interrupt_all } from '../../../../../../src/lib/emulator/target/i386/tcg/interrupt.ts';
import { helper_iret } from '../../../../../../src/lib/emulator/target/i386/tcg/iret.ts';
import {
  cplOf,
  csSelector,
  GDT,
  IDT,
  protectedCpu,
  raised,
  SEL,
  setDescriptor,
  ssSelector,
  TSS,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const NEW = 0x60;
const GATE = 0x70;
const NEW_TSS = 0x5000;
const NEXT = 0x1_1239n;
const AVAILABLE32 = 0x0000_8900;
const long = ({ mmu }: FlatCpu, at: number): number => mmu.loadPhysical(at, 4);
const busyBits = (cpu: FlatCpu, selector: number): number => (long(cpu, GDT + selector + 4) >> 8) & 0xf;

/** A running task at TSS, and one of 32 bits at 5000, of CPL 0. */
function twoTasks(): FlatCpu {
  const cpu = protectedCpu();
  const { env, mmu } = cpu;
  setDescriptor(cpu, NEW, (NEW_TSS << 16) | 0x67, AVAILABLE32);
  setDescriptor(cpu, GATE, NEW << 16, 0x0000_e500);
  mmu.storePhysical(NEW_TSS + 0x20, 0x2222, 4);
  mmu.storePhysical(NEW_TSS + 0x24, FLAG.ZF | 2, 4);
  for (let i = 0; i < 8; i++) mmu.storePhysical(NEW_TSS + 0x28 + i * 4, 0x100 + i, 4);
  [SEL.data0, SEL.code0, SEL.data0, 0, 0, 0].forEach((s, i) => mmu.storePhysical(NEW_TSS + 0x48 + i * 4, s, 2));
  for (let i = 0; i < 8; i++) env.set64('regs', BigInt(0x200 + i), i);
  env.set64('regs', 0x8000n, R_ESP);
  return cpu;
}

describe('a task switch', () => {
  test('by JMP saves one task and loads the other', () => {
    const cpu = twoTasks();
    helper_ljmp(cpu, NEW, 0n, NEXT);
    expect([long(cpu, TSS + 0x20), long(cpu, TSS + 0x28), long(cpu, TSS + 0x38)]).toEqual([
      Number(NEXT),
      0x200,
      0x8000
    ]);
    expect(cpu.mmu.loadPhysical(TSS + 0x4c, 2)).toBe(SEL.code0);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', 0), cpu.env.get('cc_src')]).toEqual([0x2222n, 0x100n, FLAG.ZF]);
    expect([csSelector(cpu), ssSelector(cpu), cpu.env.get('seg_selector', R_DS)]).toEqual([SEL.code0, SEL.data0, 0]);
    expect([cpu.env.get('tr_selector'), busyBits(cpu, NEW), busyBits(cpu, SEL.tss)]).toEqual([NEW, 11, 9]);
    expect([cpu.env.get('cr') & CR0.TS, cpu.env.get('hflags') & HF.TS]).toEqual([CR0.TS, HF.TS]);
  });
  test('by CALL links back and sets NT, and IRET returns', () => {
    const cpu = twoTasks();
    helper_lcall(cpu, GATE, 0n, 4, NEXT);
    expect([cpu.mmu.loadPhysical(NEW_TSS, 2), cpu.env.get('eflags') & FLAG.NT]).toEqual([SEL.tss, FLAG.NT]);
    expect([busyBits(cpu, NEW), busyBits(cpu, SEL.tss)]).toEqual([11, 11]);
    helper_iret(cpu, 4, 0x3333n);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', 0), cpu.env.get('tr_selector')]).toEqual([
      NEXT,
      0x200n,
      SEL.tss
    ]);
    expect([busyBits(cpu, NEW), long(cpu, NEW_TSS + 0x24) & FLAG.NT]).toEqual([9, 0]);
  });
  test('by an exception pushes the code on the new stack', () => {
    const cpu = twoTasks();
    cpu.mmu.storePhysical(NEW_TSS + 0x38, 0x7000, 4);
    cpu.mmu.storePhysical(IDT + EXCP.TS * 8, NEW << 16, 4);
    cpu.mmu.storePhysical(IDT + EXCP.TS * 8 + 4, 0x8500, 4);
    do_interrupt_all(cpu, EXCP.TS, 'exception', 0x1234);
    expect([cpu.env.get64('regs', R_ESP), long(cpu, 0x6ffc)]).toEqual([0x6ffcn, 0x1234]);
    expect(long(cpu, TSS + 0x20)).toBe(0x1_1234);
  });
  test('to a task in virtual-8086 mode has CPL 3', () => {
    const cpu = twoTasks();
    cpu.mmu.storePhysical(NEW_TSS + 0x24, FLAG.VM | 2, 4);
    helper_ljmp(cpu, NEW, 0n, NEXT);
    expect([cplOf(cpu), cpu.env.get('hflags') & HF.VM, cpu.env.get64('seg_base', R_DS)]).toEqual([3, HF.VM, 0n]);
  });
  test('to a 16-bit task loads words', () => {
    const cpu = twoTasks();
    setDescriptor(cpu, NEW, (NEW_TSS << 16) | 0x2b, 0x8100);
    [0x1111, 2, 1, 2, 3, 4, 5, 6, 7, 8].forEach((w, i) => cpu.mmu.storePhysical(NEW_TSS + 0x0e + i * 2, w, 2));
    [SEL.data0, SEL.code0, SEL.data0, 0].forEach((s, i) => cpu.mmu.storePhysical(NEW_TSS + 0x22 + i * 2, s, 2));
    cpu.mmu.storePhysical(NEW_TSS + 0x2a, 0, 2);
    helper_ljmp(cpu, NEW, 0n, NEXT);
    expect([cpu.env.get64('eip'), cpu.env.get64('regs', 0), cpu.env.get64('regs', 7)]).toEqual([0x1111n, 1n, 8n]);
  });
  test('with T set traps in the new task', () => {
    const cpu = twoTasks();
    cpu.mmu.storePhysical(NEW_TSS + 0x64, 1, 2);
    expect(raised(() => helper_ljmp(cpu, NEW, 0n, NEXT))).toEqual([EXCP.DB, undefined]);
    expect([cpu.env.get64('eip'), (cpu.env.get('dr', 12) >> 15) & 1]).toEqual([0x2222n, 1]);
  });
  test('clears the breakpoints that are local to the old task', () => {
    const cpu = twoTasks();
    cpu.env.set64('dr', 0x403n, 7);
    helper_ljmp(cpu, NEW, 0n, NEXT);
    expect(cpu.env.get64('dr', 7)).toBe(0x402n);
  });

  test.each<[string, (cpu: FlatCpu) => void, number, number, number]>([
    ['to a busy task by a gate', (c) => setDescriptor(c, NEW, (NEW_TSS << 16) | 0x67, 0x8b00), GATE, EXCP.GP, NEW],
    ['to an absent TSS', (c) => setDescriptor(c, NEW, (NEW_TSS << 16) | 0x67, 0x0900), NEW, EXCP.NP, NEW],
    ['to a TSS that is too short', (c) => setDescriptor(c, NEW, (NEW_TSS << 16) | 0x66, 0x8900), NEW, EXCP.TS, NEW],
    ['through an absent gate', (c) => setDescriptor(c, GATE, NEW << 16, 0x6500), GATE, EXCP.NP, GATE],
    ['through a gate to the LDT', (c) => setDescriptor(c, GATE, (NEW | 4) << 16, 0xe500), GATE, EXCP.GP, NEW | 4]
  ])('%s faults in the old task', (_, prepare, selector, vector, error) => {
    const cpu = twoTasks();
    prepare(cpu);
    expect(raised(() => helper_lcall(cpu, selector, 0n, 4, NEXT))).toEqual([vector, error]);
    expect([cpu.env.get('tr_selector'), cpu.env.get64('regs', 0)]).toEqual([SEL.tss, 0x200n]);
  });
  test.each<[string, number, number, number, number]>([
    ['an SS of another level', 2, SEL.data3, EXCP.TS, SEL.data3 & ~3],
    ['a CS of data', 1, SEL.data0, EXCP.TS, SEL.data0],
    ['a null CS', 1, 0, EXCP.TS, 0],
    ['a DS beyond the table', 3, 0x100, EXCP.TS, 0x100]
  ])('with %s faults in the new one', (_, index, selector, vector, error) => {
    const cpu = twoTasks();
    cpu.mmu.storePhysical(NEW_TSS + 0x48 + index * 4, selector, 2);
    expect(raised(() => helper_ljmp(cpu, NEW, 0n, NEXT))).toEqual([vector, error]);
    expect([cpu.env.get('tr_selector'), cpu.env.get64('regs', 0), cpu.env.get64('eip')]).toEqual([
      NEW,
      0x100n,
      0x2222n
    ]);
  });
  test('with an LDT that is none is #TS of its selector', () => {
    const cpu = twoTasks();
    cpu.mmu.storePhysical(NEW_TSS + 0x60, SEL.data0, 2);
    expect(raised(() => helper_ljmp(cpu, NEW, 0n, NEXT))).toEqual([EXCP.TS, SEL.data0]);
  });
  test('whose old TSS cannot be written faults before anything is', () => {
    const cpu = twoTasks();
    cpu.mmu.faults.set(TSS >> 12, 'stores');
    expect(raised(() => helper_ljmp(cpu, NEW, 0n, NEXT))).toEqual([EXCP.PF, 2]);
    expect(busyBits(cpu, NEW)).toBe(9);
  });
  test('by IRET to a task that is not busy is #TS', () => {
    const cpu = twoTasks();
    setEflags(cpu.env, FLAG.NT | 2);
    cpu.mmu.storePhysical(TSS, NEW, 2);
    expect(raised(() => helper_iret(cpu, 4, NEXT))).toEqual([EXCP.TS, NEW]);
  });
});
