/**
 * The load doctor: what would fail when a state is loaded into a machine that QEMU's command line describes. Each check
 * says QEMU's own words; what they mean and where in the stream they belong is `explain`'s.
 */
import { hex, hexOf } from './hex.ts';
import { isOn } from './command-line.ts';
import { planOf, type Destination, type MachineData, type Plan, type PlannedDevice } from './destination.ts';
import { explain } from './explain.ts';
import { checkDevice } from './device-checks.ts';
import { findRow, rowPlace, sectionPlace, type Finding } from './finding.ts';
import { mainBlocks } from './memory-map.ts';
import type { RamBlock } from './ram-index.ts';
import { sectionLabel, type Section, type Snapshot } from './snapshot.ts';

export type { Destination, MachineData } from './destination.ts';
export type { Finding } from './finding.ts';

/** At most this many findings: a hostile stream may have a million unknown sections. */
const MAX_FINDINGS = 200;

export interface Checked {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly data: MachineData;
  /** A failure in QEMU's words, explained. */
  fails(message: string, device?: Section): Finding;
}

/** What would happen, in the order in which QEMU would meet it. One finding `passes` when nothing stands against it. */
export function check(snapshot: Snapshot, destination: Destination, data: MachineData): Finding[] {
  const assumed = destination.commandLine === undefined ? received(snapshot) : undefined;
  const plan = planOf({ ...destination, machine: destination.machine ?? assumed }, data);
  const checked: Checked = {
    snapshot,
    plan,
    data,
    fails(message, device) {
      const about =
        device &&
        `\nerror while loading state for instance 0x${device.instance.toString(16)} of device '${device.name}'`;
      return { ...explain(message + (about ?? ''), snapshot)[0]!, severity: 'fails', message };
    }
  };
  const machine = machineType(checked);
  const otherMachine = machine.some((f) => f.severity === 'fails') && !plan.family?.type.test(received(snapshot) ?? '');
  const findings = [
    ...streamProblems(checked),
    ...machine,
    ...configuration(checked),
    ...memory(otherMachine ? { ...checked, plan: { ...plan, devices: undefined } } : checked),
    ...(otherMachine ? [] : sections(checked))
  ].slice(0, MAX_FINDINGS);
  if (findings.some((f) => f.severity !== 'passes')) return findings;
  const why =
    plan.devices === undefined
      ? 'Nothing of what was given stands against it. Devices were not compared: no command line was given.'
      : 'Machine type, memory, sections, versions and the devices’ properties that are known here agree.';
  return [{ severity: 'passes', message: 'The state would load', why }];
}

const received = (snapshot: Snapshot): string | undefined => snapshot.configuration?.machine;

/** What the reader stopped at stops QEMU too. */
function streamProblems({ snapshot }: Checked): Finding[] {
  return snapshot.problems
    .filter((p) => p.severity === 'fatal' || p.code === 'footer-mismatch')
    .map((p) => ({
      severity: 'fails',
      message: p.message,
      why: 'The stream is damaged or cut off here: no destination reads on.',
      ...(p.hint === undefined ? {} : { hint: p.hint }),
      ...(p.section === undefined ? {} : { section: p.section }),
      start: p.at,
      end: p.severity === 'fatal' ? snapshot.end : p.at + 1
    }));
}

function machineType({ snapshot, plan, fails }: Checked): Finding[] {
  const theirs = received(snapshot);
  if (plan.machine === undefined) {
    if (!plan.family || theirs === undefined) return [];
    if (!plan.family.type.test(theirs)) {
      return [fails(`Machine type received is '${theirs}' and local is '${plan.family.prefix}…'`)];
    }
    const alias = plan.family.alias;
    return [
      {
        severity: 'unknown',
        message: `Machine type received is '${theirs}', local is '${alias}'`,
        why: `${alias} stands for the newest type of the destination’s QEMU, whose version is not given.`,
        hint: `Give -machine ${theirs}.`,
        section: 'configuration/0',
        path: 'name'
      }
    ];
  }
  if (theirs === undefined) {
    // Types up to 2.3 send none and expect none.
    const sendsNone =
      isOn(plan.globals.get('migration.send-configuration')) === false ||
      /-(0|1)\.\d+$|-2\.[0-3]$|^isapc$|^none$/.test(plan.machine);
    return sendsNone || snapshot.sections.length === 0 ? [] : [fails('Configuration section missing')];
  }
  return theirs === plan.machine ? [] : [fails(`Machine type received is '${theirs}' and local is '${plan.machine}'`)];
}

function configuration({ snapshot, plan, fails }: Checked): Finding[] {
  const findings: Finding[] = [];
  for (const name of snapshot.configuration?.capabilities ?? []) {
    const set = isOn(plan.globals.get(`migration.${name}`)) ?? false;
    if (set || (plan.devices === undefined && plan.machine === undefined)) continue;
    const finding = fails(`Capability ${name} is off, but received capability is on`);
    const deferred = plan.incoming === 'defer' || plan.incoming === undefined;
    findings.push(
      deferred ? { ...finding, severity: 'warns', why: `${finding.why} It is set in the monitor, not here.` } : finding
    );
  }
  const uuid = snapshot.configuration?.uuid;
  if (uuid && plan.uuid !== undefined) {
    const digits = hexOf(uuid);
    const text = digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    if (text !== plan.uuid.toLowerCase()) findings.push(fails(`UUID received is ${text} and local is ${plan.uuid}`));
  }
  return findings;
}

/** Blocks are known by name and must have the same size. */
function memory(checked: Checked): Finding[] {
  const { snapshot, plan, fails } = checked;
  const main = mainBlocks(snapshot.ram.blocks);
  const known = plan.devices !== undefined;
  const mismatch = (block: RamBlock, size: number | undefined): Finding[] =>
    size === undefined || size === block.usedLength
      ? []
      : [fails(`Size mismatch: ${block.idstr}: ${hex(block.usedLength)} != ${hex(size)}: Invalid argument`)];
  const missing = (block: RamBlock): Finding => fails(`Unknown ramblock "${block.idstr}", cannot accept migration`);

  return snapshot.ram.blocks.flatMap((block) => {
    const id = block.idstr.replace(/^\/objects\//, '');
    const slash = block.idstr.indexOf('/');
    if (/^[0-9a-f]{4}:/.test(block.idstr) && slash > 0) {
      if (!known) return [];
      return deviceBlock(
        block.idstr.slice(0, slash),
        block.idstr.slice(slash + 1),
        plan,
        (size) => mismatch(block, size),
        () => missing(block)
      );
    }
    if (plan.objects.has(id)) return mismatch(block, plan.objects.get(id));
    if (!main.includes(block)) return [];
    const machineRam = /\.ram$/.test(block.idstr);
    if (known && (machineRam ? plan.backends.length > 0 : true)) return [missing(block)];
    return main.length === 1 ? mismatch(block, plan.memory) : [];
  });
}

/** A block that belongs to a PCI device: video memory, option ROM. */
function deviceBlock(
  path: string,
  name: string,
  plan: Plan,
  mismatch: (size: number | undefined) => Finding[],
  missing: () => Finding
): Finding[] {
  const device = plan.devices?.find((d) => d.path === path);
  if (!device) return plan.unknown.length > 0 || path.length > 12 ? [] : [missing()];
  const megabytes = Number(device.properties.get('vgamem_mb'));
  if (name === 'vga.vram') return mismatch(megabytes > 0 ? megabytes * 2 ** 20 : undefined);
  if (!name.endsWith('.rom')) return [];
  const fits = device.data === undefined || romNames(device).includes(name);
  if (!fits || device.properties.get('romfile') === '') return [missing()];
  const size = Number(device.properties.get('romsize'));
  return mismatch(size > 0 ? size : undefined);
}

/** QEMU names the block after the device's vmsd, or its type where it has none (pci_add_option_rom). */
const romNames = ({ model, data }: PlannedDevice): string[] =>
  [data?.section, ...(data?.more ?? []), model].map((n) => `${n}.rom`);

/** Is there a place for each section, and does its device have the same layout. */
function sections(checked: Checked): Finding[] {
  const { snapshot, plan, fails } = checked;
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const nth = new Map<string, number>();
  for (const section of snapshot.sections) {
    if (section.kind !== 'full' && section.kind !== 'start') continue;
    const label = sectionLabel(section);
    if (section.name === 'ram' || seen.has(label) || findings.length > MAX_FINDINGS) continue;
    seen.add(label);
    const order = nth.get(section.name) ?? 0;
    nth.set(section.name, order + 1);
    const place = presence(section, order, checked);
    if (place === 'absent') {
      findings.push(
        fails(
          `Unknown savevm section or instance '${section.name}' ${section.instance}. Make sure that your current VM setup ` +
            'matches your saved VM setup, including any hotplugged devices'
        )
      );
      continue;
    }
    if (place === 'unknown') findings.push(undecided(section, plan));
    findings.push(...version(section, checked), ...possibleCpus(section, checked));
    if (typeof place === 'object') findings.push(...checkDevice(section, place, checked));
  }
  return [...findings, ...notInStream(checked, seen)];
}

/** Whether the destination has a section: the device that it is of, where it is one of the command line. */
function presence(section: Section, order: number, { plan }: Checked): PlannedDevice | 'there' | 'absent' | 'unknown' {
  const { name, instance } = section;
  const board = plan.family?.sections.find((s) => s.name === name);
  const perCpu = name === 'cpu' || name === 'cpu_common' || name === 'apic';
  // Local APICs are numbered by their ids, which need not follow each other.
  const index = name === 'apic' ? order : instance;
  if (board && (plan.devices !== undefined || perCpu) && index < (board.instances?.(plan) ?? 1)) return 'there';
  if (plan.devices === undefined) return board && perCpu ? 'absent' : 'there';
  if (!plan.family) return 'there';
  const tail = name.slice(name.lastIndexOf('/') + 1);
  const path = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=\/[^/]+$)/.exec(name)?.[0];
  const bridges = plan.devices.some((d) => /bridge|port|pxb|ioh|x3130/.test(d.model));
  if (path !== undefined) {
    const device = plan.devices.find((d) => d.path === path);
    if (device?.data && [device.data.section, ...(device.data.more ?? [])].includes(tail)) return device;
    if (device && !device.data) return 'unknown';
  } else {
    if ((name === 'PCIBUS' || name === 'PCIHost') && bridges) return 'there';
    const same = plan.devices.filter((d) => d.path === undefined && d.data?.section === tail);
    // A USB stick has a SCSI disk inside.
    const disks = tail === 'scsi-disk' ? plan.devices.filter((d) => d.model === 'usb-storage').length : 0;
    const plain = plan.devices.filter((d) => d.data?.plain?.includes(name)).length;
    if (index < same.length + disks + plain) return 'there';
  }
  return plan.unknown.length > 0 ? 'unknown' : 'absent';
}

const undecided = (section: Section, { unknown }: Plan): Finding => ({
  severity: 'unknown',
  message: `Whether the destination has '${section.name}' ${section.instance}`,
  why: `The command line has devices that are not known here (${unknown.join(', ')}); one of them may be it, or may move it.`,
  ...sectionPlace(section)
});

function version(section: Section, { data, fails }: Checked): Finding[] {
  const most = data.versions[section.name.slice(section.name.lastIndexOf('/') + 1)];
  if (most === undefined || section.version <= most) return [];
  return [fails(`unsupported version ${section.version} for '${section.name}' v${most}`)];
}

/** piix4_pm and ICH9 hold a struct for each possible CPU, once the guest's ACPI code has asked for them. */
function possibleCpus(section: Section, { plan, fails }: Checked): Finding[] {
  const devs = findRow(section.fields, (path) => /\/cpuhp\..*\bdevs$/.test(path));
  if (!devs || plan.maxCpus === undefined || devs.row.children?.length === plan.maxCpus) return [];
  return [{ ...fails(`Missing section footer for ${section.name}`), ...rowPlace(section, devs.path, devs.row) }];
}

/** Devices that would keep the state they have after reset: QEMU says nothing. */
function notInStream({ snapshot, plan }: Checked, seen: ReadonlySet<string>): Finding[] {
  if (!snapshot.sections.some((s) => s.kind === 'full')) return [];
  return (plan.devices ?? []).flatMap((device): Finding[] => {
    const { path, data } = device;
    if (path === undefined || data?.section === undefined || seen.has(`${path}/${data.section}/0`)) return [];
    return [
      {
        severity: 'warns',
        message: `${device.model} at ${path} is not in the stream`,
        why: 'It would be there as after reset, and the guest, which does not know it, would find it at its next look at the bus. QEMU loads without a word.',
        hint: 'Give the destination the source’s devices and no others.'
      }
    ];
  });
}
