/**
 * A guest that leaves the tab, or comes into it, by way of the bridge: the other machine is a native QEMU, or one of
 * another page. It comes into a machine of the same plan beside the one that is there, whose drives it finds.
 */
import type { Bridge } from './bridge-channel.ts';
import type { HostedMachine } from './hosted-machine.ts';
import type { MigrationNews, MigrationRequest, MigrationSettings } from './machine-api.ts';
import { waitForGuest } from './machine-incoming.ts';
import type { Machine } from './machine.ts';
import type { MigrationInfo, MigrationObservation } from './migration-api.ts';
import type { ByteDuplex } from './migration/channel.ts';
import type { IncomingMigration } from './migration/incoming-state.ts';
import { StreamRecorder } from './stream-recorder.ts';
import { shareDrives } from './tab-migration.ts';
import { WatchedMigration } from './watched-migration.ts';

type Told = (news: MigrationNews) => void;

/** Out of the tab. */
export class BridgeMigration {
  /** Resolves when it is over, however it ended. Rejects where it cannot begin. */
  readonly over: Promise<undefined>;
  readonly #watched: WatchedMigration;
  #channel: ByteDuplex | undefined;

  /** @throws MigrationError what is asked for is refused */
  constructor(source: HostedMachine, bridge: Bridge, uri: string, request: MigrationRequest, told: Told) {
    this.#watched = new WatchedMigration(source, told);
    this.#watched.prepare(request);
    const connect = async (): Promise<ByteDuplex> =>
      this.#watched.recorded((this.#channel = await bridge.connect(uri)));
    const { stopFirst } = request;
    this.over = this.#watched.during(async () => {
      await source.machine.migration.start(connect, { stopFirst });
      return undefined;
    });
  }

  get stream(): Blob | undefined {
    return this.#watched.stream;
  }
  set(settings: MigrationSettings): void {
    this.#watched.set(settings);
  }
  cancel(): void {
    this.#watched.cancel();
  }
  cut(): void {
    this.#channel?.destroy();
  }
}

/** Into the tab. */
export class BridgeArrival {
  /** Resolves when it is over: with the machine that has the guest now, undefined where none came. */
  readonly over: Promise<HostedMachine | undefined>;
  readonly #incoming: IncomingMigration;
  readonly #giveUp = new AbortController();
  readonly #begun = performance.now();
  readonly #recorder = new StreamRecorder(() => performance.now() - this.#begun);
  #address: string | undefined;
  #channel: ByteDuplex | undefined;

  /**
   * @param beside the machine that is there: it stands from when a sender has connected, and goes on where nothing came
   * @param destination of the same plan, new; destroyed where no guest arrives
   */
  constructor(beside: HostedMachine, destination: Machine, bridge: Bridge, uri: string, told: Told) {
    const incoming = (this.#incoming = waitForGuest(destination, true));
    const tell = (observations: readonly MigrationObservation[] = []): void => told({ observations, info: this.info });
    incoming.onStatus = (status) => {
      const { 'error-desc': error } = incoming.info();
      tell([
        { kind: 'status', at: performance.now() - this.#begun, status, ...(error === undefined ? {} : { error }) }
      ]);
    };
    const listening = (address: string): void => {
      this.#address = address;
      tell();
    };
    this.over = this.#run(beside, destination, async () => {
      const channel = await bridge.listen(uri, listening, this.#giveUp.signal);
      this.#channel = channel;
      return this.#recorder.tap(channel, 'in');
    });
  }

  /** query-migrate, with the address while it waits. */
  get info(): MigrationInfo {
    const info = this.#incoming.info();
    return this.#address === undefined ? info : { ...info, 'socket-address': [this.#address] };
  }

  get stream(): Blob | undefined {
    return this.#recorder.notes;
  }
  /** Nothing to change: the sender decides. */
  set(): void {}
  cancel(): void {
    this.#giveUp.abort();
    this.cut();
  }
  cut(): void {
    this.#channel?.destroy();
  }

  async #run(
    beside: HostedMachine,
    destination: Machine,
    listen: () => Promise<ByteDuplex>
  ): Promise<HostedMachine | undefined> {
    const incoming = this.#incoming;
    let ran = false;
    try {
      await incoming.start(async () => {
        const channel = await listen();
        ran = beside.machine.runstate.running;
        if (ran) await beside.moves.pause();
        shareDrives(beside.machine, destination);
        return channel;
      });
      return incoming.status === 'completed' ? beside.successor(destination) : undefined;
    } finally {
      if (incoming.status !== 'completed') {
        destination.destroy();
        if (ran) beside.moves.resume();
      }
    }
  }
}
