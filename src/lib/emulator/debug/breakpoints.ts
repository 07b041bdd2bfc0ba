/** Where a machine stops by itself: what is asked for, put where it costs nothing until it is met, and counted. */
import { formatValue } from '../../vmstate/meaning.ts';
import { leaves } from '../../vmstate/vmstate.ts';
import { CPUException } from '../target/i386/env.ts';
import type { CpuObserver } from '../target/i386/x86-cpu.ts';
import type { AccessKind, Breakpoint, BreakpointSpec, StopReason } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import { compare, registersOf } from '../monitor/expression.ts';
import { deviceFields } from './device-fields.ts';
import { readRam } from './guest-memory.ts';
import { accessText, type Told, vectorName } from './stop-text.ts';

/** Where "run to" and "step over" end. */
export interface Goal {
  readonly address: bigint;
  readonly reached: () => boolean;
}

type Kind<K extends Breakpoint['kind']> = Extract<Breakpoint, { kind: K }>;

/** Bytes of a range that are watched, and breakpoints that there are, at most. */
const MOST_BYTES = 1 << 30;
const MOST = 1000;
/** What a field holds that is not there. */
const GONE = 'not there';

export class Breakpoints {
  readonly #machine: Machine;
  readonly #all = new Map<number, Breakpoint>();
  #next = 1;
  #goal: Goal | undefined;
  /** Why the CPU was asked to stop; told when it has. */
  #met: (() => StopReason) | undefined;
  /** What the watched fields of devices held when they were last looked at. */
  readonly #fields = new Map<number, string>();
  readonly #nameOf: (address: bigint) => string | undefined;

  /** @param nameOf of an address of code */
  constructor(machine: Machine, nameOf: (address: bigint) => string | undefined) {
    this.#machine = machine;
    this.#nameOf = nameOf;
    machine.onDebug = () => this.#stop();
  }

  get list(): readonly Breakpoint[] {
    return [...this.#all.values()];
  }

  /** @throws where it makes no sense: its condition is none, there is no such field */
  add(spec: BreakpointSpec): Breakpoint {
    if (this.#all.size >= MOST) throw new Error(`there are ${MOST} breakpoints already`);
    if (spec.condition !== undefined) compare(spec.condition, registersOf(this.#machine.cpu));
    if (spec.kind === 'data' && !(spec.bytes >= 1 && spec.bytes <= MOST_BYTES)) {
      throw new RangeError('a range that is watched has 1 byte to 1 GiB');
    }
    const breakpoint = { ...spec, id: this.#next, enabled: true, hits: 0 };
    if (breakpoint.kind === 'field' && this.#fieldValue(breakpoint) === GONE) {
      throw new RangeError(`${breakpoint.section} has no field '${breakpoint.path}'`);
    }
    this.#all.set(breakpoint.id, breakpoint);
    this.#next++;
    this.#set();
    return breakpoint;
  }
  remove(id: number): void {
    this.#all.delete(id);
    this.#set();
  }
  enable(id: number, enabled: boolean): void {
    const breakpoint = this.#all.get(id);
    if (breakpoint) this.#all.set(id, { ...breakpoint, enabled });
    this.#set();
  }

  /** The machine is at another moment. @param before what was met on the way was met before: hits are as they were */
  moved(before: readonly Breakpoint[]): void {
    for (const { id, hits } of before) {
      const now = this.#all.get(id);
      if (now) this.#all.set(id, { ...now, hits });
    }
    this.#fields.clear();
    this.#set();
  }

  /** Where the machine stops although nobody put a breakpoint there; undefined: no more. */
  set goal(goal: Goal | undefined) {
    this.#goal = goal;
    this.#set();
  }

  #enabled<K extends Breakpoint['kind']>(kind: K): readonly Kind<K>[] {
    return this.list.filter((b): b is Kind<K> => b.kind === kind && b.enabled);
  }

  #set(): void {
    const machine = this.#machine;
    const { cpu } = machine;
    const code = new Map<bigint, () => boolean>();
    const goal = this.#goal;
    if (goal) code.set(goal.address, () => goal.reached() && this.#meet(() => ({ kind: 'step' })));
    for (const b of this.#enabled('code')) {
      const other = code.get(b.address);
      code.set(b.address, () => this.#hit(b) || other?.() === true);
    }
    cpu.breakpoints = code;
    cpu.watchpoints = this.#enabled('data').map((b) => ({
      ...{ space: b.space, address: b.address, bytes: BigInt(b.bytes) },
      ...{ read: b.access !== 'write', write: b.access !== 'read' },
      hit: ({ linear, gpa, bytes, write, eip }) => {
        const before = readRam(machine, gpa, bytes);
        const what = { what: `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`, at: b.space === 'virtual' ? linear : gpa };
        this.#watched(b, () => this.#text({ ...what, write, eip, before, after: readRam(machine, gpa, bytes) }));
      }
    }));
    cpu.observer = this.#observer();
    const fields = this.#enabled('field');
    for (const id of this.#fields.keys()) if (!fields.some((b) => b.id === id)) this.#fields.delete(id);
    for (const b of fields) if (!this.#fields.has(b.id)) this.#fields.set(b.id, this.#fieldValue(b));
    machine.onSlice = fields.length > 0 ? () => this.#lookAtFields() : () => {};
  }

  #observer(): CpuObserver | undefined {
    const [ports, msrs, vectors] = [this.#enabled('port'), this.#enabled('msr'), this.#enabled('vector')];
    const { cpu } = this.#machine;
    const observer: CpuObserver = {
      ...(ports.length > 0 && {
        port: (port, size, value, write) => {
          const eip = cpu.currentEip;
          const told = (): string => this.#text({ what: 'port', at: BigInt(port), size, value, write, eip });
          const met = (b: Kind<'port'>): boolean => port < b.port + b.ports && b.port < port + size;
          for (const b of ports) if (met(b) && matches(b.access, write)) this.#watched(b, told);
        }
      }),
      ...(msrs.length > 0 && {
        msr: (index, value, write) => {
          const eip = cpu.currentEip;
          const told = (): string => this.#text({ what: 'MSR', at: BigInt(index), value, write, eip });
          for (const b of msrs) if (b.index === index && matches(b.access, write)) this.#watched(b, told);
        }
      }),
      ...(vectors.length > 0 && {
        interrupt: (vector, cause, error) => {
          const eip = cpu.currentEip;
          const told = (): string =>
            `${vectorName(vector, cause)}${error === undefined ? '' : `, error 0x${error.toString(16)}`} ${this.#by(eip)}`;
          for (const b of vectors) if (b.vector === vector) this.#watched(b, told);
        }
      }),
      ...(this.#enabled('field').length > 0 && { device: () => this.#lookAtFields() })
    };
    return Object.keys(observer).length > 0 ? observer : undefined;
  }

  #lookAtFields(): void {
    for (const b of this.#enabled('field')) {
      const [before, after] = [this.#fields.get(b.id), this.#fieldValue(b)];
      if (before === after) continue;
      this.#fields.set(b.id, after);
      this.#watched(b, () => `${b.section} ${b.path}: ${before} → ${after}`);
    }
  }
  #fieldValue({ section, path }: Kind<'field'>): string {
    for (const leaf of leaves(deviceFields(this.#machine, section)))
      if (leaf.path === path) return formatValue(leaf.row);
    // It comes and goes, as subsections and elements of arrays do.
    return GONE;
  }

  readonly #by = (eip: bigint): string => {
    const name = this.#nameOf(eip);
    return `by 0x${eip.toString(16)}${name === undefined ? '' : ` (${name})`}`;
  };
  #text(told: Omit<Told, 'by'> & { readonly eip: bigint }): string {
    return accessText({ ...told, by: this.#by(told.eip) });
  }

  /** Has the CPU stop, for the first thing that it met. */
  #meet(why: () => StopReason): true {
    this.#met ??= why;
    return true;
  }
  /** Counts a hit, if its condition holds. */
  #hit(b: Breakpoint, told?: () => string): boolean {
    if (b.condition !== undefined && !this.#holds(b.condition)) return false;
    const now = this.#all.get(b.id);
    if (now) this.#all.set(b.id, { ...now, hits: now.hits + 1 });
    return this.#meet(() => ({ kind: 'breakpoint', id: b.id, ...(told && { what: told() }) }));
  }
  /** A condition that cannot be worked out here stops. */
  #holds(condition: string): boolean {
    try {
      return compare(condition, registersOf(this.#machine.cpu));
    } catch (error) {
      if (error instanceof CPUException) return true;
      throw error;
    }
  }
  #watched(b: Breakpoint, told: () => string): void {
    // One instruction touches a range in several pieces: it is one hit.
    if (this.#met === undefined && this.#hit(b, told)) this.#machine.cpu.requestDebug();
  }

  #stop(): boolean {
    const why = this.#met?.();
    this.#met = undefined;
    if (why) this.#machine.runstate.set(why.kind === 'breakpoint' ? 'debug' : 'paused', why);
    return why !== undefined;
  }
}

const matches = (access: AccessKind, write: boolean): boolean => access === 'access' || (access === 'write') === write;
