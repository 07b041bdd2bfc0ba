/** The LPC bridge of the ICH9, PCI function 1f.0. Source: QEMU hw/isa/lpc_ich9.c; ICH9 datasheet 13.1, 10.1. */
import { fieldsOf, struct, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { buffer, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { vmstate_ich9_pm, type ICH9LPCPMRegs } from '../acpi/ich9.ts';
import { reg16, reg32, reg8, registerBlock } from '../core/register.ts';
import { pciDevice, PIRQ_ROUTE, type PCIDevice } from '../pci/pci.ts';
import { vmstate_apm, type APMState } from './apm.ts';

export const ICH9_CC_SIZE = 16 * 1024;

const pirq = (line: string, addr: number) =>
  reg8(addr, `PIRQ${line}_ROUT`, { ...PIRQ_ROUTE, doc: `ISA interrupt that PIRQ${line} goes to` });

const LPC_REGISTERS = [
  reg32(0x40, 'PMBASE', { doc: 'I/O ports of the ACPI registers', radix: 16 }),
  reg8(0x44, 'ACPI_CNTL', {
    bits: [
      { name: 'SCI_IRQ_SEL', bit: 0, width: 3, values: { 0: '9', 1: '10', 2: '11', 4: '20', 5: '21' } },
      { name: 'ACPI_EN', bit: 7, doc: 'ACPI registers on' }
    ]
  }),
  ...['A', 'B', 'C', 'D'].map((line, i) => pirq(line, 0x60 + i)),
  ...['E', 'F', 'G', 'H'].map((line, i) => pirq(line, 0x68 + i)),
  reg16(0xa0, 'GEN_PMCON_1', { bits: [{ name: 'SMI_LOCK', bit: 4 }] }),
  reg32(0xf0, 'RCBA', {
    doc: 'where the chipset configuration lies',
    pointer: 'gpa',
    bits: [
      { name: 'EN', bit: 0 },
      { name: 'base', bit: 14, width: 18 }
    ]
  })
];

const INTERRUPT_ROUTES: Meaning = {
  bits: ['INTA', 'INTB', 'INTC', 'INTD'].map((name, i) => ({
    name,
    bit: 4 * i,
    width: 3,
    values: Object.fromEntries([...'ABCDEFGH'].map((line, value) => [value, `PIRQ${line}`]))
  }))
};
const routes = (device: number, addr: number) =>
  reg16(addr, `D${device}IR`, { ...INTERRUPT_ROUTES, doc: `interrupt routes of PCI device ${device}` });

const CHIPSET_CONFIGURATION = [
  reg32(0x310c, 'D28IP', { doc: 'interrupt pins of the PCI Express ports', radix: 16 }),
  routes(31, 0x3140),
  routes(30, 0x3142),
  routes(29, 0x3144),
  routes(28, 0x3146),
  routes(27, 0x3148),
  routes(26, 0x314c),
  routes(25, 0x3150),
  reg8(0x31ff, 'OIC', { bits: [{ name: 'AEN', bit: 0, doc: 'I/O APIC on' }] }),
  reg32(0x3410, 'GCS', { bits: [{ name: 'NO_REBOOT', bit: 5, doc: 'the watchdog does not reset' }] })
];

export interface ICH9LPCState {
  d: PCIDevice;
  apm: APMState;
  pm: ICH9LPCPMRegs;
  chip_config: Uint8Array;
  sci_level: number;
  rst_cnt: number;
  smi_guest_features_le: Uint8Array;
  smi_features_ok: number;
  smi_negotiated_features: bigint;
}

const SMI_FEATURES: Meaning = {
  doc: 'what firmware and QEMU agreed on',
  bits: [
    { name: 'broadcast SMI', bit: 0 },
    { name: 'CPU hotplug', bit: 1 },
    { name: 'CPU hot-unplug', bit: 2 }
  ]
};

const lpc = fieldsOf<ICH9LPCState>();
export const vmstate_ich9_lpc: VMStateDescription<ICH9LPCState> = {
  name: 'ICH9LPC',
  version: 1,
  minimumVersion: 1,
  doc: 'ISA bridge of a Q35: interrupt routes, power management.',
  fields: [
    lpc('d', pciDevice(LPC_REGISTERS)),
    lpc('apm', struct(vmstate_apm)),
    lpc('pm', struct(vmstate_ich9_pm)),
    lpc('chip_config', registerBlock(ICH9_CC_SIZE, CHIPSET_CONFIGURATION, 'uint8'), {
      doc: 'chipset configuration registers'
    }),
    lpc('sci_level', u32, { doc: 'the ACPI interrupt is asserted' })
  ],
  subsections: [
    {
      name: 'ICH9LPC/rst_cnt',
      version: 1,
      minimumVersion: 1,
      doc: 'Sent when port cf9 holds something.',
      fields: [
        lpc('rst_cnt', u8, {
          bits: [
            { name: 'SYS_RST', bit: 1, doc: 'hard instead of soft reset' },
            { name: 'RST_CPU', bit: 2, doc: 'resets when it rises' },
            { name: 'FULL_RST', bit: 3 }
          ]
        })
      ]
    },
    {
      name: 'ICH9LPC/smi_feat',
      version: 1,
      minimumVersion: 1,
      doc: 'Sent when the firmware asked for features of SMI.',
      fields: [
        lpc('smi_guest_features_le', buffer(8, 'uint8'), { doc: 'what the firmware asks for, little-endian' }),
        lpc('smi_features_ok', u8, { doc: 'agreed' }),
        lpc('smi_negotiated_features', u64, SMI_FEATURES)
      ]
    }
  ]
};
