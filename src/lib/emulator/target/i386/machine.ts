/**
 * What of a CPU migrates: section "cpu" version 12 with every subsection of QEMU 7.2 to 11.1.
 * Source: QEMU target/i386/machine.c.
 */
import {
  fieldsOf,
  struct,
  type Codec,
  type Field,
  type Meaning,
  type VMStateDescription
} from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer, i32, i64, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import type { FPReg, KvmNestedState, LBREntry, SegmentCache, X86CPU, ZMMReg } from './cpu.ts';
import * as regs from './registers.ts';
import * as mon from './registers-monitoring.ts';

/** Descriptions that have one version only. */
const only = <S>(
  name: string,
  fields: readonly Field<S>[],
  rest: Partial<VMStateDescription<S>> = {}
): VMStateDescription<S> => ({ name, version: 1, minimumVersion: 1, fields, ...rest });

const GVA: Meaning = { pointer: 'gva' };
const GPA: Meaning = { pointer: 'gpa' };
const named = (names: readonly string[]): Meaning[] => names.map((doc) => ({ doc }));

const seg = fieldsOf<SegmentCache>();
const segment = (flags: Meaning): Codec<SegmentCache> =>
  struct(
    only('segment', [
      seg('selector', u32, regs.SELECTOR),
      seg('base', u64, { doc: 'linear address', ...GVA }),
      seg('limit', u32, { doc: 'last valid offset', radix: 16 }),
      seg('flags', u32, flags)
    ])
  );
const codeOrData = segment(regs.SEGMENT_FLAGS);
const system = segment(regs.SYSTEM_SEGMENT_FLAGS);

const zmm = fieldsOf<ZMMReg>();
const words = (name: string, first: number, count: number): Codec<ZMMReg> =>
  struct(
    only(
      name,
      Array.from({ length: count }, (_, i) => zmm(`_q_ZMMReg[${first + i}]`, u64, { radix: 16 }))
    )
  );
const vectors = (prefix: string, first = 0) => ({
  abouts: named(Array.from({ length: 16 }, (_, i) => `${prefix}${first + i}`))
});

const fpreg = fieldsOf<FPReg>();
const fpregTmp = fieldsOf<FPReg['tmp']>();
const vmstate_fpreg_tmp: VMStateDescription<FPReg['tmp']> = {
  name: 'fpreg_tmp',
  version: 0,
  minimumVersion: 0,
  fields: [
    fpregTmp('tmp_mant', u64, { doc: 'mantissa, or the MMX register', radix: 16 }),
    fpregTmp('tmp_exp', u16, {
      bits: [
        { bit: 0, width: 15, name: 'exponent', doc: 'with bias 16383' },
        { bit: 15, name: 'sign' }
      ]
    })
  ]
};
const vmstate_fpreg: VMStateDescription<FPReg> = {
  name: 'fpreg',
  version: 0,
  minimumVersion: 0,
  fields: [fpreg('tmp', { ...struct(vmstate_fpreg_tmp), type: 'tmp' })]
};

const mtrr = fieldsOf<{ base: bigint; mask: bigint }>();
const vmstate_mtrr_var = only('mtrr_var', [mtrr('base', u64, regs.MTRR_BASE), mtrr('mask', u64, regs.MTRR_MASK)]);

const bnd = fieldsOf<{ lb: bigint; ub: bigint }>();
const vmstate_bnd_regs = only('bnd_regs', [
  bnd('lb', u64, { doc: 'lower bound', ...GVA }),
  bnd('ub', u64, { doc: 'upper bound, inverted', radix: 16 })
]);

const lbr = fieldsOf<LBREntry>();
const vmstate_lbr_records_var = only('lbr_records_var', [
  lbr('from', u64, GVA),
  lbr('to', u64, GVA),
  lbr('info', u64, mon.LBR_INFO)
]);

const nested = fieldsOf<KvmNestedState>();
const VMCS_SIZE = 4096;
const vmstate_vmx_nested_state = only(
  'cpu/kvm_nested_state/vmx',
  [
    nested('hdr.vmx.vmxon_pa', u64, { doc: 'VMXON region', ...GPA }),
    nested('hdr.vmx.vmcs12_pa', u64, { doc: 'current VMCS', ...GPA }),
    nested('hdr.vmx.smm.flags', u16, {
      bits: [
        { bit: 0, name: 'GUEST_MODE' },
        { bit: 1, name: 'VMXON' }
      ]
    })
  ],
  {
    subsections: [
      only('cpu/kvm_nested_state/vmx/vmcs12', [nested('data.vmx[0].vmcs12', buffer(VMCS_SIZE, 'uint8'))]),
      only('cpu/kvm_nested_state/vmx/shadow_vmcs12', [nested('data.vmx[0].shadow_vmcs12', buffer(VMCS_SIZE, 'uint8'))])
    ]
  }
);
const vmstate_svm_nested_state = only('cpu/kvm_nested_state/svm', [
  nested('hdr.svm.vmcb_pa', u64, GPA),
  nested('data.svm[0].vmcb12', buffer(4096, 'uint8'))
]);
/** Bytes of struct kvm_nested_state before its data. */
const NESTED_HEADER = 128;
const vmstate_kvm_nested_state = only(
  'cpu/kvm_nested_state',
  [
    nested('flags', u16, mon.KVM_NESTED_FLAGS),
    nested('format', u16, {
      values: { 0: 'VMX', 1: 'SVM' },
      check: ({ format }) => (format > 1 ? `Received invalid nested state format: ${format}` : undefined)
    }),
    nested('size', u32, {
      unit: 'bytes',
      check: ({ size }) =>
        size < NESTED_HEADER ? `Received nested state size less than min: len=${size}, min=${NESTED_HEADER}` : undefined
    })
  ],
  { subsections: [vmstate_vmx_nested_state, vmstate_svm_nested_state] }
);

const cpu = fieldsOf<X86CPU>();

/** Sent where the value is not what it is after a reset; KVM's and others' are sent again where they came. */
const unless =
  <K extends keyof X86CPU['env']>(name: K, initial: X86CPU['env'][K]) =>
  ({ env }: X86CPU): boolean | undefined =>
    env[name] === undefined ? undefined : env[name] !== initial;

/** Source: mpx_needed. */
const mpx_needed = ({ env }: X86CPU): boolean | undefined =>
  env.bnd_regs &&
  (env.bnd_regs.some(({ lb, ub }) => lb !== 0n || ub !== 0n) ||
    [env.bndcs_regs.cfgu, env.bndcs_regs.sts, env.msr_bndcfgs].some((value) => value !== 0n));

const exceptionSubsections: VMStateDescription<X86CPU>[] = [
  only(
    'cpu/exception_info',
    [
      cpu('env.exception_pending', u8),
      cpu('env.exception_injected', u8),
      cpu('env.exception_has_payload', u8),
      cpu('env.exception_payload', u64, { doc: 'DR6 or CR2 to be, once delivered', radix: 16 })
    ],
    { doc: 'A nested guest is about to take an exception.' }
  ),
  only('cpu/error_code', [cpu('env.error_code', i32, { radix: 16 })])
];

const kvmSubsections: VMStateDescription<X86CPU>[] = [
  only('cpu/async_pf_msr', [cpu('env.async_pf_en_msr', u64, mon.KVM_ASYNC_PF_EN)]),
  only('cpu/async_pf_int_msr', [cpu('env.async_pf_int_msr', u64, mon.KVM_ASYNC_PF_INT)]),
  only('cpu/async_pv_eoi_msr', [cpu('env.pv_eoi_en_msr', u64, mon.KVM_PV_EOI)]),
  only('cpu/steal_time_msr', [cpu('env.steal_time_msr', u64, mon.KVM_STEAL_TIME)]),
  only('cpu/poll_control_msr', [cpu('env.poll_control_msr', u64, mon.KVM_POLL_CONTROL)], {
    needed: unless('poll_control_msr', 1n)
  })
];

const hypervSubsections: VMStateDescription<X86CPU>[] = [
  only('cpu/msr_hyperv_hypercall', [
    cpu('env.msr_hv_guest_os_id', u64, mon.HV_GUEST_OS_ID),
    cpu('env.msr_hv_hypercall', u64, mon.HV_HYPERCALL)
  ]),
  only('cpu/msr_hyperv_vapic', [cpu('env.msr_hv_vapic', u64, mon.HV_VAPIC)]),
  only('cpu/msr_hyperv_time', [cpu('env.msr_hv_tsc', u64, mon.HV_TSC)]),
  only('cpu/msr_hyperv_crash', [
    cpu('env.msr_hv_crash_params', arrayOf(u64, 5), { doc: 'What the guest said of its crash.', radix: 16 })
  ]),
  only('cpu/msr_hyperv_runtime', [
    cpu('env.msr_hv_runtime', u64, { doc: 'MSR 40000010: time run, in 100 ns.', clock: true })
  ]),
  only('cpu/msr_hyperv_synic', [
    cpu('env.msr_hv_synic_control', u64, mon.HV_SYNIC_CONTROL),
    cpu('env.msr_hv_synic_evt_page', u64, mon.HV_EVENT_PAGE),
    cpu('env.msr_hv_synic_msg_page', u64, mon.HV_MESSAGE_PAGE),
    cpu('env.msr_hv_synic_sint', arrayOf(u64, 16), mon.HV_SINT)
  ]),
  only('cpu/msr_hyperv_stimer', [
    cpu('env.msr_hv_stimer_config', arrayOf(u64, 4), mon.HV_STIMER_CONFIG),
    cpu('env.msr_hv_stimer_count', arrayOf(u64, 4), { doc: 'expiry or period in 100 ns', clock: true })
  ]),
  only('cpu/msr_hyperv_reenlightenment', [
    cpu('env.msr_hv_reenlightenment_control', u64, mon.HV_REENLIGHTENMENT),
    cpu('env.msr_hv_tsc_emulation_control', u64, mon.HV_TSC_EMULATION_CONTROL),
    cpu('env.msr_hv_tsc_emulation_status', u64, mon.HV_TSC_EMULATION_STATUS)
  ])
];

const vmstate_nested_state = only<X86CPU>(
  'cpu/nested_state',
  [cpu('env.nested_state', struct(vmstate_kvm_nested_state))],
  { doc: 'What KVM knows of the guest that this guest runs.' }
);

const vmstate_xen_vcpu = only<X86CPU>('cpu/xen_vcpu', [
  cpu('env.xen_vcpu_info_gpa', u64, GPA),
  cpu('env.xen_vcpu_info_default_gpa', u64, GPA),
  cpu('env.xen_vcpu_time_info_gpa', u64, GPA),
  cpu('env.xen_vcpu_runstate_gpa', u64, GPA),
  cpu('env.xen_vcpu_callback_vector', u8),
  cpu('env.xen_virq', arrayOf(u16, 24), { doc: 'event channel port by virtual interrupt' }),
  cpu('env.xen_singleshot_timer_ns', u64, { unit: 'ns', clock: true }),
  cpu('env.xen_periodic_timer_period', u64, { unit: 'ns' })
]);

const vmstate_cet = only<X86CPU>(
  'cpu/cet',
  [
    cpu('env.u_cet', u64, { ...regs.CET, doc: 'MSR 6a0: user.' }),
    cpu('env.s_cet', u64, { ...regs.CET, doc: 'MSR 6a2: supervisor.' })
  ],
  {
    subsections: [
      only('cpu/cet_shstk', [
        cpu('env.pl1_ssp', u64, GVA),
        cpu('env.pl2_ssp', u64, GVA),
        cpu('env.pl3_ssp', u64, GVA),
        cpu('env.int_ssp_table', u64, GVA),
        cpu('env.guest_ssp', u64, GVA)
      ])
    ]
  }
);

/** In the order in which QEMU sends them. */
const subsections: VMStateDescription<X86CPU>[] = [
  ...exceptionSubsections,
  ...kvmSubsections,
  only(
    'cpu/fpop_ip_dp',
    [
      cpu('env.fpop', u16, { doc: 'opcode of the last x87 instruction', radix: 16 }),
      cpu('env.fpip', u64, { doc: 'its address', ...GVA }),
      cpu('env.fpdp', u64, { doc: 'address of its operand', ...GVA })
    ],
    {
      needed: ({ env }) => (env.fpop === undefined ? undefined : env.fpop !== 0 || env.fpip !== 0n || env.fpdp !== 0n)
    }
  ),
  only('cpu/msr_tsc_adjust', [cpu('env.tsc_adjust', u64, { doc: 'MSR 3b.', unit: 'ticks' })], {
    needed: unless('tsc_adjust', 0n)
  }),
  only(
    'cpu/msr_tscdeadline',
    [
      cpu('env.tsc_deadline', u64, {
        doc: 'MSR 6e0: TSC value at which the APIC timer fires.',
        unit: 'ticks',
        clock: true
      })
    ],
    { needed: unless('tsc_deadline', 0n) }
  ),
  only('cpu/msr_ia32_misc_enable', [cpu('env.msr_ia32_misc_enable', u64, regs.MISC_ENABLE)], {
    needed: unless('msr_ia32_misc_enable', 1n)
  }),
  only('cpu/msr_ia32_feature_control', [cpu('env.msr_ia32_feature_control', u64, regs.FEATURE_CONTROL)]),
  only('cpu/msr_architectural_pmu', [
    cpu('env.msr_fixed_ctr_ctrl', u64, mon.FIXED_CTR_CTRL),
    cpu('env.msr_global_ctrl', u64, mon.PERF_GLOBAL_CTRL),
    cpu('env.msr_global_status', u64, mon.PERF_GLOBAL_STATUS),
    cpu('env.msr_global_ovf_ctrl', u64, mon.PERF_GLOBAL_STATUS),
    cpu('env.msr_fixed_counters', arrayOf(u64, 3), { clock: true }),
    cpu('env.msr_gp_counters', arrayOf(u64, 18), { clock: true }),
    cpu('env.msr_gp_evtsel', arrayOf(u64, 18), mon.PERFEVTSEL)
  ]),
  only(
    'cpu/mpx',
    [
      cpu('env.bnd_regs', arrayOf(struct(vmstate_bnd_regs), 4)),
      cpu('env.bndcs_regs.cfgu', u64, { ...regs.BNDCFG, doc: 'BNDCFGU: user.' }),
      cpu('env.bndcs_regs.sts', u64, regs.BNDSTATUS),
      cpu('env.msr_bndcfgs', u64, { ...regs.BNDCFG, doc: 'MSR d90: supervisor.' })
    ],
    { needed: mpx_needed }
  ),
  ...hypervSubsections,
  only('cpu/avx512', [
    cpu('env.opmask_regs', arrayOf(u64, 8, { abouts: named([...'01234567'].map((i) => `k${i}`)) })),
    cpu('env.xmm_regs', arrayOf(words('zmmh_reg', 4, 4), 16, vectors('upper half of ZMM')), {
      name: 'env.xmm_regs[0]'
    }),
    cpu('env.xmm_regs', arrayOf(words('hi16_zmm_reg', 0, 8), 16, { from: 16, ...vectors('ZMM', 16) }), {
      name: 'env.xmm_regs[1]'
    })
  ]),
  only('cpu/xss', [cpu('env.xss', u64, regs.XSS)], { needed: unless('xss', 0n) }),
  only('cpu/umwait', [cpu('env.umwait', u32, regs.UMWAIT_CONTROL)]),
  only('cpu/tsc_khz', [
    cpu('env.tsc_khz', i64, { doc: 'TSC frequency in kHz. QEMU refuses it if tsc-frequency= says otherwise.' })
  ]),
  only('cpu/msr_smi_count', [cpu('env.msr_smi_count', u64, { doc: 'MSR 34.', clock: true })], {
    needed: unless('msr_smi_count', 0n)
  }),
  only('cpu/pkru', [cpu('env.pkru', u32, regs.PKRU)], { needed: unless('pkru', 0) }),
  only('cpu/pkrs', [cpu('env.pkrs', u32, regs.PKRS)], { needed: unless('pkrs', 0) }),
  only('cpu/spec_ctrl', [cpu('env.spec_ctrl', u64, regs.SPEC_CTRL)]),
  only('cpu/amd_tsc_scale_msr', [cpu('env.amd_tsc_scale_msr', u64, regs.TSC_RATIO)]),
  only('cpu/mcg_ext_ctl', [cpu('env.mcg_ext_ctl', u64, regs.MCG_EXT_CTL)]),
  only('cpu/intel_pt', [
    cpu('env.msr_rtit_ctrl', u64, mon.RTIT_CTL),
    cpu('env.msr_rtit_status', u64, mon.RTIT_STATUS),
    cpu('env.msr_rtit_output_base', u64, GPA),
    cpu('env.msr_rtit_output_mask', u64, { radix: 16 }),
    cpu('env.msr_rtit_cr3_match', u64, GPA),
    cpu('env.msr_rtit_addrs', arrayOf(u64, 8), { doc: 'first and last address of four ranges', ...GVA })
  ]),
  only('cpu/virt_ssbd', [cpu('env.virt_ssbd', u64, regs.VIRT_SSBD)]),
  only('cpu/svn_npt', [cpu('env.nested_cr3', u64, GPA), cpu('env.nested_pg_mode', u32, mon.NESTED_PG_MODE)]),
  only('cpu/svm_guest', [cpu('env.int_ctl', u32, mon.SVM_INT_CTL)]),
  vmstate_nested_state,
  vmstate_xen_vcpu,
  only('cpu/msr_tsx_ctrl', [cpu('env.tsx_ctrl', u32, regs.TSX_CTRL)]),
  only('cpu/intel_sgx', [
    cpu('env.msr_ia32_sgxlepubkeyhash', arrayOf(u64, 4), { doc: 'MSRs 8c-8f: launch enclave key.', radix: 16 })
  ]),
  only('cpu/pdptrs', [cpu('env.pdptrs', arrayOf(u64, 4), regs.PDPTE)], { doc: 'What PAE paging loaded from CR3.' }),
  only('cpu/msr_xfd', [
    cpu('env.msr_xfd', u64, regs.XFD),
    cpu('env.msr_xfd_err', u64, { ...regs.XFD, doc: 'State components whose use trapped.' })
  ]),
  only('cpu/msr_hwcr', [cpu('env.msr_hwcr', u64, regs.HWCR)]),
  only('cpu/fred', [
    cpu('env.fred_rsp0', u64, GVA),
    cpu('env.fred_rsp1', u64, GVA),
    cpu('env.fred_rsp2', u64, GVA),
    cpu('env.fred_rsp3', u64, GVA),
    cpu('env.fred_stklvls', u64, regs.FRED_STKLVLS),
    cpu('env.fred_ssp1', u64, GVA),
    cpu('env.fred_ssp2', u64, GVA),
    cpu('env.fred_ssp3', u64, GVA),
    cpu('env.fred_config', u64, regs.FRED_CONFIG)
  ]),
  only('cpu/intel_amx_xtile', [
    cpu('env.xtilecfg', buffer(64, 'uint8'), { doc: 'palette, start row, then bytes a row and rows of each tile' }),
    cpu('env.xtiledata', buffer(8192, 'uint8'), { doc: 'eight tiles of 16 rows of 64 bytes' })
  ]),
  only('cpu/arch_lbr', [
    cpu('env.msr_lbr_ctl', u64, mon.LBR_CTL),
    cpu('env.msr_lbr_depth', u64, { doc: 'MSR 14cf: records in use.' }),
    cpu('env.lbr_records', arrayOf(struct(vmstate_lbr_records_var), 32), 1)
  ]),
  only('cpu/triple_fault', [cpu('env.triple_fault_pending', u8)]),
  only('cpu/msr_pl0_ssp', [cpu('env.pl0_ssp', u64, { doc: 'MSR 6a4.', ...GVA })]),
  vmstate_cet,
  only('cpu/apx', [
    cpu('env.regs', arrayOf(u64, 16, { from: 16, abouts: named(regs.GENERAL_REGISTERS.slice(16)) }), { radix: 16 })
  ])
];

/** RSP and RBP are addresses of the stack by convention. */
const generalRegisters: Meaning[] = regs.GENERAL_REGISTERS.slice(0, 16).map((doc) =>
  doc === 'RSP' || doc === 'RBP' ? { doc, radix: 16, ...GVA } : { doc, radix: 16 }
);
const debugRegisters: Meaning[] = [
  ...[0, 1, 2, 3].map((i): Meaning => ({ doc: `DR${i}: breakpoint address`, ...GVA })),
  { doc: 'DR4: not used' },
  { doc: 'DR5: not used' },
  regs.DR6,
  regs.DR7
];
const oldFloats = ({ env }: X86CPU): string | undefined =>
  env.fpregs_format_vmstate === 0 ? undefined : 'Unsupported old non-softfloat CPU state';

export const vmstate_x86_cpu: VMStateDescription<X86CPU> = {
  name: 'cpu',
  version: 12,
  minimumVersion: 11,
  doc: 'Registers of one CPU.',
  fields: [
    cpu('env.regs', arrayOf(u64, 16, { abouts: generalRegisters })),
    cpu('env.eip', u64, { doc: 'next instruction', ...GVA }),
    cpu('env.eflags', u64, regs.EFLAGS),
    cpu('env.hflags', u32, regs.HFLAGS),
    cpu('env.fpuc', u16, regs.FPU_CONTROL),
    cpu('env.fpus_vmstate', u16, regs.FPU_STATUS),
    cpu('env.fptag_vmstate', u16, regs.FPU_TAGS),
    cpu('env.fpregs_format_vmstate', u16, { values: { 0: '80-bit floats' }, check: oldFloats }),
    cpu('env.fpregs', arrayOf(struct(vmstate_fpreg), 8), { doc: 'R0-R7; ST(0) is R[TOP].' }),
    cpu('env.segs', arrayOf(codeOrData, 6, { abouts: named(regs.SEGMENT_REGISTERS) })),
    cpu('env.ldt', system, { doc: 'LDTR' }),
    cpu('env.tr', system, { doc: 'TR: the task state segment' }),
    cpu('env.gdt', system, { doc: 'GDTR: only base and limit count' }),
    cpu('env.idt', system, { doc: 'IDTR: only base and limit count' }),
    cpu('env.sysenter_cs', u32, { ...regs.SELECTOR, doc: 'MSR 174.' }),
    cpu('env.sysenter_esp', u64, { doc: 'MSR 175.', ...GVA }),
    cpu('env.sysenter_eip', u64, { doc: 'MSR 176.', ...GVA }),
    cpu('env.cr[0]', u64, regs.CR0),
    cpu('env.cr[2]', u64, { doc: 'address of the last page fault', ...GVA }),
    cpu('env.cr[3]', u64, regs.CR3),
    cpu('env.cr[4]', u64, regs.CR4),
    cpu('env.dr', arrayOf(u64, 8, { abouts: debugRegisters })),
    cpu('env.a20_mask', i32, { doc: 'ANDed to addresses', values: { [-1]: 'A20 on', [~(1 << 20)]: 'A20 off' } }),
    cpu('env.mxcsr', u32, regs.MXCSR),
    cpu('env.xmm_regs', arrayOf(words('xmm_reg', 0, 2), 16, vectors('XMM')), { name: 'env.xmm_regs[0]' }),
    cpu('env.efer', u64, regs.EFER),
    cpu('env.star', u64, regs.STAR),
    cpu('env.lstar', u64, { doc: 'MSR c0000082: SYSCALL in long mode', ...GVA }),
    cpu('env.cstar', u64, { doc: 'MSR c0000083: SYSCALL in compatibility mode', ...GVA }),
    cpu('env.fmask', u64, { ...regs.EFLAGS, doc: 'MSR c0000084: flags that SYSCALL clears.' }),
    cpu('env.kernelgsbase', u64, { doc: 'MSR c0000102: what SWAPGS swaps in.', ...GVA }),
    cpu('env.smbase', u32, { doc: 'state save area of SMM lies at +8000', ...GPA }),
    cpu('env.pat', u64, regs.PAT),
    cpu('env.hflags2', u32, regs.HFLAGS2),
    cpu('env.vm_hsave', u64, { doc: 'MSR c0010117: host save area.', ...GPA }),
    cpu('env.vm_vmcb', u64, { doc: 'VMCB of the nested guest', ...GPA }),
    cpu('env.tsc_offset', u64, { doc: 'added to the TSC in a nested guest', unit: 'ticks' }),
    cpu('env.intercept', u64, mon.SVM_INTERCEPT),
    cpu('env.intercept_cr_read', u16, mon.SVM_INTERCEPT_CR),
    cpu('env.intercept_cr_write', u16, mon.SVM_INTERCEPT_CR),
    cpu('env.intercept_dr_read', u16, mon.SVM_INTERCEPT_DR),
    cpu('env.intercept_dr_write', u16, mon.SVM_INTERCEPT_DR),
    cpu('env.intercept_exceptions', u32, mon.SVM_INTERCEPT_EXCEPTIONS),
    cpu('env.v_tpr', u8, { doc: 'virtual task priority of the nested guest' }),
    cpu('env.mtrr_fixed', arrayOf(u64, 11, { abouts: regs.MTRR_FIXED })),
    cpu('env.mtrr_deftype', u64, regs.MTRR_DEFTYPE),
    cpu('env.mtrr_var', arrayOf(struct(vmstate_mtrr_var), 8), 8),
    cpu('env.interrupt_injected', i32, { doc: 'vector that KVM was injecting', values: { [-1]: 'none' } }),
    cpu('env.mp_state', u32, mon.KVM_MP_STATE),
    cpu('env.tsc', u64, { doc: 'MSR 10, from KVM.', unit: 'ticks', clock: true }),
    cpu('env.exception_nr', i32, { doc: 'pending exception', values: { ...regs.EXCEPTIONS, [-1]: 'none' } }),
    cpu('env.soft_interrupt', u8, { doc: 'the injected interrupt comes from INT n' }),
    cpu('env.nmi_injected', u8),
    cpu('env.nmi_pending', u8),
    cpu('env.has_error_code', u8),
    cpu('env.sipi_vector', u32, { doc: 'page at which a started CPU begins', radix: 16 }),
    cpu('env.mcg_cap', u64, regs.MCG_CAP),
    cpu('env.mcg_status', u64, regs.MCG_STATUS),
    cpu('env.mcg_ctl', u64, { doc: 'all ones: all errors on', radix: 16 }),
    cpu('env.mce_banks', arrayOf(u64, 40, { abouts: regs.MCE_BANKS })),
    cpu('env.tsc_aux', u64, { doc: 'MSR c0000103: what RDTSCP and RDPID return.' }),
    cpu('env.system_time_msr', u64, mon.KVM_SYSTEM_TIME),
    cpu('env.wall_clock_msr', u64, mon.KVM_WALL_CLOCK),
    cpu('env.xcr0', u64, { ...regs.XCR0, since: 12 }),
    cpu('env.xstate_bv', u64, { ...regs.XSTATE_BV, since: 12 }),
    cpu('env.xmm_regs', arrayOf(words('ymmh_reg', 2, 2), 16, vectors('upper half of YMM')), {
      since: 12,
      name: 'env.xmm_regs[1]'
    })
  ],
  subsections
};
