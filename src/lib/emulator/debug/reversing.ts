/** How a machine goes back: by so many instructions, to the last hit of a breakpoint, to the last write of an address. */
import type { LastWrite } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import { TimeTravelError } from '../replay/time-travel-error.ts';
import type { Breakpoints } from './breakpoints.ts';
import { type Space, walkAddress } from './guest-memory.ts';
import { PAGE } from '../../vmstate/page.ts';

/** As much as one look at the past may ask for. */
const MOST_BYTES = 1 << 20;

export class Reversing {
  readonly #machine: Machine;
  readonly #breakpoints: Breakpoints | undefined;

  constructor(machine: Machine, breakpoints?: Breakpoints) {
    this.#machine = machine;
    this.#breakpoints = breakpoints;
  }

  /** @throws TimeTravelError where nothing is known of that moment */
  async stepBack(instructions: number): Promise<void> {
    await this.#to(() => this.#machine.timeTravel.stepBack(instructions));
  }
  async to(icount: number): Promise<void> {
    await this.#to(() => this.#machine.timeTravel.seek(icount));
  }

  /** To where a breakpoint would have stopped it last. @returns whether there was such a place */
  async toBreakpoint(): Promise<boolean> {
    const { timeTravel, cpu, onDebug } = this.#machine;
    cpu.passBreakpoint();
    return this.#to(() => timeTravel.reverseContinue(() => onDebug()));
  }

  /** @returns undefined where nothing wrote there in the past that is known */
  async toWrite(space: Space, address: bigint, bytes: number): Promise<LastWrite | undefined> {
    const { timeTravel } = this.#machine;
    if (!(bytes >= 1 && bytes <= MOST_BYTES)) throw new TimeTravelError('1 byte to 1 MiB can be looked for');
    const gpa = space === 'physical' ? address : this.#physical(address, bytes);
    const write = await this.#to(() => timeTravel.runBackToWrite(gpa, bytes));
    return write && { ...write, icount: timeTravel.icount };
  }

  /** The same RAM whatever it is called: other programs write to it by other names. */
  #physical(address: bigint, bytes: number): bigint {
    const { gpa } = walkAddress(this.#machine, address);
    if (gpa === undefined) throw new TimeTravelError(`0x${address.toString(16)} is not mapped`);
    if ((gpa % PAGE) + bytes > PAGE) throw new TimeTravelError('a virtual range is looked for inside one page');
    return BigInt(gpa);
  }

  async #to<T>(what: () => Promise<T>): Promise<T> {
    const { runstate } = this.#machine;
    const before = this.#breakpoints?.list ?? [];
    try {
      const result = await what();
      if (runstate.state !== 'debug' || result !== true) runstate.set('paused', { kind: 'back' });
      return result;
    } catch (error) {
      if (!(error instanceof TimeTravelError)) {
        const message = error instanceof Error ? error.message : String(error);
        runstate.set('internal-error', { kind: 'internal-error', message });
      }
      throw error;
    } finally {
      this.#breakpoints?.moved(before);
    }
  }
}
