/** Programs of a few bytes on the whole engine: decoding, records, loop, TLB, counting, exceptions, interrupts. */
import { describe, expect, test } from 'vitest';
import { CPU_INTERRUPT, EXCP, FLAG, R_CS } from '../../../../../src/lib/emulator/target/i386/env.ts';
import { type PhysicalDevice, RAM, RAM_BYTES, TABLES, TcgMachine } from '../../../../support/tcg-machine.ts';

const CODE = 0x20_0000;
const DATA = 0x30_0000;
const STACK = 0x40_0000;
const RAX = 0;
const RCX = 1;
const RDX = 2;
const RBX = 3;
const RSP = 4;
const RSI = 6;
const RDI = 7;

function longMode(cpl: 0 | 3 = 0, device?: PhysicalDevice): TcgMachine {
  const m = new TcgMachine(device);
  m.longMode(BigInt(CODE), cpl);
  m.setReg(RSP, BigInt(STACK));
  return m;
}
/** An interrupt gate in a table at 0x10000, and a handler of one HLT at 0x11000 + 16 * vector. */
function withHandlers(m: TcgMachine): (vector: number) => bigint {
  const { env } = m.cpu;
  env.set64('idt_base', 0x10000n);
  env.set('idt_limit', 0xfff);
  env.set64('gdt_base', 0x12000n);
  env.set('gdt_limit', 0xff);
  m.write64(0x12008, 0x00af9b000000ffffn);
  m.write64(0x12010, 0x00cf93000000ffffn);
  const handler = (vector: number): number => 0x11000 + 16 * vector;
  for (let vector = 0; vector < 64; vector++) {
    const target = handler(vector);
    m.write64(0x10000 + 16 * vector, 0x0001_8e00_0008_0000n | BigInt(target & 0xffff));
    m.write64(0x10008 + 16 * vector, 0n);
    m.load(target, 0xf4);
  }
  return (vector) => BigInt(handler(vector) + 1);
}
const pte = (address: number): number => TABLES + 0x3000 + 8 * (address >> 12);

describe('counting', () => {
  test('a loop with memory through paging runs and is counted', () => {
    const m = longMode();
    // mov [rdi + rcx*8 - 8], rcx; add rax, [rdi + rcx*8 - 8]; dec rcx; jnz; nop
    m.load(CODE, 0x48, 0x89, 0x4c, 0xcf, 0xf8, 0x48, 0x03, 0x44, 0xcf, 0xf8, 0x48, 0xff, 0xc9, 0x75, 0xf1, 0x90, 0x90);
    m.setReg(RAX, 0n);
    m.setReg(RCX, 1000n);
    m.setReg(RDI, BigInt(DATA));
    expect(m.cpu.run(4001)).toBe('budget');
    expect(m.reg(RAX)).toBe(500500n);
    expect(m.reg(RCX)).toBe(0n);
    expect(m.eip).toBe(BigInt(CODE + 16));
    expect(m.cpu.icount).toBe(4001n);
    expect(m.read64(DATA + 8 * 999)).toBe(1000n);
  });

  test('the same instructions run in slices of any size', () => {
    const states = [1, 2, 7, 1000].map((slice) => {
      const m = longMode();
      // imul rax, rax, 0x5deece6; add rax, 11; push rax; pop rdx; jmp
      m.load(CODE, 0x48, 0x69, 0xc0, 0xe6, 0xce, 0xde, 0x05, 0x48, 0x83, 0xc0, 0x0b, 0x50, 0x5a, 0xeb, 0xf1);
      m.setReg(RAX, 1n);
      for (let left = 1000; left > 0; left -= slice) m.cpu.run(Math.min(slice, left));
      return [m.reg(RAX), m.eip, m.cpu.icount];
    });
    for (const state of states) expect(state).toEqual(states[0]);
    expect(states[0]![2]).toBe(1000n);
  });

  test('each iteration of a repeated instruction counts as one, and it can be left between them', () => {
    const m = longMode();
    m.load(CODE, 0xf3, 0xaa, 0x90); // rep stosb; nop
    m.setReg(RCX, 10n);
    m.setReg(RDI, BigInt(DATA));
    m.cpu.run(4);
    expect([m.reg(RCX), m.reg(RDI), m.eip]).toEqual([6n, BigInt(DATA + 4), BigInt(CODE)]);
    m.cpu.run(6);
    expect([m.reg(RCX), m.eip]).toEqual([0n, BigInt(CODE + 2)]);
    m.cpu.env.set64('eip', BigInt(CODE));
    m.cpu.run(1);
    expect([m.eip, m.cpu.icount]).toEqual([BigInt(CODE + 2), 11n]);
  });

  test('an instruction that faults counts', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.load(CODE, 0x90, 0x0f, 0x0b); // nop; ud2
    expect(m.cpu.run(100)).toBe('halted');
    expect([m.eip, m.cpu.icount]).toEqual([after(EXCP.UD), 3n]);
  });

  test('a limit set while it runs ends the slice there', () => {
    const device: PhysicalDevice = {
      read: () => {
        m.cpu.limit(3);
        return 0;
      },
      write: () => {}
    };
    const m = longMode(0, device);
    m.write64(pte(DATA), 0xf000_0003n);
    m.cpu.flushAll();
    m.load(CODE, 0x8b, 0x07, ...new Array<number>(20).fill(0x90)); // mov eax, [rdi]; nops
    m.setReg(RDI, BigInt(DATA));
    expect(m.cpu.run(100)).toBe('budget');
    expect([m.eip, m.cpu.icount]).toEqual([BigInt(CODE + 5), 4n]);
  });
});

describe('memory', () => {
  test('a page fault says what was wrong and leaves everything as it was', () => {
    const m = longMode();
    m.catching = true;
    m.write64(pte(DATA), 0n);
    m.write64(pte(DATA + 4096), BigInt(DATA + 4096) | 1n);
    m.cpu.flushAll();
    m.load(CODE, 0x48, 0x01, 0x07); // add [rdi], rax
    m.setReg(RDI, BigInt(DATA + 8));
    m.setReg(RAX, 5n);
    m.cpu.run(1);
    expect(m.exception).toEqual({ vector: EXCP.PF, error: 2 });
    expect(m.cpu.env.get64('fault_linear')).toBe(BigInt(DATA + 8));
    expect(m.eip).toBe(BigInt(CODE));
    // Across the border of a page that may be written and one that may not: nothing is stored.
    m.write64(pte(DATA), BigInt(DATA) | 3n);
    m.cpu.flushAll();
    m.setReg(RDI, BigInt(DATA + 4096 - 4));
    m.cpu.run(1);
    expect(m.exception).toEqual({ vector: EXCP.PF, error: 3 });
    expect(m.cpu.env.get64('fault_linear')).toBe(BigInt(DATA + 4096));
    expect(m.bytes(DATA + 4092, 8)).toEqual(new Uint8Array(8));
  });

  test('accesses cross pages that are not neighbours', () => {
    const m = longMode();
    m.write64(pte(DATA + 4096), 0x50_0003n);
    m.cpu.flushAll();
    // mov [rdi], rax; mov rbx, [rdi]; lock xadd [rdi], rdx
    m.load(CODE, 0x48, 0x89, 0x07, 0x48, 0x8b, 0x1f, 0xf0, 0x48, 0x0f, 0xc1, 0x17);
    m.setReg(RDI, BigInt(DATA + 4093));
    m.setReg(RAX, 0x1122_3344_5566_7788n);
    m.setReg(RDX, 1n);
    m.cpu.run(3);
    expect([...m.bytes(DATA + 4093, 3)]).toEqual([0x89, 0x77, 0x66]);
    expect([...m.bytes(0x50_0000, 5)]).toEqual([0x55, 0x44, 0x33, 0x22, 0x11]);
    expect([m.reg(RBX), m.reg(RDX)]).toEqual([0x1122_3344_5566_7788n, 0x1122_3344_5566_7788n]);
  });

  test('addresses that are not canonical raise #GP', () => {
    const m = longMode();
    m.catching = true;
    m.load(CODE, 0x8a, 0x07); // mov al, [rdi]
    for (const address of [0x8000_0000_0000n, 0xffff_0000_0000_0000n, 1n << 63n]) {
      m.setReg(RDI, address);
      m.cpu.run(1);
      expect(m.exception).toEqual({ vector: EXCP.GP, error: 0 });
    }
  });

  test('pages are marked accessed when read and dirty when written, once', () => {
    const m = longMode();
    m.load(CODE, 0x8a, 0x07, 0x88, 0x07); // mov al, [rdi]; mov [rdi], al
    m.setReg(RDI, BigInt(DATA));
    m.cpu.run(1);
    expect(m.read64(pte(DATA)) & 0xfffn).toBe(0x27n);
    m.cpu.run(1);
    expect(m.read64(pte(DATA)) & 0xfffn).toBe(0x67n);
    expect(m.read64(TABLES) & 0xfffn).toBe(0x27n);
  });

  test('a device gets accesses of its addresses, in pieces of four bytes', () => {
    const log: unknown[] = [];
    const m = longMode(0, {
      read: (address, size) => {
        log.push(['read', address, size]);
        return 0x8765_4321;
      },
      write: (address, value, size) => void log.push(['write', address, value, size])
    });
    m.write64(pte(DATA), 0xfee0_0003n);
    m.cpu.flushAll();
    // mov [rdi + 0xb0], eax; mov rbx, [rdi + 0x20]; or byte [rdi], 0x10
    m.load(CODE, 0x89, 0x87, 0xb0, 0, 0, 0, 0x48, 0x8b, 0x5f, 0x20, 0x80, 0x0f, 0x10);
    m.setReg(RDI, BigInt(DATA));
    m.setReg(RAX, 7n);
    m.cpu.run(3);
    expect(log).toEqual([
      ['write', 0xfee0_00b0, 7, 4],
      ['read', 0xfee0_0020, 4],
      ['read', 0xfee0_0024, 4],
      ['read', 0xfee0_0000, 1],
      ['write', 0xfee0_0000, 0x31, 1]
    ]);
    expect(m.reg(RBX)).toBe(0x8765_4321_8765_4321n);
  });

  test('what is mapped is remembered until it is flushed; global pages survive CR3', () => {
    const m = longMode();
    m.load(CODE, 0x8a, 0x07, 0xeb, 0xfc); // mov al, [rdi]; jmp
    m.load(DATA, 1);
    m.load(DATA + 4096, 2);
    m.cpu.env.set64('cr', m.cpu.env.get64('cr', 4) | 0x80n, 4);
    m.setReg(RDI, BigInt(DATA));
    const read = (): bigint => {
      m.cpu.run(2);
      return m.reg(RAX) & 0xffn;
    };
    m.write64(pte(DATA), BigInt(DATA) | 0x103n);
    m.cpu.flushAll();
    expect(read()).toBe(1n);
    m.write64(pte(DATA), BigInt(DATA + 4096) | 0x103n);
    expect(read()).toBe(1n);
    m.cpu.mmu.flush(false);
    expect(read()).toBe(1n);
    m.cpu.mmu.flushPage(BigInt(DATA));
    expect(read()).toBe(2n);
  });

  test('writes mark pages dirty again after the marks were taken', () => {
    const m = longMode();
    m.load(CODE, 0x88, 0x07, 0xeb, 0xfc); // mov [rdi], al; jmp
    m.setReg(RDI, BigInt(DATA));
    m.cpu.run(2);
    m.setPageFlags(DATA, 0);
    m.cpu.dirtyCleared();
    m.cpu.run(2);
    expect(m.pageFlags(DATA)).toBe(62);
  });

  test('who writes first to a page that was clean is remembered, until the next who does', () => {
    const m = longMode();
    // nop; mov [rdi], al; mov [rdi], al; push rax; jmp to the second mov
    m.load(CODE, 0x90, 0x88, 0x07, 0x88, 0x07, 0x50, 0xeb, 0xfb);
    m.setReg(RDI, BigInt(DATA));
    const writer = (address: number) =>
      Number(m.cpu.env.u64[(m.cpu.pageWriters >>> 3) + ((RAM + address) >>> 12)]) - CODE;
    m.setPageFlags(DATA, 0);
    m.cpu.dirtyCleared();
    m.cpu.run(3);
    expect(writer(DATA)).toBe(1);
    m.setPageFlags(DATA, 0);
    m.cpu.dirtyCleared();
    m.cpu.run(5);
    expect(writer(DATA)).toBe(3);
  });
});

describe('code that changes', () => {
  test('an instruction that was run is run anew after a store into it', () => {
    const m = longMode();
    // inc eax; mov byte [rdi], 0xc8 (dec eax: ff c8); jmp back
    m.load(CODE, 0xff, 0xc0, 0xc6, 0x07, 0xc8, 0xeb, 0xf9);
    m.setReg(RDI, BigInt(CODE + 1));
    m.setReg(RAX, 10n);
    m.cpu.run(6);
    expect(m.reg(RAX)).toBe(10n);
  });

  test('a store into the very next instruction counts', () => {
    const m = longMode();
    m.load(CODE, 0xc6, 0x07, 0xc8, 0xff, 0xc0, 0x90, 0x90); // mov byte [rdi], 0xc8; inc eax
    m.setReg(RDI, BigInt(CODE + 4));
    m.setReg(RAX, 10n);
    m.cpu.run(3);
    expect(m.reg(RAX)).toBe(9n);
  });

  test('data beside code stays writable, and the code stays right', () => {
    const m = longMode();
    // add dword [rdi], 1; dec ecx; jnz
    m.load(CODE, 0x83, 0x07, 0x01, 0xff, 0xc9, 0x75, 0xf9, 0x90);
    m.setReg(RDI, BigInt(CODE + 0x100));
    m.setReg(RCX, 1000n);
    m.cpu.run(3000);
    expect(m.read64(CODE + 0x100)).toBe(1000n);
    expect(m.eip).toBe(BigInt(CODE + 7));
    m.load(CODE + 0x100, 0);
  });

  test('a device writes over code', () => {
    const m = longMode();
    m.load(CODE, 0xff, 0xc0, 0xeb, 0xfc); // inc eax; jmp
    m.setReg(RAX, 0n);
    m.cpu.run(10);
    m.dma(CODE + 1, 0xc8);
    m.cpu.run(10);
    expect(m.reg(RAX)).toBe(0n);
  });

  test('an instruction across two pages follows what either page maps to and holds', () => {
    const m = longMode();
    const start = CODE + 4096 - 3;
    m.load(start, 0xb8, 0x11, 0x22, 0x33, 0x44, 0xeb, 0xf9); // mov eax, 0x44332211; jmp back
    m.load(0x50_0000, 0x55, 0x66, 0xeb, 0xf9);
    m.cpu.env.set64('eip', BigInt(start));
    m.cpu.run(4);
    expect(m.reg(RAX)).toBe(0x4433_2211n);
    m.dma(CODE + 4096, 0x77);
    m.cpu.run(2);
    expect(m.reg(RAX)).toBe(0x4477_2211n);
    m.write64(pte(CODE + 4096), 0x50_0003n);
    m.cpu.mmu.flushPage(BigInt(CODE + 4096));
    m.cpu.run(2);
    expect(m.reg(RAX)).toBe(0x6655_2211n);
  });

  test('fetching from a page that is not there faults at its first byte, in the instruction that reaches into it', () => {
    const m = longMode();
    m.catching = true;
    m.write64(pte(CODE + 4096), 0n);
    m.cpu.flushAll();
    m.load(CODE + 4095, 0xb8);
    m.cpu.env.set64('eip', BigInt(CODE + 4095));
    m.cpu.run(10);
    expect(m.exception).toEqual({ vector: EXCP.PF, error: 0x10 });
    expect(m.cpu.env.get64('fault_linear')).toBe(BigInt(CODE + 4096));
    expect(m.eip).toBe(BigInt(CODE + 4095));
  });

  test('more code than fits is decoded anew', () => {
    const m = longMode();
    // Each page: jmp to the next; the last jumps back. 12 MiB of pages are more than the arena holds.
    const pages = 2900;
    const first = 0x40_0000;
    for (let i = 0; i < pages; i++) {
      const at = first + i * 4096;
      const to = i === pages - 1 ? first : at + 4096;
      const rel = to - (at + 7);
      m.load(at, 0xff, 0xc0, 0xe9, rel & 0xff, (rel >> 8) & 0xff, (rel >> 16) & 0xff, (rel >> 24) & 0xff);
    }
    expect(first + pages * 4096).toBeLessThanOrEqual(RAM_BYTES);
    m.cpu.env.set64('eip', BigInt(first));
    m.setReg(RAX, 0n);
    m.cpu.run(pages * 2 * 3);
    expect(m.reg(RAX)).toBe(BigInt(pages * 3));
    expect(m.eip).toBe(BigInt(first));
  });
});

describe('interrupts and traps', () => {
  test('an interrupt is taken between two instructions, not in the shadow of STI', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.load(CODE, 0xfb, 0xff, 0xc0, 0xff, 0xc0, 0xf4); // sti; inc eax; inc eax; hlt
    m.setReg(RAX, 0n);
    m.cpu.interrupt(CPU_INTERRUPT.HARD);
    expect(m.cpu.run(100)).toBe('halted');
    expect(m.eip).toBe(after(0x20));
    expect(m.reg(RAX)).toBe(1n);
    expect(m.read64(STACK - 40)).toBe(BigInt(CODE + 3));
    expect(m.cpu.icount).toBe(3n);
  });

  test('HLT waits; an interrupt ends it', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.load(CODE, 0xfb, 0xf4, 0x90); // sti; hlt
    expect(m.cpu.run(100)).toBe('halted');
    expect(m.cpu.idle).toBe(true);
    m.cpu.interrupt(CPU_INTERRUPT.HARD);
    expect(m.cpu.idle).toBe(false);
    m.cpu.run(1);
    expect(m.eip).toBe(after(0x20));
    expect(m.read64(STACK - 40)).toBe(BigInt(CODE + 2));
  });

  test('an interrupt that a device raises while an instruction runs comes right after it', () => {
    const m = longMode(0, {
      read: () => {
        m.cpu.interrupt(CPU_INTERRUPT.HARD);
        return 0;
      },
      write: () => {}
    });
    const after = withHandlers(m);
    m.cpu.env.set('eflags', 0x202);
    m.write64(pte(DATA), 0xf000_0003n);
    m.cpu.flushAll();
    m.load(CODE, 0x8b, 0x07, 0x90, 0x90); // mov eax, [rdi]
    m.setReg(RDI, BigInt(DATA));
    expect(m.cpu.run(100)).toBe('halted');
    expect(m.eip).toBe(after(0x20));
    expect(m.read64(STACK - 40)).toBe(BigInt(CODE + 2));
  });

  test('TF traps after each instruction', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.cpu.env.set('eflags', 2 | FLAG.TF);
    m.load(CODE, 0x90, 0x90);
    m.cpu.run(100);
    expect(m.eip).toBe(after(EXCP.DB));
    expect(m.read64(STACK - 40)).toBe(BigInt(CODE + 1));
    expect(m.cpu.env.get64('dr', 6) & 0x4000n).toBe(0x4000n);
  });

  test('TF does not trap between MOV SS and the next instruction, but after STI', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.cpu.env.set('eflags', 2 | FLAG.TF);
    m.load(CODE, 0x8e, 0xd0, 0x90, 0x90); // mov ss, eax; nop
    m.cpu.run(100);
    expect([m.eip, m.read64(STACK - 40)]).toEqual([after(EXCP.DB), BigInt(CODE + 3)]);

    m.dma(CODE, 0xfb, 0x90); // sti; nop
    m.cpu.env.set('halted', 0);
    m.cpu.env.set('eflags', 2 | FLAG.TF);
    m.cpu.env.set64('eip', BigInt(CODE));
    m.setReg(RSP, BigInt(STACK));
    m.cpu.run(100);
    expect([m.eip, m.read64(STACK - 40)]).toEqual([after(EXCP.DB), BigInt(CODE + 1)]);
  });

  test('TF traps behind a POPF that clears it, but not in the handler of an INT', () => {
    const m = longMode();
    const after = withHandlers(m);
    m.cpu.env.set('eflags', 2 | FLAG.TF);
    m.load(CODE, 0x9d, 0xcd, 0x20); // popfq; int 20h
    m.write64(STACK - 8, 2n);
    m.setReg(RSP, BigInt(STACK - 8));
    m.cpu.run(100);
    expect([m.eip, m.read64(STACK - 40)]).toEqual([after(EXCP.DB), BigInt(CODE + 1)]);

    m.cpu.env.set('halted', 0);
    m.cpu.env.set('eflags', 2 | FLAG.TF);
    m.cpu.env.set64('eip', BigInt(CODE + 1));
    m.cpu.run(100);
    expect(m.eip).toBe(after(0x20));
  });

  test('RF that IRET brings is there until the next instruction, and pushed by an interrupt before it', () => {
    const m = longMode();
    const after = withHandlers(m);
    const frame = [BigInt(CODE + 8), 8n, BigInt(2 | FLAG.IF | FLAG.RF), BigInt(STACK), 0x10n];
    const iret = (instructions: number): number => {
      frame.forEach((word, i) => m.write64(STACK - 40 + 8 * i, word));
      m.setReg(RSP, BigInt(STACK - 40));
      m.cpu.env.set64('eip', BigInt(CODE));
      m.cpu.run(instructions);
      return m.cpu.env.get('eflags');
    };
    m.load(CODE, 0x48, 0xcf, 0, 0, 0, 0, 0, 0, 0x90, 0x90, 0x90, 0x90); // iretq, 8: nops
    expect(iret(1) & FLAG.RF).toBe(FLAG.RF);
    m.cpu.run(1);
    expect([m.eip, m.cpu.env.get('eflags') & FLAG.RF]).toEqual([BigInt(CODE + 9), 0]);
    expect(iret(3) & FLAG.RF).toBe(0);

    iret(1);
    m.cpu.interrupt(CPU_INTERRUPT.HARD);
    m.cpu.run(100);
    expect([m.eip, m.read64(STACK - 24)]).toEqual([after(0x20), BigInt(2 | FLAG.IF | FLAG.RF)]);
  });

  test('a breakpoint stops before its instruction, and running on passes it', () => {
    const m = longMode();
    m.load(CODE, 0x90, 0x90, 0xeb, 0xfc);
    m.cpu.breakpoints = new Map([[BigInt(CODE + 1), () => true]]);
    expect(m.cpu.run(100)).toBe('debug');
    expect([m.eip, m.cpu.icount]).toEqual([BigInt(CODE + 1), 1n]);
    expect(m.cpu.run(100)).toBe('debug');
    expect(m.cpu.icount).toBe(4n);
  });

  test('an exception in user mode goes through the gate to ring 0 and back by IRET', () => {
    const m = longMode(3);
    withHandlers(m);
    const { env } = m.cpu;
    env.set64('tr_base', 0x13000n);
    env.set('tr_limit', 0x67);
    env.set('tr_flags', 0x8b00);
    m.write64(0x13004, 0x41_0000n);
    m.write64(0x12000 + 0x18, 0x00cff3000000ffffn);
    m.write64(0x12000 + 0x20, 0x00affb000000ffffn);
    env.set('seg_selector', 0x23, R_CS);
    env.set('seg_selector', 0x1b, 2);
    m.load(0x11000 + 16 * EXCP.UD, 0x48, 0x83, 0x04, 0x24, 0x02, 0x48, 0xcf); // add qword [rsp], 2; iretq
    m.load(CODE, 0x0f, 0x0b, 0xff, 0xc0, 0x90); // ud2; inc eax
    m.setReg(RAX, 0n);
    m.cpu.run(4);
    expect(m.reg(RAX)).toBe(1n);
    expect(m.eip).toBe(BigInt(CODE + 4));
    expect(env.get('hflags') & 3).toBe(3);
    expect(m.reg(RSP)).toBe(BigInt(STACK));
  });

  test('three faults in one another end in a triple fault', () => {
    const m = longMode();
    m.load(CODE, 0x0f, 0x0b);
    m.cpu.run(10);
    expect(m.tripleFaults).toBeGreaterThan(0);
  });
});

describe('other modes', () => {
  test('real mode: segments, wrapping offsets, 16-bit stack', () => {
    const m = new TcgMachine();
    m.realMode(0x1000, 0x100n);
    // mov ax, 0x2000; mov ds, ax; mov si, 0xffff; mov byte [si+2], 0x5a; push ax; pop bx; call +1; hlt; pop cx; hlt
    m.load(
      0x10100,
      ...[0xb8, 0x00, 0x20, 0x8e, 0xd8, 0xbe, 0xff, 0xff, 0xc6, 0x44, 0x02, 0x5a, 0x50, 0x5b, 0xe8, 0x01, 0x00, 0xf4],
      ...[0x59, 0xf4]
    );
    m.setReg(RSP, 0xaaaa_0000n);
    expect(m.cpu.run(100)).toBe('halted');
    expect(m.bytes(0x20001, 1)[0]).toBe(0x5a);
    expect(m.reg(RBX) & 0xffffn).toBe(0x2000n);
    expect(m.reg(RCX) & 0xffffn).toBe(0x111n);
    expect(m.reg(RSP)).toBe(0xaaaa_0000n);
    expect(m.bytes(0xfffe, 2)).toEqual(new Uint8Array([0x11, 0x01]));
    expect(m.eip).toBe(0x114n);
  });

  test('from reset to 64-bit mode, as a boot loader goes', () => {
    const m = new TcgMachine();
    m.longMode(0n);
    m.cpu.env.set64('cr', 0x10n, 0);
    m.cpu.env.set64('cr', 0n, 4);
    m.cpu.env.set64('efer', 0n);
    m.cpu.env.set('hflags', 0);
    m.realMode(0, 0x8000n);
    m.write64(0x12008, 0x00af9b000000ffffn);
    m.load(0x12100, 0xff, 0x00, 0x00, 0x20, 0x01, 0x00);
    m.load(
      0x8000,
      ...[0x66, 0x31, 0xc0, 0x8e, 0xd8], // xor eax, eax; mov ds, ax
      ...[0x66, 0xb8, 0x00, 0x10, 0x00, 0x00, 0x8e, 0xd8, 0x66, 0x31, 0xc0], // mov eax, 0x1000; mov ds, ax
      ...[0x0f, 0x20, 0xe0, 0x0c, 0x20, 0x0f, 0x22, 0xe0], // cr4 |= PAE
      ...[0x66, 0xb8, 0x00, 0x00, 0x10, 0x00, 0x0f, 0x22, 0xd8], // cr3 = 0x100000
      ...[0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x80, 0xcc, 0x01, 0x0f, 0x30], // efer |= LME
      ...[0x66, 0x0f, 0x01, 0x16, 0x00, 0x21], // lgdt [0x2100]
      ...[0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01, 0x00, 0x00, 0x80, 0x0f, 0x22, 0xc0], // cr0 |= PG | PE
      ...[0x66, 0xea, 0x00, 0x00, 0x20, 0x00, 0x08, 0x00] // jmp 8:0x200000
    );
    m.load(CODE, 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xf4); // mov rax, imm64; hlt
    expect(m.cpu.run(100)).toBe('halted');
    expect(m.reg(RAX)).toBe(0x0807_0605_0403_0201n);
    expect(m.eip).toBe(BigInt(CODE + 11));
  });

  test('32-bit code: segment bases, 4-byte stack, addresses that wrap', () => {
    const m = new TcgMachine();
    m.protectedMode(BigInt(CODE));
    m.cpu.env.set64('seg_base', 0x1000n, 5);
    m.load(DATA + 0x1000, 0x42);
    // mov al, gs:[esi]; push eax; pop ebx; mov cl, [esi + 0xffffffff]
    m.load(CODE, 0x65, 0x8a, 0x06, 0x50, 0x5b, 0x8a, 0x4e, 0xff);
    m.load(DATA - 1, 0x99);
    m.setReg(RSI, BigInt(DATA));
    m.setReg(RAX, 0n);
    m.setReg(RCX, 0n);
    m.setReg(RSP, BigInt(STACK));
    m.cpu.run(4);
    expect([m.reg(RAX), m.reg(RBX), m.reg(RCX)]).toEqual([0x42n, 0x42n, 0x99n]);
    expect(m.read64(STACK - 4) & 0xffff_ffffn).toBe(0x42n);
  });
});
