/** The ISA bridges PIIX3 and PIIX4. Source: QEMU hw/isa/piix.c (piix3.c and piix4.c before 9.0). */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg8 } from '../core/register.ts';
import { PIRQ_ROUTE, pciDevice, type PCIDevice } from '../pci/pci.ts';

/** Source: 82371SB datasheet 2.2. */
const PIIX_REGISTERS = [
  reg8(0x4c, 'IORT', { doc: 'ISA I/O recovery time' }),
  reg16(0x4e, 'XBCS', { doc: 'X-bus chip selects', radix: 16 }),
  ...['A', 'B', 'C', 'D'].map((line, i) =>
    reg8(0x60 + i, `PIRQRC${line}`, { ...PIRQ_ROUTE, doc: `ISA interrupt that PIRQ${line} goes to` })
  ),
  reg8(0x69, 'TOM', { doc: 'Top of memory for ISA masters' }),
  reg16(0x6a, 'MSTAT', { doc: 'Miscellaneous status', radix: 16 }),
  reg8(0x70, 'MBIRQ0', PIRQ_ROUTE),
  reg8(0x80, 'APICBASE', { doc: 'Address relocation of the I/O APIC', radix: 16 }),
  reg8(0x82, 'DLC', { doc: 'Deterministic latency' }),
  reg16(0xa0, 'SMICNTL', { radix: 16 })
];

export interface PIIXState {
  dev: PCIDevice;
  pci_irq_levels_vmstate: number[];
  rcr: number;
}
const d = fieldsOf<PIIXState>();
const rcr = {
  doc: 'Reset control, port 0xcf9',
  bits: [
    { name: 'SRST', bit: 1, doc: 'hard instead of soft reset' },
    { name: 'RCPU', bit: 2, doc: 'resets when it rises' }
  ]
};

export const vmstate_piix3: VMStateDescription<PIIXState> = {
  name: 'PIIX3',
  version: 3,
  minimumVersion: 2,
  fields: [
    d('dev', pciDevice(PIIX_REGISTERS)),
    d('pci_irq_levels_vmstate', arrayOf(i32, 4), { since: 3, doc: 'Levels of PIRQA to PIRQD' })
  ],
  subsections: [
    {
      name: 'PIIX3/rcr',
      version: 1,
      minimumVersion: 1,
      doc: 'Sent when port 0xcf9 holds something',
      fields: [d('rcr', u8, rcr)]
    }
  ]
};

export const vmstate_piix4: VMStateDescription<PIIXState> = {
  name: 'PIIX4',
  version: 3,
  minimumVersion: 2,
  fields: [d('dev', pciDevice(PIIX_REGISTERS)), d('rcr', u8, { since: 3, ...rcr })]
};
