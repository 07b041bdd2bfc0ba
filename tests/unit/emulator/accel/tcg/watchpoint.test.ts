/** What a debugger watches of a CPU: code, by records that ask; data, by pages without entries in the TLB. */
import { describe, expect, test } from 'vitest';
import type { Access, Watchpoint } from '../../../../../src/lib/emulator/accel/tcg/watchpoint.ts';
import { CPU_INTERRUPT } from '../../../../../src/lib/emulator/target/i386/env.ts';
import { TcgMachine } from '../../../../support/tcg-machine.ts';

const CODE = 0x20_0000;
const DATA = 0x30_0000;
const [RAX, RCX, RDI] = [0, 1, 7];

function longMode(...code: readonly number[]): TcgMachine {
  const m = new TcgMachine();
  m.longMode(BigInt(CODE));
  m.load(CODE, ...code);
  m.setReg(RDI, BigInt(DATA));
  m.setReg(4, 0x40_0000n);
  return m;
}
const always = (): boolean => true;

describe('code', () => {
  // 1: inc eax; dec ecx; jnz 1; hlt
  const loop = [0xff, 0xc0, 0xff, 0xc9, 0x75, 0xfa, 0xf4];

  test('a breakpoint in a loop is met each time around, at the same counts as by single steps', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 5n);
    m.cpu.run(4); // decoded already
    m.cpu.breakpoints = new Map([[BigInt(CODE + 2), always]]);
    const met: bigint[] = [];
    while (m.cpu.run(1000) === 'debug') met.push(m.cpu.icount);
    expect(met).toEqual([4n, 7n, 10n, 13n]);
    expect(m.reg(RAX)).toBe(5n);
  });

  test('what decides says no, and all goes on in the same run', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 1000n);
    let asked = 0;
    m.cpu.breakpoints = new Map([[BigInt(CODE), () => ++asked === 500]]);
    expect(m.cpu.run(10_000)).toBe('debug');
    expect([asked, m.reg(RAX), m.cpu.icount]).toEqual([500, 499n, 3n * 499n]);
  });

  test('at the top of the address space, where numbers are not exact', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 3n);
    const high = 0xffff_ffff_ffe0_0000n; // the same tables from their last entries on
    m.write64(0x10_0000 + 8 * 511, m.read64(0x10_0000));
    m.write64(0x10_1000 + 8 * 511, m.read64(0x10_1000));
    m.write64(0x10_2000 + 8 * 511, m.read64(0x10_2000 + 8));
    m.cpu.env.set64('eip', high);
    m.cpu.flushAll();
    m.cpu.breakpoints = new Map([[high + 2n, always]]);
    expect([m.cpu.run(1000), m.eip]).toEqual(['debug', high + 2n]);
  });

  test('the same offset of another page does not stop', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 3n);
    m.cpu.breakpoints = new Map([[BigInt(CODE + 0x1000), always]]);
    expect(m.cpu.run(1000)).toBe('halted');
  });

  test('taken away, the instruction runs as any other', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 3n);
    m.cpu.breakpoints = new Map([[BigInt(CODE), always]]);
    expect(m.cpu.run(1000)).toBe('debug');
    m.cpu.breakpoints = new Map();
    expect(m.cpu.run(1000)).toBe('halted');
    expect(m.reg(RAX)).toBe(3n);
  });

  test('an instruction that lies in two pages stops before it, and runs whole', () => {
    const m = longMode();
    m.load(CODE + 0xffe, 0x48, 0xff, 0xc0, 0xf4); // inc rax, its last byte in the next page; hlt
    m.cpu.env.set64('eip', BigInt(CODE + 0xffe));
    m.cpu.breakpoints = new Map([[BigInt(CODE + 0xffe), always]]);
    expect(m.cpu.run(10)).toBe('debug');
    expect(m.reg(RAX)).toBe(0n);
    expect(m.cpu.run(10)).toBe('halted');
    expect(m.reg(RAX)).toBe(1n);
  });

  test('code that is overwritten keeps its breakpoint', () => {
    const m = longMode(0x90, 0xc6, 0x07, 0xf4, 0xeb, 0xfa); // 0: nop; mov byte [rdi], 0xf4; jmp 0
    m.setReg(RDI, BigInt(CODE));
    m.cpu.breakpoints = new Map([[BigInt(CODE), always]]);
    expect(m.cpu.run(100)).toBe('debug');
    expect([m.cpu.run(100), m.cpu.icount]).toEqual(['debug', 3n]);
    expect(m.cpu.run(100)).toBe('halted');
  });

  test('the shadow of STI lasts over a stop', () => {
    const m = longMode(0xfb, 0x90, 0x90); // sti; nop; nop
    m.cpu.interrupt(CPU_INTERRUPT.HARD);
    m.cpu.breakpoints = new Map([[BigInt(CODE + 1), always]]);
    m.catching = true;
    expect(m.cpu.run(100)).toBe('debug');
    expect(m.cpu.env.get('inhibit_irq')).toBe(1);
    m.cpu.run(1);
    expect([m.cpu.icount, m.eip]).toEqual([2n, BigInt(CODE + 2)]);
  });

  test('passed by request, it is not met where the CPU stands', () => {
    const m = longMode(...loop);
    m.setReg(RCX, 2n);
    m.cpu.breakpoints = new Map([[BigInt(CODE), always]]);
    m.cpu.passBreakpoint();
    expect([m.cpu.run(1000), m.cpu.icount]).toEqual(['debug', 3n]);
  });
});

describe('data', () => {
  function watching(m: TcgMachine, watch: Partial<Watchpoint>): Access[] {
    const met: Access[] = [];
    const hit = (access: Access): void => {
      met.push(access);
      m.cpu.requestDebug();
    };
    const all = { space: 'virtual', address: BigInt(DATA), bytes: 4n, read: true, write: true, hit } as const;
    m.cpu.watchpoints = [{ ...all, ...watch }];
    return met;
  }

  test('a store into it stops after its instruction, which is named', () => {
    const m = longMode(0x90, 0x89, 0x07, 0x90, 0xf4); // nop; mov [rdi], eax; nop; hlt
    const met = watching(m, {});
    expect(m.cpu.run(100)).toBe('debug');
    expect([m.eip, m.cpu.icount]).toEqual([BigInt(CODE + 3), 2n]);
    const gpa = BigInt(DATA);
    expect(met).toEqual([{ linear: gpa, gpa, bytes: 4, write: true, eip: BigInt(CODE + 1) }]);
    expect(m.cpu.run(100)).toBe('halted');
  });

  test('what was in the TLB is watched too, and is fast again when nobody watches', () => {
    const m = longMode(0x89, 0x07, 0xeb, 0xfc); // 0: mov [rdi], eax; jmp 0
    m.cpu.run(10);
    const met = watching(m, {});
    expect(m.cpu.run(10)).toBe('debug');
    m.cpu.watchpoints = [];
    expect(m.cpu.run(10)).toBe('budget');
    expect(met.length).toBe(1);
  });

  test('neighbours in the same page, and accesses of the other kind, go on', () => {
    const m = longMode(0x8b, 0x07, 0x89, 0x47, 0x04, 0x88, 0x47, 0xff, 0xf4); // eax = [rdi]; [rdi+4] = eax; [rdi-1] = al
    watching(m, { read: false });
    expect(m.cpu.run(100)).toBe('halted');
  });

  test('an access that reaches into it from the page before is met by its second piece', () => {
    const m = longMode(0x48, 0x89, 0x47, 0xfe, 0xf4); // mov [rdi-2], rax
    const met = watching(m, { space: 'physical', bytes: 1n });
    expect(m.cpu.run(100)).toBe('debug');
    expect(met).toMatchObject([{ linear: BigInt(DATA), gpa: BigInt(DATA), bytes: 6, write: true }]);
    expect(m.read64(DATA - 2)).toBe(0n);
  });

  test('a physical range is met by whatever address it has', () => {
    const m = longMode(0x8b, 0x07, 0xf4);
    m.write64(0x10_3000 + 8 * (DATA >> 12), BigInt(DATA + 0x5000) | 7n);
    m.cpu.flushAll();
    const met = watching(m, { space: 'physical', address: BigInt(DATA + 0x5002), write: false });
    expect(m.cpu.run(100)).toBe('debug');
    expect(met).toMatchObject([{ linear: BigInt(DATA), gpa: BigInt(DATA + 0x5000), write: false }]);
  });

  test('a repeated string instruction stops at the element', () => {
    const m = longMode(0xf3, 0xaa, 0xf4); // rep stosb
    m.setReg(RDI, BigInt(DATA - 3));
    m.setReg(RCX, 10n);
    watching(m, {});
    expect(m.cpu.run(100)).toBe('debug');
    expect([m.cpu.icount, m.reg(RCX), m.eip]).toEqual([4n, 6n, BigInt(CODE)]);
  });

  test('what a debugger reads by itself is not told', () => {
    const m = longMode(0xf4);
    const met = watching(m, {});
    m.cpu.mmu.load32(BigInt(DATA));
    expect(met).toEqual([]);
    expect(m.cpu.run(10)).toBe('halted');
  });
});
