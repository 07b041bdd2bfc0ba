/** PCI and virtio devices' state out of literal bytes. */
import { zeros } from './sections.ts';

/** A block of zeros with bytes (hexadecimal) at some places. */
export function block(size: number, parts: Readonly<Record<number, string>>): string {
  const bytes = Buffer.alloc(size);
  for (const [at, text] of Object.entries(parts)) Buffer.from(text.replaceAll(' ', ''), 'hex').copy(bytes, Number(at));
  return bytes.toString('hex');
}

/** VMSTATE_PCI_DEVICE with these bytes in its configuration space. */
export const pciDevice = (parts: Readonly<Record<number, string>>, size = 0x100): string =>
  `00000002 ${block(size, parts)} ${zeros(16)}`;

/** MSI-X with two vectors at 0x98, as virtio-blk-pci has it. */
export const TWO_VECTORS = { 0x06: '1000', 0x34: '98', 0x98: '11 00 0180 01000000 01080000' };

/** Table and pending bits of those two, the first vector in use. */
export const MSIX_OF_TWO = '0000e0fe 00000000 21400000 00000000' + zeros(12) + '01000000' + '00';
