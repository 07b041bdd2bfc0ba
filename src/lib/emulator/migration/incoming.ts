/**
 * A stream into a machine. What no device of the machine claims is frozen: kept byte for byte for the way back.
 * Source: QEMU migration/savevm.c (qemu_loadvm_state, qemu_loadvm_section_start_full), migration/ram.c (ram_load).
 */
import { complaintProblem } from '../../vmstate/vmstate.ts';
import type { Problem } from '../../vmstate/problem.ts';
import { QemuFileReader } from '../../vmstate/qemu-file.ts';
import { sentPages, visitPages } from '../../vmstate/ram-contents.ts';
import type { RamBlock } from '../../vmstate/ram-index.ts';
import { sectionLabel, type Section, type Snapshot } from '../../vmstate/snapshot.ts';
import { readRange } from '../../vmstate/source.ts';
import { isSent, loadDevice, saveDevice, type DeviceList } from '../hw/core/qdev.ts';
import { RAM_MIGRATABLE, type PhysMem, type RAMBlock } from '../system/physmem.ts';

/** What a stream goes into and comes out of. */
export interface MigratableMachine {
  /** Full name of the machine type: `pc-i440fx-7.2`. */
  readonly machine: string;
  readonly devices: DeviceList;
  readonly physmem: PhysMem;
  /** What was loaded, in the order of its stream; empty for a machine that was started here. */
  layout: readonly SectionSlot[];
}

/** A section's place in the stream. */
export interface SectionSlot {
  readonly name: string;
  readonly instance: number;
  readonly sectionId: number;
  readonly version: number;
  /** The body where no device has it. */
  readonly frozen?: Uint8Array;
  /** What the sender's JSON says of a frozen one. */
  readonly description?: unknown;
}

/** What loading came to. */
export interface LoadReport {
  /** Fatal ones say why the machine must not run; it can be looked at all the same. */
  readonly problems: readonly Problem[];
  /** Sections that nothing here models, as `name/instance`. */
  readonly frozen: readonly string[];
}

/** Bodies are read a little beyond their end: a subsection is told by the bytes that follow. */
const LOOK_AHEAD = 16;
/** What helps where a device cannot be loaded. */
const WITHOUT = 'QEMU would refuse the state too; look at the rest, or run anyway with this device as after a reset';

/**
 * Fills a machine. Never throws for what the stream says: what could be loaded is, and the report has the rest.
 * @param signal aborts between pages
 */
export async function loadVmState(
  machine: MigratableMachine,
  snapshot: Snapshot,
  signal?: AbortSignal
): Promise<LoadReport> {
  const problems: Problem[] = [];
  await loadRam(machine.physmem, snapshot, problems, signal);
  const { problems: more, frozen } = await loadDevices(machine, snapshot);
  return { problems: [...problems, ...more], frozen };
}

/** All but RAM, which is there already. */
export async function loadDevices(machine: MigratableMachine, snapshot: Snapshot): Promise<LoadReport> {
  const problems: Problem[] = snapshot.problems.filter((p) => p.severity === 'fatal');
  const { configuration } = snapshot;
  const other = configuration && otherMachine(machine, configuration.machine);
  if (other !== undefined)
    problems.push({ code: 'machine-type', severity: 'fatal', at: 0, section: 'configuration/0', message: other });
  const layout: SectionSlot[] = [];
  for (const section of snapshot.sections) {
    if (section.kind !== 'full' && (section.kind !== 'end' || section.name === 'ram')) continue;
    layout.push(await loadSection(machine, snapshot, section, problems));
  }
  for (const { idstr, instance_id, device } of machine.devices.entries) {
    if (isSent(device) && !layout.some((s) => s.name === idstr && s.instance === instance_id)) {
      problems.push({
        ...{ code: 'section-missing', severity: 'warning', at: snapshot.end, section: `${idstr}/${instance_id}` },
        message: `the stream has no '${idstr}' ${instance_id}: the device is as after a reset`
      });
    }
  }
  machine.layout = layout;
  return { problems, frozen: layout.filter((s) => s.frozen).map(sectionLabel) };
}

/** Why a stream of another machine cannot be taken. Source: configuration_post_load. */
export const otherMachine = ({ machine }: MigratableMachine, received: string): string | undefined =>
  received === machine ? undefined : `Machine type received is '${received}' and local is '${machine}'`;

async function loadSection(
  machine: MigratableMachine,
  snapshot: Snapshot,
  section: Section,
  problems: Problem[]
): Promise<SectionSlot> {
  const { name, instance, sectionId, version, bodyStart, bodyEnd } = section;
  const slot = { name, instance, sectionId, version };
  const device = machine.devices.find(name, instance);
  const body = await readRange(snapshot.bytes, bodyStart, bodyEnd + (device ? LOOK_AHEAD : 0));
  if (!device) return { ...slot, frozen: body, description: descriptionOf(snapshot, name, instance) };
  const file = new QemuFileReader(body, bodyStart);
  const label = sectionLabel(section);
  const before = saveDevice(device).finish();
  const { complaints, failure, refusal } = loadDevice(device, file, version);
  // Half of a state is none: the device is as it was, so that the rest can be looked at, and run if somebody insists.
  if (failure ?? refusal) loadDevice(device, new QemuFileReader(before), (device.vmsd as { version: number }).version);
  // What QEMU would refuse to load.
  problems.push(...complaints.map((c) => ({ ...complaintProblem(c, label), severity: 'fatal' as const })));
  if (failure) {
    const { at, message } = failure;
    problems.push({ code: 'load-failed', severity: 'fatal', at, section: label, message, hint: WITHOUT });
  } else if (refusal) {
    const message = refusal;
    problems.push({ code: 'load-refused', severity: 'fatal', at: bodyStart, section: label, message, hint: WITHOUT });
  } else if (file.offset !== bodyEnd) {
    const message = `${Math.abs(bodyEnd - file.offset)} bytes ${file.offset < bodyEnd ? 'are left over' : 'are missing'}`;
    problems.push({ code: 'load-length', severity: 'warning', at: file.offset, section: label, message });
  }
  return slot;
}

/** Every block's final contents into guest RAM. A block that the machine has not is kept beside it, mapped nowhere. */
async function loadRam(
  physmem: PhysMem,
  snapshot: Snapshot,
  problems: Problem[],
  signal: AbortSignal | undefined
): Promise<void> {
  const { ram } = snapshot;
  const targets = ram.blocks.map((block) => {
    const found = targetOf(physmem, block);
    if (typeof found !== 'string') return found;
    problems.push({
      ...{ code: 'ram-size', severity: 'fatal', at: block.start, section: 'ram/0', message: found }
    });
    return undefined;
  });
  const { pageSize } = ram;
  for (const block of targets) for (let at = 0; block && at < block.used_length; at += pageSize) block.clearPage(at);
  await visitPages(
    snapshot,
    sentPages(ram),
    (page, bytes) => {
      const block = ram.blockOf(page);
      const into = block && targets[block.index];
      if (!bytes || !into) return;
      into.write((page - block.firstPage) * pageSize, bytes);
    },
    undefined,
    signal
  );
}

/** The block of the machine that a block of the stream goes into, or why none can. Source: parse_ramblock. */
export function targetOf(physmem: PhysMem, block: RamBlock): RAMBlock | string {
  const own = physmem.block(block.idstr);
  if (!own) return physmem.allocate(block.idstr, block.usedLength, RAM_MIGRATABLE);
  if (block.usedLength === own.used_length) return own;
  if (block.usedLength <= own.max_length && !block.idstr.endsWith('.ram')) {
    own.used_length = block.usedLength;
    return own;
  }
  return (
    `Size mismatch: ${block.idstr}: 0x${block.usedLength.toString(16)} != ` +
    `0x${own.used_length.toString(16)}: Invalid argument`
  );
}

/** The entry of a section in the stream's JSON, passed on as it is. */
function descriptionOf({ vmdescription }: Snapshot, name: string, instance: number): unknown {
  const { devices } = (vmdescription?.json ?? {}) as { readonly devices?: unknown };
  if (!Array.isArray(devices)) return undefined;
  return (devices as readonly { readonly name?: unknown; readonly instance_id?: unknown }[]).find(
    (device) => device?.name === name && device.instance_id === instance
  );
}
