/** A migration out of a machine of the tab as the page asks for it, changes it, and is told of it. */
import type { HostedMachine } from './hosted-machine.ts';
import type { MigrationNews, MigrationRequest, MigrationSettings } from './machine-api.ts';
import type { MigrationObservation } from './migration-api.ts';
import type { ByteDuplex } from './migration/channel.ts';
import type { Capability } from './migration/options.ts';
import { withSymbols } from './migration/page-log.ts';
import { StreamRecorder } from './stream-recorder.ts';

/** ms between two messages to the page. */
const EVERY = 50;
/** Those that the page turns on and off. */
const CAPABILITIES = ['auto-converge', 'xbzrle'] as const satisfies readonly Capability[];

export class WatchedMigration {
  readonly #source: HostedMachine;
  readonly #told: (news: MigrationNews) => void;
  #news: MigrationObservation[] = [];
  #soon: ReturnType<typeof setTimeout> | undefined;
  #begun = 0;
  readonly #recorder = new StreamRecorder(() => performance.now() - this.#begun);

  constructor(source: HostedMachine, told: (news: MigrationNews) => void) {
    this.#source = source;
    this.#told = told;
  }

  /** @throws MigrationError what is asked for is refused */
  prepare(request: MigrationRequest): void {
    this.#source.machine.migration.options.setCapabilities(
      CAPABILITIES.map((capability) => ({ capability, state: request.capabilities.includes(capability) }))
    );
    this.set(request);
  }

  /** While it runs too. @throws MigrationError what a parameter refuses */
  set({ maxBandwidth, downtimeLimit }: MigrationSettings): void {
    this.#source.machine.migration.options.setParameters({
      ...(maxBandwidth === undefined ? {} : { 'max-bandwidth': maxBandwidth }),
      ...(downtimeLimit === undefined ? {} : { 'downtime-limit': downtimeLimit })
    });
  }

  cancel(): void {
    this.#source.machine.migration.cancel();
  }

  /** A channel of which the stream is kept. */
  recorded(channel: ByteDuplex): ByteDuplex {
    return this.#recorder.tap(channel, 'out');
  }
  /** What was kept. */
  get stream(): Blob | undefined {
    return this.#recorder.notes;
  }

  /** Tells the page what happens until the work is done. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#begun = performance.now();
    const { observers } = this.#source.machine.migration;
    const observer = { observe: (o: MigrationObservation) => this.#observe(o) };
    observers.add(observer);
    try {
      return await work();
    } finally {
      observers.delete(observer);
      this.#flush();
    }
  }

  #observe(observation: MigrationObservation): void {
    this.#news.push(this.#named(observation));
    this.#soon ??= setTimeout(() => this.#flush(), EVERY);
  }
  /** Who wrote is told by name, as far as symbols of the guest are known. */
  #named(observation: MigrationObservation): MigrationObservation {
    const { symbols } = this.#source;
    if (observation.kind !== 'sync' || !symbols) return observation;
    return { ...observation, dirty: withSymbols(observation.dirty, (address) => symbols.nameOf(address)) };
  }
  #flush(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const observations = this.#news;
    this.#news = [];
    this.#told({ observations, info: this.#source.machine.migration.info() });
  }
}
