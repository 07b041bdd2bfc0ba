/** SDM 3A 6.15: which exceptions double; and what interrupts a CPU. */
import { describe, expect, test } from 'vitest';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import {
  CPU_INTERRUPT,
  CPUException,
  EXCP,
  FLAG,
  HF,
  R_ESP
} from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { HF2_NMI } from '../../../../../../src/lib/emulator/target/i386/hflags2.ts';
import {
  deliverException,
  mergeExceptions,
  x86_cpu_exec_interrupt,
  x86_cpu_pending_interrupt
} from '../../../../../../src/lib/emulator/target/i386/tcg/excp_helper.ts';
import { IDT, protectedCpu, SEL, type FlatCpu } from '../../../../../support/flat-cpu.ts';

const { DE, DB, UD, DF, TS, NP, SS, GP, PF } = EXCP;

describe('two exceptions', () => {
  test.each([
    [DE, DE, DF],
    [GP, GP, DF],
    [GP, NP, DF],
    [TS, SS, DF],
    [PF, GP, DF],
    [PF, PF, DF],
    [PF, DE, DF],
    [GP, PF, PF],
    [DE, PF, PF],
    [PF, UD, UD],
    [GP, UD, UD],
    [GP, DB, DB]
  ])('%i then %i is %i', (first, second, expected) => {
    const merged = mergeExceptions(first, new CPUException(second, 5))!;
    expect([merged.vector, merged.error]).toEqual([expected, expected === DF ? 0 : 5]);
  });
  test('after a double fault any is a triple fault', () => {
    for (const vector of [DE, GP, PF]) expect(mergeExceptions(DF, new CPUException(vector, 0))).toBeUndefined();
  });
  test('the first is itself', () => {
    expect(mergeExceptions(undefined, new CPUException(PF, 4))?.vector).toBe(PF);
  });
});

function withGates(...vectors: number[]): FlatCpu {
  const cpu = protectedCpu();
  cpu.env.set64('regs', 0x8000n, R_ESP);
  for (const vector of vectors) {
    cpu.mmu.storePhysical(IDT + vector * 8, (SEL.code0 << 16) | (vector << 8), 4);
    cpu.mmu.storePhysical(IDT + vector * 8 + 4, 0x8e00, 4);
  }
  return cpu;
}
const eip = ({ env }: FlatCpu): bigint => env.get64('eip');
const request = ({ env }: FlatCpu, bits: number): void => env.set('interrupt_request', bits);

describe('delivering an exception', () => {
  test('puts the address of a page fault into CR2', () => {
    const cpu = withGates(PF);
    cpu.env.set64('fault_linear', 0xdead_0000n);
    deliverException(cpu, new CPUException(PF, 2));
    expect([eip(cpu), cpu.env.get64('cr', 2)]).toEqual([0xe00n, 0xdead_0000n]);
  });
  test('whose gate is missing becomes a double fault', () => {
    const cpu = withGates(DF);
    deliverException(cpu, new CPUException(GP, 0x18));
    expect([eip(cpu), cpu.mmu.loadPhysical(0x7ff0, 4), cpu.outside.tripleFaults]).toEqual([0x800n, 0, 0]);
  });
  test('that is benign and meets #GP is that #GP', () => {
    const cpu = withGates(GP);
    deliverException(cpu, new CPUException(UD));
    expect([eip(cpu), cpu.mmu.loadPhysical(0x7ff0, 4)]).toEqual([0xd00n, UD * 8 + 3]);
  });
  test('with no handlers at all is a triple fault', () => {
    const cpu = withGates();
    cpu.env.set('idt_limit', 0);
    deliverException(cpu, new CPUException(UD));
    expect(cpu.outside.tripleFaults).toBe(1);
  });
  test('lets bugs through', () => {
    const cpu = withGates();
    cpu.mmu.load32 = () => {
      throw new RangeError('a bug');
    };
    expect(() => deliverException(cpu, new CPUException(UD))).toThrow(RangeError);
  });
});

describe('an interrupt', () => {
  test('waits for IF, and for the instruction after STI', () => {
    const cpu = withGates(0x20);
    cpu.outside.vector = 0x20;
    request(cpu, CPU_INTERRUPT.HARD);
    expect(x86_cpu_exec_interrupt(cpu)).toBe(false);
    setEflags(cpu.env, FLAG.IF);
    cpu.env.set('inhibit_irq', 1);
    expect(x86_cpu_pending_interrupt(cpu)).toBe(0);
    cpu.env.set('inhibit_irq', 0);
    expect(x86_cpu_exec_interrupt(cpu)).toBe(true);
    expect([eip(cpu), cpu.env.get('interrupt_request')]).toEqual([0x2000n, 0]);
  });
  test('that has gone changes nothing', () => {
    const cpu = withGates(0x20);
    setEflags(cpu.env, FLAG.IF);
    request(cpu, CPU_INTERRUPT.HARD);
    expect(x86_cpu_exec_interrupt(cpu)).toBe(true);
    expect(eip(cpu)).toBe(0x1_1234n);
  });
  test('wakes a halted CPU, with the trap of TF first', () => {
    const cpu = withGates(0x20, DB);
    cpu.outside.vector = 0x20;
    setEflags(cpu.env, FLAG.IF | FLAG.TF);
    cpu.env.set('halted', 1);
    request(cpu, CPU_INTERRUPT.HARD);
    x86_cpu_exec_interrupt(cpu);
    expect([eip(cpu), cpu.env.get('halted'), (cpu.env.get('dr', 12) >> 14) & 1]).toEqual([0x100n, 0, 1]);
    expect(cpu.env.get('interrupt_request')).toBe(CPU_INTERRUPT.HARD);
  });
  test('that is masked does not wake it', () => {
    const cpu = withGates(0x20);
    cpu.env.set('halted', 1);
    request(cpu, CPU_INTERRUPT.HARD);
    expect([x86_cpu_exec_interrupt(cpu), cpu.env.get('halted')]).toEqual([false, 1]);
  });
  test('NMI comes without IF, once until IRET', () => {
    const cpu = withGates(EXCP.NMI);
    request(cpu, CPU_INTERRUPT.NMI);
    expect(x86_cpu_exec_interrupt(cpu)).toBe(true);
    expect([eip(cpu), cpu.env.get('hflags2') & HF2_NMI]).toEqual([0x200n, HF2_NMI]);
    request(cpu, CPU_INTERRUPT.NMI);
    expect(x86_cpu_exec_interrupt(cpu)).toBe(false);
  });
  test('SMI comes before NMI, and not within SMM', () => {
    const cpu = withGates(EXCP.NMI);
    request(cpu, CPU_INTERRUPT.SMI | CPU_INTERRUPT.NMI | CPU_INTERRUPT.HARD);
    expect(x86_cpu_pending_interrupt(cpu)).toBe(CPU_INTERRUPT.SMI);
    cpu.env.set('hflags', cpu.env.get('hflags') | HF.SMM);
    expect(x86_cpu_pending_interrupt(cpu)).toBe(CPU_INTERRUPT.NMI);
  });
  test('INIT starts the CPU again', () => {
    const cpu = withGates();
    request(cpu, CPU_INTERRUPT.INIT | CPU_INTERRUPT.HARD);
    x86_cpu_exec_interrupt(cpu);
    expect([eip(cpu), cpu.env.get('cr') & 1, cpu.env.get('interrupt_request')]).toEqual([0xfff0n, 0, 0]);
  });
  test('of a snapshot\u2019s POLL asks the APIC', () => {
    const cpu = withGates(0x30);
    cpu.outside.vector = 0x30;
    setEflags(cpu.env, FLAG.IF);
    request(cpu, CPU_INTERRUPT.POLL);
    x86_cpu_exec_interrupt(cpu);
    x86_cpu_exec_interrupt(cpu);
    expect(eip(cpu)).toBe(0x3000n);
  });
  test('whose gate is missing is delivered as the fault', () => {
    const cpu = withGates(GP);
    cpu.outside.vector = 0x50;
    setEflags(cpu.env, FLAG.IF);
    request(cpu, CPU_INTERRUPT.HARD);
    x86_cpu_exec_interrupt(cpu);
    expect([eip(cpu), cpu.mmu.loadPhysical(0x7ff0, 4)]).toEqual([0xd00n, 0x50 * 8 + 3]);
  });
});
