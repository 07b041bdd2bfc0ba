/** The migration of the page: its settings, what is told of it while it runs, and the moment that is looked at afterwards. */
import type {
  MigrationNews,
  MigrationOutcome,
  MigrationRequest,
  MigrationSettings
} from '../../emulator/machine-api.ts';
import type { MigrationInfo, MigrationObservation } from '../../emulator/migration-api.ts';
import { messageOf } from '../format.ts';
import type { MachineSession } from '../machine/machine-session.svelte.ts';
import type { Watcher } from '../../vmstate/recording.ts';
import { presets, ways, type Preset, type Settings, type Way } from './presets.ts';
import { durationOf, lawOf, storyAt, storyOf, type Law, type Run, type Story } from './story.ts';

/** Runs of this page that can be compared with the one that is shown. */
const KEPT = 4;
/** The serial port that `dirty` is typed at. */
const PORT = 0;
/** What it is typed at by the workload guest, whose kernel lies at 1 MiB. */
const PROMPT = 'workload> ';
const KERNEL = 0x10_0000n;
const KERNEL_BYTES = 1 << 16;
/** ms in which a guest does what was typed, and begins to write. */
const SETTLING = 400;

export class LiveMigration {
  way = $state<Way>('precopy');
  /** max-bandwidth, bytes a second. */
  bandwidth = $state(32 << 20);
  /** Of the link within the tab: bytes a second and ms, 0 without bounds. */
  link = $state(0);
  latency = $state(0);
  /** downtime-limit, ms. */
  downtime = $state(300);
  /** Pages a second, typed at the workload guest's prompt. */
  dirtyRate = $state(0);
  pattern = $state('6M seq');
  preset = $state<Preset>();
  /** The guest takes `dirty RATE SIZE PATTERN` on its first serial port. */
  workload = $state(false);
  /** Migration URI of the other side, `tcp:` or `unix:`; empty: a second machine of this tab. */
  uri = $state('');
  /** Where a guest is waited for. */
  waiting = $state<string>();
  running = $state(false);
  info = $state.raw<MigrationInfo>();
  observations = $state.raw<readonly MigrationObservation[]>([]);
  /** The bytes that went through, as notes of a recording, when it is over. */
  stream = $state.raw<Blob>();
  /** What they were made with; a recording brings its own. */
  made = $state.raw<Settings>();
  /** Those before, the latest first. */
  past = $state.raw<readonly Run[]>([]);
  /** What the run is compared with. */
  other = $state.raw<Run>();
  #number = $state(0);
  #count = 0;
  #title = $state('');
  #watcher = $state<Watcher>('sender');
  readonly run: Run = $derived.by(() => ({
    ...{ number: this.#number, title: this.#title, watcher: this.#watcher, made: this.made },
    observations: this.observations
  }));
  /** The moment that is shown, in ms; undefined: as far as it is told. */
  at = $state<number>();
  /** Why it could not begin. */
  refusal = $state<string>();
  readonly duration: number = $derived(durationOf(this.observations));
  /** All of it, and what of it is told at the moment that is looked at. */
  readonly whole: Story = $derived(storyOf(this.observations));
  readonly story: Story = $derived(this.at === undefined ? this.whole : storyAt(this.whole, this.at));
  /** Of the whole run, whatever moment is looked at. */
  readonly law: Law | undefined = $derived(lawOf(this.whole.rounds));
  readonly #machine: MachineSession;

  constructor(machine: MachineSession) {
    this.#machine = machine;
    machine.onMigration = (news, outcome) => void this.#heard(news, outcome);
  }

  get settings(): Settings {
    const { way, bandwidth, link, latency, downtime, dirtyRate, pattern } = this;
    return { way, bandwidth, link, latency, downtime, dirtyRate, pattern };
  }

  /** Finds out whether presets and the dirty rate have a guest. @param known it is a sample's that says so */
  async recognise(known: boolean): Promise<boolean> {
    const kernel = known
      ? undefined
      : await this.#machine.ask((host, id) => host.read(id, 'physical', KERNEL, KERNEL_BYTES));
    return (this.workload = known || new TextDecoder('latin1').decode(kernel).includes(PROMPT));
  }

  /** Sets all that a preset names, and has a guest that runs write. False: there is none of that name. */
  choose(id: string): boolean {
    const preset = presets.find((p) => p.id === id);
    this.preset = preset;
    if (!preset) return false;
    ({ way: this.way, bandwidth: this.bandwidth, downtime: this.downtime, pattern: this.pattern } = preset);
    ({ link: this.link = 0, latency: this.latency = 0 } = preset);
    this.dirtyRate = preset.dirtyRate;
    if (this.#machine.running) void this.write(preset.dirtyRate);
    return true;
  }

  /** A preset begins alike whatever was before: a guest that stands goes on, and memory is what it says. */
  async #rehearse({ before }: Preset): Promise<void> {
    const { host, id } = this.#machine;
    if (!this.#machine.running) await host.resume(id!, false);
    await this.#type([...before, this.#dirty]);
    await new Promise((resolve) => setTimeout(resolve, SETTLING));
  }

  /** Starts, and tells how it ended; the page shows the machine that has the guest then. */
  async start(): Promise<string | undefined> {
    const { capabilities, stopFirst } = ways[this.way];
    const to = this.uri.trim();
    const request: MigrationRequest = {
      ...{ maxBandwidth: this.bandwidth, downtimeLimit: this.downtime, capabilities, stopFirst },
      ...{ linkBandwidth: this.link, latency: this.latency },
      ...(to === '' ? {} : { to })
    };
    return this.#moving(async () => {
      if (this.preset && this.workload) await this.#rehearse(this.preset);
      return this.#run(request);
    });
  }

  /** Waits at `uri` for a guest of a machine like this one, and tells how it ended; the page shows it then. */
  receive(): Promise<string | undefined> {
    return this.#moving(async () => {
      const { host, id } = this.#machine;
      this.waiting = this.uri.trim();
      const { info, arrived, stream } = await host.receive(id!, this.waiting, (news) => this.#told(news));
      this.info = info;
      this.stream = stream;
      if (arrived) await this.#machine.adopt(arrived.id, arrived.report);
      return info.status;
    });
  }

  async #moving(move: () => Promise<string | undefined>): Promise<string | undefined> {
    if (this.running || this.#machine.id === undefined) return undefined;
    this.#begin(this.settings);
    try {
      return await move();
    } catch (error) {
      this.refusal = messageOf(error);
      return undefined;
    } finally {
      this.running = false;
      this.waiting = undefined;
    }
  }
  #begin(made: Settings | undefined): void {
    this.#replace(made ? (this.preset?.title ?? ways[made.way].title) : 'by the monitor', 'sender');
    this.running = true;
    this.refusal = this.at = this.info = this.stream = undefined;
    this.observations = [];
    this.made = made;
  }
  #told({ observations, info }: MigrationNews): void {
    this.info = info;
    const [address] = info['socket-address'] ?? [];
    if (this.waiting !== undefined && typeof address === 'string') this.waiting = address;
    if (observations.length > 0) this.observations = [...this.observations, ...observations];
  }
  /** Of a migration that was begun by the monitor. */
  async #heard(news: MigrationNews, outcome: MigrationOutcome | undefined): Promise<void> {
    if (!this.running) this.#begin(undefined);
    this.#told(news);
    if (!outcome) return;
    this.running = false;
    this.stream = outcome.stream;
    if (outcome.arrived) await this.#machine.adopt(outcome.arrived.id, outcome.arrived.report);
  }

  async #run(request: MigrationRequest): Promise<string | undefined> {
    const { host, id } = this.#machine;
    const { rescue } = this.preset ?? {};
    let rescued = false;
    const { info, arrived, stream } = await host.migrate(id!, request, (news) => {
      this.#told(news);
      if (!rescue || rescued || this.story.rounds.length < rescue.rounds) return;
      rescued = true;
      this.downtime = rescue.downtime;
      this.set({ downtimeLimit: rescue.downtime });
    });
    this.info = info;
    this.stream = stream;
    if (arrived) await this.#machine.adopt(arrived.id, arrived.report);
    return info.status;
  }

  /** What a slider says goes to the migration that runs, and to the next one. */
  set(settings: MigrationSettings): void {
    if (this.running) void this.#machine.act((host, id) => host.setMigration(id, settings));
  }
  cancel(): void {
    void this.#machine.act((host, id) => host.cancelMigration(id));
  }
  cut(): void {
    void this.#machine.act((host, id) => host.cutLink(id));
  }

  /** Has the workload guest write so many pages a second. */
  async write(pages: number): Promise<void> {
    this.dirtyRate = pages;
    await this.#type([this.#dirty]);
  }
  get #dirty(): string {
    return this.dirtyRate === 0 ? 'idle' : `dirty ${this.dirtyRate} ${this.pattern}`;
  }
  async #type(lines: readonly string[]): Promise<void> {
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\r`).join(''));
    if (this.#machine.there) await this.#machine.act((host, id) => host.serialInput(id, PORT, bytes));
  }

  /** The run that is shown goes to those before. */
  #replace(title: string, watcher: Watcher): void {
    if (this.observations.length > 0) this.past = [this.run, ...this.past].slice(0, KEPT);
    this.#number = ++this.#count;
    this.#title = `run ${this.#number}, ${title}`;
    this.#watcher = watcher;
  }

  /** Another run's, out of a file. */
  open(
    made: Settings | undefined,
    observations: readonly MigrationObservation[],
    title = 'recording',
    watcher: Watcher = 'sender'
  ): void {
    this.#replace(title, watcher);
    this.made = made;
    this.info = this.at = this.refusal = this.stream = undefined;
    this.observations = observations;
  }

  /** The same, beside the run that is shown. */
  compare(made: Settings | undefined, observations: readonly MigrationObservation[], title: string): void {
    const run: Run = { ...{ number: ++this.#count, title, watcher: 'sender', made, observations } };
    this.past = [run, ...this.past].slice(0, KEPT);
    this.other = run;
  }
}
