/** How a machine goes on and stops: freely, by so many instructions, over calls, out of functions, to an address. */
import { pcOf, stackOf } from '../cpu-view.ts';
import type { Machine } from '../machine.ts';
import { stepKind } from '../step-kind.ts';
import type { Breakpoints } from './breakpoints.ts';

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

  resume(): void {
    const machine = this.#machine;
    if (machine.runstate.running) return;
    // The breakpoint at which it stands has been told.
    if (machine.cpu.breakpoints.has(pcOf(machine.cpu))) this.#stepOne();
    if (!this.#broken) machine.start();
  }

  async pause(): Promise<void> {
    this.#pausing = true;
    await this.#machine.stop();
    this.#pausing = false;
  }

  get #broken(): boolean {
    return this.#machine.runstate.state === 'internal-error';
  }

  /** One instruction, whatever breakpoint is on it. */
  #stepOne(): void {
    this.#machine.cpu.breakpoints.clear();
    this.#machine.step(1);
    this.#breakpoints.set();
  }

  async step(instructions: number): Promise<void> {
    const machine = this.#machine;
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
    const { cpu } = this.#machine;
    const { calls, length } = stepKind(cpu);
    if (!calls) return this.#stepOne();
    const top = stackOf(cpu);
    // A deeper call of the same function passes here too, with more on the stack.
    await this.#runUntil(pcOf(cpu) + BigInt(length), () => stackOf(cpu) >= top);
  }

  /** Until the function returns: the first return from this depth, at this privilege. */
  async stepOut(): Promise<void> {
    const machine = this.#machine;
    const { cpu } = machine;
    const [top, cpl] = [stackOf(cpu), cpu.env.get('hflags') & 3];
    for (let n = 1; !this.#broken && !this.#pausing; n++) {
      const depth = stackOf(cpu) - top;
      const here = depth >= 0n && depth < LARGEST_FRAME && (cpu.env.get('hflags') & 3) === cpl;
      const last = here && stepKind(cpu).returns;
      this.#stepOne();
      if (last || (cpu.env.get('halted') !== 0 && machine.clocks.virtual.deadline() === undefined)) return;
      const stop = this.#breakpoints.here();
      if (stop) return void machine.runstate.set('debug', { kind: 'breakpoint', id: stop.id });
      if (n % PIECE === 0) await aTurn();
    }
  }

  async runTo(address: bigint): Promise<void> {
    await this.#runUntil(address, () => true);
  }

  async #runUntil(address: bigint, reached: () => boolean): Promise<void> {
    const machine = this.#machine;
    this.#breakpoints.goal = { address, reached };
    this.#stepOne();
    if (pcOf(machine.cpu) !== address || !reached()) {
      const stopped = new Promise<void>((resolve) => this.#stopped.push(resolve));
      this.resume();
      if (machine.runstate.running) await stopped;
    }
    this.#breakpoints.goal = undefined;
  }
}

/** Lets messages have their turn. */
export const aTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
