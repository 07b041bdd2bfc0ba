/** A machine from QEMU's command line in this process, and what it says on its first serial port. */
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOfOptions } from '../../src/lib/emulator/machine-options.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';

export interface TestMachine {
  readonly machine: Machine;
  /** All that it has said so far. */
  output(): string;
  /** Resolves with what it said when that matches. @throws Error after so many seconds */
  says(what: RegExp, seconds: number): Promise<string>;
}

const NOON = 1_700_000_000_000_000_000n;

/** @param words as of qemu-system-x86_64 */
export function machineOf(words: readonly string[]): TestMachine {
  const { plan } = planOfOptions(parseOptions(words));
  const machine = new Machine(plan, { host: new HostMemory(), pace: new HostPace(), hostTime: NOON });
  let output = '';
  machine.serials[0]!.onOutput = (bytes) => (output += Buffer.from(bytes).toString('latin1'));
  return {
    machine,
    output: () => output,
    async says(what, seconds) {
      const deadline = Date.now() + seconds * 1000;
      while (!what.test(output)) {
        if (Date.now() > deadline)
          throw new Error(`not said: ${String(what)}; but: ${JSON.stringify(output.slice(-600))}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return output;
    }
  };
}
