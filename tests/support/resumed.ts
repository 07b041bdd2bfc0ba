/** A Linux guest of a native stream, going on in our machine. Drives it by its serial port. */
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSource } from '../../src/bridge/file-source.ts';
import { CowOverlay } from '../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../src/lib/emulator/block/raw.ts';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOf } from '../../src/lib/emulator/machine-plan.ts';
import { loadVmState, type LoadReport } from '../../src/lib/emulator/migration/incoming.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import { withState, type Golden } from './golden.ts';

export interface Resumed {
  readonly machine: Machine;
  readonly report: LoadReport;
  /** Types a line and waits for an answer that matches; the answer begins behind the echoed line. */
  shell(line: string, answer: RegExp): Promise<string>;
}

interface Meta {
  readonly qemu: { readonly suite: string };
  readonly commandLine: readonly string[];
}
export const metaOf = (golden: Golden): Meta =>
  JSON.parse(readFileSync(join(golden.folder, 'meta.json'), 'utf8')) as Meta;
/** The image of -drive …,file=… */
const diskOf = (golden: Golden): string | undefined =>
  metaOf(golden)
    .commandLine.map((word) => /(?:^|,)file=([^,]+)/.exec(word)?.[1])
    .find((file) => file !== undefined);

const ANSWER_SECONDS = 60;

/** Loads a stream into a machine with its disk; paused. */
export async function resumed(golden: Golden, icountShift?: number): Promise<Resumed> {
  return withState(golden, async (source) => {
    const snapshot = await readSnapshot(source, { descriptions });
    const { plan, problems } = planOf(snapshot);
    if (!plan) throw new Error(problems.map((p) => p.message).join('; '));
    const machine = new Machine(plan, {
      ...{ host: new HostMemory(), pace: new HostPace(), hostTime: BigInt(Date.now()) * 1_000_000n },
      ...(icountShift === undefined ? {} : { icountShift })
    });
    const report = await loadVmState(machine, snapshot);
    const disk = diskOf(golden);
    for (const { blk } of machine.drives) {
      const refusal = disk && blk.insert(new CowOverlay(new RawImage(fileSource(openSync(disk, 'r')))));
      if (refusal) throw new Error(refusal);
    }
    let output = '';
    let heard = (): void => {};
    machine.serials[0]!.onOutput = (bytes) => {
      output += Buffer.from(bytes).toString('latin1');
      heard();
    };
    return {
      machine,
      report,
      async shell(line, answer) {
        const from = output.length;
        machine.serialInput(0, new TextEncoder().encode(`${line}\n`));
        const deadline = Date.now() + ANSWER_SECONDS * 1000;
        for (;;) {
          const said = output.slice(from).replaceAll('\r', '');
          const behind = said.slice(said.indexOf('\n') + 1);
          if (said.includes('\n') && answer.test(behind)) return behind;
          if (Date.now() > deadline) throw new Error(`no answer to '${line}': ${JSON.stringify(output.slice(-400))}`);
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, 500);
            heard = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      }
    };
  });
}
