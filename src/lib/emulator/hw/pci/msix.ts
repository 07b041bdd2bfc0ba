/**
 * MSI-X: the vector table and the pending bits of a device. How many vectors there are is not in the stream but in the
 * device's capability.
 * Source: QEMU hw/pci/msix.c; PCI 3.0 section 6.8.2.
 */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion, type MemoryRegionOps } from '../../system/memory.ts';
import { le32 } from '../core/register.ts';
import { pci_find_capability, type PCIDevice } from './pci.ts';
import { BAR_SPACE_MEMORY, overlaps, set16, set32, type PCIFunction } from './pci_device.ts';
import { MSI_DATA, PCI_CAP_ID_MSIX } from './pci_regs.ts';

interface MSIXEntry {
  addr_lo: number;
  addr_hi: number;
  data: number;
  vector_ctrl: number;
}
export interface MSIXState {
  msix_table: MSIXEntry[];
  msix_pba: Uint8Array;
}
/** A device that has sent its MSI-X state. */
export interface MSIXDevice extends PCIDevice {
  msix: MSIXState;
}

const entry = fieldsOf<MSIXEntry>();
const msixEntry = struct<MSIXEntry>({
  name: 'msix_table',
  version: 0,
  minimumVersion: 0,
  fields: [
    entry('addr_lo', le32, {
      bits: [
        { name: 'destination_mode', bit: 2, values: { 0: 'physical', 1: 'logical' } },
        { name: 'redirection_hint', bit: 3 },
        { name: 'destination', bit: 12, width: 8, doc: 'APIC id' }
      ],
      radix: 16,
      source: 'SDM 3A 11.11.1'
    }),
    entry('addr_hi', le32, { radix: 16 }),
    entry('data', le32, MSI_DATA),
    entry('vector_ctrl', le32, { bits: [{ name: 'masked', bit: 0 }] })
  ]
});

/** Vectors of a device; 0 where it has no MSI-X. */
export function msix_nr_vectors(config: Uint8Array): number {
  const at = pci_find_capability(config, PCI_CAP_ID_MSIX);
  return at === undefined ? 0 : ((config[at + 2]! | (config[at + 3]! << 8)) & 0x7ff) + 1;
}

/** What msix_save writes for so many vectors. */
export const msixState = (vectors: number): Codec<MSIXState> => {
  const table = arrayOf(msixEntry, vectors);
  const pba = buffer(Math.ceil(vectors / 8));
  return {
    type: 'msix state',
    read(file, into, place) {
      const state = into ?? { msix_table: [], msix_pba: new Uint8Array() };
      place.read(file, 'msix_table', table, state.msix_table, { doc: 'One entry for each vector' });
      const doc = 'Pending bits, vector 0 in bit 0 of byte 0';
      state.msix_pba = place.read(file, 'msix_pba', pba, undefined, { doc });
      return state;
    },
    write(file, value) {
      table.write(file, value.msix_table);
      pba.write(file, value.msix_pba);
    }
  };
};

const device = fieldsOf<MSIXDevice>();
/** VMSTATE_MSIX: a row of its own behind the PCI device. */
export const vmstate_msix: VMStateDescription<MSIXDevice> = {
  name: 'msix',
  version: 0,
  minimumVersion: 0,
  fields: [device('msix', (s) => msixState(msix_nr_vectors(s.config)))]
};

const ENTRY_SIZE = 16;
const BAR_SIZE = 4096;
/** Offsets in the capability: the high byte of the control word, the places of table and pending bits. */
const CONTROL = 3;
const TABLE = 4;
const PBA = 8;
const CAP_LENGTH = 12;
const ENABLE = 0x80;
const MASK_ALL = 0x40;
/** Bit of an entry's vector control. */
const MASKED = 1;
const WORDS = ['addr_lo', 'addr_hi', 'data', 'vector_ctrl'] as const;

/** The MSI-X capability of a device, with a BAR of its own. Source: msix_init_exclusive_bar. */
export class MSIX implements MSIXState {
  msix_table: MSIXEntry[];
  msix_pba: Uint8Array;
  readonly #device: PCIFunction;
  /** Place of the capability; 0 where there is none. */
  readonly #cap: number = 0;
  /** How often the device uses each vector; the others are never sent. */
  readonly #used: Uint16Array;
  #functionMasked = true;

  /** @param vectors 0 for a device without MSI-X */
  constructor(device: PCIFunction, vectors: number, bar: number) {
    this.#device = device;
    const pbaSize = Math.ceil(vectors / 64) * 8;
    const pbaOffset = Math.max(BAR_SIZE / 2, vectors * ENTRY_SIZE);
    const size = 2 ** Math.ceil(Math.log2(Math.max(BAR_SIZE, pbaOffset + pbaSize)));
    this.msix_table = Array.from({ length: vectors }, () => ({ addr_lo: 0, addr_hi: 0, data: 0, vector_ctrl: MASKED }));
    this.msix_pba = new Uint8Array(Math.ceil(vectors / 8));
    this.#used = new Uint16Array(vectors);
    if (vectors === 0) return;

    this.#cap = device.addCapability(PCI_CAP_ID_MSIX, 0, CAP_LENGTH);
    set16(device.config, this.#cap + 2, vectors - 1);
    set32(device.config, this.#cap + TABLE, bar);
    set32(device.config, this.#cap + PBA, pbaOffset | bar);
    device.wmask[this.#cap + CONTROL]! |= ENABLE | MASK_ALL;
    device.onConfigWrite((addr, _value, length) => {
      if (overlaps(addr, length, this.#cap + CONTROL, 1)) this.#controlWritten();
    });
    device.onReset(() => this.reset());

    const region = MemoryRegion.container(`${device.name}-msix`, size);
    region.addSubregion(0, MemoryRegion.io('msix-table', vectors * ENTRY_SIZE, this.#tableOps()));
    region.addSubregion(pbaOffset, MemoryRegion.io('msix-pba', pbaSize, this.#pbaOps()));
    device.registerBar(bar, BAR_SPACE_MEMORY, region);
  }

  get vectors(): number {
    return this.msix_table.length;
  }
  get enabled(): boolean {
    return this.#cap !== 0 && (this.#control & ENABLE) !== 0;
  }
  get #control(): number {
    return this.#device.config[this.#cap + CONTROL]!;
  }

  /** Counts one more, or one fewer, user of a vector. */
  use(vector: number): void {
    if (vector < this.vectors) this.#used[vector]!++;
  }
  unuse(vector: number): void {
    if (vector >= this.vectors || this.#used[vector] === 0) return;
    if (--this.#used[vector]! === 0) this.#setPending(vector, false);
  }
  unuseAll(): void {
    this.#used.fill(0);
    this.msix_pba.fill(0);
  }

  /** Sends a vector's message, or remembers it while it is masked. Source: msix_notify. */
  notify(vector: number): void {
    const entry = this.msix_table[vector];
    if (!entry || this.#used[vector] === 0) return;
    if (this.#isMasked(vector)) this.#setPending(vector, true);
    else this.#device.sendMessage(entry.addr_hi * 2 ** 32 + entry.addr_lo, entry.data);
  }

  isPending(vector: number): boolean {
    return (this.msix_pba[vector >> 3]! & (1 << (vector & 7))) !== 0;
  }

  reset(): void {
    const { config, wmask } = this.#device;
    config[this.#cap + CONTROL]! &= ~wmask[this.#cap + CONTROL]!;
    for (const entry of this.msix_table) {
      entry.addr_lo = entry.addr_hi = entry.data = 0;
      entry.vector_ctrl = MASKED;
    }
    this.msix_pba.fill(0);
  }

  /** Source: msix_load. */
  postLoad(): void {
    this.#updateFunctionMasked();
    for (let vector = 0; vector < this.vectors; vector++) this.#maskUpdated(vector, true);
  }

  #setPending(vector: number, pending: boolean): void {
    const bit = 1 << (vector & 7);
    if (pending) this.msix_pba[vector >> 3]! |= bit;
    else this.msix_pba[vector >> 3]! &= ~bit;
  }

  #isMasked(vector: number, functionMasked = this.#functionMasked): boolean {
    return functionMasked || (this.msix_table[vector]!.vector_ctrl & MASKED) !== 0;
  }

  /** What was held back goes out when the mask goes. Source: msix_handle_mask_update. */
  #maskUpdated(vector: number, wasMasked: boolean): void {
    if (!wasMasked || this.#isMasked(vector) || !this.isPending(vector)) return;
    this.#setPending(vector, false);
    this.notify(vector);
  }

  #updateFunctionMasked(): void {
    this.#functionMasked = !this.enabled || (this.#control & MASK_ALL) !== 0;
  }

  /** Source: msix_write_config. */
  #controlWritten(): void {
    const wasMasked = this.#functionMasked;
    this.#updateFunctionMasked();
    if (!this.enabled) return;
    this.#device.deassertIntx();
    if (this.#functionMasked === wasMasked) return;
    for (let vector = 0; vector < this.vectors; vector++) {
      this.#maskUpdated(vector, this.#isMasked(vector, wasMasked));
    }
  }

  #tableOps(): MemoryRegionOps {
    return {
      valid: { min: 4, max: 8 },
      impl: { min: 4, max: 4 },
      reentrant: true,
      read: (addr) => this.msix_table[addr >> 4]![WORDS[(addr >> 2) & 3]!],
      write: (addr, value) => {
        const vector = addr >> 4;
        const wasMasked = this.#isMasked(vector);
        this.msix_table[vector]![WORDS[(addr >> 2) & 3]!] = value >>> 0;
        this.#maskUpdated(vector, wasMasked);
      }
    };
  }

  #pbaOps(): MemoryRegionOps {
    return {
      valid: { min: 4, max: 8 },
      impl: { min: 4, max: 4 },
      read: (addr) => [3, 2, 1, 0].reduce((word, i) => ((word << 8) | (this.msix_pba[addr + i] ?? 0)) >>> 0, 0),
      write: () => {}
    };
  }
}
