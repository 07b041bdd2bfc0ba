/**
 * A guest that moves to another machine of the tab while it runs: a second machine of the same plan beside the first, a
 * simulated link between them, and word to the page of what happens. The disks are shared, as live migration wants them:
 * only one of the two runs at a time.
 */
import type { HostedMachine } from './hosted-machine.ts';
import type { MigrationNews, MigrationRequest, MigrationSettings } from './machine-api.ts';
import { waitForGuest } from './machine-incoming.ts';
import type { Machine } from './machine.ts';
import { link, type Link } from './migration/channel.ts';
import { WatchedMigration } from './watched-migration.ts';

/** Seconds that a sender may be ahead of a link: what waits there when the guest stops is downtime too. */
const BUFFERED = 0.02;

export class TabMigration {
  /** Resolves when it is over: with the machine that has the guest now, undefined where the guest stayed. */
  readonly over: Promise<HostedMachine | undefined>;
  readonly #source: HostedMachine;
  readonly #watched: WatchedMigration;
  readonly #wire: Link = link();
  #latency = 0;
  #bandwidth = 0;

  /**
   * @param destination of the same plan, new; it is destroyed where the guest does not arrive
   * @throws MigrationError where it cannot begin; the destination is left as it is then
   */
  constructor(
    source: HostedMachine,
    destination: Machine,
    request: MigrationRequest,
    told: (news: MigrationNews) => void
  ) {
    this.#source = source;
    this.#watched = new WatchedMigration(source, told);
    this.#watched.prepare(request);
    this.#shape(request);
    this.over = this.#watched.during(() => this.#run(destination, request.stopFirst));
  }

  /** While it runs too. @throws MigrationError what a parameter refuses */
  set(settings: MigrationSettings): void {
    this.#watched.set(settings);
    this.#shape(settings);
  }
  #shape({ latency = this.#latency, linkBandwidth = this.#bandwidth }: MigrationSettings): void {
    this.#latency = latency;
    this.#bandwidth = linkBandwidth;
    const narrow = { bandwidth: linkBandwidth, buffer: linkBandwidth * BUFFERED };
    this.#wire.set({ latency, ...(linkBandwidth === 0 ? {} : narrow) });
  }

  get stream(): Blob | undefined {
    return this.#watched.stream;
  }
  cancel(): void {
    this.#watched.cancel();
  }
  /** The cable is pulled out. */
  cut(): void {
    this.#wire.cut();
  }

  async #run(destination: Machine, stopFirst: boolean): Promise<HostedMachine | undefined> {
    const { machine } = this.#source;
    const incoming = waitForGuest(destination, true);
    shareDrives(machine, destination);
    const loaded = incoming.start(() => Promise.resolve(this.#wire.ends[1]));
    try {
      const out = this.#watched.recorded(this.#wire.ends[0]);
      await machine.migration.start(() => Promise.resolve(out), { stopFirst });
    } catch (error) {
      this.cut();
      throw error;
    } finally {
      // A sender that gave up has broken the link.
      await loaded;
      if (incoming.status !== 'completed') destination.destroy();
    }
    return incoming.status === 'completed' ? this.#source.successor(destination) : undefined;
  }
}

/** The drives of a machine of the same plan get the same images. */
export function shareDrives(from: Machine, to: Machine): void {
  for (const [n, { blk }] of from.drives.entries()) {
    if (blk.driver) to.drives[n]!.blk.insert(blk.driver);
  }
}
