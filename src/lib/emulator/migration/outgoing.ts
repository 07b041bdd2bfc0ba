/**
 * A stopped machine as a stream: all of RAM, then every device. Rounds while the guest runs come with live migration.
 * Source: QEMU migration/savevm.c (qemu_savevm_state_header, _setup, _complete_precopy, save_section_header,
 * save_section_footer), migration/ram.c (ram_save_setup, save_zero_page_to_file, ram_save_page).
 */
import { vmstate_configuration } from '../../vmstate/configuration.ts';
import { QemuFileReader, QemuFileWriter } from '../../vmstate/qemu-file.ts';
import { RamFlag } from '../../vmstate/ram.ts';
import { QEMU_VM_FILE_MAGIC, QEMU_VM_FILE_VERSION } from '../../vmstate/savevm.ts';
import { VmSection } from '../../vmstate/section-body.ts';
import { load, save, type VMStateDescription } from '../../vmstate/vmstate.ts';
import { describeDevice, vmDescriptionText } from '../../vmstate/write-vmdesc.ts';
import { isSent, saveDevice } from '../hw/core/qdev.ts';
import { RAM_MIGRATABLE, type RAMBlock } from '../system/physmem.ts';
import type { MigratableMachine, SectionSlot } from './incoming.ts';

const PAGE = 4096;
/** Pages that go into one piece of the stream: a megabyte. */
const PAGES_A_PIECE = 256;
const RAM_VERSION = 4;

/** The stream of a machine that does not run, in pieces. */
export function* saveVmState(machine: MigratableMachine): Generator<Uint8Array<ArrayBuffer>> {
  const out = new QemuFileWriter();
  out.be32(QEMU_VM_FILE_MAGIC);
  out.be32(QEMU_VM_FILE_VERSION);
  out.u8(VmSection.CONFIGURATION);
  save(out, vmstate_configuration, { len: machine.machine.length, name: machine.machine });
  yield out.finish();
  yield* saveRam(machine);
  const descriptions: unknown[] = [];
  for (const slot of slotsOf(machine)) {
    const { bytes, description } = section(machine, slot);
    if (description) descriptions.push(description);
    yield bytes;
  }
  yield ending(vmDescriptionText(PAGE, descriptions));
}

/** EOF and the JSON. */
function ending(json: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json);
  const out = new QemuFileWriter();
  out.u8(VmSection.EOF);
  out.u8(VmSection.VMDESCRIPTION);
  out.be32(text.length);
  out.buffer(text);
  return out.finish();
}

/** In the order in which they came, or in that of registration. */
function slotsOf(machine: MigratableMachine): readonly SectionSlot[] {
  const { layout, devices } = machine;
  if (layout.length > 0) return layout;
  return devices.entries
    .filter(({ device }) => isSent(device))
    .map(({ idstr, instance_id, section_id, device }) => ({
      ...{ name: idstr, instance: instance_id, sectionId: section_id, version: device.vmsd?.version ?? 0 }
    }));
}

interface WrittenSection {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its part of the JSON; of a frozen one the sender's, if it sent any. */
  readonly description: unknown;
}

function section(machine: MigratableMachine, slot: SectionSlot): WrittenSection {
  const out = new QemuFileWriter();
  const device = machine.devices.find(slot.name, slot.instance);
  out.u8(VmSection.FULL);
  out.be32(slot.sectionId);
  out.countedString(slot.name);
  out.be32(slot.instance);
  out.be32(device?.vmsd?.version ?? slot.version);
  const body = slot.frozen ?? (device ? saveDevice(device).finish() : new Uint8Array(0));
  out.buffer(body);
  footer(out, slot.sectionId);
  const bytes = out.finish();
  // Some layouts are told by the footer that follows.
  const vmsd = slot.frozen ? undefined : (device?.vmsd as VMStateDescription<object> | undefined);
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

/** Of a footer: its type and the section's id. */
const FOOTER_BYTES = 5;

function footer(out: QemuFileWriter, sectionId: number): void {
  out.u8(VmSection.FOOTER);
  out.be32(sectionId);
}

/** The id that RAM has in QEMU's streams of the machine is free: devices are numbered from behind it. */
const ramSectionId = (machine: MigratableMachine): number => {
  const taken = new Set(slotsOf(machine).map((s) => s.sectionId));
  let id = 1;
  while (taken.has(id)) id++;
  return id;
};

function* saveRam(machine: MigratableMachine): Generator<Uint8Array<ArrayBuffer>> {
  const blocks = machine.physmem.blocks.filter((block) => block.flags & RAM_MIGRATABLE);
  const id = ramSectionId(machine);
  let out = new QemuFileWriter();
  out.u8(VmSection.START);
  out.be32(id);
  out.countedString('ram');
  out.be32(0);
  out.be32(RAM_VERSION);
  out.be64FromNumber(blocks.reduce((sum, b) => sum + b.used_length, 0) + RamFlag.MEM_SIZE);
  for (const block of blocks) {
    out.countedString(block.idstr);
    out.be64FromNumber(block.used_length);
  }
  out.be64FromNumber(RamFlag.EOS);
  footer(out, id);
  out.u8(VmSection.END);
  out.be32(id);
  yield out.finish();
  for (const block of blocks) {
    for (let at = 0; at < block.used_length; at += PAGES_A_PIECE * PAGE) {
      out = new QemuFileWriter();
      pages(out, block, at, Math.min(at + PAGES_A_PIECE * PAGE, block.used_length));
      yield out.finish();
    }
  }
  out = new QemuFileWriter();
  out.be64FromNumber(RamFlag.EOS);
  footer(out, id);
  yield out.finish();
}

function pages(out: QemuFileWriter, block: RAMBlock, start: number, end: number): void {
  for (let at = start; at < end; at += PAGE) {
    const bytes = block.bytes(at, PAGE);
    const zero = isZero(bytes);
    out.be64FromNumber(at + (zero ? RamFlag.ZERO : RamFlag.PAGE) + (at > 0 ? RamFlag.CONTINUE : 0));
    if (at === 0) out.countedString(block.idstr);
    if (zero) out.u8(0);
    else out.buffer(bytes);
  }
}

/** Source: buffer_is_zero. Four bytes at a time: most pages differ from zero early, and the rest are read whole. */
function isZero(page: Uint8Array): boolean {
  const words = new Int32Array(page.buffer, page.byteOffset, page.length / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
