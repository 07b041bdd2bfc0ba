/** A Linux guest of a native stream, going on in our machine. Drives it by its serial port. */
import { existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileSource } from '../../src/bridge/file-source.ts';
import { CowOverlay } from '../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../src/lib/emulator/block/raw.ts';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace, hostTime } from '../../src/lib/emulator/host/pace.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { planOf } from '../../src/lib/emulator/machine-plan.ts';
import { loadVmState, type LoadReport } from '../../src/lib/emulator/migration/incoming.ts';
import type { TimeTravelOptions } from '../../src/lib/emulator/replay/time-travel.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import { withState, type Golden } from './golden.ts';

export interface Resumed {
  readonly machine: Machine;
  readonly report: LoadReport;
  /** Types a line and waits for an answer that matches; the answer begins behind the echoed line. */
  shell(line: string, answer: RegExp): Promise<string>;
  /** Waits until what the first serial port has said here matches. Carriage returns are left out. */
  says(text: RegExp): Promise<string>;
}

interface Meta {
  readonly qemu: { readonly suite: string };
  readonly commandLine: readonly string[];
}
export const metaOf = (golden: Golden): Meta =>
  JSON.parse(readFileSync(join(golden.folder, 'meta.json'), 'utf8')) as Meta;
/** The images of -drive …,file=… and -blockdev …,image.filename=… */
const imagesOf = (golden: Golden): string[] =>
  metaOf(golden)
    .commandLine.map((word) => /(?:^|,)(?:file|image\.filename)=([^,]+)/.exec(word)?.[1])
    .filter((file) => file !== undefined)
    .map((file) => resolve(golden.folder, file))
    .filter(existsSync);

const ANSWER_SECONDS = 60;

export interface ResumeOptions {
  readonly icountShift?: number;
  /** ns since 1970; now when absent. */
  readonly hostTime?: bigint;
  readonly timeTravel?: TimeTravelOptions;
}

/** Loads a stream into a machine with its disk; paused. */
export async function resumed(golden: Golden, options: ResumeOptions = {}): Promise<Resumed> {
  return withState(golden, async (source) => {
    const snapshot = await readSnapshot(source, { descriptions });
    const { plan, problems } = planOf(snapshot);
    if (!plan) throw new Error(problems.map((p) => p.message).join('; '));
    const machine = new Machine(plan, {
      ...{ host: new HostMemory(), pace: new HostPace(), hostTime: hostTime() },
      ...options
    });
    const report = await loadVmState(machine, snapshot);
    const images = imagesOf(golden);
    for (const { blk } of machine.drives) {
      const path = images.find((image) => statSync(image).size === blk.size);
      const refusal = path && blk.insert(new CowOverlay(new RawImage(fileSource(openSync(path, 'r')))));
      if (refusal) throw new Error(refusal);
    }
    let output = '';
    let heard = (): void => {};
    machine.serials[0]!.onOutput = (bytes) => {
      output += Buffer.from(bytes).toString('latin1');
      heard();
    };
    /** @param part what of the output is looked at, undefined while it has not begun */
    const until = async (what: RegExp, part: (said: string) => string | undefined): Promise<string> => {
      const deadline = Date.now() + ANSWER_SECONDS * 1000;
      for (;;) {
        const said = part(output.replaceAll('\r', ''));
        if (said !== undefined && what.test(said)) return said;
        const { state, stopped } = machine.runstate;
        if (state === 'internal-error') throw new Error(`the machine failed: ${JSON.stringify(stopped)}`);
        if (Date.now() > deadline) throw new Error(`no ${what} in ${JSON.stringify(output.slice(-400))}`);
        await new Promise<void>((wake) => {
          const timer = setTimeout(wake, 500);
          heard = () => {
            clearTimeout(timer);
            wake();
          };
        });
      }
    };
    return {
      machine,
      report,
      says: (text) => until(text, (said) => said),
      async shell(line, answer) {
        const from = output.replaceAll('\r', '').length;
        machine.serialInput(0, new TextEncoder().encode(`${line}\n`));
        return until(answer, (said) => {
          const echoed = said.indexOf('\n', from);
          return echoed < 0 ? undefined : said.slice(echoed + 1);
        });
      }
    };
  });
}
