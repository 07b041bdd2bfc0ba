/** One machine of a host: how it runs and stops, its rates, its breakpoints, its wires to the page. */
import { QemuFileReader } from '../vmstate/qemu-file.ts';
import { load, type Placed, type VMStateDescription } from '../vmstate/vmstate.ts';
import { pcOf, stackOf } from './cpu-view.ts';
import { saveDevice } from './hw/core/qdev.ts';
import type { Breakpoint, BreakpointSpec, DriveInfo, MachineReport, MachineStatus } from './machine-api.ts';
import type { LoadedMachine } from './machine-loading.ts';
import type { Machine } from './machine.ts';
import { saveVmState } from './migration/outgoing.ts';
import { compare, registersOf } from './monitor/expression.ts';
import type { Symbols } from './symbols.ts';
import { stepKind } from './step-kind.ts';
import { CPUException } from './target/i386/env.ts';

type Told = (status: MachineStatus) => void;
interface Port {
  readonly chunks: Uint8Array[];
  bytes: number;
  fresh: Uint8Array[];
  told: ((bytes: Uint8Array) => void) | undefined;
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
/** Output kept for who listens late, in bytes. */
const HISTORY = 1 << 20;
/** Steps between which messages are read. */
const PIECE = 20_000;
/** Pieces of a stream, each a MiB, after which messages are read. */
const SAVE_PIECES = 32;
/** What lies farther up than a frame can be large is another stack. */
const LARGEST_FRAME = 1n << 20n;
const MAX_READ = 1 << 16;

export class HostedMachine {
  readonly report: MachineReport;
  readonly #machine: Machine | undefined;
  readonly #images: Map<string, string>;
  readonly #symbols: Symbols | undefined;
  readonly #watchers: Told[] = [];
  readonly #ports = new Map<number, Port>();
  readonly #samples: Sample[] = [];
  #lastTold = -Infinity;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;
  readonly #breakpoints = new Map<number, Breakpoint>();
  #nextBreakpoint = 1;
  /** Where "run to" and "step over" end. */
  #goal: { readonly address: bigint; readonly reached: () => boolean } | undefined;
  #stopped: (() => void)[] = [];
  #pausing = false;
  /** Somebody said that it should run although the report speaks against it. */
  #anyway = false;

  constructor({ machine, report, images, symbols }: LoadedMachine) {
    this.report = report;
    this.#machine = machine;
    this.#images = images;
    this.#symbols = symbols;
    if (!machine) return;
    machine.onDebug = () => this.#debug(machine);
    machine.runstate.onChange((_state, running) => {
      clearInterval(this.#ticking);
      if (running) this.#ticking = setInterval(() => this.tell(), WHILE_RUNNING);
      else for (const tell of this.#stopped.splice(0)) tell();
      this.tell();
    });
    for (const { blk } of machine.drives) {
      blk.onWait = () => this.tell();
      blk.onStop = (message) => {
        machine.runstate.set('io-error', { kind: 'io-error', drive: blk.name, message });
        void machine.cpus.stop();
      };
    }
    for (const n of report.serials) this.#wire(machine, n);
  }

  /** @throws where there is none */
  get machine(): Machine {
    if (!this.#machine) throw new Error('there is no machine: its report says why');
    return this.#machine;
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
      })
    };
  }

  watch(told: Told): void {
    this.#watchers.push(told);
    told(this.status);
  }

  /** Says how it is: now, or as soon as enough time has passed since it was last said. */
  tell(): void {
    if (this.#watchers.length === 0 || this.#soon !== undefined) return;
    const wait = this.#lastTold + SOONEST - performance.now();
    if (wait > 0) {
      this.#soon = setTimeout(() => {
        this.#soon = undefined;
        this.tell();
      }, wait);
      return;
    }
    this.#lastTold = performance.now();
    const { status } = this;
    for (const told of this.#watchers) told(status);
  }

  // Serial ports.

  #wire(machine: Machine, n: number): void {
    const port: Port = { chunks: [], bytes: 0, fresh: [], told: undefined };
    this.#ports.set(n, port);
    machine.serials[n]!.onOutput = (bytes) => {
      // What one slice writes, byte by byte, goes as one message when the slice is over.
      if (port.fresh.length === 0) queueMicrotask(() => flush(port));
      port.fresh.push(bytes.slice());
    };
  }

  /** Of what was said before, the last part. */
  listen(n: number, told: (bytes: Uint8Array) => void): void {
    const port = this.#ports.get(n);
    if (!port) throw new RangeError(`there is no serial port ${n}`);
    port.told = told;
    if (port.bytes > 0) told(joined(port.chunks, port.bytes));
  }

  // Running and stopping.

  /** @throws why it must not run */
  allow(anyway = false): void {
    this.#anyway ||= anyway;
    const why = this.report.problems.find((p) => p.severity === 'fatal');
    if (why && !this.#anyway) throw new Error(why.message);
  }

  resume(): void {
    const { machine } = this;
    this.allow();
    if (machine.runstate.running) return;
    // The breakpoint at which it stands has been told.
    if (machine.cpu.breakpoints.has(pcOf(machine.cpu))) this.#stepOne();
    if (!this.#broken) machine.start();
  }

  async pause(): Promise<void> {
    this.#pausing = true;
    await this.machine.stop();
    this.#pausing = false;
  }

  get #broken(): boolean {
    return this.machine.runstate.state === 'internal-error';
  }

  /** @throws while it runs, or when it must not */
  #standing(): Machine {
    this.allow();
    if (this.machine.runstate.running) throw new Error('the machine runs: pause it first');
    return this.machine;
  }

  /** One instruction, whatever breakpoint is on it. */
  #stepOne(): void {
    const { machine } = this;
    machine.cpu.breakpoints.clear();
    machine.step(1);
    this.#setBreakpoints();
  }

  async step(instructions: number): Promise<void> {
    const machine = this.#standing();
    const end = machine.cpu.icount + BigInt(instructions);
    this.#stepOne();
    while (!this.#broken && !this.#pausing && machine.runstate.state === 'paused') {
      const left = Number(end - machine.cpu.icount);
      if (left <= 0) return;
      const before = machine.cpu.icount;
      machine.step(Math.min(PIECE, left));
      // A CPU that waits for ever gets no farther.
      if (machine.cpu.icount === before) return;
      await aTurn();
    }
  }

  /** Over what comes back: calls, repeated string instructions, software interrupts. */
  async stepOver(): Promise<void> {
    const { cpu } = this.#standing();
    const { calls, length } = stepKind(cpu);
    if (!calls) return this.#stepOne();
    const top = stackOf(cpu);
    // A deeper call of the same function passes here too, with more on the stack.
    await this.#runUntil(pcOf(cpu) + BigInt(length), () => stackOf(cpu) >= top);
  }

  /** Until the function returns: the first return from this depth, at this privilege. */
  async stepOut(): Promise<void> {
    const machine = this.#standing();
    const { cpu } = machine;
    const [top, cpl] = [stackOf(cpu), cpu.env.get('hflags') & 3];
    for (let n = 1; !this.#broken && !this.#pausing; n++) {
      const depth = stackOf(cpu) - top;
      const here = depth >= 0n && depth < LARGEST_FRAME && (cpu.env.get('hflags') & 3) === cpl;
      const last = here && stepKind(cpu).returns;
      this.#stepOne();
      if (last || (cpu.env.get('halted') !== 0 && machine.clocks.virtual.deadline() === undefined)) return;
      const stop = this.#breakpointHere();
      if (stop) return void machine.runstate.set('debug', { kind: 'breakpoint', id: stop.id });
      if (n % PIECE === 0) await aTurn();
    }
  }

  async runTo(address: bigint): Promise<void> {
    this.#standing();
    await this.#runUntil(address, () => true);
  }

  async #runUntil(address: bigint, reached: () => boolean): Promise<void> {
    const { machine } = this;
    this.#goal = { address, reached };
    this.#setBreakpoints();
    this.#stepOne();
    if (pcOf(machine.cpu) !== address || !reached()) {
      const stopped = new Promise<void>((resolve) => this.#stopped.push(resolve));
      this.resume();
      if (machine.runstate.running) await stopped;
    }
    this.#goal = undefined;
    this.#setBreakpoints();
  }

  // Breakpoints.

  get breakpoints(): readonly Breakpoint[] {
    return [...this.#breakpoints.values()];
  }

  /** @throws where there is no such kind yet, or its condition is none */
  addBreakpoint(spec: BreakpointSpec): Breakpoint {
    if (spec.kind !== 'code') throw new Error(`breakpoints of kind '${spec.kind}' are not there yet; on code they are`);
    if (spec.condition !== undefined) compare(spec.condition, registersOf(this.machine.cpu));
    const breakpoint = { ...spec, id: this.#nextBreakpoint++, enabled: true, hits: 0 };
    this.#breakpoints.set(breakpoint.id, breakpoint);
    this.#setBreakpoints();
    return breakpoint;
  }
  removeBreakpoint(id: number): void {
    this.#breakpoints.delete(id);
    this.#setBreakpoints();
  }
  enableBreakpoint(id: number, enabled: boolean): void {
    const breakpoint = this.#breakpoints.get(id);
    if (breakpoint) this.#breakpoints.set(id, { ...breakpoint, enabled });
    this.#setBreakpoints();
  }

  #setBreakpoints(): void {
    const { breakpoints } = this.machine.cpu;
    breakpoints.clear();
    for (const b of this.#breakpoints.values()) if (b.enabled && b.kind === 'code') breakpoints.add(b.address);
    if (this.#goal) breakpoints.add(this.#goal.address);
  }

  /** The breakpoint at the next instruction, if its condition holds; it counts the hit. */
  #breakpointHere(): Breakpoint | undefined {
    const { cpu } = this.machine;
    const pc = pcOf(cpu);
    for (const b of this.#breakpoints.values()) {
      if (b.kind !== 'code' || !b.enabled || b.address !== pc) continue;
      if (b.condition !== undefined && !compare(b.condition, registersOf(cpu))) continue;
      const hit = { ...b, hits: b.hits + 1 };
      this.#breakpoints.set(b.id, hit);
      return hit;
    }
    return undefined;
  }

  #debug(machine: Machine): boolean {
    const hit = this.#breakpointHere();
    const goal = this.#goal;
    if (hit) machine.runstate.set('debug', { kind: 'breakpoint', id: hit.id });
    else if (goal && goal.address === pcOf(machine.cpu) && goal.reached()) {
      machine.runstate.set('paused', { kind: 'step' });
    } else return false;
    return true;
  }

  // Memory, devices, the stream.

  /** As far as it is mapped, at most 64 KiB. */
  read(space: 'virtual' | 'physical', address: bigint, bytes: number): Uint8Array<ArrayBuffer> {
    const { cpu, memory } = this.machine;
    const out = new Uint8Array(Math.max(0, Math.min(bytes, MAX_READ)));
    for (let i = 0; i < out.length; i++) {
      const at = BigInt.asUintN(64, address + BigInt(i));
      try {
        out[i] = space === 'virtual' ? cpu.mmu.load8(at, 'kernel') : memory.read(Number(at), 1);
      } catch (error) {
        if (error instanceof CPUException) return out.slice(0, i);
        throw error;
      }
    }
    return out;
  }

  /** Whether all of it could be written. */
  write(space: 'virtual' | 'physical', address: bigint, bytes: Uint8Array): boolean {
    const { cpu, memory } = this.machine;
    try {
      for (const [i, byte] of bytes.entries()) {
        const at = BigInt.asUintN(64, address + BigInt(i));
        if (space === 'virtual') cpu.mmu.store8(at, byte, 'kernel');
        else memory.write(Number(at), byte, 1);
      }
      return true;
    } catch (error) {
      if (error instanceof CPUException) return false;
      throw error;
    }
  }

  /** The names of addresses, where the kernel lies now. */
  get symbols(): Symbols | undefined {
    this.#symbols?.relocate(this.machine.cpu.env.get64('lstar'));
    return this.#symbols;
  }

  /** `name/instance` of each device that has a state. */
  get deviceLabels(): readonly string[] {
    return this.machine.devices.entries.map((e) => `${e.idstr}/${e.instance_id}`);
  }

  /** A device's state as rows, by the way it would go into a stream. */
  deviceFields(label: string): readonly Placed[] {
    const entry = this.machine.devices.entries.find((e) => `${e.idstr}/${e.instance_id}` === label);
    const vmsd = entry?.device.vmsd as VMStateDescription<object> | undefined;
    if (!entry || !vmsd) throw new RangeError(`there is no device '${label}'`);
    return load(new QemuFileReader(saveDevice(entry.device).finish()), vmsd, vmsd.version).fields;
  }

  /** The paused machine as a migration stream. Pieces are Blobs: the browser may put them to disk. */
  async save(pieces: Iterable<Uint8Array> = saveVmState(this.#standing())): Promise<Blob> {
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

  async destroy(): Promise<void> {
    if (!this.#machine) return;
    await this.pause();
    clearInterval(this.#ticking);
    clearTimeout(this.#soon);
    this.#machine.destroy();
  }
}

const aTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function joined(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function flush(port: Port): void {
  const fresh = port.fresh.splice(0);
  const bytes = joined(
    fresh,
    fresh.reduce((sum, chunk) => sum + chunk.length, 0)
  );
  port.chunks.push(bytes);
  port.bytes += bytes.length;
  while (port.bytes > HISTORY) port.bytes -= port.chunks.shift()!.length;
  port.told?.(bytes);
}
