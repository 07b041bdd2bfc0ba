/** Where a machine stops by itself: what is asked for, put where it costs nothing until it is met, and counted. */
import { pcOf } from '../cpu-view.ts';
import type { Breakpoint, BreakpointSpec } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import { compare, registersOf } from '../monitor/expression.ts';

/** Where "run to" and "step over" end. */
export interface Goal {
  readonly address: bigint;
  readonly reached: () => boolean;
}

export class Breakpoints {
  readonly #machine: Machine;
  readonly #all = new Map<number, Breakpoint>();
  #next = 1;
  #goal: Goal | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.onDebug = () => this.#debug();
  }

  get list(): readonly Breakpoint[] {
    return [...this.#all.values()];
  }

  /** @throws where there is no such kind yet, or its condition is none */
  add(spec: BreakpointSpec): Breakpoint {
    if (spec.kind !== 'code') throw new Error(`breakpoints of kind '${spec.kind}' are not there yet; on code they are`);
    if (spec.condition !== undefined) compare(spec.condition, registersOf(this.#machine.cpu));
    const breakpoint = { ...spec, id: this.#next++, enabled: true, hits: 0 };
    this.#all.set(breakpoint.id, breakpoint);
    this.set();
    return breakpoint;
  }
  remove(id: number): void {
    this.#all.delete(id);
    this.set();
  }
  enable(id: number, enabled: boolean): void {
    const breakpoint = this.#all.get(id);
    if (breakpoint) this.#all.set(id, { ...breakpoint, enabled });
    this.set();
  }

  /** Where the machine stops although nobody put a breakpoint there; undefined: no more. */
  set goal(goal: Goal | undefined) {
    this.#goal = goal;
    this.set();
  }

  set(): void {
    const { breakpoints } = this.#machine.cpu;
    breakpoints.clear();
    for (const b of this.#all.values()) if (b.enabled && b.kind === 'code') breakpoints.add(b.address);
    if (this.#goal) breakpoints.add(this.#goal.address);
  }

  /** The breakpoint at the next instruction, if its condition holds; it counts the hit. */
  here(): Breakpoint | undefined {
    const { cpu } = this.#machine;
    const pc = pcOf(cpu);
    for (const b of this.#all.values()) {
      if (b.kind !== 'code' || !b.enabled || b.address !== pc) continue;
      if (b.condition !== undefined && !compare(b.condition, registersOf(cpu))) continue;
      const hit = { ...b, hits: b.hits + 1 };
      this.#all.set(b.id, hit);
      return hit;
    }
    return undefined;
  }

  #debug(): boolean {
    const machine = this.#machine;
    const hit = this.here();
    const goal = this.#goal;
    if (hit) machine.runstate.set('debug', { kind: 'breakpoint', id: hit.id });
    else if (goal && goal.address === pcOf(machine.cpu) && goal.reached()) {
      machine.runstate.set('paused', { kind: 'step' });
    } else return false;
    return true;
  }
}
