/**
 * Where RAM blocks lie in guest-physical memory. A stream does not say (but for x-ignore-shared): the machine type gives
 * the rules, PCI configuration space the rest.
 * Source: QEMU hw/i386/pc_piix.c pc_init1, pc_q35.c pc_q35_init, microvm.c, x86-common.c x86_bios_rom_init,
 * pc_sysfw.c, hw/pci-host/pam.c.
 */
import { barAddress, configWord, pciConfig, PCI_ROM_ADDRESS } from './pci-config.ts';
import { readPage, blockSource } from './ram-contents.ts';
import type { RamBlock } from './ram-index.ts';
import type { Section, Snapshot } from './snapshot.ts';
import type { ByteSource } from './source.ts';
import { placedAt } from './vmstate.ts';
import { PAGE } from './page.ts';

const GiB = 2 ** 30;
/** Machines have some dozens; a hostile stream must not make laying them out slow. */
const MAX_BLOCKS = 1000;

/** A run of guest-physical addresses that shows a part of a RAM block. */
export interface PhysicalRange {
  readonly gpa: number;
  readonly bytes: number;
  readonly block: string;
  /** Offset inside the block. */
  readonly offset: number;
  /** The guest cannot write here: ROM, or RAM that the host bridge write-protects. */
  readonly readOnly?: boolean;
  /** What was taken for granted because the stream does not say. */
  readonly assumed?: string;
}

export interface MemoryMap {
  /** By rising address, without overlap: what a read by the CPU sees. Holes and devices are left out. */
  readonly ranges: readonly PhysicalRange[];
  readonly unmapped: readonly { readonly block: string; readonly why: string }[];
}

interface MachineRule {
  readonly name: RegExp;
  /** The section of the PCI host bridge, and where its PAM registers are. Without one, firmware is not write-protected. */
  readonly bridge?: string;
  readonly pam?: number;
  /** Bytes of RAM below 4 GiB when no max-ram-below-4g is given. */
  readonly lowmem: (ram: number, machine: string) => number;
}

const rules: readonly MachineRule[] = [
  {
    name: /^pc-q35-|^q35$/,
    bridge: 'mch',
    pam: 0x90,
    lowmem: (ram) => (ram >= 0xb0000000 ? 0x80000000 : 0xb0000000)
  },
  {
    name: /^pc-|^pc$|^xenfv/,
    bridge: 'I440FX',
    pam: 0x59,
    // Machine types up to 1.7 do not align the split to a gigabyte (gigabyte_align).
    lowmem: (ram, machine) => (ram < 0xe0000000 || /^pc-(i440fx-)?[01]\./.test(machine) ? 0xe0000000 : 0xc0000000)
  },
  { name: /^isapc/, lowmem: (ram) => (ram < 0xe0000000 ? 0xe0000000 : 0xc0000000) },
  { name: /^microvm/, lowmem: () => 0xc0000000 }
];

/** Blocks of PCI devices that carry no path (video memory until machine types 2.12), and the device's section. */
const withoutPath: Readonly<Record<string, RegExp>> = {
  'vga.vram': /\/(vga|cirrus_vga|qxl|vmware_vga|virtio-gpu)$/,
  'vmsvga.fifo': /\/vmware_vga$/
};
/** Register of the PCI BAR that shows a block, by the name that QEMU gives it behind the device's path. */
const barOfBlock: Readonly<Record<string, number>> = {
  'vga.vram': 0x10,
  'qxl.vgavram': 0x10,
  'qxl.vram': 0x14,
  'qxl.vrom': 0x18,
  'vmsvga.fifo': 0x18,
  'bochs-display-vram': 0x10,
  'ivshmem.bar2': 0x18
};
/** VMware's adapter has its video memory behind BAR1. */
const PCI_VENDOR_ID_VMWARE = 0x15ad;

/** The part of a range inside [gpa, gpa + bytes), if any. */
function clip(r: PhysicalRange, gpa: number, bytes: number): PhysicalRange[] {
  const from = Math.max(gpa, r.gpa);
  const to = Math.min(gpa + bytes, r.gpa + r.bytes);
  return from < to ? [{ ...r, gpa: from, bytes: to - from, offset: r.offset + from - r.gpa }] : [];
}

/** Ranges in the order in which they are laid over each other: the last one wins. */
class Canvas {
  #ranges: PhysicalRange[] = [];

  paint(range: PhysicalRange | { readonly gpa: number; readonly bytes: number }): void {
    const end = range.gpa + range.bytes;
    if (!(range.bytes > 0)) return;
    this.#ranges = this.#ranges.flatMap((r) => {
      const rEnd = r.gpa + r.bytes;
      if (rEnd <= range.gpa || r.gpa >= end) return [r];
      const parts: PhysicalRange[] = [];
      if (r.gpa < range.gpa) parts.push({ ...r, bytes: range.gpa - r.gpa });
      if (rEnd > end) parts.push({ ...r, gpa: end, bytes: rEnd - end, offset: r.offset + end - r.gpa });
      return parts;
    });
    if ('block' in range) this.#ranges.push(range);
  }

  /** What shows in [gpa, gpa + bytes), as it stands. */
  cut(gpa: number, bytes: number): PhysicalRange[] {
    return this.#ranges.flatMap((r) => clip(r, gpa, bytes));
  }

  /** Where something behind everything else and 4 GiB could go. */
  end(alignment: number): number {
    const end = this.#ranges.reduce((max, r) => Math.max(max, r.gpa + r.bytes), 4 * GiB);
    return Math.ceil(end / alignment) * alignment;
  }

  /** Sorted, neighbours joined. */
  finish(): PhysicalRange[] {
    const out: PhysicalRange[] = [];
    for (const r of this.#ranges.sort((a, b) => a.gpa - b.gpa)) {
      const last = out.at(-1);
      const joins =
        last &&
        last.block === r.block &&
        last.gpa + last.bytes === r.gpa &&
        last.offset + last.bytes === r.offset &&
        last.readOnly === r.readOnly &&
        last.assumed === r.assumed;
      if (joins) out[out.length - 1] = { ...last, bytes: last.bytes + r.bytes };
      else out.push(r);
    }
    return out;
  }
}

const firmware = /^(pc\.bios|pc\.rom|isa-bios|system\.flash\d)$/;
const devicePath = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\//;
const isMain = (b: RamBlock): boolean =>
  !b.idstr.startsWith('/rom@') &&
  !devicePath.test(b.idstr) &&
  !firmware.test(b.idstr) &&
  !/\.(rom|vram)$/.test(b.idstr);

/** The blocks that together are the machine's `-m` memory, in address order: `pc.ram`, or the memory backends. */
export function mainBlocks(blocks: readonly RamBlock[]): readonly RamBlock[] {
  const pcRam = blocks.find((b) => b.idstr === 'pc.ram' || b.idstr === 'microvm.ram');
  if (pcRam) return [pcRam];
  const order = new Intl.Collator('en', { numeric: true });
  return blocks.filter(isMain).sort((a, b) => order.compare(a.idstr, b.idstr));
}

/** Lays a snapshot's RAM blocks out as its machine does. */
export function memoryMap(snapshot: Snapshot): MemoryMap {
  const blocks = snapshot.ram.blocks.slice(0, MAX_BLOCKS);
  const canvas = new Canvas();
  const unmapped = new Map<string, string>();
  const machine = machineOf(snapshot);
  const rule = rules.find((r) => r.name.test(machine));
  const main = mainBlocks(blocks);

  paintMain(canvas, main, rule, machine);
  if (rule) {
    const bridge = rule.bridge === undefined ? undefined : sectionOf(snapshot, `/${rule.bridge}`);
    paintLegacy(canvas, blocks, rule, pciConfig(bridge));
  }
  const devices = devicesByPath(snapshot);
  for (const block of blocks) {
    if (main.includes(block) || firmware.test(block.idstr)) continue;
    const why = place(block);
    if (why) unmapped.set(block.idstr, why);
  }

  /** Maps a block that is neither memory nor firmware; returns why not otherwise. */
  function place(block: RamBlock): string | undefined {
    if (block.idstr.startsWith('/rom@')) return 'read by firmware through fw_cfg';
    const owner = withoutPath[block.idstr];
    if (devicePath.test(block.idstr) || owner) {
      const path = block.idstr.slice(0, block.idstr.indexOf('/') + 1);
      const sections =
        path === '' ? [...devices.values()].flat().filter((s) => owner?.test(s.name)) : devices.get(path);
      if (sections?.some((s) => s.name.endsWith('/virtio-mem'))) return paintMemoryDevice(canvas, block, sections);
      return paintBar(canvas, block, sections ?? []);
    }
    if (block.gpa) canvas.paint(whole(block, block.gpa));
    else if (rule?.pam !== undefined && isMain(block)) return paintMemoryDevice(canvas, block, []);
    else return 'nothing in the stream says where it is mapped';
    return undefined;
  }
  return { ranges: canvas.finish(), unmapped: [...unmapped].map(([block, why]) => ({ block, why })) };
}

/** The machine type, or the family that the sections give away when the stream carries no configuration. */
function machineOf(snapshot: Snapshot): string {
  if (snapshot.configuration) return snapshot.configuration.machine;
  if (sectionOf(snapshot, '/I440FX')) return 'pc';
  return sectionOf(snapshot, '/mch') ? 'q35' : '';
}

const sectionOf = (snapshot: Snapshot, suffix: string): Section | undefined =>
  snapshot.sections.findLast((s) => s.kind === 'full' && s.name.endsWith(suffix));

const whole = (block: RamBlock, gpa: number, offset = 0): PhysicalRange => ({
  gpa,
  bytes: block.usedLength - offset,
  block: block.idstr,
  offset
});

function paintMain(canvas: Canvas, main: readonly RamBlock[], rule: MachineRule | undefined, machine: string): void {
  const total = main.reduce((sum, b) => sum + b.usedLength, 0);
  const below = Math.min(total, rule ? rule.lowmem(total, machine) : total);
  const reasons = [
    ...(rule ? [] : [`machine type '${machine}' is not known: memory is taken to start at 0 and have no hole`]),
    ...(rule && below < total ? ["max-ram-below-4g is not in the stream: the machine type's default is taken"] : []),
    ...(main.length > 1 ? ['the order of memory backends is not in the stream: by name'] : [])
  ];
  const assumed = reasons.length > 0 ? { assumed: reasons.join('; ') } : {};
  let linear = 0;
  for (const block of main) {
    const low = Math.max(0, Math.min(block.usedLength, below - linear));
    if (low > 0) canvas.paint({ gpa: linear, bytes: low, block: block.idstr, offset: 0, ...assumed });
    const high = Math.max(linear, below);
    if (low < block.usedLength) canvas.paint({ ...whole(block, 4 * GiB + high - below, low), ...assumed });
    linear += block.usedLength;
  }
}

/**
 * Firmware, and what shows between 640 KiB and 1 MiB: the VGA hole, option ROMs and the last 128 KiB of the firmware,
 * or the RAM that the host bridge's PAM registers let through instead.
 */
function paintLegacy(
  canvas: Canvas,
  blocks: readonly RamBlock[],
  rule: MachineRule,
  bridge: Uint8Array | undefined
): void {
  const named = (name: string): RamBlock | undefined => blocks.find((b) => b.idstr === name);
  const rom = rule.pam === undefined ? {} : { readOnly: true };
  // pflash chips lie below each other from the top.
  let top = 4 * GiB;
  for (const block of [named('pc.bios'), named('system.flash0'), named('system.flash1')]) {
    if (!block || block.usedLength > top) continue;
    top -= block.usedLength;
    canvas.paint({ ...whole(block, top), ...rom });
  }
  if (blocks.some((b) => b.idstr.endsWith('vga.vram'))) canvas.paint({ gpa: 0xa0000, bytes: 0x20000 });
  const roms = new Canvas();
  const optionRoms = named('pc.rom');
  if (optionRoms) roms.paint({ ...whole(optionRoms, 0xc0000), ...rom });
  const bios = named('isa-bios') ?? named('pc.bios') ?? named('system.flash0');
  if (bios) {
    const bytes = Math.min(bios.usedLength, 0x20000);
    roms.paint({ gpa: 0x100000 - bytes, bytes, block: bios.idstr, offset: bios.usedLength - bytes, ...rom });
  }
  if (rule.pam === undefined) {
    for (const part of roms.cut(0xc0000, 0x40000)) canvas.paint(part);
  } else paintPam(canvas, roms, rule.pam, bridge);
}

/** 13 segments; each reads from RAM or from what PCI shows there. */
function paintPam(canvas: Canvas, roms: Canvas, pam: number, bridge: Uint8Array | undefined): void {
  const ram = canvas.cut(0xc0000, 0x40000);
  const why = bridge ? {} : { assumed: 'the PAM registers were not decoded: RAM is taken' };
  for (let segment = 0; segment < 13; segment++) {
    const gpa = segment === 0 ? 0xf0000 : 0xc0000 + (segment - 1) * 0x4000;
    const bytes = segment === 0 ? 0x10000 : 0x4000;
    // Segment 0 is the high nibble of the first register, then low before high. QEMU reads RAM in mode 2 as well.
    const register = bridge?.[pam + ((segment + 1) >> 1)] ?? 0x33;
    const mode = (register >> (segment % 2 === 0 ? 4 : 0)) & 3;
    const parts = mode === 0 ? roms.cut(gpa, bytes) : ram.flatMap((r) => clip(r, gpa, bytes));
    canvas.paint({ gpa, bytes });
    for (const part of parts) canvas.paint({ ...part, ...(mode === 1 ? { readOnly: true } : {}), ...why });
  }
}

/** PCI devices' sections by path with slash: `0000:00:02.0/`. */
function devicesByPath(snapshot: Snapshot): ReadonlyMap<string, Section[]> {
  const found = new Map<string, Section[]>();
  for (const s of snapshot.sections) {
    if ((s.kind !== 'full' && s.kind !== 'start') || !devicePath.test(s.name)) continue;
    const path = s.name.slice(0, s.name.indexOf('/') + 1);
    const list = found.get(path);
    if (list) list.push(s);
    else found.set(path, [s]);
  }
  return found;
}

/** A pc-dimm, nvdimm or virtio-mem: newer streams tell a virtio-mem's address, the others are laid out as QEMU does. */
function paintMemoryDevice(canvas: Canvas, block: RamBlock, sections: readonly Section[]): undefined {
  const addr = sections.map((s) => placedAt(s.fields, 'tmp.addr')?.value).find((v) => typeof v === 'bigint');
  const assumed = 'memory devices are taken to follow each other behind memory, at a gigabyte';
  if (addr !== undefined && addr < 1n << 52n) canvas.paint(whole(block, Number(addr)));
  else canvas.paint({ ...whole(block, canvas.end(GiB)), assumed });
}

/** Maps a device's block where its BAR points; returns why it is not mapped otherwise. */
function paintBar(canvas: Canvas, block: RamBlock, sections: readonly Section[]): string | undefined {
  const slash = block.idstr.indexOf('/');
  const name = block.idstr.slice(slash + 1);
  const config = sections.map(pciConfig).find((c) => c !== undefined);
  const isRom = name.endsWith('.rom');
  const vmware = name === 'vga.vram' && config && (configWord(config, 0) & 0xffff) === PCI_VENDOR_ID_VMWARE;
  const register = isRom ? PCI_ROM_ADDRESS : vmware ? 0x14 : barOfBlock[name];
  if (register === undefined) return 'no rule says which BAR shows it';
  if (!config)
    return `the PCI configuration space of ${block.idstr.slice(0, Math.max(0, slash)) || 'its device'} was not decoded`;
  const gpa = barAddress(config, register);
  if (gpa === undefined) return `${isRom ? 'expansion ROM BAR' : `BAR${(register - 0x10) / 4}`} is not enabled`;
  canvas.paint({ ...whole(block, gpa), ...(isRom ? { readOnly: true } : {}) });
  return undefined;
}

/** The range that holds a guest-physical address. */
export function rangeAt(map: MemoryMap, gpa: number): PhysicalRange | undefined {
  let low = 0;
  let high = map.ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (map.ranges[middle]!.gpa <= gpa) low = middle + 1;
    else high = middle;
  }
  const range = map.ranges[low - 1];
  return range && gpa < range.gpa + range.bytes ? range : undefined;
}

/** Where a byte of a block shows in guest-physical memory: the lowest address, or undefined. */
export function gpaOf(map: MemoryMap, block: string, offset: number): number | undefined {
  const range = map.ranges.find((r) => r.block === block && r.offset <= offset && offset < r.offset + r.bytes);
  return range && range.gpa + offset - range.offset;
}

/** The page, in the numbering over all blocks, that a guest-physical address lies in. */
export function pageAt(snapshot: Snapshot, map: MemoryMap, gpa: number): number | undefined {
  const range = rangeAt(map, gpa);
  const block = range && snapshot.ram.block(range.block);
  return block && range && block.firstPage + Math.floor((range.offset + gpa - range.gpa) / PAGE);
}

/** Reads of at most this many bytes go page by page: a page table needs one page, not a megabyte. */
const SMALL = 16 * PAGE;

/** Guest-physical memory as of the end of the stream, as the CPU reads it; holes and devices read as zeros. */
export function physicalSource(snapshot: Snapshot, map = memoryMap(snapshot)): ByteSource {
  const last = map.ranges.at(-1);
  const size = last ? last.gpa + last.bytes : 0;
  return {
    size,
    async read(at, target) {
      const n = Math.max(0, Math.min(target.length, size - at));
      target.fill(0, 0, n);
      for (let done = 0; done < n;) {
        const range = rangeAt(map, at + done) ?? nextRange(map, at + done);
        if (!range || range.gpa >= at + n) break;
        const from = Math.max(range.gpa, at + done);
        const to = Math.min(range.gpa + range.bytes, at + n);
        const block = snapshot.ram.block(range.block);
        const offset = range.offset + from - range.gpa;
        if (block) await readBlock(snapshot, block, offset, target.subarray(from - at, to - at));
        done = to - at;
      }
      return n;
    }
  };
}

const nextRange = (map: MemoryMap, gpa: number): PhysicalRange | undefined => map.ranges.find((r) => r.gpa >= gpa);

async function readBlock(snapshot: Snapshot, block: RamBlock, at: number, target: Uint8Array): Promise<void> {
  if (target.length > SMALL) {
    await blockSource(snapshot, block).read(at, target);
    return;
  }
  for (let done = 0; done < target.length;) {
    const page = Math.floor((at + done) / PAGE);
    const skip = (at + done) % PAGE;
    const n = Math.min(PAGE - skip, target.length - done);
    const record = snapshot.ram.latest(block.firstPage + page);
    if (record >= 0) target.set((await readPage(snapshot, record)).subarray(skip, skip + n), done);
    done += n;
  }
}
