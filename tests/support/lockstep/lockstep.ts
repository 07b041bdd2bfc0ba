/**
 * Our CPU beside native QEMU's TCG, from one migration stream, instruction by instruction. Native leads: it logs its state
 * before each instruction, ours executes one and must be in the next state that native logs. Interrupts come where
 * native took them, times are those that native read; whatever else differs ends the run.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withMachine } from '../../../scripts/qemu/machine.mjs';
import type { Qemu } from '../../../scripts/qemu/qemu.mjs';
import type { Machine } from '../../../src/lib/emulator/machine.ts';
import { ENV_SIZE, EXCP, FLAG, HF, R_ECX, R_ESP } from '../../../src/lib/emulator/target/i386/env.ts';
import type { Golden } from '../golden.ts';
import { metaOf, resumed } from '../resumed.ts';
import { ClockReads } from './clocks.ts';
import { disassembled, effectsOf, placeOf, type Place } from './code.ts';
import { EXCEPTIONS, type Context } from './exceptions.ts';
import { holdBack, putSavedRf, realModeHandler, realModeVectors, take } from './interrupts.ts';
import { NativeLog, withoutFpu, type Entry } from './native-log.ts';
import { differences, isFlags, stateOf, takeOver, within, type Difference } from './registers.ts';

/** Instructions shown before one that went wrong. */
const REMEMBERED = 20;
/** Vectors below are exceptions, wherever an interrupt is logged: outside of real mode. */
const FIRST_INTERRUPT = 32;

/** Bits of a page fault's error code: a write to a page that is there; CPL 3. */
const WRITE_PROTECTED = 3;
const BY_USER = 4;

/** First major version (of those that there are here) that saves RF, and exceptions that never do. */
const SETS_RF = 10;
const NEVER_RF: readonly number[] = [EXCP.DB, EXCP.NMI, EXCP.BP, EXCP.OF, EXCP.DF, EXCP.MC];

export interface Tally {
  instructions: number;
  /** States that native logged without executing anything: something asked it to leave its loop. */
  repeated: number;
  /** Interrupts by vector. */
  readonly interrupts: Map<number, number>;
  /** Values taken from native, by why. */
  readonly taken: Map<string, number>;
}

const count = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** CS and IP of a state, as real mode's vectors have them. */
const codeAt = (state: string): number =>
  parseInt(/CS =(\w+)/.exec(state)![1]!, 16) * 0x1_0000 + parseInt(/[RE]IP=(\w+)/.exec(state)![1]!, 16);

class Follower {
  readonly tally: Tally = { instructions: 0, repeated: 0, interrupts: new Map(), taken: new Map() };
  readonly #machine: Machine;
  readonly #major: number;
  readonly #clocks: ClockReads;
  readonly #last: Place[] = [];
  /** The instruction that was executed last, and the CPU before it while disk requests are under way. */
  #place: Place;
  #before: Uint8Array | undefined;
  /** In real mode, where QEMU logs no interrupts: an instruction that native may have executed before it took one. */
  #doubtful: bigint | undefined;

  constructor(machine: Machine, { version }: Qemu) {
    this.#machine = machine;
    this.#major = parseInt(version, 10);
    this.#clocks = new ClockReads(machine);
    this.#place = placeOf(machine.cpu);
    holdBack(machine);
  }

  /** From one logged state to the next. */
  async follow({ state, deliveries }: Entry, to: string): Promise<void> {
    let left = false;
    for (const { vector, error, software, before } of deliveries) {
      const hardware = !software && vector >= FIRST_INTERRUPT;
      if (!left && !hardware) {
        // The instruction raises it here too; of a repeated one, the turn that does.
        this.#execute();
        while (this.#repeatsOn) this.#machine.cpu.run(1);
        if (vector === EXCP.PF) this.#readBeforeWrite(error);
        this.#saveRf(vector, software, false);
      } else if (!left && withoutFpu(state) !== before) {
        this.#execute(before);
        await this.#settle(before);
      }
      left = true;
      if (hardware) {
        this.#interrupt(vector);
        this.#saveRf(vector, software, true);
      }
    }
    if (!left) {
      if (to === state) {
        this.tally.repeated++;
        return;
      }
      const vector = this.#interruptedBefore(to);
      if (vector === undefined) this.#execute(to);
      else {
        this.#doubtful = this.#machine.cpu.env.get64('eip');
        this.#interrupt(vector);
      }
    }
    await this.#settle(to);
  }

  /** The instruction is a repeated one with turns left. */
  get #repeatsOn(): boolean {
    const { cpu } = this.#machine;
    return cpu.env.get64('eip') === this.#place.eip && effectsOf(cpu, this.#place).repeats;
  }

  /** One instruction; of a repeated one as many turns as native made to come to a state. */
  #execute(to?: string): void {
    const { cpu, completions } = this.#machine;
    const { env } = cpu;
    this.#place = placeOf(cpu);
    this.#last.push(this.#place);
    if (this.#last.length > REMEMBERED) this.#last.shift();
    this.#before = completions.pending > 0 ? env.u8.slice(env.base, env.base + ENV_SIZE) : undefined;
    this.#clocks.source = undefined;
    this.tally.instructions++;
    cpu.run(1);
    if (to === undefined || !this.#repeatsOn) return;
    const left = BigInt(`0x${/[RE]CX=(\w+)/.exec(to)![1]}`);
    while (this.#repeatsOn && env.get64('regs', R_ECX) !== left) cpu.run(1);
  }

  /**
   * TCG reads what an instruction changes before it finds that it may not be written, so that the page counts as accessed;
   * here, as on CPUs, the page is asked for writing at once.
   */
  #readBeforeWrite(error: number): void {
    const { cpu } = this.#machine;
    if ((error & WRITE_PROTECTED) !== WRITE_PROTECTED || !effectsOf(cpu, this.#place).modifiesMemory) return;
    cpu.mmu.load8(cpu.env.get64('cr', 2), error & BY_USER ? 'user' : 'kernel');
    count(this.tally.taken, 'page accessed before it was found read-only');
  }

  /**
   * The RF that a handler finds in the flags before it is to be set by faults, and to be as it was by interrupts. QEMU 7.2
   * never set it; newer ones set it by interrupts too (target/i386/tcg/seg_helper.c: `set_rf` does not ask for `is_hw`).
   */
  #saveRf(vector: number, software: boolean, hardware: boolean): void {
    const both = this.#major >= SETS_RF;
    if (software || both !== hardware || NEVER_RF.includes(vector) || this.#inRealMode) return;
    putSavedRf(this.#machine, vector, both);
    count(this.tally.taken, 'RF in saved flags');
  }

  #interrupt(vector: number): void {
    count(this.tally.interrupts, vector);
    take(this.#machine, vector);
  }

  #differences(native: string): Difference[] {
    const ours = stateOf(this.#machine.cpu);
    if (ours === native) return [];
    return differences(native, native.includes('\nFCW=') ? ours : withoutFpu(ours));
  }

  /** Ours has come to where native is, or this throws. */
  async #settle(native: string): Promise<void> {
    let left = this.#differences(native);
    if (left.length > 0) left = this.#takeExceptions(left);
    if (left.length > 0 && this.#inRealMode) left = this.#realModeInterrupt(native, left);
    if (left.length > 0 && this.#before) {
      // The answer of a disk has come to native, and shows now: here nothing else lets it in.
      const { env } = this.#machine.cpu;
      env.u8.set(this.#before, env.base);
      await this.#machine.completions.drain();
      this.tally.instructions--;
      this.#execute(native);
      left = this.#takeExceptions(this.#differences(native));
    }
    if (left.length > 0) throw new Error(this.#report(native, left));
  }

  #takeExceptions(all: readonly Difference[]): Difference[] {
    const context: Context = {
      clock: this.#clocks.source,
      effects: effectsOf(this.#machine.cpu, this.#place),
      place: this.#place
    };
    return all.filter((difference) => {
      const why = EXCEPTIONS.map((exception) => exception(difference, context)).find((w) => w !== undefined);
      if (why === undefined) return true;
      count(this.tally.taken, why);
      takeOver(this.#machine.cpu, difference);
      return false;
    });
  }

  get #inRealMode(): boolean {
    return (this.#machine.cpu.env.get('hflags') & HF.PE) === 0;
  }

  /** In real mode: the vector that took native to a state from the one that both are in, undefined if none did. */
  #interruptedBefore(to: string): number | undefined {
    const { env } = this.#machine.cpu;
    const open = (env.get('eflags') & FLAG.IF) !== 0 && env.get('inhibit_irq') === 0;
    if (!this.#inRealMode || !open) return undefined;
    const pushed = BigInt.asUintN(16, env.get64('regs', R_ESP) - 6n);
    if (BigInt(`0x${/ESP=(\w+)/.exec(to)![1]}`) !== ((env.get64('regs', R_ESP) & 0xffff_0000n) | pushed))
      return undefined;
    const changed = this.#differences(to).filter(({ name }) => !/^(EIP|CS|ESP)$/.test(name));
    if (changed.some((difference) => !isFlags(difference.name) || !within(difference, FLAG.IF))) return undefined;
    const own = effectsOf(this.#machine.cpu, placeOf(this.#machine.cpu)).vector;
    if (own !== undefined && realModeHandler(this.#machine, own) === codeAt(to)) return undefined;
    return realModeVectors(this.#machine, codeAt(to))[0];
  }

  /** Native took an interrupt behind the instruction, or it turns out that it had executed the doubtful one before. */
  #realModeInterrupt(native: string, all: readonly Difference[]): Difference[] {
    const { cpu } = this.#machine;
    const eip = cpu.env.get64('eip');
    if (eip === this.#doubtful && all.every(({ name }) => name === 'EIP')) {
      cpu.run(1);
      count(this.tally.taken, 'interrupted after, not before an instruction');
      return this.#differences(native);
    }
    const [vector] = realModeVectors(this.#machine, codeAt(native));
    if (vector === undefined) return [...all];
    this.#interrupt(vector);
    return this.#differences(native);
  }

  #report(native: string, left: readonly Difference[]): string {
    const { cpu } = this.#machine;
    return [
      `after ${this.tally.instructions} instructions:`,
      ...left.map(({ name, native: theirs, ours }) => `  ${name}: native ${theirs}, ours ${ours}`),
      ...this.#last.map((place) => disassembled(cpu, place)),
      ...['native:', native, 'ours:', stateOf(cpu), JSON.stringify(this.#machine.guestErrors.slice(-5))]
    ].join('\n');
  }
}

/** `-singlestep` became an option of the accelerator with 8.1. */
const oneAtATime = ({ version }: Qemu): readonly string[] =>
  parseInt(version, 10) < 8 ? ['-singlestep'] : ['-accel', 'tcg,one-insn-per-tb=on'];

/**
 * Runs both for so many instructions from a stream.
 * @throws with both states and the way there, when they differ
 */
export async function lockstep(golden: Golden, qemu: Qemu, instructions: number): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-lockstep-'));
  const fifo = join(folder, 'log');
  const { machine, report } = await resumed(golden);
  const fatal = report.problems.filter((p) => p.severity === 'fatal');
  if (fatal.length > 0) throw new Error(fatal.map((p) => p.message).join('; '));
  try {
    if (spawnSync('mkfifo', [fifo]).status !== 0) throw new Error('no mkfifo');
    const opening = NativeLog.open(fifo);
    const args = [
      ...[...metaOf(golden).commandLine.slice(1), ...oneAtATime(qemu), '-S', '-incoming', `exec:cat ${golden.state}`],
      ...['-d', 'cpu,fpu,int,nochain', '-D', fifo]
    ];
    return await withMachine(
      qemu,
      args,
      async (native) => {
        const log = await opening;
        try {
          while ((await native.qmp('query-status')).status === 'inmigrate') await sleep(20);
          await native.qmp('cont');
          return await followLog(machine, qemu, log, instructions);
        } finally {
          native.kill();
          await log.close();
        }
      },
      { cwd: golden.folder }
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
    machine.destroy();
  }
}

async function followLog(machine: Machine, qemu: Qemu, log: NativeLog, instructions: number): Promise<Tally> {
  // Goes on as after a load; its clocks stand still, as only the CPU is run.
  // An interrupt that waits comes when native takes it, not on entry.
  const follower = new Follower(machine, qemu);
  machine.enter();
  let entry = await log.first(stateOf(machine.cpu));
  while (follower.tally.instructions < instructions) {
    const next = await log.next();
    if (!next) throw new Error(`the log ends after ${follower.tally.instructions} instructions`);
    await follower.follow(entry, next.state);
    entry = next;
  }
  return follower.tally;
}
