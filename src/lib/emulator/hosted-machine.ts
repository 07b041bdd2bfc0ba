/** One machine of a host: what it tells of itself, its wires to the page, and how it is looked into and saved. */
import { Wire } from './chardev/wire.ts';
import { Breakpoints } from './debug/breakpoints.ts';
import { Reversing } from './debug/reversing.ts';
import { RamWatch } from './debug/ram-watch.ts';
import { aTurn, Running } from './debug/running.ts';
import type { Checkpoint, DriveInfo, MachineReport, MachineStatus, PastInfo } from './machine-api.ts';
import { LookTeller } from './look-news.ts';
import type { LoadedMachine } from './machine-loading.ts';
import type { Machine } from './machine.ts';
import { saveVmState } from './migration/outgoing.ts';
import { Remains } from './replay/remains.ts';
import type { Symbols } from './symbols.ts';

type Told = (status: MachineStatus) => void;
interface Debugger {
  readonly ram: RamWatch;
  readonly breakpoints: Breakpoints;
  readonly moves: Running;
  readonly reverses: Reversing;
}
interface Sample {
  readonly at: number;
  readonly instructions: number;
  readonly idleNs: bigint;
}

/** ms between two words about a machine: at most thirty a second, ten while nothing but numbers changes. */
const SOONEST = 33;
const WHILE_RUNNING = 100;
/** ms over which rates are taken. */
const WINDOW = 1000;
/** Pieces of a stream, each a MiB, after which messages are read. */
const SAVE_PIECES = 32;
const NO_MACHINE = 'there is no machine: its report says why';

export class HostedMachine {
  readonly report: MachineReport;
  readonly looks = new LookTeller();
  /** Around which address code is shown while the next instruction is followed. */
  codeAt: bigint | undefined;
  readonly #machine: Machine | undefined;
  readonly #images: Map<string, string>;
  readonly #symbols: Symbols | undefined;
  readonly #watchers: Told[] = [];
  readonly #wires = new Map<number, Wire>();
  readonly #debugger: Debugger | undefined;
  readonly #samples: Sample[] = [];
  #lastTold = -Infinity;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;
  /** Somebody said that it should run although the report speaks against it. */
  #anyway = false;

  /** @param left the machine that its guest came from */
  constructor({ machine, report, images, symbols }: LoadedMachine, left?: HostedMachine) {
    this.report = report;
    this.#machine = machine;
    this.#images = images;
    this.#symbols = symbols;
    if (!machine) return;
    const breakpoints = new Breakpoints(machine, (address) => this.symbols?.nameOf(address));
    this.#debugger = {
      breakpoints,
      ram: new RamWatch(machine.physmem),
      moves: new Running(machine, breakpoints),
      reverses: new Reversing(machine, breakpoints)
    };
    machine.timeTravel.onChange = () => this.tell();
    machine.runstate.onChange((_state, running) => {
      clearInterval(this.#ticking);
      if (running) this.#ticking = setInterval(() => this.tell(), WHILE_RUNNING);
      this.tell();
    });
    for (const { blk } of machine.drives) {
      blk.onWait = () => this.tell();
      blk.onStop = (message) => {
        if (machine.timeTravel.inPast) return; // when it happened first, it stopped
        machine.runstate.set('io-error', { kind: 'io-error', drive: blk.name, message });
        void machine.cpus.stop();
      };
    }
    for (const n of report.serials) this.#wires.set(n, new Wire(machine.serials[n]!, left && left.#wires.get(n)));
  }

  /** @throws where there is none */
  get machine(): Machine {
    if (!this.#machine) throw new Error(NO_MACHINE);
    return this.#machine;
  }

  get breakpoints(): Breakpoints {
    return this.#debuggerOf().breakpoints;
  }
  get ram(): RamWatch {
    return this.#debuggerOf().ram;
  }
  get moves(): Running {
    return this.#debuggerOf().moves;
  }
  get reverses(): Reversing {
    return this.#debuggerOf().reverses;
  }
  #debuggerOf(): Debugger {
    if (!this.#debugger) throw new Error(NO_MACHINE);
    return this.#debugger;
  }

  // What is told.

  get status(): MachineStatus {
    const { machine } = this;
    const now: Sample = {
      at: performance.now(),
      instructions: Number(machine.cpu.icount),
      idleNs: machine.cpus.idleNs
    };
    this.#samples.push(now);
    while (this.#samples.length > 2 && this.#samples[1]!.at <= now.at - WINDOW) this.#samples.shift();
    const first = this.#samples[0]!;
    const seconds = Math.max(now.at - first.at, 1) / 1000;
    const { state, stopped, running } = machine.runstate;
    return {
      ...{ state, stopped, instructions: now.instructions, virtualNs: machine.time.now() },
      instructionsPerSecond: running ? (now.instructions - first.instructions) / seconds : 0,
      idle: running ? Math.min(1, Number(now.idleNs - first.idleNs) / 1e9 / seconds) : 0,
      drives: machine.drives.map(({ blk, plan, device }): DriveInfo => {
        const { name, removable, waiting } = blk;
        return { id: name, device, wanted: plan.size, removable, file: this.#images.get(name), waiting };
      }),
      past: pastOf(machine)
    };
  }

  watch(told: Told): void {
    this.#watchers.push(told);
    told(this.status);
  }

  /** Says how it is: now, or as soon as enough time has passed since it was last said. */
  tell(): void {
    if (this.#watchers.length === 0 || this.#soon !== undefined) return;
    // Never at once: a step starts and stops the machine in one go.
    const wait = Math.max(0, this.#lastTold + SOONEST - performance.now());
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      this.#lastTold = performance.now();
      const { status } = this;
      for (const told of this.#watchers) told(status);
    }, wait);
  }

  /** Has what its worker's death would leave of it kept. */
  keep(told: (checkpoint: Checkpoint) => void): unknown {
    return new Remains(this.machine, this.report, told).ground;
  }

  listen(n: number, told: (bytes: Uint8Array) => void): void {
    const wire = this.#wires.get(n);
    if (!wire) throw new RangeError(`there is no serial port ${n}`);
    wire.listen(told);
  }

  // Running and stopping.

  /** @throws why it must not run */
  allow(anyway = false): void {
    this.#anyway ||= anyway;
    const why = this.report.problems.find((p) => p.severity === 'fatal');
    if (why && !this.#anyway) throw new Error(why.message);
  }

  /** Itself, to be moved. @throws while it runs, or when it must not */
  get standing(): this {
    this.allow();
    if (this.machine.runstate.running) throw new Error('the machine runs: pause it first');
    return this;
  }

  /** The names of addresses, where the kernel lies now. */
  get symbols(): Symbols | undefined {
    this.#symbols?.relocate(this.machine.cpu.env.get64('lstar'));
    return this.#symbols;
  }

  /** The paused machine as a migration stream. Pieces are Blobs: the browser may put them to disk. */
  async save(pieces: Iterable<Uint8Array> = saveVmState(this.standing.machine)): Promise<Blob> {
    const blobs: Blob[] = [];
    for (const piece of pieces) {
      blobs.push(new Blob([piece as Uint8Array<ArrayBuffer>]));
      if (blobs.length % SAVE_PIECES === 0) await aTurn();
    }
    return new Blob(blobs, { type: 'application/octet-stream' });
  }

  /** The drive has it now, under this name. */
  attached(drive: string, name: string): void {
    this.#images.set(drive, name);
    this.tell();
  }

  /** Another machine that its guest has moved to, with the same images, symbols and what was said so far. */
  successor(machine: Machine): HostedMachine {
    const { report } = this;
    return new HostedMachine({ machine, report, images: new Map(this.#images), symbols: this.#symbols }, this);
  }

  async destroy(): Promise<void> {
    if (!this.#machine) return;
    await this.#debugger?.moves.pause();
    clearInterval(this.#ticking);
    clearTimeout(this.#soon);
    this.#machine.destroy();
  }
}

function pastOf({ timeTravel }: Machine): PastInfo | undefined {
  const { range, inPast, playing, checkpoints, bytes, limit } = timeTravel;
  return range && { ...range, inPast, replaying: playing, checkpoints: checkpoints.map((c) => c.icount), bytes, limit };
}
