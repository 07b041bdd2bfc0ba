/**
 * What the bits of x86 registers mean, as plain data.
 * Sources: Intel SDM volumes 3 and 4, AMD APM volume 2, QEMU target/i386/cpu.h for what QEMU alone keeps.
 */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';

type Names = Readonly<Record<number, string>>;

/** The same group of bits once for each of `count` things, `step` bits apart. */
const repeated = (count: number, step: number, bitsOf: (i: number) => readonly Bits[]): Bits[] =>
  Array.from({ length: count }, (_, i) => bitsOf(i).map((b) => ({ ...b, bit: b.bit + i * step }))).flat();

export const GENERAL_REGISTERS = [
  'RAX RCX RDX RBX RSP RBP RSI RDI R8 R9 R10 R11 R12 R13 R14 R15',
  'R16 R17 R18 R19 R20 R21 R22 R23 R24 R25 R26 R27 R28 R29 R30 R31'
]
  .join(' ')
  .split(' ');
export const SEGMENT_REGISTERS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const;

export const EXCEPTIONS: Names = {
  0: '#DE divide error',
  1: '#DB debug',
  2: 'NMI',
  3: '#BP breakpoint',
  4: '#OF overflow',
  5: '#BR bound range exceeded',
  6: '#UD invalid opcode',
  7: '#NM device not available',
  8: '#DF double fault',
  9: 'coprocessor segment overrun',
  10: '#TS invalid TSS',
  11: '#NP segment not present',
  12: '#SS stack fault',
  13: '#GP general protection',
  14: '#PF page fault',
  16: '#MF x87 error',
  17: '#AC alignment check',
  18: '#MC machine check',
  19: '#XM SIMD error',
  20: '#VE virtualization',
  21: '#CP control protection',
  28: '#HV hypervisor injection',
  29: '#VC VMM communication',
  30: '#SX security'
};

const MEMORY_TYPES: Names = { 0: 'UC', 1: 'WC', 4: 'WT', 5: 'WP', 6: 'WB', 7: 'UC-' };

export const EFLAGS: Meaning = {
  source: 'SDM 1 3.4.3',
  bits: [
    { bit: 0, name: 'CF', doc: 'carry' },
    { bit: 1, name: 'fixed' },
    { bit: 2, name: 'PF', doc: 'parity' },
    { bit: 4, name: 'AF', doc: 'auxiliary carry' },
    { bit: 6, name: 'ZF', doc: 'zero' },
    { bit: 7, name: 'SF', doc: 'sign' },
    { bit: 8, name: 'TF', doc: 'trap after each instruction' },
    { bit: 9, name: 'IF', doc: 'interrupts enabled' },
    { bit: 10, name: 'DF', doc: 'string instructions go down' },
    { bit: 11, name: 'OF', doc: 'overflow' },
    { bit: 12, width: 2, name: 'IOPL', doc: 'I/O privilege level' },
    { bit: 14, name: 'NT', doc: 'nested task' },
    { bit: 16, name: 'RF', doc: 'resume: debug faults off for one instruction' },
    { bit: 17, name: 'VM', doc: 'virtual-8086 mode' },
    { bit: 18, name: 'AC', doc: 'alignment check; with SMAP: access to user pages allowed' },
    { bit: 19, name: 'VIF', doc: 'virtual interrupt flag' },
    { bit: 20, name: 'VIP', doc: 'virtual interrupt pending' },
    { bit: 21, name: 'ID', doc: 'CPUID present' }
  ]
};

export const CR0: Meaning = {
  source: 'SDM 3A 2.5',
  bits: [
    { bit: 0, name: 'PE', doc: 'protected mode' },
    { bit: 1, name: 'MP', doc: 'WAIT obeys TS' },
    { bit: 2, name: 'EM', doc: 'no x87: its instructions fault' },
    { bit: 3, name: 'TS', doc: 'task switched: FPU use faults' },
    { bit: 4, name: 'ET', doc: '387 protocol' },
    { bit: 5, name: 'NE', doc: 'x87 errors as #MF' },
    { bit: 16, name: 'WP', doc: 'the kernel too obeys read-only pages' },
    { bit: 18, name: 'AM', doc: 'alignment checks may be turned on' },
    { bit: 29, name: 'NW', doc: 'not write-through' },
    { bit: 30, name: 'CD', doc: 'cache disabled' },
    { bit: 31, name: 'PG', doc: 'paging' }
  ]
};

export const CR3: Meaning = {
  doc: 'Root of the page tables. With CR4.PCIDE bits 0-11 are the process-context identifier.',
  source: 'SDM 3A 4.5',
  pointer: 'gpa',
  bits: [
    { bit: 3, name: 'PWT', doc: 'root table is write-through' },
    { bit: 4, name: 'PCD', doc: 'root table is not cached' },
    { bit: 12, width: 40, name: 'table', doc: 'page number of the root table' },
    { bit: 61, name: 'LAM_U57', doc: 'user pointers: bits 57-62 ignored' },
    { bit: 62, name: 'LAM_U48', doc: 'user pointers: bits 48-62 ignored' }
  ]
};

export const CR4: Meaning = {
  source: 'SDM 3A 2.5',
  bits: [
    { bit: 0, name: 'VME', doc: 'virtual-8086 extensions' },
    { bit: 1, name: 'PVI', doc: 'protected-mode virtual interrupts' },
    { bit: 2, name: 'TSD', doc: 'RDTSC for the kernel only' },
    { bit: 3, name: 'DE', doc: 'debugging extensions' },
    { bit: 4, name: 'PSE', doc: '4 MiB pages' },
    { bit: 5, name: 'PAE', doc: 'physical address extension' },
    { bit: 6, name: 'MCE', doc: 'machine checks' },
    { bit: 7, name: 'PGE', doc: 'global pages' },
    { bit: 8, name: 'PCE', doc: 'RDPMC for everybody' },
    { bit: 9, name: 'OSFXSR', doc: 'FXSAVE and SSE in use' },
    { bit: 10, name: 'OSXMMEXCPT', doc: 'SIMD errors as #XM' },
    { bit: 11, name: 'UMIP', doc: 'SGDT, SIDT, SLDT, SMSW, STR for the kernel only' },
    { bit: 12, name: 'LA57', doc: '5-level paging' },
    { bit: 13, name: 'VMXE', doc: 'VMX' },
    { bit: 14, name: 'SMXE', doc: 'SMX' },
    { bit: 16, name: 'FSGSBASE', doc: 'RDFSBASE and its like' },
    { bit: 17, name: 'PCIDE', doc: 'process-context identifiers' },
    { bit: 18, name: 'OSXSAVE', doc: 'XSAVE' },
    { bit: 19, name: 'KL', doc: 'key locker' },
    { bit: 20, name: 'SMEP', doc: 'the kernel does not run user pages' },
    { bit: 21, name: 'SMAP', doc: 'the kernel does not access user pages' },
    { bit: 22, name: 'PKE', doc: 'protection keys for user pages' },
    { bit: 23, name: 'CET', doc: 'control-flow enforcement' },
    { bit: 24, name: 'PKS', doc: 'protection keys for kernel pages' },
    { bit: 25, name: 'UINTR', doc: 'user interrupts' },
    { bit: 27, name: 'LASS', doc: 'linear address space separation' },
    { bit: 28, name: 'LAM_SUP', doc: 'kernel pointers may carry metadata' },
    { bit: 32, name: 'FRED', doc: 'flexible return and event delivery' }
  ]
};

export const DR6: Meaning = {
  doc: 'Debug status.',
  source: 'SDM 3B, debug registers',
  bits: [
    { bit: 0, name: 'B0' },
    { bit: 1, name: 'B1' },
    { bit: 2, name: 'B2' },
    { bit: 3, name: 'B3' },
    { bit: 4, width: 7, name: 'fixed' },
    { bit: 11, name: 'BLD', values: { 0: 'bus lock', 1: 'none' } },
    { bit: 13, name: 'BD', doc: 'debug register accessed' },
    { bit: 14, name: 'BS', doc: 'single step' },
    { bit: 15, name: 'BT', doc: 'task switch' },
    { bit: 16, name: 'RTM', values: { 0: 'in a transaction', 1: 'none' } },
    { bit: 17, width: 15, name: 'fixed' }
  ]
};

export const DR7: Meaning = {
  doc: 'Debug control.',
  source: 'SDM 3B, debug registers',
  bits: [
    ...[0, 1, 2, 3].flatMap((i): Bits[] => [
      { bit: 2 * i, name: `L${i}`, doc: `breakpoint ${i}, this task` },
      { bit: 2 * i + 1, name: `G${i}`, doc: `breakpoint ${i}, all tasks` }
    ]),
    { bit: 8, name: 'LE' },
    { bit: 9, name: 'GE' },
    { bit: 10, name: 'fixed' },
    { bit: 11, name: 'RTM', doc: 'debugging of transactions' },
    { bit: 13, name: 'GD', doc: 'access to debug registers traps' },
    ...[0, 1, 2, 3].flatMap((i): Bits[] => [
      {
        bit: 16 + 4 * i,
        width: 2,
        name: `R/W${i}`,
        values: { 0: 'execution', 1: 'write', 2: 'I/O', 3: 'read or write' }
      },
      { bit: 18 + 4 * i, width: 2, name: `LEN${i}`, values: { 0: '1 byte', 1: '2 bytes', 2: '8 bytes', 3: '4 bytes' } }
    ])
  ]
};

const ROUNDING: Names = { 0: 'nearest', 1: 'down', 2: 'up', 3: 'toward zero' };
const FLOATING_ERRORS = [
  'invalid operation',
  'denormal operand',
  'divide by zero',
  'overflow',
  'underflow',
  'precision'
];
const floatingErrors = (firstBit: number, suffix: 'E' | 'M'): Bits[] =>
  [...'IDZOUP'].map((letter, i) => ({
    bit: firstBit + i,
    name: letter + suffix,
    doc: FLOATING_ERRORS[i]! + (suffix === 'M' ? ' masked' : '')
  }));

export const FPU_CONTROL: Meaning = {
  source: 'SDM 1 8.1.5',
  bits: [
    ...floatingErrors(0, 'M'),
    { bit: 6, name: 'fixed' },
    { bit: 8, width: 2, name: 'PC', doc: 'precision', values: { 0: 'single', 2: 'double', 3: 'extended' } },
    { bit: 10, width: 2, name: 'RC', doc: 'rounding', values: ROUNDING },
    { bit: 12, name: 'X', doc: 'infinity control of the 287' }
  ]
};

export const FPU_STATUS: Meaning = {
  source: 'SDM 1 8.1.3',
  bits: [
    ...floatingErrors(0, 'E'),
    { bit: 6, name: 'SF', doc: 'stack fault' },
    { bit: 7, name: 'ES', doc: 'an unmasked error is pending' },
    { bit: 8, name: 'C0' },
    { bit: 9, name: 'C1' },
    { bit: 10, name: 'C2' },
    { bit: 11, width: 3, name: 'TOP', doc: 'register that is ST(0)' },
    { bit: 14, name: 'C3' },
    { bit: 15, name: 'B', doc: 'busy' }
  ]
};

export const FPU_TAGS: Meaning = {
  doc: 'As FXSAVE has it: a bit for each register that is not empty.',
  source: 'target/i386/machine.c cpu_pre_save',
  bits: repeated(8, 1, (i) => [{ bit: 0, name: `R${i}`, values: { 0: 'empty', 1: 'in use' } }])
};

export const MXCSR: Meaning = {
  source: 'SDM 1 10.2.3',
  bits: [
    ...floatingErrors(0, 'E'),
    { bit: 6, name: 'DAZ', doc: 'denormals are zeros' },
    ...floatingErrors(7, 'M'),
    { bit: 13, width: 2, name: 'RC', doc: 'rounding', values: ROUNDING },
    { bit: 15, name: 'FZ', doc: 'flush to zero' }
  ]
};

export const SELECTOR: Meaning = {
  source: 'SDM 3A 3.4.2',
  bits: [
    { bit: 0, width: 2, name: 'RPL', doc: 'requested privilege level' },
    { bit: 2, name: 'TI', values: { 0: 'GDT', 1: 'LDT' } },
    { bit: 3, width: 13, name: 'index' }
  ]
};

const DESCRIPTOR: readonly Bits[] = [
  { bit: 13, width: 2, name: 'DPL', doc: 'privilege level' },
  { bit: 15, name: 'P', doc: 'present' },
  { bit: 16, width: 4, name: 'limit', doc: 'its highest bits' },
  { bit: 20, name: 'AVL', doc: 'for software' },
  { bit: 21, name: 'L', doc: '64-bit code' },
  { bit: 22, name: 'D/B', doc: '32-bit operands or stack' },
  { bit: 23, name: 'G', doc: 'limit counts pages' }
];

/** Second word of the descriptor: QEMU's DESC_* masks. */
export const SEGMENT_FLAGS: Meaning = {
  doc: 'Second word of the descriptor.',
  source: 'SDM 3A 3.4.5',
  bits: [
    { bit: 8, name: 'A', doc: 'accessed' },
    { bit: 9, name: 'R/W', doc: 'code: readable; data: writable' },
    { bit: 10, name: 'C/E', doc: 'code: conforming; data: expands down' },
    { bit: 11, name: 'CS', values: { 0: 'data', 1: 'code' } },
    { bit: 12, name: 'S', values: { 0: 'system', 1: 'code or data' } },
    ...DESCRIPTOR
  ]
};

export const SYSTEM_SEGMENT_FLAGS: Meaning = {
  doc: 'Second word of the descriptor.',
  source: 'SDM 3A 3.5',
  bits: [
    {
      bit: 8,
      width: 4,
      name: 'type',
      values: { 1: '16-bit TSS', 2: 'LDT', 3: 'busy 16-bit TSS', 9: 'TSS', 11: 'busy TSS' }
    },
    { bit: 12, name: 'S', values: { 0: 'system', 1: 'code or data' } },
    ...DESCRIPTOR
  ]
};

export const HFLAGS: Meaning = {
  doc: 'What QEMU translates code by: state gathered from the registers.',
  source: 'target/i386/cpu.h HF_*',
  bits: [
    { bit: 0, width: 2, name: 'CPL', doc: 'privilege level; on load taken from SS' },
    { bit: 3, name: 'INHIBIT_IRQ', doc: 'behind STI or MOV SS' },
    { bit: 4, name: 'CS32', doc: '32-bit code' },
    { bit: 5, name: 'SS32', doc: '32-bit stack' },
    { bit: 6, name: 'ADDSEG', doc: 'segment bases are not all 0' },
    { bit: 7, name: 'PE', doc: 'CR0.PE' },
    { bit: 8, name: 'TF', doc: 'EFLAGS.TF' },
    { bit: 9, name: 'MP', doc: 'CR0.MP' },
    { bit: 10, name: 'EM', doc: 'CR0.EM' },
    { bit: 11, name: 'TS', doc: 'CR0.TS' },
    { bit: 12, width: 2, name: 'IOPL', doc: 'EFLAGS.IOPL' },
    { bit: 14, name: 'LMA', doc: 'long mode' },
    { bit: 15, name: 'CS64', doc: '64-bit code' },
    { bit: 16, name: 'RF', doc: 'EFLAGS.RF' },
    { bit: 17, name: 'VM', doc: 'EFLAGS.VM' },
    { bit: 18, name: 'AC', doc: 'EFLAGS.AC' },
    { bit: 19, name: 'SMM', doc: 'system management mode' },
    { bit: 20, name: 'SVME', doc: 'EFER.SVME' },
    { bit: 21, name: 'GUEST', doc: 'runs a nested guest' },
    { bit: 22, name: 'OSFXSR', doc: 'CR4.OSFXSR' },
    { bit: 23, name: 'SMAP', doc: 'CR4.SMAP' },
    { bit: 24, name: 'IOBPT', doc: 'an I/O breakpoint is on' },
    { bit: 25, name: 'MPX_EN', doc: 'MPX on' },
    { bit: 26, name: 'MPX_IU', doc: 'bound registers in use' },
    { bit: 27, name: 'UMIP', doc: 'CR4.UMIP' },
    { bit: 28, name: 'AVX_EN', doc: 'AVX on' }
  ]
};

export const HFLAGS2: Meaning = {
  source: 'target/i386/cpu.h HF2_*',
  bits: [
    { bit: 0, name: 'GIF', doc: 'takes interrupts (SVM)' },
    { bit: 1, name: 'HIF', doc: "the host's EFLAGS.IF at VMRUN" },
    { bit: 2, name: 'NMI', doc: 'in an NMI handler' },
    { bit: 3, name: 'VINTR', doc: 'V_INTR_MASKING' },
    { bit: 4, name: 'SMM_INSIDE_NMI', doc: 'in an SMI handler that interrupted an NMI handler' },
    { bit: 5, name: 'MPX_PR', doc: 'BNDCFG.BNDPRESERVE' },
    { bit: 6, name: 'NPT', doc: 'nested paging' },
    { bit: 7, name: 'IGNNE', doc: 'IGNNE# is asserted' },
    { bit: 8, name: 'VGIF', doc: 'takes virtual interrupts' }
  ]
};

/** XCR0, XSS, XSTATE_BV and XFD: one bit a state component. */
const XSTATE: readonly Bits[] = [
  { bit: 0, name: 'X87' },
  { bit: 1, name: 'SSE', doc: 'XMM registers and MXCSR' },
  { bit: 2, name: 'AVX', doc: 'upper halves of YMM0-15' },
  { bit: 3, name: 'BNDREGS', doc: 'MPX bound registers' },
  { bit: 4, name: 'BNDCSR', doc: 'MPX configuration' },
  { bit: 5, name: 'OPMASK', doc: 'k0-k7' },
  { bit: 6, name: 'ZMM_Hi256', doc: 'upper halves of ZMM0-15' },
  { bit: 7, name: 'Hi16_ZMM', doc: 'ZMM16-31' },
  { bit: 8, name: 'PT', doc: 'processor trace' },
  { bit: 9, name: 'PKRU', doc: 'protection keys' },
  { bit: 10, name: 'PASID' },
  { bit: 11, name: 'CET_U', doc: 'user shadow stacks and branch tracking' },
  { bit: 12, name: 'CET_S', doc: 'supervisor shadow stacks' },
  { bit: 13, name: 'HDC' },
  { bit: 14, name: 'UINTR', doc: 'user interrupts' },
  { bit: 15, name: 'LBR', doc: 'last branch records' },
  { bit: 16, name: 'HWP' },
  { bit: 17, name: 'XTILECFG', doc: 'AMX tile configuration' },
  { bit: 18, name: 'XTILEDATA', doc: 'AMX tiles' },
  { bit: 19, name: 'APX', doc: 'R16-R31' }
];
export const XCR0: Meaning = { doc: 'State components that XSAVE may use.', source: 'SDM 1 13', bits: XSTATE };
export const XSS: Meaning = { doc: 'Supervisor state components.', source: 'SDM 1 13', bits: XSTATE };
export const XSTATE_BV: Meaning = { doc: 'State components not in their initial state.', bits: XSTATE };
export const XFD: Meaning = { doc: 'State components whose use traps.', source: 'SDM 1 13', bits: XSTATE };

export const EFER: Meaning = {
  doc: 'MSR c0000080.',
  source: 'APM 2 3.1.7',
  bits: [
    { bit: 0, name: 'SCE', doc: 'SYSCALL' },
    { bit: 8, name: 'LME', doc: 'long mode enabled' },
    { bit: 10, name: 'LMA', doc: 'long mode active' },
    { bit: 11, name: 'NXE', doc: 'no-execute pages' },
    { bit: 12, name: 'SVME', doc: 'SVM' },
    { bit: 13, name: 'LMSLE', doc: 'segment limits in long mode' },
    { bit: 14, name: 'FFXSR', doc: 'fast FXSAVE' },
    { bit: 15, name: 'TCE', doc: 'translation cache extension' },
    { bit: 17, name: 'MCOMMIT' },
    { bit: 18, name: 'INTWB', doc: 'interruptible WBINVD' },
    { bit: 20, name: 'UAIE', doc: 'upper address ignore' },
    { bit: 21, name: 'AIBRSE', doc: 'automatic IBRS' }
  ]
};

export const STAR: Meaning = {
  doc: 'MSR c0000081.',
  source: 'APM 2 6.1.1',
  bits: [
    { bit: 0, width: 32, name: 'EIP', doc: 'target of SYSCALL in legacy mode' },
    { bit: 32, width: 16, name: 'SYSCALL CS' },
    { bit: 48, width: 16, name: 'SYSRET CS' }
  ]
};

export const PAT: Meaning = {
  doc: 'MSR 277: the memory type that the PAT, PCD and PWT bits of a page choose.',
  source: 'SDM 3A, page attribute table',
  bits: repeated(8, 8, (i) => [{ bit: 0, width: 3, name: `PA${i}`, values: MEMORY_TYPES }])
};

const FIXED_RANGES =
  '64K_00000 16K_80000 16K_A0000 4K_C0000 4K_C8000 4K_D0000 4K_D8000 4K_E0000 4K_E8000 4K_F0000 4K_F8000'.split(' ');
export const MTRR_FIXED: readonly Meaning[] = FIXED_RANGES.map((name) => ({
  doc: `MTRRfix${name}: the types of eight ranges.`,
  source: 'SDM 3A, memory type range registers',
  bits: repeated(8, 8, (i) => [{ bit: 0, width: 8, name: `range ${i}`, values: MEMORY_TYPES }])
}));
export const MTRR_DEFTYPE: Meaning = {
  source: 'SDM 3A, memory type range registers',
  bits: [
    { bit: 0, width: 8, name: 'type', doc: 'of what no range covers', values: MEMORY_TYPES },
    { bit: 10, name: 'FE', doc: 'fixed ranges' },
    { bit: 11, name: 'E', doc: 'MTRRs on' }
  ]
};
export const MTRR_BASE: Meaning = {
  source: 'SDM 3A, memory type range registers',
  pointer: 'gpa',
  bits: [
    { bit: 0, width: 8, name: 'type', values: MEMORY_TYPES },
    { bit: 12, width: 40, name: 'base', doc: 'page number' }
  ]
};
export const MTRR_MASK: Meaning = {
  source: 'SDM 3A, memory type range registers',
  bits: [
    { bit: 11, name: 'V', doc: 'valid' },
    { bit: 12, width: 40, name: 'mask', doc: 'of the page number' }
  ]
};

export const MCG_CAP: Meaning = {
  source: 'SDM 3B, machine-check architecture',
  bits: [
    { bit: 0, width: 8, name: 'count', doc: 'banks' },
    { bit: 8, name: 'CTL_P', doc: 'MCG_CTL present' },
    { bit: 9, name: 'EXT_P' },
    { bit: 10, name: 'CMCI_P', doc: 'corrected errors interrupt' },
    { bit: 11, name: 'TES_P' },
    { bit: 16, width: 8, name: 'EXT_CNT' },
    { bit: 24, name: 'SER_P', doc: 'software error recovery' },
    { bit: 26, name: 'ELOG_P' },
    { bit: 27, name: 'LMCE_P', doc: 'local machine checks' }
  ]
};
export const MCG_STATUS: Meaning = {
  source: 'SDM 3B, machine-check architecture',
  bits: [
    { bit: 0, name: 'RIPV', doc: 'restart at the pushed address is safe' },
    { bit: 1, name: 'EIPV', doc: 'the pushed address is the cause' },
    { bit: 2, name: 'MCIP', doc: 'machine check in progress' },
    { bit: 3, name: 'LMCE_S', doc: 'delivered to this CPU only' }
  ]
};
const MCI_STATUS: readonly Bits[] = [
  { bit: 0, width: 16, name: 'error code' },
  { bit: 16, width: 16, name: 'model-specific code' },
  { bit: 43, name: 'POISON', doc: 'AMD: poisoned data consumed' },
  { bit: 44, name: 'DEFERRED', doc: 'AMD: deferred error' },
  { bit: 55, name: 'AR', doc: 'action required' },
  { bit: 56, name: 'S', doc: 'signalled' },
  { bit: 57, name: 'PCC', doc: 'CPU state corrupt' },
  { bit: 58, name: 'ADDRV', doc: 'address valid' },
  { bit: 59, name: 'MISCV', doc: 'misc valid' },
  { bit: 60, name: 'EN', doc: 'error enabled' },
  { bit: 61, name: 'UC', doc: 'uncorrected' },
  { bit: 62, name: 'OVER', doc: 'an earlier error was lost' },
  { bit: 63, name: 'VAL', doc: 'valid' }
];
/** Four registers a bank. */
export const MCE_BANKS: readonly Meaning[] = Array.from({ length: 10 }, (_, bank): Meaning[] => [
  { doc: `MC${bank}_CTL` },
  { doc: `MC${bank}_STATUS`, source: 'SDM 3B, machine-check architecture', bits: MCI_STATUS },
  { doc: `MC${bank}_ADDR`, pointer: 'gpa' },
  { doc: `MC${bank}_MISC` }
]).flat();
export const MCG_EXT_CTL: Meaning = {
  source: 'SDM 3B, machine-check architecture',
  bits: [{ bit: 0, name: 'LMCE_EN' }]
};

export const MISC_ENABLE: Meaning = {
  doc: 'MSR 1a0.',
  source: 'SDM 4 table 2-2',
  bits: [
    { bit: 0, name: 'fast strings' },
    { bit: 3, name: 'thermal control' },
    { bit: 7, name: 'performance monitoring', doc: 'available' },
    { bit: 11, name: 'BTS unavailable' },
    { bit: 12, name: 'PEBS unavailable' },
    { bit: 16, name: 'EIST', doc: 'SpeedStep' },
    { bit: 18, name: 'MONITOR', doc: 'MONITOR and MWAIT' },
    { bit: 22, name: 'limit CPUID' },
    { bit: 23, name: 'xTPR disable' },
    { bit: 34, name: 'XD disable' }
  ]
};
export const FEATURE_CONTROL: Meaning = {
  doc: 'MSR 3a.',
  source: 'SDM 4 table 2-2',
  bits: [
    { bit: 0, name: 'lock' },
    { bit: 1, name: 'VMX in SMX' },
    { bit: 2, name: 'VMX outside SMX' },
    { bit: 8, width: 7, name: 'SENTER functions' },
    { bit: 15, name: 'SENTER' },
    { bit: 17, name: 'SGX_LC', doc: 'SGX launch control' },
    { bit: 18, name: 'SGX' },
    { bit: 20, name: 'LMCE' }
  ]
};
export const SPEC_CTRL: Meaning = {
  doc: 'MSR 48: limits to speculation.',
  source: 'SDM 4 table 2-2',
  bits: [
    { bit: 0, name: 'IBRS' },
    { bit: 1, name: 'STIBP' },
    { bit: 2, name: 'SSBD' },
    { bit: 3, name: 'IPRED_DIS_U' },
    { bit: 4, name: 'IPRED_DIS_S' },
    { bit: 5, name: 'RRSBA_DIS_U' },
    { bit: 6, name: 'RRSBA_DIS_S' },
    { bit: 7, name: 'PSFD' },
    { bit: 8, name: 'DDPD_U' },
    { bit: 10, name: 'BHI_DIS_S' }
  ]
};
export const VIRT_SSBD: Meaning = { doc: 'MSR c001011f.', bits: [{ bit: 2, name: 'SSBD' }] };
export const TSX_CTRL: Meaning = {
  doc: 'MSR 122.',
  source: 'SDM 4 table 2-2',
  bits: [
    { bit: 0, name: 'RTM_DISABLE' },
    { bit: 1, name: 'CPUID_CLEAR' }
  ]
};
export const UMWAIT_CONTROL: Meaning = {
  doc: 'MSR e1.',
  source: 'SDM 4 table 2-2',
  bits: [
    { bit: 0, name: 'no C0.2' },
    { bit: 2, width: 30, name: 'maximum', doc: 'in units of 4 TSC ticks' }
  ]
};
export const HWCR: Meaning = {
  doc: 'MSR c0010015 (AMD).',
  source: 'APM 2 appendix A',
  bits: [
    { bit: 0, name: 'SmmLock' },
    { bit: 4, name: 'INVDWBINVD' },
    { bit: 18, name: 'McStatusWrEn' },
    { bit: 24, name: 'TscFreqSel' },
    { bit: 25, name: 'CpbDis' },
    { bit: 30, name: 'IRPerfEn' },
    { bit: 35, name: 'CpuidUserDis' }
  ]
};
export const TSC_RATIO: Meaning = {
  doc: 'MSR c0000104: a nested guest’s TSC frequency by the host’s, 8.32 fixed point.',
  source: 'APM 2, TSC ratio MSR',
  bits: [
    { bit: 0, width: 32, name: 'fraction' },
    { bit: 32, width: 8, name: 'integer' }
  ]
};

const protectionKeys: readonly Bits[] = repeated(16, 2, (i) => [
  { bit: 0, name: `AD${i}`, doc: `no access to pages of key ${i}` },
  { bit: 1, name: `WD${i}`, doc: `no writes to pages of key ${i}` }
]);
export const PKRU: Meaning = {
  doc: 'Rights to user pages by protection key.',
  source: 'SDM 3A 4.6.2',
  bits: protectionKeys
};
export const PKRS: Meaning = {
  doc: 'Rights to kernel pages by protection key.',
  source: 'SDM 3A 4.6.2',
  bits: protectionKeys
};

export const PDPTE: Meaning = {
  source: 'SDM 3A 4.4.1',
  bits: [
    { bit: 0, name: 'P', doc: 'present' },
    { bit: 3, name: 'PWT' },
    { bit: 4, name: 'PCD' },
    { bit: 12, width: 40, name: 'table', doc: 'page number' }
  ]
};

export const BNDCFG: Meaning = {
  source: 'SDM 1, MPX',
  bits: [
    { bit: 0, name: 'EN' },
    { bit: 1, name: 'BNDPRESERVE' },
    { bit: 12, width: 52, name: 'directory', doc: 'page number of the bound directory' }
  ]
};
export const BNDSTATUS: Meaning = {
  source: 'SDM 1, MPX',
  bits: [
    { bit: 0, width: 2, name: 'error', values: { 0: 'none', 1: 'bound violation', 2: 'bad directory entry' } },
    { bit: 2, width: 62, name: 'entry' }
  ]
};

export const CET: Meaning = {
  source: 'SDM 1, control-flow enforcement',
  bits: [
    { bit: 0, name: 'SH_STK_EN', doc: 'shadow stacks' },
    { bit: 1, name: 'WR_SHSTK_EN', doc: 'WRSS instructions' },
    { bit: 2, name: 'ENDBR_EN', doc: 'indirect branch tracking' },
    { bit: 3, name: 'LEG_IW_EN' },
    { bit: 4, name: 'NO_TRACK_EN' },
    { bit: 5, name: 'SUPPRESS_DIS' },
    { bit: 10, name: 'SUPPRESS' },
    { bit: 11, name: 'TRACKER', doc: 'waits for ENDBRANCH' },
    { bit: 12, width: 52, name: 'bitmap', doc: 'page number of the legacy code bitmap' }
  ]
};
export const FRED_CONFIG: Meaning = {
  doc: 'MSR 1d4.',
  source: 'Intel FRED specification',
  bits: [
    { bit: 0, width: 2, name: 'CSL', doc: 'current stack level' },
    { bit: 3, name: 'SSP adjust' },
    { bit: 6, width: 3, name: 'RSP adjust', doc: 'in units of 64 bytes' },
    { bit: 9, width: 2, name: 'interrupt stack level' },
    { bit: 12, width: 52, name: 'entry', doc: 'page number of the event handlers' }
  ]
};
export const FRED_STKLVLS: Meaning = {
  doc: 'MSR 1d0: stack level by exception.',
  source: 'Intel FRED specification',
  bits: repeated(32, 2, (i) => [{ bit: 0, width: 2, name: (EXCEPTIONS[i] ?? `${i}`).split(' ')[0]! }])
};
