/** The workload guest (guests/README.md) in this process: started, or waiting for its state; talked to by its prompt. */
import { readFileSync } from 'node:fs';
import { image } from '../../guests/workload.mjs';
import { prepareBoot } from '../../src/lib/emulator/boot.ts';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace, hostTime } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOfOptions } from '../../src/lib/emulator/machine-options.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';

const bios = new Uint8Array(readFileSync(image));
const PROMPT = '\nworkload> ';
/** What a counted run says at its end. */
export const FINISHED = /dirty: finished, \d+ written\r\nworkload> /;
const SECONDS = 60;

/** Options that native QEMU takes too, but for the firmware. */
export const workloadOptions = (machine: string, memory = 16): string[] => [
  ...['-M', machine, '-m', String(memory), '-vga', 'none', '-nic', 'none', '-nographic']
];

export interface Workload {
  readonly machine: Machine;
  output(): string;
  /** Resolves when the guest has said something. */
  says(text: RegExp | string, from?: number): Promise<void>;
  /** Resolves when a counted run of `dirty` has ended and the prompt is back. */
  finished(): Promise<void>;
  /** Resolves when no run of `dirty` goes on, where its end was said elsewhere too: in minutes at most. */
  idle(minutes: number): Promise<void>;
  /** Types a command and resolves with what is answered before the next prompt. */
  ask(command: string): Promise<string>;
  /** Checksum of the guest's work pages. */
  sum(): Promise<string>;
  /** Stops it and gives its memory back. */
  end(): Promise<void>;
}

/** A machine with the guest as its firmware; reset and not started. */
export function workloadMachine(type = 'pc-i440fx-10.0', memory = 16, host = new HostMemory()): Workload {
  const { plan } = planOfOptions(parseOptions(workloadOptions(type, memory)));
  const machine = new Machine({ ...plan, biosSize: bios.length }, { host, pace: new HostPace(), hostTime: hostTime() });
  prepareBoot(machine, { bios, roms: new Map(), graphics: false });
  machine.reset();
  machine.timeTravel.enabled = false;
  let output = '';
  let heard = (): void => {};
  machine.serials[0]!.onOutput = (bytes) => {
    output += Buffer.from(bytes).toString('latin1');
    heard();
  };
  const says = async (text: RegExp | string, from = 0): Promise<void> => {
    const deadline = Date.now() + SECONDS * 1000;
    const said = (): boolean => {
      const part = output.slice(from);
      return typeof text === 'string' ? part.includes(text) : text.test(part);
    };
    while (!said()) {
      if (Date.now() > deadline)
        throw new Error(`not said: ${String(text)}; but ${JSON.stringify(output.slice(-300))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const ask = async (command: string): Promise<string> => {
    const from = output.length;
    machine.serialInput(0, new TextEncoder().encode(`${command}\r`));
    await says(PROMPT, from);
    const answer = output.slice(from).replaceAll('\r', '');
    return answer.slice(answer.indexOf('\n') + 1, answer.lastIndexOf(PROMPT) + 1);
  };
  return {
    machine,
    output: () => output,
    says,
    finished: () => says(FINISHED),
    async idle(minutes) {
      const deadline = Date.now() + minutes * 60_000;
      while (!/^dirty: (idle|finished),/m.test(await ask('dirty'))) {
        if (Date.now() > deadline) throw new Error(`still busy after ${minutes} minutes`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      // What it says of its end has its own prompt.
      await new Promise((resolve) => setTimeout(resolve, 500));
    },
    ask,
    sum: async () => /^sum (\w{16})/.exec(await ask('sum'))?.[1] ?? 'no sum',
    async end() {
      machine.migration.cancel();
      await machine.stop();
      machine.destroy();
    }
  };
}

/** One that has booted and runs. */
export async function runningWorkload(type?: string, memory?: number, host?: HostMemory): Promise<Workload> {
  const guest = workloadMachine(type, memory, host);
  guest.machine.start();
  await guest.says(PROMPT);
  return guest;
}
