/**
 * What is left of a machine when its worker has died, and how another worker makes it again as it was at its last
 * checkpoint. RAM lies in memory that is shared with the page, and pages that were written to since are kept in an undo
 * log; devices and what was written to disks are told to the page at each checkpoint.
 *
 * The page may not have got the last word. So a moment is given up only when the page has said that it has the next one:
 * of two logs in turn one always leads back to a moment that the page knows, in one step or in two.
 */
import { CowOverlay, type OverlaySnapshot } from '../block/cow.ts';
import { descriptions } from '../descriptions.ts';
import type { Checkpoint, MachineRemains, MachineReport } from '../machine-api.ts';
import type { MachinePlan } from '../machine-plan.ts';
import type { Machine } from '../machine.ts';
import { loadDevices, type LoadReport } from '../migration/incoming.ts';
import { deviceSections, streamHeader } from '../migration/savevm.ts';
import { PAGE_WRITTEN } from '../system/physmem.ts';
import { readSnapshot } from '../../vmstate/savevm.ts';
import { bytesSource } from '../../vmstate/source.ts';
import { readUndoLog, UndoLog, type UndoMemory } from './undo-log.ts';
import { PAGE } from '../../vmstate/page.ts';

/** Bytes of pages that a log may keep: a guest that writes to more between two checkpoints has none for that long. */
const LIMIT = 128 << 20;

/** What stays the same while the machine lives. */
export interface Ground {
  readonly plan: MachinePlan;
  readonly report: MachineReport;
  readonly memory: WebAssembly.Memory;
  /** Where the table of page flags lies in it. */
  readonly pageFlags: number;
  readonly blocks: readonly {
    readonly idstr: string;
    readonly offset: number;
    /** RAMBlock.used_length and max_length. */
    readonly used: number;
    readonly length: number;
  }[];
  readonly logs: readonly UndoMemory[];
}

export class Remains {
  readonly ground: Ground;
  readonly #machine: Machine;
  readonly #told: (moment: Checkpoint) => unknown;
  readonly #logs: readonly UndoLog[];
  #generation = 0;
  /** The page has the last moment. */
  #known = true;
  #drives: readonly (OverlaySnapshot | undefined)[] = [];

  /** @param told of each checkpoint; what it returns settles when the page has it */
  constructor(machine: Machine, report: MachineReport, told: (moment: Checkpoint) => unknown) {
    const { physmem, plan, timeTravel } = machine;
    this.#machine = machine;
    this.#told = told;
    const pages = physmem.blocks.reduce((sum, { max_length }) => sum + max_length / PAGE, 0);
    this.#logs = [0, 1].map(() => new UndoLog(pages, LIMIT));
    this.ground = {
      ...{
        plan,
        report,
        memory: physmem.host.memory,
        pageFlags: physmem.pageFlags,
        logs: this.#logs.map(({ shared }) => shared)
      },
      blocks: physmem.blocks.map((b) => ({
        ...{ idstr: b.idstr, offset: b.offset, used: b.used_length, length: b.max_length }
      }))
    };
    timeTravel.onCheckpoint = () => this.#checkpoint();
    timeTravel.onFirstWrite = (page) => this.#written(page);
  }

  get #log(): UndoLog {
    return this.#logs[this.#generation & 1]!;
  }

  /** A host page is about to be written to, for the first time since the last checkpoint. */
  #written(page: number): void {
    if (this.#generation === 0) return;
    const { physmem } = this.#machine;
    const at = page * PAGE;
    const zero = !physmem.wasWritten(at) || physmem.scan.isZero(at) !== 0;
    this.#log.add(page, zero ? undefined : physmem.host.views.u8.subarray(at, at + PAGE));
  }

  /** Devices know that the machine stands; from now on every page is told when it is first written to. */
  #checkpoint(): void {
    if (!this.#known) return;
    const machine = this.#machine;
    const drives = machine.drives.map(({ blk }) =>
      blk.driver instanceof CowOverlay ? blk.driver.snapshot() : undefined
    );
    const moment: Checkpoint = {
      ...{ generation: ++this.#generation, icount: machine.timeTravel.icount, devices: devicesOf(machine) },
      drives: drives.map((now, i) => changes(this.#drives[i], now))
    };
    this.#drives = drives;
    this.#log.begin(moment.generation);
    this.#known = false;
    void Promise.resolve(this.#told(moment)).then(
      () => (this.#known = true),
      () => {} // nobody is there
    );
  }
}

function devicesOf(machine: Machine): Uint8Array {
  const pieces = [streamHeader(machine), ...[...deviceSections(machine)].map(({ bytes }) => bytes)];
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function changes(before: OverlaySnapshot = new Map(), now: OverlaySnapshot = new Map()): Map<number, unknown> {
  const changed = new Map<number, unknown>([...now].filter(([n, cluster]) => before.get(n) !== cluster));
  for (const n of before.keys()) if (!now.has(n)) changed.set(n, undefined);
  return changed;
}

/**
 * Fills a new machine of the same plan, whose drives have their images.
 * @throws Error where RAM cannot be put back
 */
export async function revive(machine: Machine, { ground, checkpoint, drives }: MachineRemains): Promise<LoadReport> {
  reviveRam(machine, ground as Ground, checkpoint.generation);
  machine.drives.forEach(({ blk }, i) => {
    if (blk.driver instanceof CowOverlay) blk.driver.restore((drives[i] ?? new Map()) as OverlaySnapshot);
  });
  return loadDevices(machine, await readSnapshot(bytesSource(checkpoint.devices), { descriptions }));
}

function reviveRam({ physmem }: Machine, { memory, pageFlags, blocks, logs }: Ground, generation: number): void {
  const old = new Uint8Array(memory.buffer);
  const targets = blocks.map(({ idstr, offset, used, length }) => {
    const own = physmem.block(idstr) ?? physmem.allocate(idstr, length);
    own.used_length = used;
    for (let at = 0; at < length; at += PAGE) {
      const from = offset + at;
      if (old[pageFlags + from / PAGE]! & PAGE_WRITTEN) own.write(at, old.subarray(from, from + PAGE));
      else own.clearPage(at);
    }
    return { offset, length, own };
  });
  const undo = logs.map(readUndoLog);
  const needed = undo.filter((log) => !log || log.generation >= generation);
  if (needed.some((log) => !log) || !needed.some((log) => log?.generation === generation)) {
    throw new Error('more was written since the last checkpoint than was kept');
  }
  // The oldest contents last.
  for (const log of needed.toSorted((a, b) => b!.generation - a!.generation)) {
    for (const [page, bytes] of log!.pages) {
      const target = targets.find(({ offset, length }) => page * PAGE >= offset && page * PAGE < offset + length);
      const at = page * PAGE - (target?.offset ?? 0);
      if (bytes) target?.own.write(at, bytes);
      else target?.own.clearPage(at);
    }
  }
}
