/** CPUID against what native QEMU 7.2 under TCG answers, read by a boot sector (qemu64 of 10.0 and 11.1 answers the same). */
import { describe, expect, test } from 'vitest';
import { cpuModel } from '../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { FEATURE_NAMES } from '../../../../../src/lib/emulator/target/i386/cpu-features.ts';
import { cpu_x86_cpuid } from '../../../../../src/lib/emulator/target/i386/cpuid.ts';
import { CR4 } from '../../../../../src/lib/emulator/target/i386/control-registers.ts';
import { allFeatures, flatCpu } from '../../../../support/flat-cpu.ts';

/** Everything that has a name, as if all of it worked. */
const everything = new Set(Object.values(FEATURE_NAMES).flat());

const QEMU64 = `
0.0 0000000d 68747541 444d4163 69746e65
1.0 00060fb1 00000800 80002001 078bfbfd
2.0 00000000 00000000 00000000 00000000
4.0 00000000 00000000 00000000 00000000
5.0 00000000 00000000 00000003 00000000
7.0 00000000 00000000 00000000 00000000
a.0 00000000 00000000 00000000 00000000
b.0 00000000 00000001 00000100 00000000
b.1 00000000 00000001 00000201 00000000
b.2 00000000 00000000 00000002 00000000
d.0 00000000 00000000 00000000 00000000
40000000.0 40000001 54474354 43544743 47435447
40000001.0 00000000 00000000 00000000 00000000
80000000.0 8000000a 68747541 444d4163 69746e65
80000001.0 00060fb1 00000000 00000005 2193fbfd
80000002.0 554d4551 72695620 6c617574 55504320
80000003.0 72657620 6e6f6973 352e3220 0000002b
80000004.0 00000000 00000000 00000000 00000000
80000005.0 01ff01ff 01ff01ff 40020140 40020140
80000006.0 00000000 42004200 02008140 00808140
80000007.0 00000000 00000000 00000000 00000000
80000008.0 00003028 00000000 00000000 00000000
8000001f.0 00000000 00000000 00000000 00000000`;

const QEMU32 = `
0.0 00000004 756e6547 6c65746e 49656e69
1.0 00000663 00000800 80000001 0781abfd
2.0 00000001 00000000 0000004d 002c307d
4.0 00000121 01c0003f 0000003f 00000001
4.3 00000163 03c0003f 00003fff 00000006
4.4 00000000 00000000 00000000 00000000
7.1 00000122 01c0003f 0000003f 00000001
80000000.0 80000004 756e6547 6c65746e 49656e69
80000001.0 00000663 00000000 00000000 00000000
80000002.0 554d4551 72695620 6c617574 55504320
80000008.0 00000121 01c0003f 0000003f 00000001`;

const KVM64 = `
0.0 0000000d 756e6547 6c65746e 49656e69
1.0 00000f61 00000800 80002001 078bfbfd
4.2 00000143 03c0003f 00000fff 00000001
80000000.0 80000008 756e6547 6c65746e 49656e69
80000001.0 00000f61 00000000 00000000 20100000
80000002.0 6d6d6f43 4b206e6f 70204d56 65636f72
80000008.0 00003028 00000000 00000000 00000000`;

const rows = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(' ') as [string, ...string[]]);
const hex = (value: number): string => value.toString(16).padStart(8, '0');

describe.each([
  ['qemu64', QEMU64],
  ['qemu32', QEMU32],
  ['kvm64', KVM64]
])('%s with everything that QEMU has', (name, expected) => {
  const cpu = flatCpu();
  cpu.model = cpuModel(name, everything)!;
  test.each(rows(expected))('leaf %s', (leaf, ...registers) => {
    const [index, count] = leaf.split('.');
    expect(cpu_x86_cpuid(cpu, parseInt(index!, 16), Number(count)).map(hex)).toEqual(registers);
  });
});

describe('max', () => {
  test('has the sizes of what XSAVE saves, for what XCR0 has on and for all', () => {
    const cpu = flatCpu();
    cpu.env.set64('xcr0', 1n);
    expect(cpu_x86_cpuid(cpu, 0xd, 0)).toEqual([0x207, 0x240, 0xa88, 0]);
    cpu.env.set64('xcr0', 7n);
    expect(cpu_x86_cpuid(cpu, 0xd, 0)[1]).toBe(0x340);
    expect(cpu_x86_cpuid(cpu, 0xd, 1)).toEqual([5, 0x348, 0, 0]);
    expect(cpu_x86_cpuid(cpu, 0xd, 2)).toEqual([0x100, 0x240, 0, 0]);
    expect(cpu_x86_cpuid(cpu, 0xd, 9)).toEqual([8, 0xa80, 0, 0]);
    expect(cpu_x86_cpuid(cpu, 0xd, 3)).toEqual([0, 0, 0, 0]);
  });

  test('shows OSXSAVE and OSPKE as CR4 has them', () => {
    const cpu = flatCpu();
    expect((cpu_x86_cpuid(cpu, 1, 0)[2] >>> 27) & 1).toBe(0);
    expect((cpu_x86_cpuid(cpu, 7, 0)[2] >>> 4) & 1).toBe(0);
    cpu.env.set64('cr', BigInt(CR4.OSXSAVE | CR4.PKE), 4);
    expect((cpu_x86_cpuid(cpu, 1, 0)[2] >>> 27) & 1).toBe(1);
    expect((cpu_x86_cpuid(cpu, 7, 0)[2] >>> 4) & 1).toBe(1);
  });

  test('has 57 bits of linear address with LA57, 48 without', () => {
    const cpu = flatCpu();
    expect(cpu_x86_cpuid(cpu, 0x8000_0008, 0)[0]).toBe(0x3928);
    cpu.model = cpuModel('max', new Set([...allFeatures].filter((f) => f !== 'la57')))!;
    expect(cpu_x86_cpuid(cpu, 0x8000_0008, 0)[0]).toBe(0x3028);
  });

  test('repeats for AMD what leaf 1 has in leaf 80000001', () => {
    const cpu = flatCpu();
    const [, , , edx] = cpu_x86_cpuid(cpu, 1, 0);
    expect(cpu_x86_cpuid(cpu, 0x8000_0001, 0)[3] & 0x0183_f3ff).toBe(edx & 0x0183_f3ff);
  });
});
