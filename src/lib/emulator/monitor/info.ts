/** `info pci` and `info block`, in the words of QEMU 11. Source: QEMU hw/pci/pci-hmp-cmds.c, block-hmp-cmds.c. */
import type { Machine, MachineDrive } from '../machine.ts';
import type { PCIFunction } from '../hw/pci/pci_device.ts';
import { hexDigits } from '../../vmstate/hex.ts';

/** Class codes, and what they are called. Source: pci_class_descriptions. */
const CLASSES: Readonly<Record<number, string>> = {
  0x0001: 'VGA controller',
  ...{ 0x0100: 'SCSI controller', 0x0101: 'IDE controller', 0x0102: 'Floppy controller', 0x0104: 'RAID controller' },
  ...{ 0x0106: 'SATA controller', 0x0107: 'SAS controller', 0x0180: 'Storage controller' },
  ...{ 0x0200: 'Ethernet controller', 0x0280: 'Network controller' },
  ...{ 0x0300: 'VGA controller', 0x0301: 'XGA controller', 0x0380: 'Display controller' },
  ...{ 0x0400: 'Video controller', 0x0401: 'Audio controller', 0x0403: 'Audio controller' },
  ...{ 0x0500: 'RAM controller', 0x0580: 'Memory controller' },
  ...{ 0x0600: 'Host bridge', 0x0601: 'ISA bridge', 0x0604: 'PCI bridge', 0x0680: 'Bridge' },
  ...{ 0x0700: 'Serial port', 0x0701: 'Parallel port', 0x0c03: 'USB controller', 0x0c05: 'SMBus' }
};

/** Of a configuration space. */
const word = (config: Uint8Array, at: number): number => config[at]! | (config[at + 1]! << 8);

/** What both `info pci` and `info qtree` say of a function. */
export function pciIdentity({ config }: PCIFunction) {
  const kind = word(config, 0x0a);
  return {
    what: CLASSES[kind] ?? `Class ${hexDigits(kind, 4)}`,
    id: `${hexDigits(word(config, 0), 4)}:${hexDigits(word(config, 2), 4)}`,
    subsystem: `${hexDigits(word(config, 0x2c), 4)}:${hexDigits(word(config, 0x2e), 4)}`
  };
}

function bars(device: PCIFunction): string[] {
  return device.regions.flatMap((region, n) => {
    if (!region) return [];
    const address = device.barAddress(n);
    const end = (address ?? 0) + region.size - 1;
    if (region.type & 1) {
      const where = address === undefined ? '(not mapped)' : `at 0x${hexDigits(address, 4)} [0x${hexDigits(end, 4)}]`;
      return [`      BAR${n}: I/O ${where}`];
    }
    const kind = `${region.type & 4 ? 64 : 32} bit${region.type & 8 ? ' prefetchable' : ''} memory`;
    const where = address === undefined ? '(not mapped)' : `at 0x${hexDigits(address, 8)} [0x${hexDigits(end, 8)}]`;
    return [`      BAR${n}: ${kind} ${where}`];
  });
}

function pciLines(device: PCIFunction): string[] {
  const { config, slot, func } = device;
  const { what, id, subsystem } = pciIdentity(device);
  const pin = config[0x3d]!;
  return [
    `  Bus  0, device ${String(slot).padStart(3)}, function ${func}:`,
    `    ${what}: PCI device ${id}`,
    `      PCI subsystem ${subsystem}`,
    ...(pin ? [`      IRQ ${config[0x3c]}, pin ${String.fromCharCode(0x40 + pin)}`] : []),
    ...bars(device),
    '      id ""'
  ];
}

/** Source: hmp_info_pci. */
export const infoPci = ({ board }: Machine): string =>
  board.bus.devices.flatMap((device) => (device ? pciLines(device) : [])).join('\n');

/** An image has no name here: its size stands where QEMU has its file's. */
function blockLines({ board }: Machine, { plan, device, blk }: MachineDrive): string {
  const { waiting, size, readOnly, isInserted, removable, writeCache } = blk;
  const drives = board.ide.bus.flatMap(({ ifs }) => ifs);
  const { tray_locked = false, tray_open = false } = drives.find((drive) => drive.blk === blk) ?? {};
  const state = isInserted
    ? `${size} bytes${readOnly ? ' (read-only)' : ''}`
    : removable
      ? '[not inserted]'
      : `[no image: one of ${size} bytes is wanted${waiting > 0 ? `, ${waiting} requests wait` : ''}]`;
  const tray = `    Removable device: ${tray_locked ? '' : 'not '}locked, tray ${tray_open ? 'open' : 'closed'}`;
  return [
    `${plan.id}: ${state}`,
    `    Attached to:      ${device}`,
    ...(removable ? [tray] : []),
    ...(isInserted ? [`    Cache mode:       ${writeCache ? 'writeback' : 'writethrough'}`] : [])
  ].join('\n');
}

/** Drives with images first: those that come by themselves are empty. Source: hmp_info_block, print_block_info. */
export function infoBlock(machine: Machine): string {
  const isEmpty = ({ blk }: MachineDrive): number => (blk.removable && !blk.isInserted ? 1 : 0);
  return machine.drives
    .toSorted((a, b) => isEmpty(a) - isEmpty(b))
    .map((drive) => blockLines(machine, drive))
    .join('\n\n');
}
