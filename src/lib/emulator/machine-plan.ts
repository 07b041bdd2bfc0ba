/**
 * What a machine is made of: machine type, memory, devices at their places. Read off a stream, which says all that shows
 * to a guest, or off a command line.
 */
import type { Problem } from '../vmstate/problem.ts';
import { deviceSection, sectionLabel, type Section, type Snapshot } from '../vmstate/snapshot.ts';
import { placedAt } from '../vmstate/vmstate.ts';
import type { ISADeviceSpec } from './hw/i386/pc-isa.ts';
import { pciOf, virtioOf, type PCIDevicePlan, type VirtioPlan } from './pci-plan.ts';
import { CMOS_TYPES, type FloppyDriveType } from './hw/block/fdc-drive.ts';
import { vgaOf, type VGAPlan } from './vga-plan.ts';

/** A virtio-blk device as the guest sees it. */
export interface VirtioBlkPlan extends VirtioPlan {
  /** As `info block` calls its drive. */
  readonly id: string;
  readonly numQueues: number;
  readonly queueSize: number;
  readonly discard: boolean;
  readonly writeZeroes: boolean;
  /** Bytes that the guest was told; undefined for a new machine, which takes the image's. */
  readonly size: number | undefined;
  /** Its place in the boot order, where it has one. */
  readonly bootindex?: number | undefined;
  /** What the device answers when it is asked for its serial number; no stream tells. */
  readonly serial?: string | undefined;
}

/** A drive of the IDE controller. */
export interface IdePlan {
  /** As `info block` calls it: `ide0-hd0`, `ide1-cd0`. */
  readonly id: string;
  readonly kind: 'hd' | 'cd';
  /** Bytes of a disk; undefined: what is put in says it, before the machine is made. */
  readonly size: number | undefined;
  readonly bootindex?: number | undefined;
}

/** A floppy drive. */
export interface FloppyPlan {
  /** As `info block` calls it: `floppy0`. */
  readonly id: string;
  readonly kind: 'floppy';
  /** Undefined: by the disk that is in it when the machine starts. */
  readonly type: FloppyDriveType | undefined;
  /** What is put in says it. */
  readonly size: undefined;
}

export interface MachinePlan {
  /** Full name: `pc-i440fx-7.2`. */
  readonly machine: string;
  /** Name of the RAM block: `pc.ram`, or that of a memory backend. */
  readonly ramName: string;
  /** Bytes. */
  readonly memory: number;
  readonly biosSize: number;
  readonly cpu: string;
  /** 16 bytes; no stream tells. */
  readonly uuid?: Uint8Array | undefined;
  readonly hpet: boolean;
  /** Serial ports by number: whether it is there. */
  readonly serials: readonly boolean[];
  readonly parallel: boolean;
  /** QEMU's optimization of the task priority register for Windows XP. */
  readonly tprOpt: boolean;
  /** VMware's port with its mouse. */
  readonly vmport: boolean;
  /** Power management by ACPI. */
  readonly acpi: boolean;
  /** First and second drive of the first channel, then of the second. */
  readonly ide: readonly (IdePlan | undefined)[];
  /** Drives A and B; undefined without a controller. */
  readonly floppies: readonly (FloppyPlan | undefined)[] | undefined;
  readonly virtioBlk: readonly VirtioBlkPlan[];
  readonly vga: VGAPlan | undefined;
  /** The guest reads its time from pages that KVM has filled. */
  readonly kvmclock?: boolean;
  /** Network cards and other virtio devices. */
  readonly pci: readonly PCIDevicePlan[];
  /** ISA devices beside those of every PC; no stream tells of them. */
  readonly isa: readonly ISADeviceSpec[];
}

/** A plan, and what keeps a machine made by it from running. */
export interface Planned {
  readonly plan: MachinePlan | undefined;
  readonly problems: readonly Problem[];
}

const SECTOR = 512;
/** Types of the floppy drives in the CMOS. */
const CMOS_FLOPPIES = 0x10;
/** Word 0 of what a packet device says of itself. */
const IDENTIFY_PACKET = 0x8000;
const CR4_PCIDE = 1n << 17n;
const CR4_OSXSAVE = 1n << 18n;
/** The virtio-blk configuration grew: max_discard and max_write_zeroes came with 4.0. */
const CONFIG_WITH_DISCARD = 48;
const CONFIG_WITH_WRITE_ZEROES = 57;

const MACHINE = /^pc-i440fx-(\d+)\.(\d+)$/;
/** The version of QEMU that a machine type belongs to, as one number: 7.2 is 702. Infinity for what is no such type. */
export function machineVersion(machine: string): number {
  const [, major, minor] = MACHINE.exec(machine) ?? [];
  return major === undefined ? Infinity : Number(major) * 100 + Number(minor);
}

/** What a stream says of the machine that it was taken from. */
export function planOf(snapshot: Snapshot): Planned {
  const problems: Problem[] = [];
  const fatal = (code: string, message: string, section?: Section, hint?: string): void => {
    problems.push({
      ...{ code, severity: 'fatal', at: section?.start ?? 0, message },
      ...(section ? { section: sectionLabel(section) } : {}),
      ...(hint === undefined ? {} : { hint })
    });
  };
  const machine = snapshot.configuration?.machine ?? 'pc';
  const ram = snapshot.ram.blocks.find((b) => b.idstr === 'pc.ram') ?? largestBlock(snapshot);
  if (!/^pc(-i440fx-|$)/.test(machine)) {
    fatal('machine-unsupported', `machine type '${machine}' cannot run here`, undefined, 'pc (i440FX) machines can');
  }
  if (!ram) {
    fatal('no-ram', 'the stream has no RAM block: there is nothing to run');
    return { plan: undefined, problems };
  }
  const cpus = snapshot.sections.filter((s) => s.kind === 'full' && s.name === 'cpu');
  if (cpus.length > 1) {
    const hint = 'take the state of a machine with -smp 1; run anyway, the first vCPU waits for the others in vain';
    fatal('cpus', `the state has ${cpus.length} vCPUs, one runs here`, cpus[1], hint);
  }
  if (cpus.length === 0) fatal('no-cpu', "the stream has no section 'cpu'");
  if (snapshot.features.ignoreShared && snapshot.ram.sources.length === 1) {
    fatal(
      'shared-ram',
      'RAM was left out (x-ignore-shared)',
      undefined,
      'open its memory backend file together with it'
    );
  }
  const kvm = deviceSection(snapshot, 'kvmclock');
  if (kvm) {
    problems.push({
      ...{ code: 'kvm', severity: 'note', at: kvm.start, section: sectionLabel(kvm) },
      message: 'the state was taken under KVM: its clock goes on here, what else KVM offers a guest does not'
    });
  }
  const { fields: cpu } = cpus[0] ?? { fields: [] };
  const cr4 = placedAt(cpu, 'env.cr[4]')?.value;
  const bios = snapshot.ram.blocks.find((b) => b.idstr === 'pc.bios');
  return {
    plan: {
      ...{
        machine,
        ramName: ram.idstr,
        memory: ram.usedLength,
        biosSize: bios?.usedLength ?? 0x40000,
        cpu: typeof cr4 === 'bigint' ? modelFor(cr4) : 'qemu64'
      },
      hpet: deviceSection(snapshot, 'hpet') !== undefined,
      serials: [0, 1, 2, 3].map((n) => snapshot.sections.some((s) => s.name === 'serial' && s.instance === n)),
      parallel: deviceSection(snapshot, 'parallel_isa') !== undefined,
      acpi: snapshot.sections.some((s) => s.name.endsWith('/piix4_pm')),
      tprOpt: deviceSection(snapshot, 'kvm-tpr-opt') !== undefined,
      vmport: deviceSection(snapshot, 'vmmouse') !== undefined,
      ide: ideOf(snapshot),
      floppies: floppiesOf(snapshot),
      vga: vgaOf(snapshot, machineVersion(machine)),
      kvmclock: kvm !== undefined,
      isa: [],
      pci: pciOf(snapshot),
      virtioBlk: snapshot.sections
        .filter((s) => s.kind === 'full' && s.name.endsWith('/virtio-blk'))
        .flatMap((section, n) => {
          const blk = virtioBlkOf(section, n);
          if (!blk) fatal('device', 'its place or its configuration cannot be read', section);
          return blk ? [blk] : [];
        })
    },
    problems
  };
}

/** The least of our CPU models that has what a guest turned on. */
function modelFor(cr4: bigint): string {
  if (cr4 & CR4_PCIDE) return 'host';
  return cr4 & CR4_OSXSAVE ? 'max' : 'qemu64';
}

const largestBlock = (snapshot: Snapshot) =>
  snapshot.ram.blocks.toSorted((a, b) => b.usedLength - a.usedLength).find((b) => !b.idstr.includes('/'));

/** What a drive has said to IDENTIFY; one that was never asked is not known to be there. Source: ATA8-ACS 7.12. */
function ideOf(snapshot: Snapshot): (IdePlan | undefined)[] {
  const section = snapshot.sections.find((s) => s.kind === 'full' && s.name === '0000:00:01.1/ide');
  return [0, 1, 2, 3].map((n) => {
    const path = `bus[${n >> 1}].ifs[${n & 1}]`;
    const value = (name: string): unknown => section && placedAt(section.fields, `${path}.${name}`)?.value;
    const data = value('identify_data');
    if (!value('identify_set') || !(data instanceof Uint8Array)) return undefined;
    const words = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const kind = words.getUint16(0, true) & IDENTIFY_PACKET ? 'cd' : 'hd';
    const sectors = Math.max(words.getUint32(2 * 60, true), Number(words.getBigUint64(2 * 100, true)));
    return { id: ideId(n, kind), kind, size: kind === 'hd' ? sectors * SECTOR : undefined };
  });
}

/** The drives that the firmware was told of. Source: hw/i386/pc.c pc_cmos_init_floppy. */
function floppiesOf(snapshot: Snapshot): (FloppyPlan | undefined)[] | undefined {
  if (!deviceSection(snapshot, 'fdc')) return undefined;
  const rtc = deviceSection(snapshot, 'mc146818rtc');
  const cmos = rtc && placedAt(rtc.fields, 'cmos_data')?.value;
  const types = cmos instanceof Uint8Array ? cmos[CMOS_FLOPPIES]! : 0;
  return [types >> 4, types & 0xf].map((code, n) => {
    const type = (['120', '144', '288'] as const).find((t) => CMOS_TYPES[t] === code);
    return type && { id: `floppy${n}`, kind: 'floppy', type, size: undefined };
  });
}

/** @param n 0 to 3 */
export const ideId = (n: number, kind: 'hd' | 'cd'): string => `ide${n >> 1}-${kind}${n & 1}`;

/** Source: hw/virtio/virtio-pci.c, hw/block/virtio-blk.c; the properties follow from what the guest can see. */
function virtioBlkOf(section: Section, n: number): VirtioBlkPlan | undefined {
  const virtio = virtioOf(section);
  const value = (path: string): unknown => placedAt(section.fields, `virtio.${path}`)?.value;
  const length = Number(value('config_len'));
  if (!virtio || !Number.isFinite(length)) return undefined;
  return {
    id: `virtio${n}`,
    ...virtio,
    numQueues: Math.max(1, Math.min(1024, Number(value('num') ?? 1))),
    queueSize: Number(value('vq[0].vring.num') ?? 256),
    discard: length >= CONFIG_WITH_DISCARD,
    writeZeroes: length >= CONFIG_WITH_WRITE_ZEROES,
    size: Number(value('config.capacity') ?? 0) * SECTOR
  };
}
