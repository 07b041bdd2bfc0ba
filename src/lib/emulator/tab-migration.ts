/**
 * A guest that moves to another machine of the tab while it runs: a second machine of the same plan beside the first, a
 * simulated link between them, and word to the page of what happens. The disks are shared, as live migration wants them:
 * only one of the two runs at a time.
 */
import { HostedMachine } from './hosted-machine.ts';
import type { MigrationNews, MigrationRequest, MigrationSettings } from './machine-api.ts';
import { waitForGuest } from './machine-incoming.ts';
import type { Machine } from './machine.ts';
import type { MigrationObservation } from './migration-api.ts';
import { link, type Link } from './migration/channel.ts';
import type { Capability } from './migration/options.ts';

type Told = (news: MigrationNews) => void;

/** ms between two messages to the page. */
const EVERY = 50;
/** Those that the page turns on and off. */
const CAPABILITIES = ['auto-converge', 'xbzrle'] as const satisfies readonly Capability[];

export class TabMigration {
  /** Resolves when it is over: with the machine that has the guest now, undefined where the guest stayed. */
  readonly over: Promise<HostedMachine | undefined>;
  readonly #source: HostedMachine;
  readonly #told: Told;
  readonly #wire: Link = link();
  #news: MigrationObservation[] = [];
  #soon: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param destination of the same plan, new; it is destroyed where the guest does not arrive
   * @throws MigrationError where it cannot begin; the destination is left as it is then
   */
  constructor(source: HostedMachine, destination: Machine, request: MigrationRequest, told: Told) {
    this.#source = source;
    this.#told = told;
    const { migration } = source.machine;
    migration.options.setCapabilities(
      CAPABILITIES.map((capability) => ({ capability, state: request.capabilities.includes(capability) }))
    );
    this.set(request);
    this.over = this.#run(destination, request.stopFirst);
  }

  /** While it runs too. @throws MigrationError what a parameter refuses */
  set({ maxBandwidth, downtimeLimit, latency }: MigrationSettings): void {
    this.#source.machine.migration.options.setParameters({
      ...(maxBandwidth === undefined ? {} : { 'max-bandwidth': maxBandwidth }),
      ...(downtimeLimit === undefined ? {} : { 'downtime-limit': downtimeLimit })
    });
    if (latency !== undefined) this.#wire.set({ latency });
  }

  cancel(): void {
    this.#source.machine.migration.cancel();
  }
  /** The cable is pulled out. */
  cut(): void {
    this.#wire.cut();
  }

  async #run(destination: Machine, stopFirst: boolean): Promise<HostedMachine | undefined> {
    const { machine } = this.#source;
    const observer = { observe: (o: MigrationObservation) => this.#observe(o) };
    machine.migration.observers.add(observer);
    try {
      const incoming = waitForGuest(destination, true);
      for (const [n, { blk }] of machine.drives.entries()) {
        if (blk.driver) destination.drives[n]!.blk.insert(blk.driver);
      }
      const loaded = incoming.start(() => Promise.resolve(this.#wire.ends[1]));
      await machine.migration.start(() => Promise.resolve(this.#wire.ends[0]), { stopFirst });
      // A sender that gave up has broken the link.
      await loaded;
      if (incoming.status === 'completed') return this.#source.successor(destination);
      destination.destroy();
      return undefined;
    } finally {
      machine.migration.observers.delete(observer);
      this.#flush();
    }
  }

  #observe(observation: MigrationObservation): void {
    this.#news.push(observation);
    this.#soon ??= setTimeout(() => this.#flush(), EVERY);
  }
  #flush(): void {
    clearTimeout(this.#soon);
    this.#soon = undefined;
    const observations = this.#news;
    this.#news = [];
    this.#told({ observations, info: this.#source.machine.migration.info() });
  }
}
