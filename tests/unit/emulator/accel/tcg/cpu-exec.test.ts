/** Programs of a few bytes on the whole engine: decoding, records, loop, TLB, counting, exceptions. */
import { describe, expect, test } from 'vitest';
import { TcgMachine } from '../../../../support/tcg-machine.ts';

const CODE = 0x20_0000;
const DATA = 0x30_0000;
const RAX = 0;
const RCX = 1;
const RDI = 7;

describe('64-bit mode', () => {
  test('a loop with memory through paging runs and is counted', () => {
    const m = new TcgMachine();
    m.longMode(BigInt(CODE));
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
});
