/** What `info` prints of the board. Source: QEMU hw/intc/i8259.c, apic_common.c, system/memory.c, hw/pci/pci-hmp-cmds.c. */
import type { Machine } from '../machine.ts';
import type { MemoryRegion } from '../system/memory.ts';
import { PCI_ROM_SLOT, type PCIFunction } from '../hw/pci/pci_device.ts';

const hex = (value: number | bigint, digits = 2): string => value.toString(16).padStart(digits, '0');
const MAX_LINES = 10_000;

/** Source: pic_print_info, ioapic_print_info. */
export function infoPic({ board }: Machine): string {
  const { pic, ioapic } = board.pc;
  const chips = [pic.master, pic.slave].map(
    (p, n) =>
      `pic${n}: irr=${hex(p.irr)} imr=${hex(p.imr)} isr=${hex(p.isr)} hprio=${p.priority_add} ` +
      `irq_base=${hex(p.irq_base)} rr_sel=${p.read_reg_select} elcr=${hex(p.elcr)} fnm=${p.special_fully_nested_mode}`
  );
  const pins = ioapic.ioredtbl.map((entry, pin) => {
    const bit = (n: bigint): boolean => ((entry >> n) & 1n) === 1n;
    return (
      `  pin ${String(pin).padEnd(2)} 0x${hex(entry, 16)} dest=${entry >> 56n} vec=${entry & 0xffn} ` +
      `${bit(13n) ? 'active-lo' : 'active-hi'} ${bit(15n) ? 'level' : 'edge'}${bit(16n) ? ' masked' : ''} ` +
      `(${bit(11n) ? 'logical' : 'physical'})`
    );
  });
  return [...chips, `ioapic0: ver=0x20 id=0x${hex(ioapic.id)} sel=0x${hex(ioapic.ioregsel)}`, ...pins].join('\n');
}

const words = (list: ArrayLike<number>): string => {
  const set: number[] = [];
  for (let i = 0; i < list.length * 32; i++) if ((list[i >> 5]! >>> (i & 31)) & 1) set.push(i);
  return set.length > 0 ? set.join(' ') : '(none)';
};

/** Source: x86_cpu_dump_local_apic_state. */
export function infoLapic({ board }: Machine): string {
  const { apic } = board.pc;
  const names = ['CMCI', 'LVTTHMR', 'LVTPC', 'LVT0', 'LVT1', 'LVTERR'];
  return [
    `dumping local APIC state for CPU ${apic.instance}`,
    '',
    `LVTT   0x${hex(apic.lvt[0]!, 8)}`,
    ...names.slice(1).map((name, i) => `${name.padEnd(7)} 0x${hex(apic.lvt[i + 1]!, 8)}`),
    `Timer   DCR=0x${hex(apic.divide_conf, 1)} initial_count = ${apic.initial_count}`,
    `SPIV    0x${hex(apic.spurious_vec, 8)}`,
    `ESR     0x${hex(apic.esr, 8)}`,
    `APR 0x${hex(apic.arb_id)} TPR 0x${hex(apic.tpr)} DFR 0x${hex(apic.dest_mode, 1)} LDR 0x${hex(apic.log_dest)}`,
    `PPR 0x${hex(apic.ppr)}`,
    `ISR     ${words(apic.isr)}`,
    `IRR     ${words(apic.irr)}`
  ].join('\n');
}

/** The tree, or with -f what it comes to. Source: mtree_info. */
export function infoMtree({ board, memory }: Machine, args: string): string {
  const { pc } = board;
  if (/(^|\s)-f/.test(args)) {
    const ranges = memory.ranges.map(
      ({ start, end, region, readonly, offset }) =>
        `  ${hex(start, 16)}-${hex(end - 1, 16)} (prio ${region.priority}, ` +
        `${region.ram ? (readonly ? 'rom' : 'ram') : 'i/o'}): ${region.name}${offset ? ` @${hex(offset, 16)}` : ''}`
    );
    return ['FlatView #0', ' AS "memory", root: system', ...ranges].join('\n');
  }
  const lines: string[] = [];
  const walk = (region: MemoryRegion, base: number, depth: number): void => {
    if (lines.length > MAX_LINES) return;
    const kind = region.alias ? 'alias' : region.ram ? (region.readonly ? 'rom' : 'ram') : 'i/o';
    const what = region.alias
      ? `alias ${region.name} @${region.alias.name} ${hex(region.aliasOffset, 16)}-` +
        hex(region.aliasOffset + region.size - 1, 16)
      : region.name;
    lines.push(
      `${'  '.repeat(depth + 1)}${hex(base, 16)}-${hex(Math.min(base + region.size - 1, 2 ** 64), 16)} ` +
        `(prio ${region.priority}, ${kind}): ${what}${region.enabled ? '' : ' [disabled]'}`
    );
    for (const child of region.subregions) walk(child, base + child.addr, depth + 1);
  };
  lines.push('address-space: memory');
  walk(pc.map.system, 0, 0);
  lines.push('', 'address-space: I/O');
  walk(pc.ports.root, 0, 0);
  return lines.join('\n');
}

const CLASSES: Readonly<Record<number, string>> = {
  0x0100: 'SCSI controller',
  0x0101: 'IDE controller',
  0x0200: 'Ethernet controller',
  0x0300: 'VGA controller',
  0x0600: 'Host bridge',
  0x0601: 'ISA bridge',
  0x0680: 'Bridge'
};

function pciLines(device: PCIFunction): string[] {
  const { config } = device;
  const u16 = (at: number): number => config[at]! | (config[at + 1]! << 8);
  const cls = u16(0x0a);
  const lines = [
    `  Bus  0, device ${String(device.slot).padStart(3)}, function ${device.func}:`,
    `    ${CLASSES[cls] ?? `Class ${hex(cls, 4)}`}: PCI device ${hex(u16(0), 4)}:${hex(u16(2), 4)}`
  ];
  if (config[0x3d]) lines.push(`      IRQ ${config[0x3c]}, pin ${String.fromCharCode(0x40 + config[0x3d])}`);
  device.regions.forEach((region, n) => {
    if (!region) return;
    const address = device.barAddress(n);
    const kind = region.type & 1 ? 'I/O' : region.type & 4 ? '64 bit memory' : '32 bit memory';
    const name = n === PCI_ROM_SLOT ? 'ROM' : `BAR${n}`;
    const where =
      address === undefined ? 'not mapped' : `at 0x${hex(address, 8)} [0x${hex(address + region.region.size - 1, 8)}]`;
    lines.push(`      ${name}: ${kind} ${where}.`);
  });
  return lines;
}

/** Source: hmp_info_pci. */
export const infoPci = ({ board }: Machine): string =>
  board.bus.devices.flatMap((device) => (device ? pciLines(device) : [])).join('\n');

/** Source: hmp_info_block. */
export const infoBlock = ({ drives }: Machine): string =>
  drives.length === 0
    ? 'no drives'
    : drives
        .map(({ plan, device, blk }) => {
          const state = blk.isInserted
            ? `${blk.size} bytes${blk.readOnly ? ' (read-only)' : ''}`
            : blk.removable
              ? '[not inserted]'
              : `[no image: one of ${blk.size} bytes is wanted${blk.waiting > 0 ? `, ${blk.waiting} requests wait` : ''}]`;
          return `${plan.id}: ${state}\n    Attached to:      ${device}`;
        })
        .join('\n');

/** Devices by section, live and frozen. Source: hmp_info_qtree, in substance. */
export function infoQtree({ devices, layout, board }: Machine): string {
  const frozen = new Set(layout.filter((s) => s.frozen).map((s) => `${s.name}/${s.instance}`));
  return [
    'bus: main-system-bus',
    ...devices.entries.map(({ idstr, instance_id }) => `  dev: ${idstr}/${instance_id}`),
    ...[...frozen].map((name) => `  dev: ${name} (frozen: kept as it came, nothing here models it)`),
    '  bus: pci.0',
    ...board.bus.devices.flatMap((d) => (d ? [`    dev: ${d.name}, addr = ${hex(d.slot)}.${d.func}`] : []))
  ].join('\n');
}
