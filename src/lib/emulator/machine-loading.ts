/** Dropped files into a machine: the stream into its devices, images into its drives, and what will not work said. */
import type { Problem } from '../vmstate/problem.ts';
import { readSnapshot } from '../vmstate/savevm.ts';
import type { BlockBackend } from './block/block-backend.ts';
import { CowOverlay } from './block/cow.ts';
import { RawImage } from './block/raw.ts';
import { descriptions } from './descriptions.ts';
import { blobSource } from './host/blob-source.ts';
import { HostMemory, HostMemoryFull } from './host/memory.ts';
import { HostPace } from './host/pace.ts';
import { sortFiles, unpacked, type SortedFiles } from './host/sort-files.ts';
import type { MachineReport } from './machine-api.ts';
import { planOf } from './machine-plan.ts';
import { Machine } from './machine.ts';
import { loadVmState } from './migration/incoming.ts';
import { Symbols } from './symbols.ts';

export interface LoadedMachine {
  /** Undefined: there is nothing that could be looked at; the report says why. */
  readonly machine: Machine | undefined;
  readonly report: MachineReport;
  /** Names of the images in the drives, by drive. */
  readonly images: Map<string, string>;
  readonly symbols: Symbols | undefined;
}

const NS_A_MS = 1_000_000n;
const QCOW2 = 'QFI\xfb';

const fatal = (code: string, message: string, hint?: string): Problem => ({
  ...{ code, severity: 'fatal', at: 0, message },
  ...(hint === undefined ? {} : { hint })
});
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Memory that several workers may share: a page that is not isolated from others has none. */
function hostMemory(): HostMemory | Problem {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  const hint = 'open the page as `npm start` and `migrascope serve` give it: they send the headers that it takes';
  if (isolated === false) {
    return fatal('shared-memory', 'this page may not use shared memory: it is not cross-origin isolated', hint);
  }
  try {
    return new HostMemory();
  } catch (error) {
    return fatal('shared-memory', `there is no shared memory: ${messageOf(error)}`, hint);
  }
}

/** Makes machines one after another in one memory. */
export class MachineLoader {
  #memory: HostMemory | undefined;

  /** Never throws for what files say. @param signal aborts between pages */
  async load(files: readonly File[], signal?: AbortSignal): Promise<LoadedMachine> {
    const problems: Problem[] = [];
    const images = new Map<string, string>();
    let machine: Machine | undefined;
    let frozen: readonly string[] = [];
    let symbols: Symbols | undefined;
    try {
      const sorted = await sortFiles(files);
      const snapshot = await readSnapshot(blobSource(sorted.state), {
        ...{ descriptions, name: sorted.state.name, signal },
        channels: sorted.channels.map((f) => ({ name: f.name, source: blobSource(f) })),
        ...(sorted.preempt ? { preempt: blobSource(sorted.preempt) } : {}),
        sharedRam: sorted.ram.map((f) => ({ name: f.name, source: blobSource(f) }))
      });
      const planned = planOf(snapshot);
      problems.push(...planned.problems);
      const host = this.#memory ?? hostMemory();
      if (host instanceof HostMemory) this.#memory = host;
      else problems.push(host);
      if (planned.plan && host instanceof HostMemory) {
        const hostTime = BigInt(Date.now()) * NS_A_MS;
        machine = new Machine(planned.plan, { host, pace: new HostPace(), hostTime });
        const loaded = await loadVmState(machine, snapshot, signal);
        problems.push(...loaded.problems);
        ({ frozen } = loaded);
        symbols = await symbolsOf(files, sorted);
        problems.push(...(await insertImages(machine, files, sorted, images)));
      }
    } catch (error) {
      const full = error instanceof HostMemoryFull;
      problems.push(fatal(full ? 'memory' : 'load-failed', messageOf(error)));
    }
    return { machine, images, symbols, report: reportOf(machine, problems, frozen) };
  }
}

const reportOf = (machine: Machine | undefined, problems: Problem[], frozen: readonly string[]): MachineReport => ({
  machine: machine?.machine ?? '',
  memory: machine?.plan.memory ?? 0,
  cpu: machine?.plan.cpu ?? '',
  serials: machine ? machine.serials.flatMap((port, n) => (port ? [n] : [])) : [],
  made: machine !== undefined,
  problems,
  frozen
});

async function symbolsOf(files: readonly File[], { files: found }: SortedFiles): Promise<Symbols | undefined> {
  const map = files.find((_, i) => found[i]!.role === 'system-map');
  return map && Symbols.parse(await (await unpacked(map)).text());
}

/** Each drive gets the first image of its size; which is whose cannot be told in another way. */
async function insertImages(
  machine: Machine,
  files: readonly File[],
  sorted: SortedFiles,
  images: Map<string, string>
): Promise<Problem[]> {
  const disks = files.filter((file, i) => file !== sorted.state && sorted.files[i]!.role === 'disk');
  const left = [...(await Promise.all(disks.map(unpacked))), ...sorted.ram];
  const problems: Problem[] = [];
  for (const { blk } of machine.drives) {
    if (blk.removable) continue;
    const at = left.findIndex((file) => file.size === blk.size);
    const [file] = at < 0 ? [] : left.splice(at, 1);
    const why = file ? await insertImage(blk, file) : 'no image of this size was opened';
    if (why === undefined) images.set(blk.name, file!.name);
    else {
      problems.push({
        ...{ code: 'drive-without-image', severity: 'warning', at: 0 },
        message: `${blk.name} is ${blk.size} bytes: ${why}`,
        hint: 'attach its image; until then the guest waits at its first request'
      });
    }
  }
  return problems;
}

/** Writes stay in memory, the file is as it was. Returns why not. */
export async function insertImage(blk: BlockBackend, file: File): Promise<string | undefined> {
  const image = await unpacked(file);
  const magic = new TextDecoder('latin1').decode(await image.slice(0, QCOW2.length).arrayBuffer());
  if (magic === QCOW2)
    return `${file.name} is a qcow2 image, which cannot be read yet: qemu-img convert -O raw makes one`;
  return blk.insert(new CowOverlay(new RawImage(blobSource(image))));
}
