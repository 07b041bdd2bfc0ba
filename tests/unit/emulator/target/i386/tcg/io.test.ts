import { describe, expect, test } from 'vitest';
import { setEflags } from '../../../../../../src/lib/emulator/target/i386/eflags.ts';
import { EXCP, FLAG, R_EAX } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { cpu_x86_update_dr7 } from '../../../../../../src/lib/emulator/target/i386/tcg/bpt_helper.ts';
import { helper_check_io, helper_in, helper_out } from '../../../../../../src/lib/emulator/target/i386/tcg/io.ts';
import { flatCpu, protectedCpu, raised, TSS, type FlatCpu } from '../../../../../support/flat-cpu.ts';

const GP0 = [EXCP.GP, 0];
/** At CPL 3, with a bitmap at 68 that allows all ports below 400. */
function user(): FlatCpu {
  const cpu = protectedCpu(3);
  cpu.mmu.storePhysical(TSS + 0x66, 0x68, 2);
  cpu.env.set('tr_limit', 0x68 + 0x80);
  return cpu;
}

describe('ports', () => {
  test('are free in real mode and with IOPL', () => {
    helper_check_io(flatCpu(), 0x3f8, 1);
    const cpu = user();
    setEflags(cpu.env, FLAG.IOPL);
    helper_check_io(cpu, 0xffff, 1);
  });
  test('are asked of the bitmap otherwise', () => {
    const cpu = user();
    helper_check_io(cpu, 0x3f8, 1);
    cpu.mmu.bytes[TSS + 0x68 + 0x7f] = 0b10;
    helper_check_io(cpu, 0x3f8, 1);
    expect(raised(() => helper_check_io(cpu, 0x3f9, 1))).toEqual(GP0);
    expect(raised(() => helper_check_io(cpu, 0x3f8, 2))).toEqual(GP0);
  });
  test('need two bytes of the bitmap', () => {
    const cpu = user();
    helper_check_io(cpu, 0x3ff, 1);
    expect(raised(() => helper_check_io(cpu, 0x400, 1))).toEqual(GP0);
  });
  test('need a 32-bit TSS', () => {
    const cpu = user();
    cpu.env.set('tr_flags', 0x8100);
    expect(raised(() => helper_check_io(cpu, 0x3f8, 1))).toEqual(GP0);
  });
  test('need the bitmap in virtual-8086 mode whatever IOPL is', () => {
    const cpu = user();
    setEflags(cpu.env, FLAG.VM | FLAG.IOPL);
    expect(raised(() => helper_check_io(cpu, 0x400, 1))).toEqual(GP0);
  });
});

describe('IN and OUT', () => {
  test.each([
    [1, 0x1122_3344_5566_77efn],
    [2, 0x1122_3344_5566_cdefn],
    [4, 0x89ab_cdefn]
  ] as const)('IN of %i bytes', (size, rax) => {
    const cpu = flatCpu();
    cpu.env.set64('regs', 0x1122_3344_5566_7788n, R_EAX);
    cpu.outside.input = 0x89ab_cdef;
    helper_in(cpu, 0x1_0060, size, 0n);
    expect([cpu.env.get64('regs', R_EAX), cpu.outside.ports]).toEqual([rax, [[0x60, size]]]);
  });
  test('OUT', () => {
    const cpu = flatCpu();
    cpu.env.set64('regs', 0x89ab_cdefn, R_EAX);
    for (const size of [1, 2, 4] as const) helper_out(cpu, 0x80, size, 0n);
    expect(cpu.outside.ports).toEqual([
      [0x80, 1, 0xef],
      [0x80, 2, 0xcdef],
      [0x80, 4, 0x89ab_cdef]
    ]);
  });
  test('that is not allowed reaches no device', () => {
    const cpu = user();
    expect(raised(() => helper_out(cpu, 0x400, 1, 0n))).toEqual(GP0);
    expect(cpu.outside.ports).toEqual([]);
  });
  test('under a breakpoint has happened when the trap comes', () => {
    const cpu = flatCpu();
    cpu.env.set64('dr', 0x60n, 0);
    cpu_x86_update_dr7(cpu, 0x2_0002);
    cpu.outside.input = 0x55;
    expect(raised(() => helper_in(cpu, 0x60, 1, 0x102n))).toEqual([EXCP.DB, undefined]);
    expect([cpu.env.get('regs') & 0xff, cpu.env.get64('eip')]).toEqual([0x55, 0x102n]);
  });
});
