import { expect, test } from 'vitest';
import { vmstate_x86_cpu } from '../../../../../src/lib/emulator/target/i386/machine.ts';
import { leaves } from '../../../../../src/lib/vmstate/vmstate.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** Bytes 1, 2, 3, … so that every field has its own value. */
const counting = (n: number): string =>
  Array.from({ length: n }, (_, i) => ((i + 1) & 0xff).toString(16).padStart(2, '0')).join('');

const FORMAT_AT = 16 * 8 + 8 + 8 + 4 + 6;
/** Version 12 without subsections, in which only fpregs_format is what QEMU insists on. */
const CPU = counting(FORMAT_AT) + '0000' + counting(1817 - FORMAT_AT - 2);

const u64 = (v: bigint): string => v.toString(16).padStart(16, '0');
/** A CPU of zeros with bytes at places. */
function cpuWith(parts: Readonly<Record<number, string>>): Uint8Array {
  const body = hex(zeros(1817));
  for (const [at, part] of Object.entries(parts)) body.set(hex(part), Number(at));
  return body;
}

test('a CPU without subsections has 1817 bytes, every one of them in a row', () => {
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU));
  let end = 0;
  for (const { path, row } of leaves(cpu.fields)) {
    expect(row.start, path).toBe(end);
    end = row.end;
  }
  expect(end).toBe(1817);
});

test('version 11 ends before XSAVE', () => {
  expect(roundTrip(vmstate_x86_cpu, hex(CPU).subarray(0, 1817 - 8 - 8 - 256), 11).row('env.xcr0')).toBeUndefined();
});

test('registers are where QEMU puts them', () => {
  const cpu = roundTrip(
    vmstate_x86_cpu,
    cpuWith({
      32: u64(0xffff_c900_0000_3e00n),
      128: u64(0xffff_ffff_8100_0123n),
      136: u64(0x246n)
    })
  );
  expect(cpu.row('env.regs[4]')).toMatchObject({
    start: 32,
    end: 40,
    value: 0xffff_c900_0000_3e00n,
    about: { doc: 'RSP', pointer: 'gva' }
  });
  expect(cpu.row('env.eip')).toMatchObject({ start: 128, about: { pointer: 'gva' } });
  expect(bitsOf(cpu.row('env.eflags'))).toEqual({ fixed: 1, PF: 1, ZF: 1, IF: 1 });
});

test('a code segment of 64 bits', () => {
  const at = FORMAT_AT + 2 + 80 + 20;
  const cpu = roundTrip(vmstate_x86_cpu, cpuWith({ [at]: '00000010 0000000000000000 ffffffff 00af9b00' }));
  expect(cpu.row('env.segs[1]')).toMatchObject({ start: at, end: at + 20, about: { doc: 'CS' } });
  expect(bitsOf(cpu.row('env.segs[1].selector'))).toEqual({ index: 2 });
  expect(bitsOf(cpu.row('env.segs[1].flags'))).toEqual({
    A: 1,
    'R/W': 1,
    CS: 'code',
    S: 'code or data',
    P: 1,
    limit: 15,
    L: 1,
    G: 1
  });
});

test('control registers, EFER and PAT as Linux has them', () => {
  const cr = FORMAT_AT + 2 + 80 + 6 * 20 + 4 * 20 + 4 + 16;
  const efer = cr + 32 + 64 + 4 + 4 + 256;
  const pat = efer + 48 + 4;
  const cpu = roundTrip(
    vmstate_x86_cpu,
    cpuWith({
      [cr]: u64(0x8005_0033n),
      [cr + 16]: u64(0x1234_5000n),
      [cr + 24]: u64(0x6b0n),
      [efer]: u64(0xd01n),
      [pat]: u64(0x0407_0506_0007_0106n)
    })
  );
  expect(bitsOf(cpu.row('env.cr[0]'))).toEqual({ PE: 1, MP: 1, ET: 1, NE: 1, WP: 1, AM: 1, PG: 1 });
  expect(cpu.row('env.cr[3]')).toMatchObject({ value: 0x1234_5000n, about: { pointer: 'gpa' } });
  expect(bitsOf(cpu.row('env.cr[4]'))).toEqual({ PSE: 1, PAE: 1, PGE: 1, OSFXSR: 1, OSXMMEXCPT: 1 });
  expect(bitsOf(cpu.row('env.efer'))).toEqual({ SCE: 1, LME: 1, LMA: 1, NXE: 1 });
  expect(bitsOf(cpu.row('env.pat'))).toEqual({
    PA0: 'WB',
    PA1: 'WC',
    PA2: 'UC-',
    PA4: 'WB',
    PA5: 'WP',
    PA6: 'UC-',
    PA7: 'WT'
  });
});

test('the parts of a vector register are read into one', () => {
  const cpu = roundTrip(
    vmstate_x86_cpu,
    hex(CPU, subsection('cpu/avx512', 1, zeros(64) + '11'.repeat(16 * 32) + '22'.repeat(16 * 64)))
  );
  const ymm = 1817 - 256;
  expect(cpu.row('env.xmm_regs[1][15]._q_ZMMReg[3]')).toMatchObject({ start: 1809, end: 1817 });
  expect(cpu.state.env.xmm_regs).toHaveLength(32);
  expect(cpu.state.env.xmm_regs[0]?._q_ZMMReg).toHaveLength(8);
  expect(cpu.state.env.xmm_regs[0]?._q_ZMMReg[2]).toBe(cpu.row('env.xmm_regs[1][0]._q_ZMMReg[2]')?.value);
  expect(cpu.row('env.xmm_regs[1][0]')).toMatchObject({ start: ymm, about: { doc: 'upper half of YMM0' } });
  expect(cpu.state.env.xmm_regs[16]?._q_ZMMReg[0]).toBe(0x2222_2222_2222_2222n);
  expect(cpu.row('cpu/avx512.env.xmm_regs[1][0]')?.about?.doc).toBe('ZMM16');
});

test('floats of an old format are refused', () => {
  const cpu = roundTrip(vmstate_x86_cpu, cpuWith({ [FORMAT_AT]: '0001' }));
  expect(cpu.complaints).toEqual([
    { at: FORMAT_AT, message: 'Unsupported old non-softfloat CPU state', path: 'env.fpregs_format_vmstate' }
  ]);
});

/** As the tables in QEMU 11.1's binary add up, in its order. */
const SUBSECTIONS: readonly [name: string, bytes: number][] = [
  ['cpu/exception_info', 11],
  ['cpu/error_code', 4],
  ['cpu/async_pf_msr', 8],
  ['cpu/async_pf_int_msr', 8],
  ['cpu/async_pv_eoi_msr', 8],
  ['cpu/steal_time_msr', 8],
  ['cpu/poll_control_msr', 8],
  ['cpu/fpop_ip_dp', 18],
  ['cpu/msr_tsc_adjust', 8],
  ['cpu/msr_tscdeadline', 8],
  ['cpu/msr_ia32_misc_enable', 8],
  ['cpu/msr_ia32_feature_control', 8],
  ['cpu/msr_architectural_pmu', 344],
  ['cpu/mpx', 88],
  ['cpu/msr_hyperv_hypercall', 16],
  ['cpu/msr_hyperv_vapic', 8],
  ['cpu/msr_hyperv_time', 8],
  ['cpu/msr_hyperv_crash', 40],
  ['cpu/msr_hyperv_runtime', 8],
  ['cpu/msr_hyperv_synic', 152],
  ['cpu/msr_hyperv_stimer', 64],
  ['cpu/msr_hyperv_reenlightenment', 24],
  ['cpu/avx512', 1600],
  ['cpu/xss', 8],
  ['cpu/umwait', 4],
  ['cpu/tsc_khz', 8],
  ['cpu/msr_smi_count', 8],
  ['cpu/pkru', 4],
  ['cpu/pkrs', 4],
  ['cpu/spec_ctrl', 8],
  ['cpu/amd_tsc_scale_msr', 8],
  ['cpu/mcg_ext_ctl', 8],
  ['cpu/intel_pt', 104],
  ['cpu/virt_ssbd', 8],
  ['cpu/svn_npt', 12],
  ['cpu/svm_guest', 4],
  ['cpu/xen_vcpu', 97],
  ['cpu/msr_tsx_ctrl', 4],
  ['cpu/intel_sgx', 32],
  ['cpu/pdptrs', 32],
  ['cpu/msr_xfd', 16],
  ['cpu/msr_hwcr', 8],
  ['cpu/fred', 72],
  ['cpu/intel_amx_xtile', 8256],
  ['cpu/arch_lbr', 784],
  ['cpu/triple_fault', 1],
  ['cpu/msr_pl0_ssp', 8],
  ['cpu/cet', 16],
  ['cpu/apx', 128]
];

test.each(SUBSECTIONS)('%s has %i bytes', (name, bytes) => {
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, subsection(name, 1, counting(bytes))));
  expect(cpu.row(name)).toMatchObject({ start: 1817, end: 1817 + 6 + name.length + bytes });
});

test('all subsections at once, in QEMU’s order', () => {
  const all = SUBSECTIONS.map(([name, bytes]) => subsection(name, 1, counting(bytes)));
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, ...all));
  expect(cpu.fields.filter((f) => f.type === 'subsection')).toHaveLength(SUBSECTIONS.length);
});

test('shadow stacks lie inside the control-flow enforcement', () => {
  const cet = subsection('cpu/cet', 1, u64(4n) + u64(5n) + subsection('cpu/cet_shstk', 1, counting(40)));
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, cet, subsection('cpu/apx', 1, counting(128))));
  expect(bitsOf(cpu.row('cpu/cet.env.s_cet'))).toEqual({ SH_STK_EN: 1, ENDBR_EN: 1 });
  expect(cpu.row('cpu/cet.cpu/cet_shstk.env.guest_ssp')).toMatchObject({ value: 0x2122_2324_2526_2728n });
  expect(cpu.state.env.regs).toHaveLength(32);
});

test('a guest that runs a guest under KVM on Intel', () => {
  const vmcs = subsection('cpu/kvm_nested_state/vmx/vmcs12', 1, counting(4096));
  const shadow = subsection('cpu/kvm_nested_state/vmx/shadow_vmcs12', 1, zeros(4096));
  const vmx = subsection('cpu/kvm_nested_state/vmx', 1, u64(0x1000n) + u64(0x2000n) + '0001' + vmcs + shadow);
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, subsection('cpu/nested_state', 1, '0001 0000 00001080' + vmx)));
  const path = 'cpu/nested_state.env.nested_state';
  expect(bitsOf(cpu.row(`${path}.flags`))).toEqual({ GUEST_MODE: 1 });
  expect(cpu.row(`${path}.cpu/kvm_nested_state/vmx.hdr.vmx.vmxon_pa`)).toMatchObject({ value: 0x1000n });
  expect(cpu.state.env.nested_state.data.vmx[0]?.vmcs12).toHaveLength(4096);
});

test('a guest that runs a guest under KVM on AMD', () => {
  const svm = subsection('cpu/kvm_nested_state/svm', 1, u64(0x3000n) + zeros(4096));
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, subsection('cpu/nested_state', 1, '0000 0001 00001080' + svm)));
  expect(cpu.state.env.nested_state.hdr.svm.vmcb_pa).toBe(0x3000n);
});

test('a nested state that QEMU would refuse', () => {
  const cpu = roundTrip(vmstate_x86_cpu, hex(CPU, subsection('cpu/nested_state', 1, '0000 0007 00000010')));
  expect(cpu.complaints.map((c) => c.message)).toEqual([
    'Received invalid nested state format: 7',
    'Received nested state size less than min: len=16, min=128'
  ]);
});
