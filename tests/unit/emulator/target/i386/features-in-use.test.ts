import { expect, test } from 'vitest';
import type { X86CPU } from '../../../../../src/lib/emulator/target/i386/cpu.ts';
import { CpuVmState } from '../../../../../src/lib/emulator/target/i386/env-state.ts';
import { featuresInUse } from '../../../../../src/lib/emulator/target/i386/features-in-use.ts';
import { HF } from '../../../../../src/lib/emulator/target/i386/env.ts';
import { allFeatures, flatCpu } from '../../../../support/flat-cpu.ts';

const reset = (): X86CPU => {
  const state = new CpuVmState(flatCpu());
  state.cpu_pre_save();
  return state.cpu;
};

test('a CPU after a reset uses nothing', () => {
  expect(featuresInUse(reset())).toEqual([]);
});

test('control registers, EFER and XCR0 tell what is in use, once each', () => {
  const cpu = reset();
  cpu.env.cr[4] = 0x30_06a0n;
  cpu.env.xcr0 = 0xffn;
  cpu.env.efer = 0x1d01n;
  expect(featuresInUse(cpu)).toEqual('pae pge fxsr sse smep smap avx avx512f syscall lm nx svm'.split(' '));
});

test('hypervisors\u2019 interfaces have names too', () => {
  const cpu = reset();
  cpu.env.system_time_msr = 0x1000_0001n;
  cpu.env.hflags |= HF.GUEST;
  expect(featuresInUse(cpu)).toEqual(['svm', 'kvmclock']);
});

test('MPX is in use once it is switched on, not by XCR0 alone', () => {
  const cpu = reset();
  cpu.env.xcr0 = 0x1fn;
  expect(featuresInUse(cpu)).toEqual(['avx']);
  cpu.env.bndcs_regs = { cfgu: 0x1000n, sts: 0n };
  expect(featuresInUse(cpu)).toEqual(['avx']);
  cpu.env.bndcs_regs.cfgu |= 1n;
  expect(featuresInUse(cpu)).toEqual(['avx', 'mpx']);
});

test('a stream that says little is no error', () => {
  expect(featuresInUse({ env: {} } as X86CPU)).toEqual([]);
});

test('what a Linux without virtualization uses of -cpu qemu64 is supported', () => {
  const cpu = reset();
  cpu.env.cr[4] = 0x6f0n;
  cpu.env.efer = 0xd01n;
  expect(featuresInUse(cpu).filter((name) => !allFeatures.has(name))).toEqual([]);
});
