/** SDM 3B 17.2, 17.3. */
import { describe, expect, test } from 'vitest';
import { CR4 } from '../../../../../../src/lib/emulator/target/i386/control-registers.ts';
import { EXCP } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import {
  breakpointsEnabled,
  checkCodeBreakpoints,
  cpu_x86_update_dr7,
  debugTrap,
  helper_bpt_io,
  helper_get_dr,
  helper_set_dr,
  HF_IOBPT,
  watchpointHits
} from '../../../../../../src/lib/emulator/target/i386/tcg/bpt_helper.ts';
import { longCpu, raised, type FlatCpu } from '../../../../../support/flat-cpu.ts';

const DB = [EXCP.DB, undefined];
const dr6 = ({ env }: FlatCpu): number => env.get('dr', 12);
/** Breakpoint `index` at an address, enabled globally. `type` 0 execute, 1 write, 2 I/O, 3 access. */
function set(cpu: FlatCpu, index: number, address: bigint, type: number, length = 0): void {
  cpu.env.set64('dr', address, index);
  const bits = (2 << (index * 2)) | (((length << 2) | type) << (16 + index * 4));
  cpu_x86_update_dr7(cpu, (cpu.env.get('dr', 14) | bits) >>> 0);
}

describe('debug registers', () => {
  test('0 to 3 take addresses, 6 and 7 have fixed bits', () => {
    const cpu = longCpu();
    helper_set_dr(cpu, 2, 0xffff_8000_0000_0000n);
    helper_set_dr(cpu, 6, 0n);
    helper_set_dr(cpu, 7, 0n);
    expect([2, 6, 7].map((reg) => helper_get_dr(cpu, reg))).toEqual([0xffff_8000_0000_0000n, 0xffff_0ff0n, 0x400n]);
  });
  test('4 and 5 are 6 and 7, or #UD with CR4.DE', () => {
    const cpu = longCpu();
    helper_set_dr(cpu, 5, 0x401n);
    expect([helper_get_dr(cpu, 5), helper_get_dr(cpu, 7)]).toEqual([0x401n, 0x401n]);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.DE), 4);
    expect(raised(() => helper_get_dr(cpu, 4))).toEqual([EXCP.UD, undefined]);
  });
  test('6 and 7 refuse upper halves', () => {
    expect(raised(() => helper_set_dr(longCpu(), 7, 1n << 32n))).toEqual([EXCP.GP, 0]);
  });
  test('guarded by DR7.GD raise #DB, once', () => {
    const cpu = longCpu();
    helper_set_dr(cpu, 7, 0x2400n);
    expect(raised(() => helper_get_dr(cpu, 0))).toEqual(DB);
    expect([(dr6(cpu) >> 13) & 1, helper_get_dr(cpu, 7)]).toEqual([1, 0x400n]);
  });
});

describe('code breakpoints', () => {
  test('are a fault before the instruction, and B bits tell which', () => {
    const cpu = longCpu();
    set(cpu, 1, 0x1_1234n, 0);
    cpu.env.set64('dr', 0x1_1234n, 3); // matches, but is not enabled: its bit is set all the same
    expect(breakpointsEnabled(cpu.env)).toBe(true);
    expect(raised(() => checkCodeBreakpoints(cpu.env))).toEqual(DB);
    expect(dr6(cpu) & 0xf).toBe(0b1010);
  });
  test('elsewhere do nothing', () => {
    const cpu = longCpu();
    set(cpu, 1, 0x1_1235n, 0);
    checkCodeBreakpoints(cpu.env);
    expect(dr6(cpu) & 0xf).toBe(0);
  });
});

describe('watchpoints', () => {
  test('of writes are not hit by reads', () => {
    const cpu = longCpu();
    set(cpu, 0, 0x5000n, 1, 3);
    set(cpu, 2, 0x5002n, 3, 1);
    expect(watchpointHits(cpu.env, 0x5000n, 4, false)).toBe(0b100);
    expect(watchpointHits(cpu.env, 0x5000n, 1, true)).toBe(0b001);
    expect(watchpointHits(cpu.env, 0x4ffdn, 3, true)).toBe(0);
    expect(watchpointHits(cpu.env, 0x4ffdn, 4, true)).toBe(0b001);
  });
  test('ignore the low bits that their length covers', () => {
    const cpu = longCpu();
    set(cpu, 0, 0x5006n, 3, 2); // 8 bytes
    expect(watchpointHits(cpu.env, 0x5000n, 1, false)).toBe(1);
  });
  test('have every access told, and the TLB kept empty', () => {
    const cpu = longCpu();
    set(cpu, 0, 0x5000n, 1);
    expect([cpu.env.get('watching'), cpu.mmu.flushes]).toEqual([1, ['global']]);
    cpu_x86_update_dr7(cpu, 0);
    expect([cpu.env.get('watching'), cpu.mmu.flushes]).toEqual([0, ['global', 'global']]);
  });
  test('trap after the instruction, together with TF', () => {
    const cpu = longCpu();
    expect(raised(() => debugTrap(cpu.env, 0b10, true))).toEqual(DB);
    expect(dr6(cpu) & 0x400f).toBe(0x4002);
  });
});

describe('I/O breakpoints', () => {
  test('are announced in hflags and trap after the instruction', () => {
    const cpu = longCpu();
    set(cpu, 0, 0x60n, 2);
    expect(cpu.env.get('hflags') & HF_IOBPT).toBe(HF_IOBPT);
    helper_bpt_io(cpu.env, 0x61, 1, 0x9999n);
    expect(raised(() => helper_bpt_io(cpu.env, 0x5f, 2, 0x9999n))).toEqual(DB);
    expect([cpu.env.get64('eip'), dr6(cpu) & 0xf]).toEqual([0x9999n, 1]);
    cpu_x86_update_dr7(cpu, 0);
    expect(cpu.env.get('hflags') & HF_IOBPT).toBe(0);
  });
});
