/**
 * What the bits of performance, trace and virtualization registers mean, as plain data.
 * Sources: Intel SDM volumes 3 and 4, AMD APM volume 2, Linux Documentation/virt/kvm/x86/msr.rst and cpuid.rst,
 * Hyper-V Top Level Functional Specification 6.0b.
 */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';
import { EXCEPTIONS } from './registers.ts';

const perCounter = (count: number, first: number, name: string, doc?: string): Bits[] =>
  Array.from({ length: count }, (_, i) => ({ bit: first + i, name: `${name}${i}`, ...(doc ? { doc } : {}) }));

export const FIXED_CTR_CTRL: Meaning = {
  doc: 'MSR 38d.',
  source: 'SDM 3B, performance monitoring',
  bits: [0, 1, 2].flatMap((i): Bits[] => [
    { bit: 4 * i, width: 2, name: `EN${i}`, values: { 0: 'off', 1: 'kernel', 2: 'user', 3: 'both' } },
    { bit: 4 * i + 2, name: `ANY${i}`, doc: 'counts both threads of the core' },
    { bit: 4 * i + 3, name: `PMI${i}`, doc: 'interrupts on overflow' }
  ])
};
export const PERF_GLOBAL_CTRL: Meaning = {
  doc: 'MSR 38f.',
  source: 'SDM 3B, performance monitoring',
  bits: [...perCounter(18, 0, 'PMC'), ...perCounter(3, 32, 'FIXED'), { bit: 48, name: 'PERF_METRICS' }]
};
export const PERF_GLOBAL_STATUS: Meaning = {
  doc: 'MSR 38e, and 390 to clear it.',
  source: 'SDM 3B, performance monitoring',
  bits: [
    ...perCounter(18, 0, 'PMC', 'overflowed'),
    ...perCounter(3, 32, 'FIXED', 'overflowed'),
    { bit: 55, name: 'TraceToPAPMI' },
    { bit: 58, name: 'LBR_FRZ' },
    { bit: 59, name: 'CTR_FRZ' },
    { bit: 60, name: 'ASCI' },
    { bit: 61, name: 'OvfUncore' },
    { bit: 62, name: 'OvfDSBuffer' },
    { bit: 63, name: 'CondChgd' }
  ]
};
export const PERFEVTSEL: Meaning = {
  source: 'SDM 3B, performance monitoring',
  bits: [
    { bit: 0, width: 8, name: 'event' },
    { bit: 8, width: 8, name: 'umask' },
    { bit: 16, name: 'USR' },
    { bit: 17, name: 'OS' },
    { bit: 18, name: 'E', doc: 'counts edges' },
    { bit: 19, name: 'PC' },
    { bit: 20, name: 'INT', doc: 'interrupts on overflow' },
    { bit: 21, name: 'ANY' },
    { bit: 22, name: 'EN' },
    { bit: 23, name: 'INV' },
    { bit: 24, width: 8, name: 'CMASK' },
    { bit: 32, name: 'IN_TX' },
    { bit: 33, name: 'IN_TXCP' }
  ]
};

export const LBR_CTL: Meaning = {
  doc: 'MSR 14ce.',
  source: 'SDM 3B, last branch records',
  bits: [
    { bit: 0, name: 'LBREn' },
    { bit: 1, name: 'OS' },
    { bit: 2, name: 'USR' },
    { bit: 3, name: 'CALL_STACK' },
    { bit: 16, name: 'JCC' },
    { bit: 17, name: 'NEAR_REL_JMP' },
    { bit: 18, name: 'NEAR_IND_JMP' },
    { bit: 19, name: 'NEAR_REL_CALL' },
    { bit: 20, name: 'NEAR_IND_CALL' },
    { bit: 21, name: 'NEAR_RET' },
    { bit: 22, name: 'OTHER_BRANCH' }
  ]
};
export const LBR_INFO: Meaning = {
  source: 'SDM 3B, last branch records',
  bits: [
    { bit: 0, width: 16, name: 'CYC_CNT', doc: 'cycles since the last record' },
    {
      bit: 56,
      width: 4,
      name: 'BR_TYPE',
      values: {
        0: 'conditional',
        1: 'indirect jump',
        2: 'direct jump',
        3: 'indirect call',
        4: 'direct call',
        5: 'return',
        8: 'other'
      }
    },
    { bit: 60, name: 'CYC_CNT_VALID' },
    { bit: 61, name: 'TSX_ABORT' },
    { bit: 62, name: 'IN_TSX' },
    { bit: 63, name: 'MISPRED' }
  ]
};

export const RTIT_CTL: Meaning = {
  doc: 'MSR 570.',
  source: 'SDM 3C, processor trace',
  bits: [
    { bit: 0, name: 'TraceEn' },
    { bit: 1, name: 'CYCEn' },
    { bit: 2, name: 'OS' },
    { bit: 3, name: 'User' },
    { bit: 4, name: 'PwrEvtEn' },
    { bit: 5, name: 'FUPonPTW' },
    { bit: 6, name: 'FabricEn' },
    { bit: 7, name: 'CR3Filter' },
    { bit: 8, name: 'ToPA' },
    { bit: 9, name: 'MTCEn' },
    { bit: 10, name: 'TSCEn' },
    { bit: 11, name: 'DisRETC' },
    { bit: 12, name: 'PTWEn' },
    { bit: 13, name: 'BranchEn' },
    { bit: 14, width: 4, name: 'MTCFreq' },
    { bit: 19, width: 4, name: 'CYCThresh' },
    { bit: 24, width: 4, name: 'PSBFreq' },
    { bit: 31, name: 'EventEn' },
    ...[0, 1, 2, 3].map((i) => ({ bit: 32 + 4 * i, width: 4, name: `ADDR${i}_CFG` })),
    { bit: 55, name: 'DisTNT' }
  ]
};
export const RTIT_STATUS: Meaning = {
  doc: 'MSR 571.',
  source: 'SDM 3C, processor trace',
  bits: [
    { bit: 0, name: 'FilterEn' },
    { bit: 1, name: 'ContextEn' },
    { bit: 2, name: 'TriggerEn' },
    { bit: 4, name: 'Error' },
    { bit: 5, name: 'Stopped' },
    { bit: 6, name: 'PendPSB' },
    { bit: 7, name: 'PendTopaPMI' },
    { bit: 32, width: 17, name: 'PacketByteCnt' }
  ]
};

export const SVM_INTERCEPT: Meaning = {
  doc: 'What leaves the nested guest.',
  source: 'APM 2 appendix B, offsets 00c and 010',
  bits: (
    'INTR NMI SMI INIT VINTR CR0_SEL_WRITE IDTR_READ GDTR_READ LDTR_READ TR_READ IDTR_WRITE GDTR_WRITE LDTR_WRITE ' +
    'TR_WRITE RDTSC RDPMC PUSHF POPF CPUID RSM IRET INTn INVD PAUSE HLT INVLPG INVLPGA IOIO MSR TASK_SWITCH ' +
    'FERR_FREEZE SHUTDOWN VMRUN VMMCALL VMLOAD VMSAVE STGI CLGI SKINIT RDTSCP ICEBP WBINVD MONITOR MWAIT ' +
    'MWAIT_ARMED XSETBV RDPRU EFER_WRITE'
  )
    .split(' ')
    .map((name, bit) => ({ name, bit }))
};
const numbered = (prefix: string): Bits[] => Array.from({ length: 16 }, (_, bit) => ({ name: prefix + bit, bit }));
export const SVM_INTERCEPT_CR: Meaning = { source: 'APM 2 appendix B', bits: numbered('CR') };
export const SVM_INTERCEPT_DR: Meaning = { source: 'APM 2 appendix B', bits: numbered('DR') };
export const SVM_INTERCEPT_EXCEPTIONS: Meaning = {
  source: 'APM 2 appendix B',
  bits: Object.entries(EXCEPTIONS).map(([vector, name]) => ({ name, bit: Number(vector) }))
};
export const SVM_INT_CTL: Meaning = {
  source: 'APM 2 appendix B, offset 060',
  bits: [
    { bit: 0, width: 8, name: 'V_TPR' },
    { bit: 8, name: 'V_IRQ' },
    { bit: 9, name: 'V_GIF' },
    { bit: 16, width: 4, name: 'V_INTR_PRIO' },
    { bit: 20, name: 'V_IGN_TPR' },
    { bit: 24, name: 'V_INTR_MASKING' },
    { bit: 25, name: 'V_GIF_ENABLE' },
    { bit: 31, name: 'AVIC_ENABLE' }
  ]
};
export const NESTED_PG_MODE: Meaning = {
  source: 'target/i386/cpu.h PG_MODE_*',
  bits: [
    { bit: 0, name: 'PAE' },
    { bit: 1, name: 'LMA' },
    { bit: 2, name: 'NXE' },
    { bit: 3, name: 'PSE' },
    { bit: 4, name: 'LA57' },
    { bit: 16, name: 'WP' },
    { bit: 17, name: 'PKE' },
    { bit: 18, name: 'PKS' },
    { bit: 19, name: 'SMEP' },
    { bit: 20, name: 'PG' }
  ]
};

const ENABLE: Bits = { bit: 0, name: 'enable' };
/** An MSR that holds a guest page or structure and, in bit 0, whether it is in use. */
const shared = (doc: string, more: readonly Bits[] = []): Meaning => ({ doc, pointer: 'gpa', bits: [ENABLE, ...more] });

export const KVM_SYSTEM_TIME = shared('MSR 4b564d01: pvclock of this CPU.');
export const KVM_WALL_CLOCK: Meaning = { doc: 'MSR 4b564d00: wall clock at boot.', pointer: 'gpa' };
export const KVM_ASYNC_PF_EN = shared('MSR 4b564d02: asynchronous page faults.', [
  { bit: 1, name: 'SEND_ALWAYS', doc: 'in kernel mode too' },
  { bit: 2, name: 'DELIVERY_AS_PF_VMEXIT' },
  { bit: 3, name: 'DELIVERY_AS_INT' }
]);
export const KVM_ASYNC_PF_INT: Meaning = { doc: 'MSR 4b564d06.', bits: [{ bit: 0, width: 8, name: 'vector' }] };
export const KVM_STEAL_TIME = shared('MSR 4b564d03: time that others ran instead.');
export const KVM_PV_EOI = shared('MSR 4b564d04: end of interrupt without an exit.');
export const KVM_POLL_CONTROL: Meaning = {
  doc: 'MSR 4b564d05.',
  bits: [{ bit: 0, name: 'host polls', doc: 'the host may poll before it halts this CPU' }]
};
export const KVM_MP_STATE: Meaning = {
  doc: 'Only KVM uses it.',
  source: 'Linux Documentation/virt/kvm/api.rst 4.38',
  values: { 0: 'runnable', 1: 'uninitialized', 2: 'INIT received', 3: 'halted', 4: 'SIPI received', 9: 'AP reset hold' }
};
export const KVM_NESTED_FLAGS: Meaning = {
  source: 'Linux Documentation/virt/kvm/api.rst 4.114',
  bits: [
    { bit: 0, name: 'GUEST_MODE' },
    { bit: 1, name: 'RUN_PENDING' },
    { bit: 2, name: 'EVMCS' },
    { bit: 3, name: 'MTF_PENDING' },
    { bit: 8, name: 'GIF_SET' }
  ]
};

export const HV_GUEST_OS_ID: Meaning = {
  doc: 'MSR 40000000.',
  source: 'Hyper-V TLFS',
  bits: [
    { bit: 0, width: 16, name: 'build' },
    { bit: 16, width: 8, name: 'service pack' },
    { bit: 24, width: 8, name: 'minor' },
    { bit: 32, width: 8, name: 'major' },
    { bit: 40, width: 8, name: 'OS' },
    { bit: 48, width: 15, name: 'vendor' },
    { bit: 63, name: 'open source' }
  ]
};
export const HV_HYPERCALL = shared('MSR 40000001: hypercall page.', [{ bit: 1, name: 'locked' }]);
export const HV_VAPIC = shared('MSR 40000073: APIC assist page.');
export const HV_TSC = shared('MSR 40000021: reference TSC page.');
export const HV_SYNIC_CONTROL: Meaning = { doc: 'MSR 40000080.', bits: [ENABLE] };
export const HV_EVENT_PAGE = shared('MSR 40000082: synthetic event flags.');
export const HV_MESSAGE_PAGE = shared('MSR 40000083: synthetic messages.');
export const HV_SINT: Meaning = {
  doc: 'Synthetic interrupt source.',
  source: 'Hyper-V TLFS',
  bits: [
    { bit: 0, width: 8, name: 'vector' },
    { bit: 16, name: 'masked' },
    { bit: 17, name: 'auto EOI' },
    { bit: 18, name: 'polling' }
  ]
};
export const HV_STIMER_CONFIG: Meaning = {
  source: 'Hyper-V TLFS',
  bits: [
    ENABLE,
    { bit: 1, name: 'periodic' },
    { bit: 2, name: 'lazy' },
    { bit: 3, name: 'auto enable' },
    { bit: 4, width: 8, name: 'vector' },
    { bit: 12, name: 'direct' },
    { bit: 16, width: 4, name: 'SINT' }
  ]
};
export const HV_REENLIGHTENMENT: Meaning = {
  doc: 'MSR 40000106: notification of a changed TSC frequency.',
  source: 'Hyper-V TLFS',
  bits: [
    { bit: 0, width: 8, name: 'vector' },
    { bit: 16, name: 'enabled' },
    { bit: 32, width: 32, name: 'target', doc: 'virtual processor' }
  ]
};
export const HV_TSC_EMULATION_CONTROL: Meaning = { doc: 'MSR 40000107.', bits: [{ bit: 0, name: 'enabled' }] };
export const HV_TSC_EMULATION_STATUS: Meaning = { doc: 'MSR 40000108.', bits: [{ bit: 0, name: 'in progress' }] };
