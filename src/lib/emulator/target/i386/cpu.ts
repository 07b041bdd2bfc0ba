/** The CPU's state under QEMU's names. Source: QEMU target/i386/cpu.h CPUX86State, X86CPU. */

/** 64-bit values are bigint, all others numbers. */
type U64 =
  | 'eip'
  | 'eflags'
  | 'sysenter_esp'
  | 'sysenter_eip'
  | 'efer'
  | 'star'
  | 'lstar'
  | 'cstar'
  | 'fmask'
  | 'kernelgsbase'
  | 'pat'
  | 'mtrr_deftype'
  | 'vm_hsave'
  | 'vm_vmcb'
  | 'tsc_offset'
  | 'intercept'
  | 'nested_cr3'
  | 'tsc'
  | 'tsc_aux'
  | 'tsc_adjust'
  | 'tsc_deadline'
  | 'tsc_khz'
  | 'amd_tsc_scale_msr'
  | 'mcg_cap'
  | 'mcg_status'
  | 'mcg_ctl'
  | 'mcg_ext_ctl'
  | 'system_time_msr'
  | 'wall_clock_msr'
  | 'async_pf_en_msr'
  | 'async_pf_int_msr'
  | 'pv_eoi_en_msr'
  | 'steal_time_msr'
  | 'poll_control_msr'
  | 'exception_payload'
  | 'xcr0'
  | 'xss'
  | 'xstate_bv'
  | 'msr_xfd'
  | 'msr_xfd_err'
  | 'fpip'
  | 'fpdp'
  | 'msr_smi_count'
  | 'msr_ia32_misc_enable'
  | 'msr_ia32_feature_control'
  | 'spec_ctrl'
  | 'virt_ssbd'
  | 'msr_hwcr'
  | 'msr_fixed_ctr_ctrl'
  | 'msr_global_ctrl'
  | 'msr_global_status'
  | 'msr_global_ovf_ctrl'
  | 'msr_bndcfgs'
  | 'msr_lbr_ctl'
  | 'msr_lbr_depth'
  | 'msr_rtit_ctrl'
  | 'msr_rtit_status'
  | 'msr_rtit_output_base'
  | 'msr_rtit_output_mask'
  | 'msr_rtit_cr3_match'
  | 'msr_hv_guest_os_id'
  | 'msr_hv_hypercall'
  | 'msr_hv_vapic'
  | 'msr_hv_tsc'
  | 'msr_hv_runtime'
  | 'msr_hv_synic_control'
  | 'msr_hv_synic_evt_page'
  | 'msr_hv_synic_msg_page'
  | 'msr_hv_reenlightenment_control'
  | 'msr_hv_tsc_emulation_control'
  | 'msr_hv_tsc_emulation_status'
  | 'fred_rsp0'
  | 'fred_rsp1'
  | 'fred_rsp2'
  | 'fred_rsp3'
  | 'fred_stklvls'
  | 'fred_ssp1'
  | 'fred_ssp2'
  | 'fred_ssp3'
  | 'fred_config'
  | 'u_cet'
  | 's_cet'
  | 'pl0_ssp'
  | 'pl1_ssp'
  | 'pl2_ssp'
  | 'pl3_ssp'
  | 'int_ssp_table'
  | 'guest_ssp'
  | 'xen_vcpu_info_gpa'
  | 'xen_vcpu_info_default_gpa'
  | 'xen_vcpu_time_info_gpa'
  | 'xen_vcpu_runstate_gpa'
  | 'xen_singleshot_timer_ns'
  | 'xen_periodic_timer_period';
type U64Array =
  | 'regs'
  | 'cr'
  | 'dr'
  | 'mtrr_fixed'
  | 'mce_banks'
  | 'opmask_regs'
  | 'pdptrs'
  | 'msr_ia32_sgxlepubkeyhash'
  | 'msr_fixed_counters'
  | 'msr_gp_counters'
  | 'msr_gp_evtsel'
  | 'msr_rtit_addrs'
  | 'msr_hv_crash_params'
  | 'msr_hv_synic_sint'
  | 'msr_hv_stimer_config'
  | 'msr_hv_stimer_count';
type Int =
  | 'hflags'
  | 'hflags2'
  | 'fpuc'
  | 'fpus_vmstate'
  | 'fptag_vmstate'
  | 'fpregs_format_vmstate'
  | 'fpop'
  | 'sysenter_cs'
  | 'a20_mask'
  | 'mxcsr'
  | 'smbase'
  | 'pkru'
  | 'pkrs'
  | 'umwait'
  | 'tsx_ctrl'
  | 'intercept_cr_read'
  | 'intercept_cr_write'
  | 'intercept_dr_read'
  | 'intercept_dr_write'
  | 'intercept_exceptions'
  | 'v_tpr'
  | 'int_ctl'
  | 'nested_pg_mode'
  | 'interrupt_injected'
  | 'mp_state'
  | 'sipi_vector'
  | 'exception_nr'
  | 'exception_pending'
  | 'exception_injected'
  | 'exception_has_payload'
  | 'error_code'
  | 'soft_interrupt'
  | 'nmi_injected'
  | 'nmi_pending'
  | 'has_error_code'
  | 'triple_fault_pending'
  | 'xen_vcpu_callback_vector';

export interface SegmentCache {
  selector: number;
  base: bigint;
  limit: number;
  flags: number;
}

/** 512 bits, lowest word first. */
export interface ZMMReg {
  _q_ZMMReg: bigint[];
}

export interface FPReg {
  /** An 80-bit float; only the mantissa counts for an MMX register. */
  tmp: { tmp_mant: bigint; tmp_exp: number };
}

export interface LBREntry {
  from: bigint;
  to: bigint;
  info: bigint;
}

/** struct kvm_nested_state of Linux, as far as it is sent. */
export interface KvmNestedState {
  flags: number;
  format: number;
  size: number;
  hdr: {
    vmx: { vmxon_pa: bigint; vmcs12_pa: bigint; smm: { flags: number } };
    svm: { vmcb_pa: bigint };
  };
  data: {
    vmx: { vmcs12: Uint8Array; shadow_vmcs12: Uint8Array }[];
    svm: { vmcb12: Uint8Array }[];
  };
}

export type CPUX86State = Record<U64, bigint> &
  Record<U64Array, bigint[]> &
  Record<Int, number> & {
    segs: SegmentCache[];
    ldt: SegmentCache;
    tr: SegmentCache;
    gdt: SegmentCache;
    idt: SegmentCache;
    fpregs: FPReg[];
    xmm_regs: ZMMReg[];
    mtrr_var: { base: bigint; mask: bigint }[];
    bnd_regs: { lb: bigint; ub: bigint }[];
    bndcs_regs: { cfgu: bigint; sts: bigint };
    lbr_records: LBREntry[];
    nested_state: KvmNestedState;
    xtilecfg: Uint8Array;
    xtiledata: Uint8Array;
    xen_virq: number[];
  };

export interface X86CPU {
  env: CPUX86State;
}
