/**
 * What a stream is made of besides pages: header, section frames, the devices' state, the description at the end.
 * Source: QEMU migration/savevm.c (qemu_savevm_state_header, save_section_header, save_section_footer,
 * qemu_savevm_state_complete_precopy_non_iterable).
 */
import { vmstate_configuration } from '../../vmstate/configuration.ts';
import { commandNames } from '../../vmstate/mig-command.ts';
import { QemuFileReader, QemuFileWriter } from '../../vmstate/qemu-file.ts';
import { QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION } from '../../vmstate/stream-items.ts';
import { VmSection } from '../../vmstate/section-body.ts';
import { load, save, type VMStateDescription } from '../../vmstate/vmstate.ts';
import { describeDevice, vmDescriptionText } from '../../vmstate/write-vmdesc.ts';
import { isSent, saveDevice } from '../hw/core/qdev.ts';
import type { MigratableMachine, SectionSlot } from './incoming.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const PAGE = 4096;
const RAM_VERSION = 4;
/** Of a footer: its type and the section's id. */
const FOOTER_BYTES = 5;
/** Machine types from this version of QEMU on say when the guest stands. Source: hw/core/machine.c hw_compat_9_2. */
const SWITCHOVER_START_SINCE = 10;

/** Magic, version, and the configuration, which names the machine type. */
export function streamHeader({ machine }: MigratableMachine): Bytes {
  const out = new QemuFileWriter();
  out.be32(QEMU_VM_FILE_MAGIC);
  out.be32(QEMU_VM_FILE_VERSION);
  out.u8(VmSection.CONFIGURATION);
  save(out, vmstate_configuration, { len: machine.length, name: machine });
  return out.finish();
}

/** Head of a part of the "ram" section; the first one names it. */
export function ramHead(type: 'START' | 'PART' | 'END', id: number): Bytes {
  const out = new QemuFileWriter();
  out.u8(VmSection[type]);
  out.be32(id);
  if (type === 'START') {
    out.countedString('ram');
    out.be32(0);
    out.be32(RAM_VERSION);
  }
  return out.finish();
}

export function sectionFooter(id: number): Bytes {
  const out = new QemuFileWriter();
  out.u8(VmSection.FOOTER);
  out.be32(id);
  return out.finish();
}

/** The source wants to hear whether its guest arrived. Source: qemu_savevm_send_open_return_path, qemu_savevm_send_ping. */
export function openReturnPath(): Bytes {
  const out = new QemuFileWriter();
  out.u8(VmSection.COMMAND);
  out.be16(commandNames.indexOf('OPEN_RETURN_PATH'));
  out.be16(0);
  out.u8(VmSection.COMMAND);
  out.be16(commandNames.indexOf('PING'));
  out.be16(4);
  out.be32(1);
  return out.finish();
}

/** Between the last round and the devices, where the machine type has it. Source: qemu_savevm_maybe_send_switchover_start. */
export function switchoverStart({ machine }: MigratableMachine): Bytes {
  const out = new QemuFileWriter();
  const [, major = 0] = /-(\d+)\.\d+$/.exec(machine) ?? [];
  if (Number(major) >= SWITCHOVER_START_SINCE) {
    out.u8(VmSection.COMMAND);
    out.be16(commandNames.indexOf('SWITCHOVER_START'));
    out.be16(0);
  }
  return out.finish();
}

/** The id that RAM has: devices are numbered around it. */
export const ramSectionId = (machine: MigratableMachine): number => {
  const taken = new Set(slotsOf(machine).map((s) => s.sectionId));
  let id = 1;
  while (taken.has(id)) id++;
  return id;
};

/** In the order in which they came, or in that of registration. */
function slotsOf({ layout, devices }: MigratableMachine): readonly SectionSlot[] {
  if (layout.length > 0) return layout;
  return devices.entries
    .filter(({ device }) => isSent(device))
    .map(({ idstr, instance_id, section_id, device }) => ({
      ...{ name: idstr, instance: instance_id, sectionId: section_id, version: device.vmsd?.version ?? 0 }
    }));
}

/** A device's section, or EOF with the JSON, which has no name. */
export interface WrittenSection {
  readonly name?: string;
  readonly instance?: number;
  readonly bytes: Bytes;
}

/** The devices of a machine that stands, and the end of the stream. */
export function* deviceSections(machine: MigratableMachine): Generator<WrittenSection> {
  const descriptions: unknown[] = [];
  for (const slot of slotsOf(machine)) {
    const { bytes, description } = deviceSection(machine, slot);
    if (description) descriptions.push(description);
    yield { name: slot.name, instance: slot.instance, bytes };
  }
  yield { bytes: ending(vmDescriptionText(PAGE, descriptions)) };
}

/**
 * Writes the devices to nowhere: what was never called before takes tens of milliseconds, which the guest would stand.
 * @param breathe gives everybody else a turn, after each device
 */
export async function rehearse(machine: MigratableMachine, breathe: () => Promise<void>): Promise<void> {
  const sections = deviceSections(machine);
  while (!sections.next().done) await breathe();
}

function deviceSection(machine: MigratableMachine, slot: SectionSlot): { bytes: Bytes; description: unknown } {
  const out = new QemuFileWriter();
  const device = machine.devices.find(slot.name, slot.instance);
  out.u8(VmSection.FULL);
  out.be32(slot.sectionId);
  out.countedString(slot.name);
  out.be32(slot.instance);
  out.be32(device?.vmsd?.version ?? slot.version);
  const body = slot.frozen ?? (device ? saveDevice(device).finish() : new Uint8Array(0));
  out.buffer(body);
  out.buffer(sectionFooter(slot.sectionId));
  const bytes = out.finish();
  // Some layouts are told by the footer that follows.
  const vmsd = slot.frozen ? undefined : (device?.vmsd as VMStateDescription<object> | undefined);
  // Of a frozen one what its sender said of it, if anything.
  const description = vmsd
    ? describeDevice(
        slot.name,
        slot.instance,
        vmsd,
        load(new QemuFileReader(bytes.subarray(bytes.length - FOOTER_BYTES - body.length)), vmsd, vmsd.version).fields
      )
    : slot.description;
  return { bytes, description };
}

/** EOF and the JSON. */
function ending(json: string): Bytes {
  const text = new TextEncoder().encode(json);
  const out = new QemuFileWriter();
  out.u8(VmSection.EOF);
  out.u8(VmSection.VMDESCRIPTION);
  out.be32(text.length);
  out.buffer(text);
  return out.finish();
}
