/** The CPU's sections of native QEMU's streams into the live CPU and back: every byte must return. */
import { describe, expect, test } from 'vitest';
import { CpuVmState } from '../../../../../src/lib/emulator/target/i386/env-state.ts';
import { HF, R_CS, R_SS } from '../../../../../src/lib/emulator/target/i386/env.ts';
import { vmstate_x86_cpu } from '../../../../../src/lib/emulator/target/i386/machine.ts';
import { QemuFileReader, QemuFileWriter } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { readSnapshot } from '../../../../../src/lib/vmstate/savevm.ts';
import { readRange } from '../../../../../src/lib/vmstate/source.ts';
import { descriptionTable, load, save } from '../../../../../src/lib/vmstate/vmstate.ts';
import { flatCpu } from '../../../../support/flat-cpu.ts';
import { goldens, withState } from '../../../../support/golden.ts';

const streams = goldens().filter(({ name }) =>
  /\/(linux|linux-seed|linux-max|linux-suspended|pc|pc-2\.3|running|serial-busy|cpu-max|paging-.*)$/.test(name)
);
if (streams.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

const descriptions = descriptionTable([vmstate_x86_cpu]);

const body = (state: CpuVmState): Uint8Array => {
  const file = new QemuFileWriter();
  state.cpu_pre_save();
  save(file, vmstate_x86_cpu, state.cpu);
  return file.finish();
};

describe.skipIf(streams.length === 0).each(streams)('$name', (golden) => {
  test(
    'what was loaded is saved, byte by byte, and hflags follow from the registers',
    { timeout: 60_000 },
    async () => {
      await withState(golden, async (source) => {
        const snapshot = await readSnapshot(source, { descriptions });
        const section = snapshot.sections.find((s) => s.kind === 'full' && s.name === 'cpu')!;
        if (section.kind !== 'full') throw new Error('no section "cpu"');
        const bytes = await readRange(snapshot.bytes, section.bodyStart, section.bodyEnd);
        const cpu = flatCpu();
        const state = new CpuVmState(cpu);
        state.cpu_pre_load();
        const { failure } = load(
          new QemuFileReader(bytes, section.bodyStart),
          vmstate_x86_cpu,
          section.version,
          state.cpu
        );
        expect(failure).toBeUndefined();
        state.cpu_post_load();
        expect(Buffer.from(body(state)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
        // TCG keeps the same bits cached that follow from the registers
        const cached = state.cpu.env.hflags & ~HF.INHIBIT_IRQ;
        expect(cpu.env.get('hflags').toString(16)).toBe(cached.toString(16));
        expect(cpu.env.get('exception_index') | 0).toBe(-1);
      });
    }
  );
});

/** A state after a reset, as a stream would bring it. */
function fresh() {
  const cpu = flatCpu();
  const state = new CpuVmState(cpu);
  state.cpu_pre_save();
  return { cpu, state, env: state.cpu.env };
}

describe('a state', () => {
  test('has what is not there after a reset, and no subsection but the one of TCG', () => {
    const { env } = fresh();
    expect(env.eip).toBe(0xfff0n);
    expect(env.segs[R_CS]).toEqual({ selector: 0xf000, base: 0xffff_0000n, limit: 0xffff, flags: 0x9b00 });
    expect([env.fpus_vmstate, env.fptag_vmstate, env.fpuc, env.mxcsr]).toEqual([0, 0, 0x37f, 0x1f80]);
    expect(env.eflags).toBe(2n);
    expect(env.a20_mask).toBe(-1);
  });

  test('keeps TOP apart and tags inverted', () => {
    const { cpu, state, env } = fresh();
    env.fpus_vmstate = 0x2841; // TOP 5
    env.fptag_vmstate = 0b0110_0000;
    env.fpregs[5] = { tmp: { tmp_mant: 0x8000_0000_0000_0001n, tmp_exp: 0xbfff } };
    state.cpu_post_load();
    expect([cpu.env.get('fpstt'), cpu.env.get('fpus')]).toEqual([5, 0x41]);
    expect(cpu.env.get64('fpregs', 10)).toBe(0x8000_0000_0000_0001n);
    expect(cpu.env.get64('fpregs', 11)).toBe(0xbfffn);
    state.cpu_pre_save();
    expect([env.fpus_vmstate, env.fptag_vmstate]).toEqual([0x2841, 0b0110_0000]);
  });

  test('splits EFLAGS into what is lazy and what is not', () => {
    const { cpu, state, env } = fresh();
    env.eflags = 0x0000_0ed7n; // all arithmetic flags, IF, DF
    state.cpu_post_load();
    expect(cpu.env.get('cc_src')).toBe(0x8d5);
    expect(cpu.env.get('eflags')).toBe(0x602);
    state.cpu_pre_save();
    expect(env.eflags).toBe(0xed7n);
  });

  test('has a word of its own for interrupts held off by STI', () => {
    const { cpu, state, env } = fresh();
    env.hflags |= HF.INHIBIT_IRQ;
    state.cpu_post_load();
    expect(cpu.env.get('inhibit_irq')).toBe(1);
    cpu.env.set('inhibit_irq', 0);
    state.cpu_pre_save();
    expect(env.hflags & HF.INHIBIT_IRQ).toBe(0);
  });

  test('of KVM gets the bits of hflags that KVM leaves out, and gives them back as they came', () => {
    const { cpu, state, env } = fresh();
    env.cr[0] = 0x8000_0011n;
    env.cr[4] = 0x30_0620n; // SMEP SMAP OSXMMEXCPT OSFXSR PAE
    env.efer = 0xd01n;
    env.segs[R_CS] = { selector: 0x10, base: 0n, limit: 0xffff_ffff, flags: 0xa09b00 };
    env.segs[R_SS] = { selector: 0x18, base: 0n, limit: 0xffff_ffff, flags: 0xc09300 };
    env.eflags = 0x3046n; // IOPL 3
    env.hflags = 0x0040_f0b0; // as x86_update_hflags makes it: with IOPL, without SMAP
    state.cpu_post_load();
    expect(cpu.env.get('hflags').toString(16)).toBe((0x0040_c0b0 | HF.SMAP).toString(16));
    state.cpu_pre_save();
    expect(env.hflags.toString(16)).toBe('40f0b0');
  });

  test('of KVM says what the TSC was, which goes on from there', () => {
    const { cpu, state, env } = fresh();
    env.tsc = 1000n;
    state.cpu_post_load();
    cpu.outside.ticks = 300n;
    state.resume();
    expect(cpu.env.get64('tsc_offset')).toBe(700n);
    cpu.outside.ticks = 350n;
    state.cpu_pre_save();
    expect([env.tsc, env.tsc_offset]).toEqual([1050n, 0n]);
  });

  test('with a DPL in real mode loses it, as QEMU has it', () => {
    const { cpu, state, env } = fresh();
    for (const segment of env.segs) segment.flags |= 3 << 13;
    state.cpu_post_load();
    expect(cpu.env.get('hflags') & HF.CPL).toBe(0);
    expect(cpu.env.get('seg_flags', R_CS)).toBe(0x9b00);
  });

  test('that was about to raise an exception raises it when the machine goes on', () => {
    const { cpu, state } = fresh();
    cpu.mmu.storePhysical(6 * 4, 0x1000_0500, 4); // vector of #UD
    state.common.exception_index = 6;
    state.cpu_common_post_load();
    state.resume();
    expect([cpu.env.get('seg_selector', R_CS), cpu.env.get64('eip')]).toEqual([0x1000, 0x500n]);
    state.resume();
    expect(cpu.env.get64('eip')).toBe(0x500n);
  });
});
