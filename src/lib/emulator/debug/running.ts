/** How a machine goes on and stops: freely, by so many instructions, over calls, out of functions, to an address. */
import { pcOf, stackOf } from '../cpu-view.ts';
import type { Machine } from '../machine.ts';
import { stepKind } from '../step-kind.ts';
import type { Breakpoints, Goal } from './breakpoints.ts';

/** Steps between which messages are read. */
const PIECE = 20_000;
/** What lies farther up than a frame can be large is another stack. */
const LARGEST_FRAME = 1n << 20n;

export class Running {
  readonly #machine: Machine;
  readonly #breakpoints: Breakpoints;
  #stopped: (() => void)[] = [];
  #pausing = false;

  constructor(machine: Machine, breakpoints: Breakpoints) {
    this.#machine = machine;
    this.#breakpoints = breakpoints;
    machine.runstate.onChange((_state, running) => {
      if (!running) for (const tell of this.#stopped.splice(0)) tell();
    });
  }

  /** @throws where it cannot go on. Source: qmp_cont */
  resume(): void {
    const machine = this.#machine;
    if (machine.runstate.needsReset && !machine.timeTravel.inPast) {
      throw new Error('Resetting the Virtual Machine is required');
    }
    // The breakpoint at which it stands is known.
    machine.cpu.passBreakpoint();
    machine.start();
  }

  async pause(): Promise<void> {
    this.#pausing = true;
    await this.#machine.stop();
    this.#pausing = false;
  }

  /** One at a time where `goOn` is given, which is asked after each. */
  async step(instructions: number, goOn?: () => boolean): Promise<void> {
    const machine = this.#machine;
    if (machine.timeTravel.inPast) {
      machine.cpu.passBreakpoint();
      await machine.timeTravel.step(instructions, goOn);
      if (machine.runstate.state !== 'debug') machine.runstate.set('paused', { kind: 'step' });
      return;
    }
    let wanted = true;
    const goesOn = goOn && ((): boolean => (wanted = goOn()));
    machine.cpu.passBreakpoint();
    for (let left = instructions; left > 0; await aTurn()) {
      const before = machine.cpu.icount;
      machine.step(Math.min(PIECE, left), goesOn);
      const done = Number(machine.cpu.icount - before);
      left -= done;
      // A CPU that waits for ever gets no farther.
      if (left <= 0 || done === 0 || !wanted || this.#pausing || machine.runstate.state !== 'paused') return;
    }
  }

  /** Over what comes back: calls, repeated string instructions, software interrupts. */
  async stepOver(): Promise<void> {
    const { cpu } = this.#machine;
    const { calls, length } = stepKind(cpu);
    if (!calls) return this.step(1);
    const top = stackOf(cpu);
    // A deeper call of the same function passes here too, with more on the stack.
    await this.#runUntil({ address: pcOf(cpu) + BigInt(length), reached: () => stackOf(cpu) >= top });
  }

  /** Until the function returns: the first return from this depth, at this privilege. */
  async stepOut(): Promise<void> {
    const { cpu } = this.#machine;
    const [top, cpl] = [stackOf(cpu), cpu.env.get('hflags') & 3];
    const returns = (): boolean => {
      const depth = stackOf(cpu) - top;
      const here = depth >= 0n && depth < LARGEST_FRAME && (cpu.env.get('hflags') & 3) === cpl;
      return here && stepKind(cpu).returns;
    };
    let last = returns();
    await this.step(Infinity, () => {
      if (last) return false;
      last = returns();
      return true;
    });
  }

  async runTo(address: bigint): Promise<void> {
    await this.#runUntil({ address, reached: () => true });
  }

  async #runUntil(goal: Goal): Promise<void> {
    const { runstate } = this.#machine;
    this.#breakpoints.goal = goal;
    const stopped = new Promise<void>((resolve) => this.#stopped.push(resolve));
    this.resume();
    if (runstate.running) await stopped;
    this.#breakpoints.goal = undefined;
  }
}

/** Lets messages have their turn. */
export const aTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
