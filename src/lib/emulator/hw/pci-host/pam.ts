/**
 * Programmable attributes of the memory between 768 KiB and 1 MiB, and SMRAM: the same in i440FX and Q35.
 * Source: QEMU hw/pci-host/pam.c; 82441FX datasheet 3.2.18 and 3.2.22.
 */
import type { Meaning } from '../../../vmstate/vmstate.ts';
import { reg8, type RegisterInfo } from '../core/register.ts';

/** Who answers in a segment. */
const PAM_ATTR = {
  0: 'PCI (ROM)',
  1: 'reads from RAM, writes to PCI: shadowed ROM',
  2: 'reads from PCI, writes to RAM',
  3: 'RAM'
};

const segment = (start: number): string => {
  const end = start + (start === 0xf0000 ? 0xffff : 0x3fff);
  return `${start.toString(16)}-${end.toString(16)}`;
};

/** PAM0 to PAM6, from a place on. */
export const pamRegisters = (at: number): readonly RegisterInfo[] =>
  Array.from({ length: 7 }, (_, i) => {
    const low = i === 0 ? undefined : 0xc0000 + (i - 1) * 0x8000;
    const high = low === undefined ? 0xf0000 : low + 0x4000;
    return reg8(at + i, `PAM${i}`, {
      doc: 'Where reads and writes of these segments go',
      radix: 16,
      bits: [
        ...(low === undefined ? [] : [{ name: segment(low), bit: 0, width: 2, values: PAM_ATTR }]),
        { name: segment(high), bit: 4, width: 2, values: PAM_ATTR }
      ]
    });
  });

export const SMRAM: Meaning = {
  doc: 'System management RAM at a0000-bffff',
  bits: [
    { name: 'C_BASE_SEG', bit: 0, width: 3, values: { 2: 'a0000' } },
    { name: 'G_SMRAME', bit: 3, doc: 'SMRAM exists' },
    { name: 'D_LCK', bit: 4, doc: 'locked until reset' },
    { name: 'D_CLS', bit: 5, doc: 'closed to data' },
    { name: 'D_OPEN', bit: 6, doc: 'visible outside of SMM too' }
  ]
};
