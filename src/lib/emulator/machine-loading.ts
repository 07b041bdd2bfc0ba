/** Dropped files into a machine: the stream into its devices, images into its drives, and what will not work said. */
import type { Problem } from '../vmstate/problem.ts';
import { findState, openQcow2 } from '../vmstate/qcow2.ts';
import type { BlockDriver } from './block/block-driver.ts';
import { insertImage, openImage } from './block/open-image.ts';
import { probeFormat } from './block/qcow2.ts';
import { blobSource } from './host/blob-source.ts';
import { HostMemory, HostMemoryFull } from './host/memory.ts';
import { HostPace, hostTime } from './host/pace.ts';
import { sortFiles, unpacked, type SortedFiles } from './host/sort-files.ts';
import type { MachineRemains, MachineReport } from './machine-api.ts';
import { loadReceived, receive } from './machine-incoming.ts';
import type { MachinePlan } from './machine-plan.ts';
import { Machine } from './machine.ts';
import { revive, type Ground } from './replay/remains.ts';
import { Symbols } from './symbols.ts';
import { messageOf } from '../vmstate/problem.ts';

/** What a machine is made of. */
interface Dropped {
  readonly files: readonly File[];
  /** Of a qcow2 image: id of the VM state; by default the last. */
  readonly snapshot?: string | undefined;
}

export interface LoadedMachine {
  /** Undefined: there is nothing that could be looked at; the report says why. */
  readonly machine: Machine | undefined;
  readonly report: MachineReport;
  /** Names of the images in the drives, by drive. */
  readonly images: Map<string, string>;
  readonly symbols: Symbols | undefined;
}

/** ns: so much may be lost with the worker. */
const CHECKPOINT_EVERY = 5_000_000_000n;
const MEMORY_HINT =
  'a machine takes its RAM and a part of it more: close other machines and tabs, or run it with `migrascope system`';

const fatal = (code: string, message: string, hint?: string): Problem => ({
  ...{ code, severity: 'fatal', at: 0, message },
  ...(hint === undefined ? {} : { hint })
});

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

  /** An empty machine of the same plan as another one. @throws HostMemoryFull */
  beside({ plan }: Machine): Machine {
    return this.#make(plan, this.#memory!);
  }

  #make(plan: MachinePlan, host: HostMemory): Machine {
    const environment = { host, pace: new HostPace(), timeTravel: { every: CHECKPOINT_EVERY }, hostTime: hostTime() };
    return host.transaction(() => new Machine(plan, environment));
  }

  /** What another worker left, as it was at its last checkpoint. @param dropped that it was made of */
  async revive(dropped: Dropped, remains: MachineRemains): Promise<LoadedMachine> {
    const { plan, report } = remains.ground as Ground;
    const images = new Map<string, string>();
    let machine: Machine | undefined;
    try {
      const { files } = dropped;
      const sorted = await sortFiles(files);
      const host = (this.#memory ??= new HostMemory());
      machine = this.#make(plan, host);
      await insertImages(machine, dropped, sorted, images);
      for (const [drive, file] of remains.attached) {
        const found = machine.drives.find(({ blk }) => blk.name === drive);
        if (found && insertImage(found.blk, await imageOf(file)) === undefined) images.set(drive, file.name);
      }
      const { problems } = await revive(machine, remains);
      const symbols = await symbolsOf(files, sorted);
      return { machine, images, symbols, report: { ...report, problems: [...report.problems, ...problems] } };
    } catch (error) {
      machine?.destroy();
      return { machine: undefined, images, symbols: undefined, report: reportOf(undefined, [failure(error)], []) };
    }
  }

  /** Never throws for what files say. @param signal aborts between pages */
  async load(dropped: Dropped, signal?: AbortSignal): Promise<LoadedMachine> {
    const problems: Problem[] = [];
    /** What the plan says, until loading has said it. */
    let planned: readonly Problem[] = [];
    const images = new Map<string, string>();
    let machine: Machine | undefined;
    let frozen: readonly string[] = [];
    let symbols: Symbols | undefined;
    try {
      const { files, snapshot } = dropped;
      const sorted = await sortFiles(files);
      const received = await receive(blobSource(sorted.state), {
        ...{ name: sorted.state.name, ...(signal ? { signal } : {}) },
        ...(snapshot === undefined ? {} : { snapshot: { id: snapshot } }),
        channels: sorted.channels.map((f) => ({ name: f.name, source: blobSource(f) })),
        ...(sorted.preempt ? { preempt: blobSource(sorted.preempt) } : {}),
        sharedRam: sorted.ram.map((f) => ({ name: f.name, source: blobSource(f) }))
      });
      const { plan } = received.planned;
      planned = received.planned.problems;
      const host = this.#memory ?? hostMemory();
      if (host instanceof HostMemory) this.#memory = host;
      else problems.push(host);
      if (plan && host instanceof HostMemory) {
        machine = this.#make(plan, host);
        const loaded = await loadReceived(machine, received, signal);
        problems.push(...loaded.problems);
        planned = [];
        ({ frozen } = loaded);
        symbols = await symbolsOf(files, sorted);
        problems.push(...(await insertImages(machine, dropped, sorted, images)));
      }
    } catch (error) {
      problems.push(failure(error));
    }
    problems.unshift(...planned);
    return { machine, images, symbols, report: reportOf(machine, problems, frozen) };
  }
}

const failure = (error: unknown): Problem =>
  error instanceof HostMemoryFull
    ? fatal('memory', messageOf(error), MEMORY_HINT)
    : fatal('load-failed', messageOf(error));

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

interface NamedImage {
  readonly name: string;
  readonly image: BlockDriver | undefined;
  /** Why it cannot be opened. */
  readonly why?: string;
}

async function openFile(file: File): Promise<NamedImage> {
  const { name } = file;
  try {
    return { name, image: await imageOf(file) };
  } catch (error) {
    return { name, image: undefined, why: `${name}: ${messageOf(error)}` };
  }
}

/** Writes stay in memory, the file is as it was. @throws why it is no image */
export async function imageOf(file: File): Promise<BlockDriver> {
  return openImage(blobSource(await unpacked(file)));
}

/** A qcow2 image that has the VM state has the disk of that moment too. */
async function snapshotDisk(file: File, wanted: string | undefined): Promise<NamedImage | undefined> {
  const source = blobSource(file);
  if ((await probeFormat(source)) !== 'qcow2') return undefined;
  const found = findState(await openQcow2(source), wanted === undefined ? undefined : { id: wanted });
  return found && { name: `${file.name} (${found.name})`, image: await openImage(source, { snapshot: found.id }) };
}

/** Each drive gets the first image of its size; which is whose cannot be told in another way. */
async function insertImages(
  machine: Machine,
  { files, snapshot }: Dropped,
  sorted: SortedFiles,
  images: Map<string, string>
): Promise<Problem[]> {
  const disks = files.filter((file, i) => file !== sorted.state && sorted.files[i]!.role === 'disk');
  const opened = await Promise.all([...disks, ...sorted.ram].map(openFile));
  const own = await snapshotDisk(sorted.state, snapshot);
  if (own) opened.unshift(own);
  const left = opened.filter(({ image }) => image);
  const unusable = opened.flatMap(({ why }) => why ?? []);
  const problems: Problem[] = [];
  for (const { blk } of machine.drives) {
    if (blk.removable) continue;
    const at = left.findIndex(({ image }) => image?.size === blk.size);
    const [found] = at < 0 ? [] : left.splice(at, 1);
    const missing = ['no image of this size was opened', ...unusable].join('; ');
    const why = found ? insertImage(blk, found.image!) : missing;
    if (why === undefined) images.set(blk.name, found!.name);
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
