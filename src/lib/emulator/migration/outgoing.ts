/**
 * The state of a machine that stands as a stream, at once and without a channel: for files of the page and tests.
 * A machine that runs is sent by `migration.ts`.
 */
import { QemuFileWriter } from '../../vmstate/qemu-file.ts';
import { RamFlag } from '../../vmstate/ram.ts';
import { RAM_MIGRATABLE, type RAMBlock } from '../system/physmem.ts';
import type { MigratableMachine } from './incoming.ts';
import { deviceSections, PAGE, ramHead, ramSectionId, sectionFooter, streamHeader, switchoverStart } from './savevm.ts';

/** Pages that go into one piece of the stream: a megabyte. */
const PAGES_A_PIECE = 256;

/** The stream of a machine that does not run, in pieces. */
export function* saveVmState(machine: MigratableMachine): Generator<Uint8Array<ArrayBuffer>> {
  yield streamHeader(machine);
  yield* saveRam(machine);
  for (const { bytes } of deviceSections(machine)) yield bytes;
}

function* saveRam(machine: MigratableMachine): Generator<Uint8Array<ArrayBuffer>> {
  const blocks = machine.physmem.blocks.filter((block) => block.flags & RAM_MIGRATABLE);
  const id = ramSectionId(machine);
  let out = new QemuFileWriter();
  out.buffer(ramHead('START', id));
  out.be64FromNumber(blocks.reduce((sum, b) => sum + b.used_length, 0) + RamFlag.MEM_SIZE);
  for (const block of blocks) {
    out.countedString(block.idstr);
    out.be64FromNumber(block.used_length);
  }
  out.be64FromNumber(RamFlag.EOS);
  out.buffer(sectionFooter(id));
  out.buffer(switchoverStart(machine));
  out.buffer(ramHead('END', id));
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
  out.buffer(sectionFooter(id));
  yield out.finish();
}

function pages(out: QemuFileWriter, block: RAMBlock, start: number, end: number): void {
  for (let at = start; at < end; at += PAGE) {
    const zero = block.isZeroPage(at);
    out.be64FromNumber(at + (zero ? RamFlag.ZERO : RamFlag.PAGE) + (at > 0 ? RamFlag.CONTINUE : 0));
    if (at === 0) out.countedString(block.idstr);
    if (zero) out.u8(0);
    else out.buffer(block.bytes(at, PAGE));
  }
}
