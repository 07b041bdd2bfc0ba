/** The machine of the page: its worker, what it reports, and the calls that the panels make. */
import type {
  Breakpoint,
  BridgeAddress,
  CpuView,
  Look,
  LookRequest,
  MachineHost,
  MachineRemains,
  MachineReport,
  MachineStatus,
  MigrationNews,
  MigrationOutcome
} from '../../emulator/machine-api.ts';
import type { Activity } from '../activity.ts';
import { messageOf } from '../format.ts';

/** Starts a worker. `crashed` is told when it fails; every call under way is rejected then. */
export type StartHost = (crashed: (message: string) => void) => { host: MachineHost; stop: () => void };

/** ms between two questions whether the worker is alive, and after which one without an answer is told. */
const ALIVE_EVERY = 2000;
const SILENCE = 10_000;

export class MachineSession {
  report = $state.raw<MachineReport>();
  status = $state.raw<MachineStatus>();
  /** A load is under way. */
  loading = $state(false);
  /** Why the worker died; a new load starts another. */
  crashed = $state<string>();
  /** The worker hangs, or ended without a word. */
  silent = $state(false);
  /** What the machine can be made of again without its worker: as it was at its last checkpoint. */
  remains = $state.raw<MachineRemains>();
  /** What the last thing asked for came to, where it was not done. */
  refusal = $state<string>();
  /** How the machine was when it was last looked at: what the panels that are there wanted. */
  seen = $state.raw<Look>();
  readonly cpu: CpuView | undefined = $derived(this.seen?.cpu);
  readonly breakpoints: readonly Breakpoint[] = $derived(this.seen?.breakpoints ?? []);
  /** How it was before it last went on: what differs from it is marked. */
  before = $state.raw<Look>();
  /** Of the machine that is there; another number for each. */
  id = $state<number>();
  readonly bridge: BridgeAddress | undefined;
  /** Told of migrations that the monitor begins, with the outcome at the end. */
  onMigration: (news: MigrationNews, outcome?: MigrationOutcome) => void = () => {};
  readonly #activity: Activity;
  readonly #start: StartHost | undefined;
  #worker: ReturnType<StartHost> | undefined;
  /** What each panel shows. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody shows it
  readonly #wanted = new Map<string, LookRequest>();
  #looking = false;
  #files: readonly File[] = [];
  #snapshot: string | undefined;
  /** Images that were given to drives. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody shows it
  #attached = new Map<string, File>();
  /** The machine that is kept. */
  #keeping: object | undefined;
  #watching: ReturnType<typeof setInterval> | undefined;

  /** @param bridge lets machines reach sockets; undefined: they do not */
  constructor(activity: Activity, start?: StartHost, bridge?: BridgeAddress) {
    this.#activity = activity;
    this.#start = start;
    this.bridge = bridge;
  }

  /** There is something to look at, or to run. */
  readonly there: boolean = $derived(this.report?.made === true && this.crashed === undefined);
  readonly running: boolean = $derived(this.status?.state === 'running');
  readonly fatal = $derived(this.report?.problems.find((p) => p.severity === 'fatal'));

  /** @throws without a machine */
  get host(): MachineHost {
    if (!this.#worker || this.id === undefined) throw new Error('there is no machine');
    return this.#worker.host;
  }

  /** Fetches and starts the worker while nothing is asked of it yet: a load begins at once then. */
  prepare(): void {
    this.#worker ??= this.#start?.((message) => this.#crash(message));
  }

  /**
   * Makes a machine of what was dropped, in place of the one before.
   * @param snapshot of a qcow2 image: id of the VM state; by default the last
   */
  load(files: readonly File[], snapshot?: string): Promise<void> {
    return this.#activity.track(this.#load(files, snapshot));
  }
  /** The same files once more. */
  restart(): Promise<void> {
    return this.load(this.#files, this.#snapshot);
  }
  /** Makes the machine again as it was at its last checkpoint: paused, with its breakpoints. */
  revive(): Promise<void> {
    return this.#activity.track(this.#load(this.#files, this.#snapshot, this.remains));
  }
  async #load(files: readonly File[], snapshot?: string, remains?: MachineRemains): Promise<void> {
    if (!this.#start || this.loading) return;
    this.loading = true;
    const { breakpoints } = this;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody shows it
    const attached = new Map(remains ? this.#attached : []);
    try {
      await this.remove();
      this.#files = files;
      this.#snapshot = snapshot;
      this.#attached = attached;
      this.#worker ??= this.#start((message) => this.#crash(message));
      const { host } = this.#worker;
      if (this.bridge) await host.useBridge(this.bridge);
      const { id, report } = await host.create({
        ...{ state: files, snapshot },
        ...(remains ? { remains: { ...remains, attached } } : {})
      });
      if (remains && report.made) await setBreakpoints(host, id, breakpoints);
      await this.#take(id, report);
    } catch (error) {
      this.refusal = messageOf(error);
    } finally {
      this.loading = false;
    }
  }

  async #take(id: number, report: MachineReport): Promise<void> {
    const { host } = this.#worker!;
    this.report = report;
    if (report.made) {
      this.status = await host.status(id);
      await host.watch(id, (status) => this.#told(id, status));
      await host.watchMigrations(id, (news, outcome) => this.onMigration(news, outcome));
      await this.#keep(host, id);
      this.#watchOver(host, id);
    }
    this.id = id;
    if (report.made) await this.look();
  }

  /** A worker that is killed says nothing, and one that hangs neither. */
  #watchOver(host: MachineHost, id: number): void {
    let asked: number | undefined;
    const answered = (): void => {
      asked = undefined;
    };
    const look = (): void => {
      this.silent = asked !== undefined && performance.now() - asked > SILENCE;
      if (asked !== undefined) return;
      asked = performance.now();
      host.status(id).then(answered, answered);
    };
    clearInterval(this.#watching);
    this.#watching = setInterval(look, ALIVE_EVERY);
  }
  #unwatch(): void {
    clearInterval(this.#watching);
    this.silent = false;
  }
  /** Ends a worker that does not answer: what is left of its machine can be made again. */
  giveUp(): void {
    this.#crash(`it did not answer for ${SILENCE / 1000} seconds`);
  }

  /** From now on the machine can be lost no farther than to its last checkpoint. */
  async #keep(host: MachineHost, id: number): Promise<void> {
    const mine = (this.#keeping = {});
    const drives: Map<number, unknown>[] = [];
    const ground = host.keep(id, async (checkpoint) => {
      for (const [i, changed] of checkpoint.drives.entries()) {
        // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nobody shows it
        const drive = (drives[i] ??= new Map<number, unknown>());
        for (const [n, cluster] of changed) {
          if (cluster === undefined) drive.delete(n);
          else drive.set(n, cluster);
        }
      }
      const remains = { ground: await ground, checkpoint, drives, attached: this.#attached };
      if (this.#keeping === mine) this.remains = remains;
    });
    await ground;
  }

  /** The guest is in another machine of the worker now; the one that it left goes. */
  adopt(id: number, report: MachineReport): Promise<void> {
    const { id: left } = this;
    const take = async (): Promise<void> => {
      this.id = undefined;
      await this.#take(id, report);
      if (left !== undefined) await this.host.destroy(left);
    };
    return this.#activity.track(take());
  }

  async remove(): Promise<void> {
    const { id } = this;
    this.id = this.report = this.status = this.seen = this.before = this.refusal = this.crashed = undefined;
    this.remains = this.#keeping = undefined;
    this.#unwatch();
    this.#attached.clear();
    if (id !== undefined) await this.#worker?.host.destroy(id).catch(() => undefined);
  }

  #told(id: number, status: MachineStatus): void {
    if (this.id !== undefined && this.id !== id) return;
    const stopped = this.running && status.state !== 'running';
    this.status = status;
    if (stopped) void this.#activity.track(this.look());
  }

  /** Looks at the machine again: at all that is shown of it, in one question. */
  async look(): Promise<void> {
    try {
      this.#see(await this.host.look(this.id!, this.#request()));
    } catch {
      // It is gone, which is said elsewhere.
    }
  }

  #see(look: Look): void {
    if (this.seen && this.seen.cpu.instructions !== look.cpu.instructions) this.before = this.seen;
    this.seen = look;
  }

  /** A panel is there, or shows something else: `seen` has it from now on. Returns what takes it away. */
  want(panel: string, request: LookRequest): () => void {
    this.#wanted.set(panel, request);
    this.#lookSoon();
    return () => {
      if (this.#wanted.get(panel) === request) this.#wanted.delete(panel);
    };
  }
  #request(): LookRequest {
    const all = [...this.#wanted.values()];
    return {
      ...Object.assign({}, ...all),
      devices: all.flatMap((r) => r.devices ?? []),
      sheets: all.flatMap((r) => r.sheets ?? [])
    } as LookRequest;
  }
  /** Once for all panels that come together. */
  #lookSoon(): void {
    if (this.#looking || this.id === undefined || this.crashed !== undefined) return;
    this.#looking = true;
    const look = async (): Promise<void> => {
      await Promise.resolve();
      this.#looking = false;
      if (this.id !== undefined) await this.look();
    };
    void this.#activity.track(look());
  }
  /** Looks again at a machine that runs. */
  refresh(): void {
    this.#lookSoon();
  }

  #crash(message: string): void {
    this.#unwatch();
    this.#worker?.stop();
    this.#worker = undefined;
    // Only prepared: whoever loads starts another, and is told then.
    if (this.id === undefined && !this.loading) return;
    this.loading = false;
    this.crashed = message;
    this.status = undefined;
  }

  /** Does something to the machine; what it refuses is said beside the buttons. Returns whether it was done. */
  async act(what: (host: MachineHost, id: number) => Promise<unknown>): Promise<boolean> {
    this.refusal = undefined;
    try {
      const result = await what(this.host, this.id!);
      if (isStatus(result)) this.status = result;
      await this.look();
      return true;
    } catch (error) {
      if (this.crashed === undefined) this.refusal = messageOf(error);
      return false;
    }
  }
  /** One call that moves the machine: the look is on its way with it, and answered after it. */
  async move(what: (host: MachineHost, id: number) => Promise<MachineStatus>): Promise<boolean> {
    this.refusal = undefined;
    try {
      const [status] = await Promise.all([what(this.host, this.id!), this.look()]);
      this.status = status;
      return true;
    } catch (error) {
      if (this.crashed === undefined) this.refusal = messageOf(error);
      return false;
    }
  }
  /** A movement that is soon done: pages that wait for quiet wait for it. */
  moveSoon(what: (host: MachineHost, id: number) => Promise<MachineStatus>): Promise<boolean> {
    return this.#activity.track(this.move(what));
  }
  /** What is soon done: pages that wait for quiet wait for it. */
  actSoon(what: (host: MachineHost, id: number) => Promise<unknown>): Promise<boolean> {
    return this.#activity.track(this.act(what));
  }

  /** Gives a drive its image. */
  attach(drive: string, file: File): Promise<boolean> {
    return this.actSoon(async (host, id) => {
      await host.attachDisk(id, drive, file);
      this.#attached.set(drive, file);
    });
  }

  /** Puts a breakpoint on the code at an address, or takes it away. */
  toggleBreakpoint(address: bigint): Promise<boolean> {
    const there = this.breakpoints.find((b) => b.kind === 'code' && b.address === address);
    return this.actSoon((host, id) =>
      there ? host.removeBreakpoint(id, there.id) : host.addBreakpoint(id, { kind: 'code', address })
    );
  }

  /** Asks about the machine as it stands. */
  ask<T>(question: (host: MachineHost, id: number) => Promise<T>): Promise<T> {
    return this.#activity.track(question(this.host, this.id!));
  }
}

async function setBreakpoints(host: MachineHost, id: number, breakpoints: readonly Breakpoint[]): Promise<void> {
  for (const breakpoint of breakpoints) {
    const { id: made } = await host.addBreakpoint(id, breakpoint);
    if (!breakpoint.enabled) await host.enableBreakpoint(id, made, false);
  }
}

const isStatus = (value: unknown): value is MachineStatus =>
  typeof value === 'object' && value !== null && 'instructionsPerSecond' in value;
