/**
 * A machine's past: all that comes from outside is logged, checkpoints are made now and then, and any moment between is
 * come back to by running again from the checkpoint before it. Source of the idea: QEMU docs/devel/replay.rst,
 * replay/replay-debugging.c (replay_seek, replay_reverse_step, replay_reverse_continue).
 *
 * A moment is a count of instructions. What is logged at the same count as it happens after it, unless the machine was
 * stopped there: then the moment is the one at which it stood.
 */
import type { Machine } from '../machine.ts';
import { Checkpoints, type Checkpoint } from './checkpoints.ts';
import { HostPages } from './host-pages.ts';
import { type LogPosition, type LogSink, ReplayLog, type ReplayEvent } from './log.ts';
import {
  bytesOf,
  captureState,
  reloadDevices,
  restoreState,
  type MachineState,
  type StatefulParts
} from './machine-state.ts';
import { TimeTravelError } from './time-travel-error.ts';

export interface TimeTravelOptions {
  /** Instructions between two checkpoints. */
  readonly interval?: number;
  /** Bytes that checkpoints may take. */
  readonly limit?: number;
  /** ns of real time after which one is made, however few the instructions; undefined: instructions alone count. */
  readonly every?: bigint;
}

interface Kept {
  readonly machine: MachineState;
  /** Behind the event that made the checkpoint. */
  readonly log: LogPosition;
}

/** Why a run again ended: at the moment that was wanted, where recording ended, as a debugger asked for, or as `pause` did. */
export type PlayEnd = 'there' | 'end' | 'debug' | 'paused';

/** The run again did not go as the recorded one did: a fault of ours, and no way to go on. */
export class Diverged extends Error {}

const INTERVAL = 40_000_000;
const LIMIT = 256 << 20;
/** Bytes of log after which a checkpoint is made, however few the instructions. */
const LOG_INTERVAL = 1 << 18;
/** Bytes of log that are kept. */
const LOG_LIMIT = 64 << 20;
/** ns of running again between two looks at messages. */
const TURN = 8_000_000n;
/** Instructions between two looks at the clock. */
const PIECE = 1_000_000;

export class TimeTravel {
  readonly #machine: Machine;
  readonly #parts: StatefulParts;
  readonly #pace: { now(): bigint; yield(): Promise<void> };
  readonly #ram: HostPages;
  readonly #checkpoints: Checkpoints<Kept>;
  readonly #every: bigint | undefined;
  #lastAt = 0n;
  #log = new ReplayLog();
  /** Undefined: nothing is recorded. Where the next event is read, while the machine is in its past. */
  #mode: 'off' | 'record' | 'play' = 'off';
  #at: LogPosition = this.#log.start;
  #on: boolean;
  /** Up to so many instructions output has been passed on: what comes again is not. */
  #heard = 0;
  #playing = false;
  #done: Promise<unknown> = Promise.resolve();
  #pausing = false;
  /** Where a run again to the end stops before that. */
  breakAt = Infinity;
  /** The file that is written or played, where it is one. */
  filename: string | undefined;
  /** Told when the moment, or what is known of the past, has changed by other means than running. */
  onChange: () => void = () => {};
  /** A checkpoint is made now: devices have been told that the machine stands. */
  onCheckpoint: () => void = () => {};
  /** A host page (its number) is about to be written to for the first time since the last checkpoint. */
  onFirstWrite: (page: number) => void = () => {};

  constructor(
    machine: Machine,
    parts: StatefulParts,
    pace: { now(): bigint; yield(): Promise<void> },
    options: TimeTravelOptions | undefined
  ) {
    const { interval = INTERVAL, limit = LIMIT, every } = options ?? {};
    this.#every = every;
    this.#on = options !== undefined;
    this.#machine = machine;
    this.#parts = parts;
    this.#pace = pace;
    this.#ram = new HostPages(machine.physmem);
    this.#checkpoints = new Checkpoints(this.#ram, interval, limit);
    this.#checkpoints.onForget = () => this.#forgotten();
    machine.physmem.onFirstWrite = (page) => {
      this.#checkpoints.written(page);
      this.onFirstWrite(page);
    };
    machine.time.onAdjust = ({ added }) => this.#record({ kind: 'adjust', added });
    machine.completions.onComplete = (id) => this.#record({ kind: 'complete', id });
    machine.inputs.onDeliver = (input) => this.#record({ kind: 'input', ...input });
    for (const blk of parts.drives) blk.onSwap = () => this.forgetPast();
  }

  // What there is.

  /** The machine stands, or runs again, at a moment before the last. */
  get inPast(): boolean {
    return this.#mode === 'play';
  }
  get playing(): boolean {
    return this.#playing;
  }
  /** Instructions at the first moment that can be come back to, and at the last; undefined: nothing is recorded. */
  get range(): { readonly first: number; readonly last: number } | undefined {
    const [first] = this.#checkpoints.list;
    if (!first) return undefined;
    return { first: first.icount, last: Math.max(this.icount, this.#mode === 'play' ? this.#log.end.icount : 0) };
  }
  get icount(): number {
    return Number(this.#machine.cpu.icount);
  }
  get checkpoints(): readonly { readonly icount: number }[] {
    return this.#checkpoints.list;
  }
  /** Bytes that the past takes, and may take. */
  get bytes(): number {
    return this.#checkpoints.bytes + this.#log.bytes;
  }
  get limit(): number {
    return this.#checkpoints.limit;
  }
  get log(): ReplayLog {
    return this.#log;
  }

  // Recording.

  /** Begins, or ends and forgets. */
  set enabled(on: boolean) {
    this.#on = on;
    if (!on) this.forgetPast();
  }
  get enabled(): boolean {
    return this.#on;
  }

  /** What was before cannot be come back to: the recording begins anew when the machine goes on. */
  forgetPast(): void {
    if (this.#mode !== 'off') this.#checkpoints.clear();
  }

  /** The machine goes on or is stopped, but for being in its past. Told before devices are. */
  running(kind: 'start' | 'stop' | 'stop-debug'): void {
    // A recording begins with a machine that goes on.
    if (kind === 'start' && this.#mode === 'off' && this.#on && this.#possible()) this.#begin();
    else this.#record({ kind });
  }
  #begin(): void {
    const { sink } = this.#log;
    this.#log = new ReplayLog(this.icount);
    this.#log.sink = sink;
    this.#mode = 'record';
  }

  /** Instructions until a checkpoint is to be made; 0: now. */
  untilCheckpoint(): number {
    const last = this.#checkpoints.list.at(-1);
    if (!this.#on || this.#mode === 'play') return Infinity;
    if (!last || this.#log.end.offset - last.state.log.offset > LOG_INTERVAL) return 0;
    if (this.#every !== undefined && this.icount > last.icount && this.#pace.now() - this.#lastAt > this.#every)
      return 0;
    return Math.max(0, last.icount + this.#checkpoints.interval - this.icount);
  }

  /** Makes a checkpoint if one is due; waits for requests that are under way. To be called between slices. */
  beforeSlice(): Promise<void> | undefined {
    if (this.untilCheckpoint() > 0 || !this.#possible()) return undefined;
    if (this.#machine.completions.pending === 0) {
      this.#checkpoint();
      return undefined;
    }
    return this.#machine.completions.drain().then(() => {
      if (this.#possible()) this.#checkpoint();
    });
  }
  /** The same where nothing can be waited for. */
  beforeStep(): void {
    if (this.untilCheckpoint() === 0 && this.#possible() && this.#machine.completions.pending === 0) this.#checkpoint();
  }

  /** Not while requests wait for an image, nor with a disk that cannot forget. */
  #possible(): boolean {
    return this.#parts.drives.every((blk) => blk.waiting === 0 && blk.canCapture);
  }

  #record(event: Omit<ReplayEvent, 'icount'> | ReplayEvent): void {
    if (this.#mode !== 'record') return;
    this.#log.append({ ...event, icount: this.icount } as ReplayEvent);
    while (this.#log.bytes > LOG_LIMIT && this.#checkpoints.list.length > 1) this.#checkpoints.forgetOldest();
    if (this.#log.bytes > LOG_LIMIT) this.forgetPast();
  }

  #checkpoint(): void {
    const { icount } = this;
    if (this.#mode === 'off') this.#begin();
    this.#record({ kind: 'checkpoint' });
    const log = this.#mode === 'play' ? this.#at : this.#log.end;
    this.#machine.tellDevices(false);
    const machine = captureState(this.#parts);
    this.onCheckpoint();
    this.#lastAt = this.#pace.now();
    this.#checkpoints.add(icount, { machine, log }, bytesOf(machine));
    reloadDevices(this.#parts, machine);
    this.#machine.tellDevices(true);
  }

  #forgotten(): void {
    const [first] = this.#checkpoints.list;
    if (first) this.#log.forget(first.state.log);
    else if (this.#log.sink) this.#log.forget(this.#mode === 'play' ? this.#at : this.#log.end);
    else if (this.#mode === 'record') this.#mode = 'off';
  }

  // Going back, and on again.

  /**
   * Makes the moment at so many instructions the present one: the future stays recorded. The machine must stand still.
   * @returns 'paused' where `pause` was called on the way
   * @throws TimeTravelError where there is no such moment
   */
  async seek(icount: number): Promise<PlayEnd> {
    const range = this.#standing();
    if (!(icount >= range.first && icount <= range.last)) {
      throw new TimeTravelError(`there are instructions ${range.first} to ${range.last} to go to, not ${icount}`);
    }
    return this.#unwatched(async () => {
      if (icount <= this.icount) await this.#goBack(this.#start(icount));
      return this.#play({ icount });
    });
  }

  /** @throws TimeTravelError at the first moment that is known */
  stepBack(instructions = 1): Promise<PlayEnd> {
    return this.seek(this.icount - instructions);
  }

  /** Runs again to where recording ended, or until the debugger stops it. */
  playOn(): Promise<PlayEnd> {
    if (this.#mode !== 'play') this.#standing();
    return this.#busy(async () => {
      const ended = await this.#play({ icount: this.breakAt, debug: () => this.#machine.onDebug() });
      if (ended === 'there') this.breakAt = Infinity;
      return ended;
    });
  }

  /** Runs again so many instructions. @param goOn asked after each, where it is given */
  async step(instructions: number, goOn?: () => boolean): Promise<PlayEnd> {
    this.#standing();
    const end = this.icount + instructions;
    const debug = (): boolean => this.#machine.onDebug();
    return this.#busy(async () => {
      if (!goOn) return this.#play({ icount: end, debug });
      let how: PlayEnd = 'there';
      while (how === 'there' && this.icount < end) {
        how = await this.#play({ icount: this.icount + 1, debug });
        if (!goOn()) break;
      }
      return how;
    });
  }

  /**
   * Back to where the debugger would have stopped last. Without such a place: to the first moment that is known.
   * @param hit whether it would, where the CPU came back for it
   * @returns whether there was one
   */
  async reverseContinue(hit: () => boolean): Promise<boolean> {
    const { first } = this.#standing();
    let end = this.icount;
    return this.#busy(async () => {
      for (let from = this.#checkpoints.before(end); from; from = this.#checkpoints.before(end)) {
        const begin = from.icount;
        // Which hit at which count: a breakpoint may be met twice at one.
        let last: { readonly icount: number; readonly nth: number } | undefined;
        const note = (): false => {
          if (hit() && this.icount < end)
            last = { icount: this.icount, nth: last?.icount === this.icount ? last.nth + 1 : 1 };
          return false;
        };
        await this.#goBack(from);
        if ((await this.#play({ icount: end, debug: note })) === 'paused') return false;
        if (last) {
          const { icount, nth } = last as { icount: number; nth: number };
          let left = nth;
          await this.#goBack(this.#start(icount));
          await this.#play({ icount: end, debug: () => hit() && this.icount === icount && --left === 0 });
          return true;
        }
        end = begin;
      }
      await this.#goBack(this.#start(first));
      await this.#play({ icount: first });
      return false;
    });
  }

  /**
   * Back to the last instruction before this one that wrote to RAM: it is the next to run. A device may have written
   * instead, at its end of the instruction before.
   * @param address guest-physical
   * @returns undefined where nothing did since the first moment that is known; the machine is where it was
   */
  async runBackToWrite(address: bigint, bytes: number): Promise<{ readonly device: boolean } | undefined> {
    this.#standing();
    const here = this.icount;
    const pages = this.#ram.pagesOf(this.#machine, address, bytes);
    return this.#unwatched(async () => {
      let end = here;
      for (let from = this.#checkpoints.before(end); from; from = this.#checkpoints.before(end)) {
        const begin = from.icount;
        if (this.#checkpoints.touchedSince(from, pages)) {
          await this.#goBack(from);
          const last = await this.#lastWrite(end, address, bytes);
          if (last) {
            await this.#goBack(this.#start(last.icount));
            await this.#play({ icount: last.icount });
            return { device: last.device };
          }
        }
        end = begin;
      }
      if (this.icount !== here) await this.#play({ icount: here });
      return undefined;
    });
  }

  async #lastWrite(
    end: number,
    address: bigint,
    bytes: number
  ): Promise<{ readonly icount: number; readonly device: boolean } | undefined> {
    const { cpu, physmem } = this.#machine;
    let last: { icount: number; device: boolean } | undefined;
    const hit = (): void => void (last = { icount: this.icount - 1, device: false });
    cpu.watchpoints = [{ space: 'physical', address, bytes: BigInt(bytes), read: false, write: true, hit }];
    const host = this.#ram.hostAddress(this.#machine, address);
    physmem.onDeviceWrite = (at, length) => {
      if (host !== undefined && at < host + bytes && host < at + length) last = { icount: this.icount, device: true };
    };
    try {
      await this.#play({ icount: end });
    } finally {
      cpu.watchpoints = [];
      physmem.onDeviceWrite = () => {};
    }
    return last;
  }

  /** Stops a run again where it is; resolves when it has. */
  async pause(): Promise<void> {
    this.#pausing = this.#playing;
    await this.#done;
  }

  /** The present moment becomes the last: what came after it is forgotten, and the machine may go on from here. */
  forgetFuture(): void {
    if (this.#mode !== 'play') return;
    this.#standing();
    this.#log.truncate(this.#at);
    this.#enterPresent();
    // In the past devices were not told that the machine stands.
    this.#record({ kind: 'stop' });
    this.#machine.tellDevices(false);
    this.onChange();
  }

  /** Plays a recording of a machine that was made just as this one was. It has not run yet. */
  startReplay(log: ReplayLog): void {
    this.#on = true;
    this.#log = log;
    this.#at = log.start;
    this.#mode = 'play';
    this.#machine.enter();
  }

  /** What goes to a file from the beginning on. */
  set sink(sink: LogSink) {
    this.#log.sink = sink;
  }

  #standing(): { readonly first: number; readonly last: number } {
    const { range } = this;
    if (this.#playing || this.#machine.cpus.running) throw new TimeTravelError('the machine runs: pause it first');
    if (!range) {
      const blk = this.#parts.drives.find((drive) => !drive.canCapture);
      const why = blk ? `: what is written to ${blk.name} cannot be taken back (snapshot=on makes that possible)` : '';
      throw new TimeTravelError(`nothing of the past is known${why}`);
    }
    return range;
  }

  /** Where a run to so many instructions begins. */
  #start(icount: number): Checkpoint<Kept> {
    return this.#checkpoints.before(icount) ?? this.#checkpoints.list[0]!;
  }

  /** The same without the debugger, which knows what it will see. */
  #unwatched<T>(what: () => Promise<T>): Promise<T> {
    return this.#busy(async () => {
      const machine = this.#machine;
      const { cpu, onSlice } = machine;
      const { breakpoints, watchpoints, observer } = cpu;
      cpu.breakpoints = new Map();
      cpu.watchpoints = [];
      cpu.observer = undefined;
      machine.onSlice = () => {};
      try {
        return await what();
      } finally {
        Object.assign(cpu, { breakpoints, watchpoints, observer });
        machine.onSlice = onSlice;
      }
    });
  }
  #busy<T>(what: () => Promise<T>): Promise<T> {
    const result = this.#again(what);
    this.#done = result.catch(() => {});
    return result;
  }
  async #again<T>(what: () => Promise<T>): Promise<T> {
    this.#playing = true;
    this.#pausing = false;
    if (this.#mode === 'record') {
      this.#at = this.#log.end;
      this.#mode = 'play';
      this.#heard = this.icount;
    }
    try {
      return await what();
    } finally {
      this.#playing = false;
      if (this.#at.offset === this.#log.end.offset) this.#enterPresent();
      this.onChange();
    }
  }

  #enterPresent(): void {
    this.#mode = 'record';
    this.#mute(false);
  }
  #mute(muted: boolean): void {
    for (const chr of this.#parts.chardevs) chr.muted = muted;
  }

  async #goBack(checkpoint: Checkpoint<Kept>): Promise<void> {
    const machine = this.#machine;
    await machine.completions.drain();
    machine.tellDevices(false);
    const kept = this.#checkpoints.restore(checkpoint);
    restoreState(this.#parts, kept.machine);
    this.#at = kept.log;
    machine.tellDevices(true);
  }

  async #play({ icount: end, debug }: { icount: number; debug?: () => boolean }): Promise<PlayEnd> {
    const { cpus, cpu } = this.#machine;
    let turn = this.#pace.now() + TURN;
    let stuck = false;
    for (;;) {
      const again = this.#heard - this.icount;
      this.#mute(again > 0);
      let next = this.#log.read(this.#at);
      // At the end, only up to where the machine was stopped: what came then is not part of the moment.
      const stop = this.icount >= end ? this.#lastStop() : undefined;
      while (next && next.event.icount === this.icount && (this.icount < end || (stop ?? -1) > this.#at.offset)) {
        this.#at = next.next;
        await this.#apply(next.event);
        next = this.#log.read(this.#at);
        stuck = false;
      }
      this.#machine.requests();
      this.#machine.onSlice();
      if (this.icount >= end) return 'there';
      if (!next) return 'end';
      if (this.#pausing) return 'paused';
      const left = Math.min(end, next.event.icount) - this.icount;
      if (left <= 0 || stuck) {
        throw new Diverged(
          `after ${this.icount} instructions the machine does not do what it did before: next is ` +
            `'${next.event.kind}' at ${next.event.icount}`
        );
      }
      const before = this.icount;
      const exit = cpus.runFor(Math.min(left, PIECE, again > 0 ? again : PIECE));
      this.#heard = Math.max(this.#heard, this.icount);
      if (exit === 'debug' && debug?.()) return 'debug';
      stuck = exit === 'halted' && cpu.idle && this.icount === before;
      if (this.#pace.now() > turn) {
        await this.#pace.yield();
        this.onChange();
        turn = this.#pace.now() + TURN;
      }
    }
  }

  /** Behind the last stop at this count of instructions, if there is one. */
  #lastStop(): number | undefined {
    let last: number | undefined;
    for (let at = this.#at; ;) {
      const next = this.#log.read(at);
      if (!next || next.event.icount !== this.icount) return last;
      at = next.next;
      if (next.event.kind === 'stop' || next.event.kind === 'stop-debug') last = at.offset;
    }
  }

  async #apply(event: ReplayEvent): Promise<void> {
    const { cpus, completions, inputs } = this.#machine;
    if (event.kind !== 'complete' && event.kind !== 'input') this.#machine.requests();
    switch (event.kind) {
      case 'adjust':
        return cpus.advance(event.added);
      case 'complete':
        try {
          return await completions.runOne(event.id);
        } catch (error) {
          throw new Diverged(error instanceof Error ? error.message : String(error));
        }
      case 'input':
        try {
          return inputs.take(event);
        } catch {
          return; // as it was refused then
        }
      case 'start':
        return this.#machine.enter();
      case 'stop-debug':
        cpus.enter();
        return this.#machine.tellDevices(false);
      case 'stop':
        return this.#machine.tellDevices(false);
      case 'checkpoint':
        this.#checkpoint();
    }
  }
}
