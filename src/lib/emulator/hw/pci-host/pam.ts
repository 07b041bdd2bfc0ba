/**
 * Programmable attributes of the memory between 768 KiB and 1 MiB, and SMRAM: the same in i440FX and Q35.
 * Source: QEMU hw/pci-host/pam.c; 82441FX datasheet 3.2.18 and 3.2.22.
 */
import type { Meaning } from '../../../vmstate/vmstate.ts';
import { MemoryRegion } from '../../system/memory.ts';
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

export const SMRAM_C_BASE = 0xa0000;
export const SMRAM_C_SIZE = 0x20000;
export const SMRAM_D_OPEN = 0x40;
export const SMRAM_G_SMRAME = 0x08;

const PAM_BIOS_BASE = 0xf0000;
const PAM_EXPAN_BASE = 0xc0000;
const PAM_EXPAN_SIZE = 0x4000;
const PAM_REGIONS_COUNT = 13;

/** One segment: RAM, RAM that cannot be written, or PCI. Reading PCI while writing RAM is RAM, as in QEMU. */
class PAMMemoryRegion {
  readonly #ways: readonly MemoryRegion[];

  constructor(system: MemoryRegion, ram: MemoryRegion, pci: MemoryRegion, start: number, size: number) {
    const rom = MemoryRegion.aliasOf('pam-rom', ram, start, size);
    rom.setReadonly(true);
    this.#ways = [
      MemoryRegion.aliasOf('pam-pci', pci, start, size),
      rom,
      MemoryRegion.aliasOf('pam-pci', ram, start, size),
      MemoryRegion.aliasOf('pam-ram', ram, start, size)
    ];
    for (const way of this.#ways) {
      way.setEnabled(false);
      system.addSubregion(start, way, 1);
    }
  }

  set(attribute: number): void {
    this.#ways.forEach((way, i) => way.setEnabled(i === attribute));
  }
}

/** The thirteen segments of PAM0 to PAM6. Source: init_pam, pam_update. */
export class PAM {
  readonly #segments: readonly PAMMemoryRegion[];

  constructor(system: MemoryRegion, ram: MemoryRegion, pci: MemoryRegion) {
    this.#segments = Array.from({ length: PAM_REGIONS_COUNT }, (_, i) => {
      const bios = i === 0;
      const start = bios ? PAM_BIOS_BASE : PAM_EXPAN_BASE + (i - 1) * PAM_EXPAN_SIZE;
      return new PAMMemoryRegion(system, ram, pci, start, bios ? 0x10000 : PAM_EXPAN_SIZE);
    });
  }

  /** @param registers PAM0 to PAM6 */
  update(registers: Uint8Array): void {
    this.#segments.forEach((segment, i) => segment.set((registers[(i + 1) >> 1]! >> (i & 1 ? 0 : 4)) & 3));
  }
}
