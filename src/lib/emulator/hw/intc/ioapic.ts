/** Section "ioapic". Source: QEMU hw/intc/ioapic_common.c; 82093AA datasheet 3.2.4. */
import { fieldsOf, unused, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';

export interface IOAPICCommonState {
  id: number;
  ioregsel: number;
  irr: number;
  ioredtbl: bigint[];
}

const IOAPIC_NUM_PINS = 24;

const REDIRECTION: Meaning = {
  bits: [
    { bit: 0, width: 8, name: 'vector' },
    {
      bit: 8,
      width: 3,
      name: 'delivery',
      values: { 0: 'fixed', 1: 'lowest priority', 2: 'SMI', 4: 'NMI', 5: 'INIT', 7: 'ExtINT' }
    },
    { bit: 11, name: 'destination mode', values: { 0: 'physical', 1: 'logical' } },
    { bit: 12, name: 'pending', doc: 'not yet accepted' },
    { bit: 13, name: 'polarity', values: { 0: 'active high', 1: 'active low' } },
    { bit: 14, name: 'remote IRR', doc: 'accepted, EOI to come' },
    { bit: 15, name: 'trigger', values: { 0: 'edge', 1: 'level' } },
    { bit: 16, name: 'masked' },
    { bit: 48, name: 'remappable', doc: 'format for an IOMMU' },
    { bit: 56, width: 8, name: 'destination' }
  ]
};
/** What a PC has on the pins. ISA interrupt 0 is on pin 2. */
const PINS = [
  'unused or ExtINT',
  'keyboard',
  'timer',
  'COM2',
  'COM1',
  '',
  'floppy',
  'LPT1',
  'RTC',
  'ACPI',
  '',
  '',
  'mouse',
  '',
  'IDE primary',
  'IDE secondary'
] as const;

const ioapic = fieldsOf<IOAPICCommonState>();
/** QEMU calls it vmstate_ioapic_common. */
export const vmstate_ioapic: VMStateDescription<IOAPICCommonState> = {
  name: 'ioapic',
  version: 3,
  minimumVersion: 1,
  doc: 'Hands the interrupts of devices to the CPUs.',
  fields: [
    ioapic('id', u8),
    ioapic('ioregsel', u8, {
      doc: 'register that the window shows; from 10 on the halves of the table',
      radix: 16,
      values: { 0: 'id', 1: 'version', 2: 'arbitration' }
    }),
    unused(8, { since: 2, doc: 'base address in qemu-kvm' }),
    ioapic('irr', u32, {
      since: 2,
      doc: 'pins that request',
      bits: Array.from({ length: IOAPIC_NUM_PINS }, (_, bit) => ({ bit, name: `pin ${bit}` }))
    }),
    ioapic(
      'ioredtbl',
      arrayOf(u64, IOAPIC_NUM_PINS, {
        abouts: Array.from({ length: IOAPIC_NUM_PINS }, (_, i) => ({
          ...REDIRECTION,
          doc: PINS[i] ? `pin ${i}: ${PINS[i]}` : `pin ${i}`
        }))
      }),
      { doc: 'redirection table' }
    )
  ]
};
