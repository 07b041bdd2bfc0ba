/** SDM 2 MOV CR and the small system instructions: their checks and side effects. */
import { describe, expect, test } from 'vitest';
import { cpuModel } from '../../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { CR0, CR4, EFER } from '../../../../../../src/lib/emulator/target/i386/control-registers.ts';
import {
  EXCP,
  HF,
  R_CS,
  R_EAX,
  R_EBX,
  R_ECX,
  R_EDX,
  R_FS
} from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { recomputeHflags } from '../../../../../../src/lib/emulator/target/i386/hflags.ts';
import * as misc from '../../../../../../src/lib/emulator/target/i386/tcg/misc_helper.ts';
import {
  allFeatures,
  FLAT,
  flatCpu,
  longCpu,
  protectedCpu,
  raised,
  setSegment,
  type FlatCpu
} from '../../../../../support/flat-cpu.ts';

const GP0 = [EXCP.GP, 0];
const UD = [EXCP.UD, undefined];
const hflags = ({ env }: FlatCpu): number => env.get('hflags');
const setEcx = ({ env }: FlatCpu, value: number): void => env.set64('regs', BigInt(value), R_ECX);
const setEdxEax = ({ env }: FlatCpu, value: bigint): void => {
  env.set64('regs', value & 0xffff_ffffn, R_EAX);
  env.set64('regs', value >> 32n, R_EDX);
};
/** PAE on, paging off, and four page-directory pointers at 6000. */
function paeCpu(): FlatCpu {
  const cpu = protectedCpu();
  cpu.env.set64('cr', BigInt(CR4.PAE), 4);
  cpu.env.set64('cr', 0x6000n, 3);
  return cpu;
}

describe('CR0', () => {
  test('entering protected mode sets PE and flushes', () => {
    const cpu = flatCpu();
    misc.helper_write_crN(cpu, 0, 0x11n);
    expect([hflags(cpu) & HF.PE, cpu.mmu.flushes]).toEqual([HF.PE, ['global']]);
  });
  test('ET cannot be cleared', () => {
    const cpu = flatCpu();
    misc.helper_write_crN(cpu, 0, 1n);
    expect(misc.helper_read_crN(cpu, 0)).toBe(0x11n);
  });
  test('MP, EM and TS are cached', () => {
    const cpu = flatCpu();
    misc.helper_write_crN(cpu, 0, 0x1fn);
    expect(hflags(cpu) & (HF.MP | HF.EM | HF.TS)).toBe(HF.MP | HF.EM | HF.TS);
    misc.helper_clts(cpu);
    expect([hflags(cpu) & HF.TS, cpu.env.get('cr') & CR0.TS]).toEqual([0, 0]);
  });
  test('with EFER.LME and PAE paging enters long mode, and leaves it', () => {
    const cpu = paeCpu();
    cpu.env.set64('efer', BigInt(EFER.LME));
    misc.helper_write_crN(cpu, 0, 0x8000_0011n);
    expect([cpu.env.get('efer'), hflags(cpu) & HF.LMA]).toEqual([EFER.LME | EFER.LMA, HF.LMA]);
    misc.helper_write_crN(cpu, 0, 0x11n);
    expect([cpu.env.get('efer'), hflags(cpu) & HF.LMA]).toEqual([EFER.LME, 0]);
  });
  test.each<[string, () => FlatCpu, bigint]>([
    ['paging without protection', protectedCpu, 0x8000_0000n],
    ['NW without CD', protectedCpu, 0x2000_0011n],
    ['bits above 32', longCpu, 0x1_8000_0011n],
    ['leaving paging in 64-bit mode', longCpu, 0x11n]
  ])('%s is #GP', (_, make, value) => {
    expect(raised(() => misc.helper_write_crN(make(), 0, value))).toEqual(GP0);
  });
  test('long mode without PAE, or from a 64-bit segment, is #GP', () => {
    const cpu = protectedCpu();
    cpu.env.set64('efer', BigInt(EFER.LME));
    expect(raised(() => misc.helper_write_crN(cpu, 0, 0x8000_0011n))).toEqual(GP0);
    cpu.env.set64('cr', BigInt(CR4.PAE), 4);
    setSegment(cpu, R_CS, 8, ...FLAT.code64);
    expect(raised(() => misc.helper_write_crN(cpu, 0, 0x8000_0011n))).toEqual(GP0);
  });
  test('PAE paging refuses page-directory pointers with reserved bits', () => {
    const cpu = paeCpu();
    cpu.mmu.storePhysical(0x6008, 0x7001, 4);
    misc.helper_write_crN(cpu, 0, 0x8000_0011n);
    misc.helper_write_crN(cpu, 0, 0x11n);
    cpu.mmu.storePhysical(0x6008, 0x7003, 4);
    expect(raised(() => misc.helper_write_crN(cpu, 0, 0x8000_0011n))).toEqual(GP0);
    expect(cpu.env.get('cr') & CR0.PG).toBe(0);
  });
  test('LMSW sets PE and never clears it', () => {
    const cpu = flatCpu();
    misc.helper_lmsw(cpu, 0xffff);
    expect(cpu.env.get('cr') & 0xffff).toBe(0x1f);
    misc.helper_lmsw(cpu, 0);
    expect(cpu.env.get('cr') & 0xffff).toBe(0x11);
  });
});

describe('CR3', () => {
  test('flushes what is not global', () => {
    const cpu = longCpu();
    misc.helper_write_crN(cpu, 3, 0x12_3000n);
    expect([cpu.env.get64('cr', 3), cpu.mmu.flushes]).toEqual([0x12_3000n, ['all']]);
  });
  test('beyond the physical address bits is #GP in long mode', () => {
    expect(raised(() => misc.helper_write_crN(longCpu(), 3, 1n << 40n))).toEqual(GP0);
  });
  test('loses bit 63 with PCIDs, and faults without', () => {
    const cpu = longCpu();
    expect(raised(() => misc.helper_write_crN(cpu, 3, 1n << 63n))).toEqual(GP0);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.PCIDE), 4);
    misc.helper_write_crN(cpu, 3, (1n << 63n) | 0x1001n);
    expect(cpu.env.get64('cr', 3)).toBe(0x1001n);
  });
});

describe('CR4', () => {
  test('caches OSFXSR, SMAP and UMIP', () => {
    const cpu = longCpu();
    misc.helper_write_crN(cpu, 4, BigInt(CR4.PAE | CR4.OSFXSR | CR4.SMAP | CR4.UMIP));
    const bits = HF.OSFXSR | HF.SMAP | HF.UMIP;
    expect(hflags(cpu) & bits).toBe(bits);
  });
  test('OSXSAVE with XCR0 turns AVX on', () => {
    const cpu = longCpu();
    misc.helper_write_crN(cpu, 4, BigInt(CR4.PAE | CR4.OSXSAVE));
    expect(hflags(cpu) & HF.AVX_EN).toBe(0);
    setEcx(cpu, 0);
    setEdxEax(cpu, 7n);
    misc.helper_xsetbv(cpu);
    expect(hflags(cpu) & HF.AVX_EN).toBe(HF.AVX_EN);
    misc.helper_xgetbv(cpu);
    expect(cpu.env.get64('regs', R_EAX)).toBe(7n);
  });
  test('what the model lacks is #GP, but may stay where a snapshot has it', () => {
    const cpu = longCpu();
    cpu.model = cpuModel('qemu64', allFeatures)!;
    expect(raised(() => misc.helper_write_crN(cpu, 4, BigInt(CR4.PAE | CR4.SMEP)))).toEqual(GP0);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.SMEP), 4);
    misc.helper_write_crN(cpu, 4, BigInt(CR4.PAE | CR4.SMEP | CR4.PGE));
    expect(cpu.env.get('cr', 8)).toBe(CR4.PAE | CR4.SMEP | CR4.PGE);
  });
  test.each([
    ['PAE cleared', 0n],
    ['LA57 changed', BigInt(CR4.PAE | CR4.LA57)],
    ['a reserved bit set', BigInt(CR4.PAE) | (1n << 15n)],
    ['a bit above 32 set', BigInt(CR4.PAE) | (1n << 40n)]
  ])('%s in long mode is #GP', (_, value) => {
    expect(raised(() => misc.helper_write_crN(longCpu(), 4, value))).toEqual(GP0);
  });
  test('PCIDE needs a CPU that has it, long mode and PCID 0', () => {
    const value = BigInt(CR4.PAE | CR4.PCIDE);
    expect(raised(() => misc.helper_write_crN(protectedCpu(0, 'host'), 4, value))).toEqual(GP0);
    expect(raised(() => misc.helper_write_crN(longCpu(0, 'max'), 4, value))).toEqual(GP0);
    const cpu = longCpu(0, 'host');
    cpu.env.set64('cr', 0x1001n, 3);
    expect(raised(() => misc.helper_write_crN(cpu, 4, value))).toEqual(GP0);
    cpu.env.set64('cr', 0x1000n, 3);
    misc.helper_write_crN(cpu, 4, value);
    expect(cpu.env.get('cr', 8) & CR4.PCIDE).toBe(CR4.PCIDE);
  });
});

describe('control registers', () => {
  test('1, 5 to 7 and 9 are #UD, before privilege counts', () => {
    for (const reg of [1, 5, 6, 7, 9, 15]) expect(raised(() => misc.helper_read_crN(longCpu(3), reg))).toEqual(UD);
  });
  test('are the kernel\u2019s', () => {
    expect(raised(() => misc.helper_read_crN(longCpu(3), 0))).toEqual(GP0);
    expect(raised(() => misc.helper_write_crN(longCpu(3), 0, 0n))).toEqual(GP0);
    expect(raised(() => misc.helper_clts(longCpu(3)))).toEqual(GP0);
    expect(raised(() => misc.helper_lmsw(longCpu(3), 0))).toEqual(GP0);
  });
  test('CR8 is the APIC\u2019s task priority', () => {
    const cpu = longCpu();
    misc.helper_write_crN(cpu, 8, 9n);
    expect([cpu.outside.tpr, misc.helper_read_crN(cpu, 8)]).toEqual([9, 9n]);
    expect(raised(() => misc.helper_write_crN(cpu, 8, 16n))).toEqual(GP0);
  });
});

describe('what is cached', () => {
  test('INVLPG flushes one page, none for what is not canonical', () => {
    const cpu = longCpu();
    misc.helper_invlpg(cpu, 0xffff_8000_0000_1000n);
    misc.helper_invlpg(cpu, 0x8000_0000_0000n);
    expect(cpu.mmu.flushes).toEqual(['ffff800000001000']);
    expect(raised(() => misc.helper_invlpg(longCpu(3), 0n))).toEqual(GP0);
  });
  test.each<[bigint, bigint, bigint, readonly string[]]>([
    [0n, 0n, 0x1000n, ['1000']],
    [1n, 0n, 0n, ['all']],
    [2n, 0n, 0n, ['global']],
    [3n, 0n, 0n, ['all']]
  ])('INVPCID of type %i', (type, pcid, address, flushes) => {
    const cpu = longCpu();
    misc.helper_invpcid(cpu, type, pcid, address);
    expect(cpu.mmu.flushes).toEqual(flushes);
  });
  test.each<[string, bigint, bigint, bigint]>([
    ['another type', 4n, 0n, 0n],
    ['reserved bits', 0n, 0x1000n, 0n],
    ['a PCID without CR4.PCIDE', 1n, 1n, 0n],
    ['an address that is not canonical', 0n, 0n, 1n << 47n]
  ])('INVPCID with %s is #GP', (_, type, pcid, address) => {
    expect(raised(() => misc.helper_invpcid(longCpu(), type, pcid, address))).toEqual(GP0);
  });
});

describe('time', () => {
  test('RDTSC is the clock with the offset', () => {
    const cpu = longCpu(3);
    cpu.outside.ticks = 0x1_0000_0000n;
    cpu.env.set64('tsc_offset', 5n);
    misc.helper_rdtsc(cpu);
    expect([cpu.env.get64('regs', R_EAX), cpu.env.get64('regs', R_EDX)]).toEqual([5n, 1n]);
  });
  test('RDTSCP gives TSC_AUX too', () => {
    const cpu = longCpu(3);
    cpu.env.set64('tsc_aux', 0x1_0000_0007n);
    misc.helper_rdtscp(cpu);
    expect(cpu.env.get64('regs', R_ECX)).toBe(7n);
  });
  test('CR4.TSD keeps it from users', () => {
    const cpu = longCpu(3);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.TSD), 4);
    expect(raised(() => misc.helper_rdtsc(cpu))).toEqual(GP0);
  });
  test('RDRAND gives other numbers at other times, at other places and twice in a row, and the same in the same state', () => {
    const cpu = longCpu(3);
    const first = misc.helper_rdrand(cpu, 0n, 0x1000n);
    const others = [misc.helper_rdrand(cpu, first, 0x1000n), misc.helper_rdrand(cpu, 0n, 0x1004n)];
    expect(misc.helper_rdrand(cpu, 0n, 0x1000n)).toBe(first);
    cpu.outside.ticks = 1n;
    others.push(misc.helper_rdrand(cpu, 0n, 0x1000n));
    expect(new Set([first, ...others]).size).toBe(4);
    for (const value of [first, ...others]) expect(BigInt.asUintN(64, value)).toBe(value);
  });
  test('RDPMC has no counters', () => {
    expect(raised(() => misc.helper_rdpmc(longCpu(3)))).toEqual(GP0);
    expect(raised(() => misc.helper_rdpmc(longCpu(0)))).toEqual(UD);
  });
});

describe('XSETBV', () => {
  const withXsave = (cpl: 0 | 3 = 0): FlatCpu => {
    const cpu = longCpu(cpl);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.OSXSAVE), 4);
    recomputeHflags(cpu.env);
    return cpu;
  };
  test.each([
    ['no x87', 6n],
    ['YMM without SSE', 5n],
    ['a component that is not there', 0x19n],
    ['a bit above 32', (1n << 62n) | 1n]
  ])('of %s is #GP', (_, value) => {
    const cpu = withXsave();
    setEdxEax(cpu, value);
    expect(raised(() => misc.helper_xsetbv(cpu))).toEqual(GP0);
  });
  test('of another register, or by a user, is #GP', () => {
    const cpu = withXsave();
    setEcx(cpu, 1);
    setEdxEax(cpu, 1n);
    expect(raised(() => misc.helper_xsetbv(cpu))).toEqual(GP0);
    expect(raised(() => misc.helper_xsetbv(withXsave(3)))).toEqual(GP0);
  });
  test('without CR4.OSXSAVE is #UD', () => {
    expect(raised(() => misc.helper_xsetbv(longCpu()))).toEqual(UD);
    expect(raised(() => misc.helper_xgetbv(longCpu()))).toEqual(UD);
  });
});

describe('others', () => {
  test('HLT stops at the next instruction, for the kernel alone', () => {
    const cpu = longCpu();
    misc.helper_hlt(cpu, 0x1235n);
    expect([cpu.env.get('halted'), cpu.env.get64('eip')]).toEqual([1, 0x1235n]);
    expect(raised(() => misc.helper_hlt(longCpu(3), 0n))).toEqual(GP0);
  });
  test('MWAIT waits as HLT does, and knows no extensions', () => {
    const cpu = longCpu();
    misc.helper_mwait(cpu, 0x10n);
    expect(cpu.env.get('halted')).toBe(1);
    setEcx(cpu, 1);
    expect(raised(() => misc.helper_mwait(cpu, 0n))).toEqual(GP0);
    expect(raised(() => misc.helper_monitor(longCpu(3)))).toEqual(UD);
  });
  test('PKRU is there with CR4.PKE', () => {
    const cpu = longCpu(3);
    expect(raised(() => misc.helper_rdpkru(cpu))).toEqual(UD);
    cpu.env.set64('cr', BigInt(CR4.PAE | CR4.PKE), 4);
    setEdxEax(cpu, 0x5555_5554n);
    misc.helper_wrpkru(cpu);
    setEdxEax(cpu, 0n);
    misc.helper_rdpkru(cpu);
    expect([cpu.env.get64('regs', R_EAX), cpu.mmu.flushes]).toEqual([0x5555_5554n, ['global']]);
    setEcx(cpu, 1);
    expect(raised(() => misc.helper_rdpkru(cpu))).toEqual(GP0);
  });
  test('WRFSBASE takes canonical addresses', () => {
    const cpu = longCpu(3);
    misc.helper_wrsegbase(cpu, R_FS, 0x7fff_0000_1000n);
    expect(cpu.env.get64('seg_base', R_FS)).toBe(0x7fff_0000_1000n);
    expect(raised(() => misc.helper_wrsegbase(cpu, R_FS, 1n << 47n))).toEqual(GP0);
  });
  test('CPUID clears the upper halves', () => {
    const cpu = longCpu(3);
    for (const reg of [R_EAX, R_EBX, R_ECX, R_EDX]) cpu.env.set64('regs', 0xffff_ffff_0000_0000n, reg);
    misc.helper_cpuid(cpu);
    expect([R_EAX, R_EBX].map((reg) => cpu.env.get64('regs', reg))).toEqual([0xdn, 0x6874_7541n]);
  });
});
