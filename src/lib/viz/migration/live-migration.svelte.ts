/** The migration of the page: its settings, what is told of it while it runs, and the moment that is looked at afterwards. */
import type { MigrationRequest, MigrationSettings } from '../../emulator/machine-api.ts';
import type { MigrationInfo, MigrationObservation } from '../../emulator/migration-api.ts';
import { messageOf } from '../format.ts';
import type { MachineSession } from '../machine/machine-session.svelte.ts';
import { presets, ways, type Preset, type Settings, type Way } from './presets.ts';
import { durationOf, storyOf, type Story } from './story.ts';

/** The serial port of the workload guest's prompt. */
const PROMPT = 0;

export class LiveMigration {
  way = $state<Way>('precopy');
  /** max-bandwidth, bytes a second. */
  bandwidth = $state(32 << 20);
  /** downtime-limit, ms. */
  downtime = $state(300);
  /** Pages a second, typed at the workload guest's prompt. */
  dirtyRate = $state(0);
  pattern = $state('6M seq');
  preset = $state<Preset>();
  running = $state(false);
  info = $state.raw<MigrationInfo>();
  observations = $state.raw<readonly MigrationObservation[]>([]);
  /** What they were made with; a recording brings its own. */
  made = $state.raw<Settings>();
  /** The moment that is shown, in ms; undefined: as far as it is told. */
  at = $state<number>();
  /** Why it could not begin. */
  refusal = $state<string>();
  readonly duration: number = $derived(durationOf(this.observations));
  readonly story: Story = $derived(storyOf(this.observations, this.at ?? this.duration));
  readonly #machine: MachineSession;

  constructor(machine: MachineSession) {
    this.#machine = machine;
  }

  get settings(): Settings {
    const { way, bandwidth, downtime, dirtyRate, pattern } = this;
    return { way, bandwidth, downtime, dirtyRate, pattern };
  }

  /** Sets all that a preset names, and has the guest write. */
  choose(id: string): void {
    const preset = presets.find((p) => p.id === id);
    this.preset = preset;
    if (!preset) return;
    ({ way: this.way, bandwidth: this.bandwidth, downtime: this.downtime, pattern: this.pattern } = preset);
    void this.write(preset.dirtyRate);
  }

  /** Starts, and tells how it ended; the page shows the machine that has the guest then. */
  async start(): Promise<string | undefined> {
    if (this.running || this.#machine.id === undefined) return undefined;
    this.running = true;
    this.refusal = this.at = this.info = undefined;
    this.observations = [];
    this.made = this.settings;
    const { capabilities, stopFirst } = ways[this.way];
    const request: MigrationRequest = {
      ...{ maxBandwidth: this.bandwidth, downtimeLimit: this.downtime, capabilities, stopFirst }
    };
    try {
      return await this.#run(request);
    } catch (error) {
      this.refusal = messageOf(error);
      return undefined;
    } finally {
      this.running = false;
    }
  }

  async #run(request: MigrationRequest): Promise<string | undefined> {
    const { host, id } = this.#machine;
    const { rescue } = this.preset ?? {};
    let rescued = false;
    const { info, arrived } = await host.migrate(id!, request, ({ observations, info: now }) => {
      this.info = now;
      this.observations = [...this.observations, ...observations];
      if (!rescue || rescued || this.story.rounds.length < rescue.rounds) return;
      rescued = true;
      this.downtime = rescue.downtime;
      this.set({ downtimeLimit: rescue.downtime });
    });
    this.info = info;
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
    const line = pages === 0 ? 'idle' : `dirty ${pages} ${this.pattern}`;
    const bytes = new TextEncoder().encode(`${line}\r`);
    if (this.#machine.there) await this.#machine.act((host, id) => host.serialInput(id, PROMPT, bytes));
  }

  /** Another run's, out of a file. */
  open(made: Settings | undefined, observations: readonly MigrationObservation[]): void {
    this.made = made;
    this.info = this.at = this.refusal = undefined;
    this.observations = observations;
  }
}
