/**
 * PCI configuration space out of decoded sections. Source: PCI Local Bus Specification 3.0, 6.1; QEMU hw/pci/pci.c.
 */
import type { Section } from './snapshot.ts';
import { leaves, type Placed } from './vmstate.ts';

/** Express devices have 4096 bytes, others 256. */
const MOST = 4096;
export const PCI_ROM_ADDRESS = 0x30;

/** PCI configuration space of the device whose section this is, put together from what was decoded: 256 or 4096 bytes. */
export function pciConfig(section: Section | undefined): Uint8Array | undefined {
  const row = section && findType(section.fields, 'pci config', 0);
  const size = row ? row.end - row.start : 0;
  if (!row || size < 256 || size > MOST) return undefined;
  const bytes = new Uint8Array(size);
  for (const { row: leaf } of leaves([row])) {
    const { value, start, end } = leaf;
    if (value instanceof Uint8Array) bytes.set(value, start - row.start);
    else if (typeof value === 'number' || typeof value === 'bigint') {
      // Registers are little-endian.
      for (let i = start, rest = BigInt(value); i < end; i++, rest >>= 8n) bytes[i - row.start] = Number(rest & 0xffn);
    }
  }
  return bytes;
}

/** The first row of a wire type, depth first. PCI devices come within a few levels. */
function findType(rows: readonly Placed[], type: string, depth: number): Placed | undefined {
  for (const row of rows) {
    if (row.type === type) return row;
    const found = depth < 8 && row.children ? findType(row.children, type, depth + 1) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** A little-endian 32-bit register. */
export const configWord = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;

/** Where a memory BAR points, or undefined when it is off. Source: QEMU hw/pci/pci.c pci_bar_address. */
export function barAddress(config: Uint8Array, register: number): number | undefined {
  const memoryEnabled = (config[4]! & 2) !== 0;
  const low = configWord(config, register);
  if (!memoryEnabled) return undefined;
  if (register === PCI_ROM_ADDRESS) return low & 1 ? (low & 0xfffff800) >>> 0 : undefined;
  if (low & 1) return undefined;
  const high = (low & 6) === 4 ? configWord(config, register + 4) : 0;
  const address = high * 2 ** 32 + ((low & 0xfffffff0) >>> 0);
  return address === 0 ? undefined : address;
}

/** Place of the first capability with an id; bounded, as the list may loop. */
export function findCapability(config: Uint8Array, id: number): number | undefined {
  for (let at = config[0x34]! & 0xfc, n = 0; at >= 0x40 && n < 48; at = config[at + 1]! & 0xfc, n++) {
    if (config[at] === id) return at;
  }
  return undefined;
}
