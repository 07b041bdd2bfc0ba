/** What is where on the board: PCI functions, and the trees of memory and ports. Source: QEMU `info pci`, `info mtree`. */
import { PCI_ROM_SLOT, type PCIFunction } from '../hw/pci/pci_device.ts';
import { PCI_CLASSES, PCI_DEVICES, PCI_VENDORS } from '../hw/pci/pci_ids.ts';
import type { Sheet, SheetRow } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import type { MemoryRegion } from '../system/memory.ts';
import { hex } from '../../vmstate/hex.ts';

const MOST_ROWS = 2000;

function functionRows(device: PCIFunction): readonly SheetRow[] {
  const { config } = device;
  const u16 = (at: number): number => config[at]! | (config[at + 1]! << 8);
  const [vendor, id, cls] = [u16(0), u16(2), u16(0x0a)];
  const name = PCI_DEVICES[vendor]?.[id] ?? PCI_VENDORS[vendor] ?? '';
  const irq = config[0x3d] ? `IRQ ${config[0x3c]}, INT${String.fromCharCode(0x40 + config[0x3d])}` : '';
  const place = `00:${device.slot.toString(16).padStart(2, '0')}.${device.func}`;
  const bars = device.regions.flatMap((region, n): SheetRow[] => {
    if (!region) return [];
    const at = device.barAddress(n);
    const kind = region.type & 1 ? 'ports' : region.type & 4 ? '64-bit memory' : 'memory';
    const where = at === undefined ? 'not mapped' : `${hex(at, 8)} to ${hex(at + region.size - 1, 8)}`;
    const name = n === PCI_ROM_SLOT ? 'ROM' : `BAR ${n}`;
    return [{ cells: ['', `  ${name}`, `${kind}, ${where}`, ''], id: `${place} ${name}` }];
  });
  const what = `${PCI_CLASSES[cls] ?? `class ${hex(cls, 4)}`}`;
  return [{ cells: [place, device.name, `${what}, ${hex(vendor, 4)}:${hex(id, 4)} ${name}`.trimEnd(), irq] }, ...bars];
}

function regionRows(root: MemoryRegion, digits: number): readonly SheetRow[] {
  const rows: SheetRow[] = [];
  const times = new Map<string, number>();
  const walk = (region: MemoryRegion, base: number, depth: number): void => {
    if (rows.length === MOST_ROWS) return;
    const nth = (times.get(region.name) ?? 0) + 1;
    times.set(region.name, nth);
    const kind = region.alias ? 'alias' : region.ram ? (region.readonly ? 'ROM' : 'RAM') : region.ops ? 'device' : '';
    const to = region.alias ? ` of ${region.alias.name} at ${hex(region.aliasOffset)}` : '';
    const priority = region.priority === 0 ? '' : String(region.priority);
    const name = `${'  '.repeat(depth)}${region.name}${region.enabled ? '' : ' (disabled)'}`;
    const last = Math.min(base + region.size - 1, 2 ** 53);
    const place = `${hex(base, digits)} to ${hex(last, digits)}`;
    rows.push({ cells: [place, name, `${kind}${to}`, priority], id: `${region.name} ${nth}` });
    for (const child of region.subregions) walk(child, base + child.addr, depth + 1);
  };
  walk(root, 0, 0);
  return rows;
}

export function boardSheets({ board }: Machine): readonly Sheet[] {
  const { pc, bus } = board;
  const columns = ['addresses', 'region', 'kind', 'priority'];
  return [
    {
      title: 'PCI',
      columns: ['at', 'device', 'what', 'interrupt'],
      rows: bus.devices.flatMap((device) => (device ? functionRows(device) : []))
    },
    { title: 'Memory', columns, rows: regionRows(pc.map.system, 8) },
    { title: 'Ports', columns, rows: regionRows(pc.ports.root, 4) }
  ];
}
