/**
 * The registers of a PCI configuration space and of the capabilities in it, with their bits.
 * Source: PCI 3.0 chapter 6, PCI Express base specification chapter 7; QEMU names in
 * include/standard-headers/linux/pci_regs.h.
 */
import type { Bits, Meaning } from '../../../vmstate/vmstate.ts';
import { reg16, reg32, reg64, reg8, type RegisterInfo } from '../core/register.ts';

export const PCI_COMMAND: Meaning = {
  doc: 'What the device may do',
  bits: [
    { name: 'IO', bit: 0, doc: 'answers in I/O space' },
    { name: 'MEMORY', bit: 1, doc: 'answers in memory space' },
    { name: 'MASTER', bit: 2, doc: 'may do DMA and send MSI' },
    { name: 'SPECIAL', bit: 3 },
    { name: 'INVALIDATE', bit: 4 },
    { name: 'VGA_PALETTE', bit: 5 },
    { name: 'PARITY', bit: 6 },
    { name: 'WAIT', bit: 7 },
    { name: 'SERR', bit: 8 },
    { name: 'FAST_BACK', bit: 9 },
    { name: 'INTX_DISABLE', bit: 10, doc: 'INTx is not asserted' }
  ]
};

const STATUS_BITS: readonly Bits[] = [
  { name: 'INTERRUPT', bit: 3, doc: 'INTx is pending' },
  { name: 'CAP_LIST', bit: 4, doc: 'there is a capability list' },
  { name: '66MHZ', bit: 5 },
  { name: 'FAST_BACK', bit: 7 },
  { name: 'PARITY', bit: 8 },
  { name: 'DEVSEL', bit: 9, width: 2, values: { 0: 'fast', 1: 'medium', 2: 'slow' } },
  { name: 'SIG_TARGET_ABORT', bit: 11 },
  { name: 'REC_TARGET_ABORT', bit: 12 },
  { name: 'REC_MASTER_ABORT', bit: 13 },
  { name: 'SIG_SYSTEM_ERROR', bit: 14 },
  { name: 'DETECTED_PARITY', bit: 15 }
];
export const PCI_STATUS: Meaning = { bits: STATUS_BITS };

export const PCI_HEADER_TYPE: Meaning = {
  bits: [
    { name: 'layout', bit: 0, width: 7, values: { 0: 'device', 1: 'PCI bridge', 2: 'CardBus bridge' } },
    { name: 'MULTI_FUNCTION', bit: 7 }
  ]
};

const PCI_INTERRUPT_PIN: Meaning = { values: { 0: 'none', 1: 'INTA', 2: 'INTB', 3: 'INTC', 4: 'INTD' } };

export const BAR_IO: Meaning = {
  bits: [
    { name: 'IO_SPACE', bit: 0 },
    { name: 'address', bit: 2, width: 30, doc: 'port, without the two low bits' }
  ],
  radix: 16
};
const BAR_MEMORY_BITS: readonly Bits[] = [
  { name: 'IO_SPACE', bit: 0 },
  { name: 'type', bit: 1, width: 2, values: { 0: '32 bits', 1: 'below 1 MiB', 2: '64 bits' } },
  { name: 'PREFETCH', bit: 3 }
];
/** A memory BAR can be followed as it is when its low bits are zero. */
export const barMemory = (low: number): Meaning => ({
  bits: BAR_MEMORY_BITS,
  radix: 16,
  ...((low & 0xf) === 0 ? { pointer: 'gpa' as const } : {})
});

/** Behind the class code, for a plain device (header type 0). */
export const HEADER_DEVICE: readonly RegisterInfo[] = [
  reg32(0x28, 'cardbus_cis'),
  reg16(0x2c, 'subsystem_vendor_id', { radix: 16 }),
  reg16(0x2e, 'subsystem_id', { radix: 16 }),
  reg32(0x30, 'rom_address', { bits: [{ name: 'ENABLE', bit: 0 }], radix: 16 }),
  reg8(0x34, 'capability_list', { doc: 'place of the first capability', radix: 16 }),
  reg8(0x3c, 'interrupt_line', { doc: 'IRQ, as the firmware noted it' }),
  reg8(0x3d, 'interrupt_pin', PCI_INTERRUPT_PIN),
  reg8(0x3e, 'min_gnt'),
  reg8(0x3f, 'max_lat')
];

/** Behind the class code, for a PCI bridge (header type 1). */
export const HEADER_BRIDGE: readonly RegisterInfo[] = [
  reg8(0x18, 'primary_bus'),
  reg8(0x19, 'secondary_bus'),
  reg8(0x1a, 'subordinate_bus'),
  reg8(0x1b, 'sec_latency_timer'),
  reg8(0x1c, 'io_base', { radix: 16 }),
  reg8(0x1d, 'io_limit', { radix: 16 }),
  reg16(0x1e, 'sec_status', PCI_STATUS),
  reg16(0x20, 'memory_base', { radix: 16 }),
  reg16(0x22, 'memory_limit', { radix: 16 }),
  reg16(0x24, 'pref_memory_base', { radix: 16 }),
  reg16(0x26, 'pref_memory_limit', { radix: 16 }),
  reg32(0x28, 'pref_base_upper32', { radix: 16 }),
  reg32(0x2c, 'pref_limit_upper32', { radix: 16 }),
  reg16(0x30, 'io_base_upper16', { radix: 16 }),
  reg16(0x32, 'io_limit_upper16', { radix: 16 }),
  reg8(0x34, 'capability_list', { doc: 'place of the first capability', radix: 16 }),
  reg32(0x38, 'rom_address', { bits: [{ name: 'ENABLE', bit: 0 }], radix: 16 }),
  reg8(0x3c, 'interrupt_line'),
  reg8(0x3d, 'interrupt_pin', PCI_INTERRUPT_PIN),
  reg16(0x3e, 'bridge_control', {
    bits: [
      { name: 'PARITY', bit: 0 },
      { name: 'SERR', bit: 1 },
      { name: 'ISA', bit: 2 },
      { name: 'VGA', bit: 3 },
      { name: 'VGA_16BIT', bit: 4 },
      { name: 'MASTER_ABORT', bit: 5 },
      { name: 'BUS_RESET', bit: 6 },
      { name: 'FAST_BACK', bit: 7 }
    ]
  })
];

/** What a capability is called, how long it is, and what lies where in it. */
export interface CapabilityInfo {
  readonly name: string;
  readonly size: number | ((bytes: Uint8Array, at: number) => number);
  readonly registers?: readonly RegisterInfo[] | ((bytes: Uint8Array, at: number) => readonly RegisterInfo[]);
  readonly doc?: string;
}

export const PCI_CAP_ID_EXP = 0x10;
export const PCI_CAP_ID_MSIX = 0x11;

/** Which BAR in the low three bits, an offset in it above them. */
const BIR: Meaning = {
  bits: [
    { name: 'BIR', bit: 0, width: 3, doc: 'which BAR' },
    { name: 'offset', bit: 3, width: 29, doc: 'in units of 8 bytes' }
  ],
  radix: 16
};
const SPEED = { 1: '2.5 GT/s', 2: '5 GT/s', 3: '8 GT/s', 4: '16 GT/s', 5: '32 GT/s', 6: '64 GT/s' };
const PAYLOAD = { 0: '128 bytes', 1: '256 bytes', 2: '512 bytes', 3: '1024 bytes', 4: '2048 bytes', 5: '4096 bytes' };

const msiControl = (bytes: Uint8Array, at: number): number => bytes[at + 2]! | (bytes[at + 3]! << 8);
const MSI_64BIT = 1 << 7;
const MSI_MASK = 1 << 8;
const VECTORS = { 0: '1', 1: '2', 2: '4', 3: '8', 4: '16', 5: '32' };
const MSI_FLAGS = reg16(2, 'flags', {
  bits: [
    { name: 'ENABLE', bit: 0, doc: 'MSI instead of INTx' },
    { name: 'QMASK', bit: 1, width: 3, doc: 'vectors that the device has', values: VECTORS },
    { name: 'QSIZE', bit: 4, width: 3, doc: 'vectors that it may use', values: VECTORS },
    { name: '64BIT', bit: 7 },
    { name: 'MASKBIT', bit: 8 }
  ]
});
const msiRegisters = (bytes: Uint8Array, at: number): readonly RegisterInfo[] => {
  const flags = msiControl(bytes, at);
  const data = flags & MSI_64BIT ? 12 : 8;
  const mask = data + 4;
  return [
    MSI_FLAGS,
    reg32(4, 'address_lo', { radix: 16 }),
    ...(flags & MSI_64BIT ? [reg32(8, 'address_hi', { radix: 16 })] : []),
    reg16(data, 'data', MSI_DATA),
    ...(flags & MSI_MASK ? [reg32(mask, 'mask', { radix: 16 }), reg32(mask + 4, 'pending', { radix: 16 })] : [])
  ];
};

/** The data of an x86 MSI. Source: SDM 3A 11.11.2. */
export const MSI_DATA: Meaning = {
  bits: [
    { name: 'vector', bit: 0, width: 8 },
    {
      name: 'delivery_mode',
      bit: 8,
      width: 3,
      values: { 0: 'fixed', 1: 'lowest priority', 2: 'SMI', 4: 'NMI', 5: 'INIT', 7: 'ExtINT' }
    },
    { name: 'level', bit: 14 },
    { name: 'trigger_mode', bit: 15, values: { 0: 'edge', 1: 'level' } }
  ]
};

/** What a virtio PCI capability points at. Source: virtio 1.2 section 4.1.4. */
const VIRTIO_PCI_CAP: Readonly<Record<number, string>> = {
  1: 'common configuration',
  2: 'notifications',
  3: 'ISR status',
  4: 'device-specific configuration',
  5: 'configuration access through PCI space',
  8: 'shared memory'
};
const VENDOR_SPECIFIC: readonly RegisterInfo[] = [
  reg8(2, 'cap_len', { unit: 'bytes' }),
  reg8(3, 'cfg_type', { values: VIRTIO_PCI_CAP }),
  reg8(4, 'bar'),
  reg8(5, 'id'),
  reg32(8, 'offset', { unit: 'bytes', radix: 16 }),
  reg32(12, 'length', { unit: 'bytes', radix: 16 }),
  reg32(16, 'notify_off_multiplier', { doc: 'only where cfg_type is notifications' })
];

const EXPRESS_DEVICE_CONTROL: readonly Bits[] = [
  { name: 'CERE', bit: 0, doc: 'correctable errors are reported' },
  { name: 'NFERE', bit: 1, doc: 'non-fatal errors are reported' },
  { name: 'FERE', bit: 2, doc: 'fatal errors are reported' },
  { name: 'URRE', bit: 3, doc: 'unsupported requests are reported' },
  { name: 'RELAX_EN', bit: 4 },
  { name: 'PAYLOAD', bit: 5, width: 3, values: PAYLOAD },
  { name: 'EXT_TAG', bit: 8 },
  { name: 'NOSNOOP_EN', bit: 11 },
  { name: 'READRQ', bit: 12, width: 3, values: PAYLOAD },
  { name: 'FLR', bit: 15, doc: 'function-level reset' }
];
const EXPRESS: readonly RegisterInfo[] = [
  reg16(2, 'flags', {
    bits: [
      { name: 'VERS', bit: 0, width: 4 },
      {
        name: 'TYPE',
        bit: 4,
        width: 4,
        values: {
          0: 'endpoint',
          1: 'legacy endpoint',
          4: 'root port',
          5: 'upstream port',
          6: 'downstream port',
          7: 'PCIe to PCI bridge',
          9: 'integrated endpoint',
          10: 'event collector'
        }
      },
      { name: 'SLOT', bit: 8 },
      { name: 'IRQ', bit: 9, width: 5 }
    ]
  }),
  reg32(4, 'devcap', {
    bits: [
      { name: 'PAYLOAD', bit: 0, width: 3, values: PAYLOAD },
      { name: 'FLR', bit: 28 }
    ]
  }),
  reg16(8, 'devctl', { bits: EXPRESS_DEVICE_CONTROL }),
  reg16(10, 'devsta', {
    bits: [
      { name: 'CED', bit: 0 },
      { name: 'NFED', bit: 1 },
      { name: 'FED', bit: 2 },
      { name: 'URD', bit: 3 },
      { name: 'AUXPD', bit: 4 },
      { name: 'TRPND', bit: 5 }
    ]
  }),
  reg32(12, 'lnkcap', {
    bits: [
      { name: 'SLS', bit: 0, width: 4, values: SPEED },
      { name: 'MLW', bit: 4, width: 6, doc: 'lanes' },
      { name: 'DLLLARC', bit: 20 },
      { name: 'PN', bit: 24, width: 8, doc: 'port' }
    ]
  }),
  reg16(16, 'lnkctl'),
  reg16(18, 'lnksta', {
    bits: [
      { name: 'CLS', bit: 0, width: 4, values: SPEED },
      { name: 'NLW', bit: 4, width: 6, doc: 'lanes' },
      { name: 'DLLLA', bit: 13, doc: 'link is up' }
    ]
  }),
  reg32(20, 'sltcap', {
    bits: [
      { name: 'ABP', bit: 0, doc: 'attention button' },
      { name: 'PCP', bit: 1, doc: 'power controller' },
      { name: 'HPS', bit: 5, doc: 'surprise removal' },
      { name: 'HPC', bit: 6, doc: 'hot-plug' },
      { name: 'PSN', bit: 19, width: 13, doc: 'slot number' }
    ]
  }),
  reg16(24, 'sltctl', {
    bits: [
      { name: 'ABPE', bit: 0 },
      { name: 'PFDE', bit: 1 },
      { name: 'PDCE', bit: 3 },
      { name: 'CCIE', bit: 4 },
      { name: 'HPIE', bit: 5 },
      { name: 'AIC', bit: 6, width: 2, values: { 1: 'on', 2: 'blinks', 3: 'off' } },
      { name: 'PIC', bit: 8, width: 2, values: { 1: 'on', 2: 'blinks', 3: 'off' } },
      { name: 'PCC', bit: 10, values: { 0: 'power on', 1: 'power off' } }
    ]
  }),
  reg16(26, 'sltsta', {
    bits: [
      { name: 'ABP', bit: 0, doc: 'button was pressed' },
      { name: 'PDC', bit: 3, doc: 'presence changed' },
      { name: 'CC', bit: 4, doc: 'command completed' },
      { name: 'PDS', bit: 6, doc: 'slot is occupied' }
    ]
  }),
  reg16(28, 'rtctl'),
  reg16(30, 'rtcap'),
  reg32(32, 'rtsta'),
  reg32(36, 'devcap2'),
  reg16(40, 'devctl2'),
  reg16(42, 'devsta2'),
  reg32(44, 'lnkcap2'),
  reg16(48, 'lnkctl2'),
  reg16(50, 'lnksta2'),
  reg32(52, 'sltcap2'),
  reg16(56, 'sltctl2'),
  reg16(58, 'sltsta2')
];

/** By capability id. */
export const CAPABILITIES: Readonly<Record<number, CapabilityInfo>> = {
  0x01: {
    name: 'pm',
    doc: 'Power management',
    size: 8,
    registers: [
      reg16(2, 'pmc', {
        bits: [
          { name: 'VER_MASK', bit: 0, width: 3 },
          { name: 'D1', bit: 9 },
          { name: 'D2', bit: 10 }
        ]
      }),
      reg16(4, 'ctrl', {
        bits: [
          { name: 'STATE', bit: 0, width: 2, values: { 0: 'D0', 1: 'D1', 2: 'D2', 3: 'D3hot' } },
          { name: 'NO_SOFT_RESET', bit: 3 },
          { name: 'PME_ENABLE', bit: 8 },
          { name: 'PME_STATUS', bit: 15 }
        ]
      })
    ]
  },
  0x03: { name: 'vpd', doc: 'Vital product data', size: 8, registers: [reg16(2, 'addr'), reg32(4, 'data')] },
  0x04: { name: 'slotid', doc: 'Slot identification', size: 4, registers: [reg8(2, 'esr'), reg8(3, 'chassis')] },
  0x05: {
    name: 'msi',
    doc: 'Message signalled interrupts',
    size: (bytes, at) => {
      const flags = msiControl(bytes, at);
      return (flags & MSI_64BIT ? 14 : 10) + (flags & MSI_MASK ? 10 : 0);
    },
    registers: msiRegisters
  },
  0x09: {
    name: 'vndr',
    doc: 'Vendor-specific: in a virtio device, where its register blocks lie',
    size: (bytes, at) => Math.max(3, bytes[at + 2]!),
    registers: VENDOR_SPECIFIC
  },
  0x0c: {
    name: 'shpc',
    doc: 'Standard hot-plug controller',
    size: 8,
    registers: [reg8(2, 'dword_select'), reg32(4, 'dword_data')]
  },
  0x0d: {
    name: 'ssvid',
    doc: 'Subsystem of a bridge',
    size: 8,
    registers: [reg16(4, 'vendor_id', { radix: 16 }), reg16(6, 'device_id', { radix: 16 })]
  },
  [PCI_CAP_ID_EXP]: {
    name: 'exp',
    doc: 'PCI Express',
    size: (bytes, at) => ((bytes[at + 2]! & 0xf) > 1 ? 60 : 20),
    registers: EXPRESS
  },
  [PCI_CAP_ID_MSIX]: {
    name: 'msix',
    doc: 'MSI-X: a table of vectors in a BAR',
    size: 12,
    registers: [
      reg16(2, 'flags', {
        bits: [
          { name: 'QSIZE', bit: 0, width: 11, doc: 'vectors less one' },
          { name: 'MASKALL', bit: 14 },
          { name: 'ENABLE', bit: 15, doc: 'MSI-X instead of INTx' }
        ]
      }),
      reg32(4, 'table', BIR),
      reg32(8, 'pba', BIR)
    ]
  },
  0x12: { name: 'sata', doc: 'SATA configuration', size: 8, registers: [reg16(2, 'revision'), reg32(4, 'bar')] },
  0x13: { name: 'af', doc: 'Conventional PCI advanced features', size: 6 }
};

/** By extended capability id; they lie from 0x100 on. */
export const EXTENDED_CAPABILITIES: Readonly<Record<number, CapabilityInfo>> = {
  0x01: {
    name: 'err',
    doc: 'Advanced error reporting',
    size: 72,
    registers: [
      reg32(4, 'uncor_status', { radix: 16 }),
      reg32(8, 'uncor_mask', { radix: 16 }),
      reg32(12, 'uncor_sever', { radix: 16 }),
      reg32(16, 'cor_status', { radix: 16 }),
      reg32(20, 'cor_mask', { radix: 16 }),
      reg32(24, 'cap', { radix: 16 }),
      reg32(44, 'root_command', { radix: 16 }),
      reg32(48, 'root_status', { radix: 16 }),
      reg32(52, 'root_err_src', { radix: 16 })
    ]
  },
  0x03: { name: 'dsn', doc: 'Serial number', size: 12, registers: [reg64(4, 'serial', { radix: 16 })] },
  0x0b: { name: 'vndr_ext', doc: 'Vendor-specific', size: 8, registers: [reg32(4, 'header', { radix: 16 })] },
  0x0d: { name: 'acs', doc: 'Access control services', size: 8, registers: [reg16(4, 'cap'), reg16(6, 'ctrl')] },
  0x0e: { name: 'ari', doc: 'Alternative routing id', size: 8, registers: [reg16(4, 'cap'), reg16(6, 'ctrl')] },
  0x0f: {
    name: 'ats',
    doc: 'Address translation services',
    size: 8,
    registers: [reg16(4, 'cap'), reg16(6, 'ctrl', { bits: [{ name: 'ENABLE', bit: 15 }] })]
  },
  0x10: {
    name: 'sriov',
    doc: 'Single root I/O virtualisation',
    size: 64,
    registers: [
      reg32(4, 'cap'),
      reg16(8, 'ctrl', {
        bits: [
          { name: 'VFE', bit: 0 },
          { name: 'MSE', bit: 3 }
        ]
      }),
      reg16(10, 'status'),
      reg16(12, 'initial_vf'),
      reg16(14, 'total_vf'),
      reg16(16, 'num_vf'),
      reg16(20, 'vf_offset'),
      reg16(22, 'vf_stride'),
      reg16(26, 'vf_did', { radix: 16 }),
      reg32(28, 'sup_pgsize', { radix: 16 }),
      reg32(32, 'sys_pgsize', { radix: 16 })
    ]
  }
};
