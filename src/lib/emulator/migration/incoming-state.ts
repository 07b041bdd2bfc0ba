/**
 * A machine that waits for another host's guest: pages go into its RAM while they arrive, the devices are loaded when
 * the sender has stopped, and the guest goes on here. Source: QEMU migration/migration.c (MigrationIncomingState,
 * process_incoming_migration_co, process_incoming_migration_bh).
 */
import type { Problem } from '../../vmstate/problem.ts';
import type { PageSink } from '../../vmstate/ram.ts';
import { readSnapshot } from '../../vmstate/savevm.ts';
import type { Snapshot } from '../../vmstate/snapshot.ts';
import { fromChunks } from '../../vmstate/source.ts';
import type { Descriptions } from '../../vmstate/vmstate.ts';
import type { MigrationInfo, MigrationStatus } from '../migration-api.ts';
import type { RAMBlock } from '../system/physmem.ts';
import type { RunStateMachine } from '../system/runstate.ts';
import type { ByteDuplex } from './channel.ts';
import { loadDevices, otherMachine, targetOf, type LoadReport, type MigratableMachine } from './incoming.ts';
import { MigrationError } from './options.ts';
import { Answers } from './return-path.ts';
import { PAGE, rehearse } from './savevm.ts';

/** A machine that a guest can come into. */
export interface ReceivingMachine extends MigratableMachine {
  readonly runstate: RunStateMachine;
  setHostTime(ns: bigint): void;
  /** Goes on as the sender did. */
  startIncoming(autostart: boolean): void;
}

export interface IncomingOptions {
  readonly descriptions: Descriptions;
  /** False: the guest stays paused (-S). */
  readonly autostart: boolean;
  /** The host's clock: ns since 1970. */
  readonly hostTime: () => bigint;
  /** What speaks against running what was loaded. */
  readonly check?: (snapshot: Snapshot) => readonly Problem[];
  /** The stream as far as it was read, now and then. */
  readonly progress?: (snapshot: Snapshot) => void;
}

const isFatal = ({ severity }: Problem): boolean => severity === 'fatal';

/** What a reader of files only warns of, and a loader cannot go on with. */
const FAILURE = /^(section-|footer-|too-many-)/;

export class IncomingMigration {
  readonly #machine: ReceivingMachine;
  readonly #options: IncomingOptions;
  #status: MigrationStatus = 'none';
  #error: string | undefined;
  #autostart: boolean;
  onStatus: (status: MigrationStatus) => void = () => {};

  /** The machine says `inmigrate` from now on. */
  constructor(machine: ReceivingMachine, options: IncomingOptions) {
    this.#machine = machine;
    this.#options = options;
    this.#autostart = options.autostart;
    machine.runstate.set('inmigrate');
  }

  get status(): MigrationStatus {
    return this.#status;
  }

  /** query-migrate of the destination. Source: fill_destination_migration_info. */
  info(): MigrationInfo {
    if (this.#status === 'none') return {};
    return { status: this.#status, ...(this.#error === undefined ? {} : { 'error-desc': this.#error }) };
  }

  /** cont: the guest goes on when it is here. */
  goOn(): void {
    this.#autostart = true;
  }

  /**
   * Takes a guest. Never rejects: `status` says how it ended. One that failed can be tried again.
   * @param connect waits for the sender
   * @throws MigrationError where one is under way, or has come
   */
  start(connect: () => Promise<ByteDuplex>): Promise<LoadReport> {
    if (this.#status !== 'none' && this.#status !== 'failed')
      throw new MigrationError('The incoming migration has already been started');
    if (this.#machine.runstate.state !== 'inmigrate')
      throw new MigrationError("'-incoming' was not specified on the command line");
    this.#error = undefined;
    this.#set('setup');
    return this.#run(connect);
  }

  async #run(connect: () => Promise<ByteDuplex>): Promise<LoadReport> {
    let channel: ByteDuplex | undefined;
    let answers: Answers | undefined;
    let report: LoadReport = { problems: [], frozen: [] };
    try {
      const connecting = connect();
      connecting.catch(() => undefined);
      await rehearse(this.#machine, () => Promise.resolve());
      channel = await connecting;
      this.#set('active');
      answers = new Answers(channel);
      report = await this.#load(answers);
      // Until this is said, the sender may still keep its guest.
      if (!report.problems.some(isFatal)) {
        await answers.shut(false);
        await channel.end();
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      report = { problems: [{ code: 'incoming', severity: 'fatal', at: 0, message }], frozen: [] };
    }
    // A link that broke says more than that the stream ends there.
    const why = report.problems.find(({ code }) => code === 'input-damaged') ?? report.problems.find(isFatal);
    if (why) {
      // The sender learns of it, and its guest goes on there.
      await answers?.shut(true).catch(() => undefined);
      channel?.destroy();
      this.#error = `load of migration failed: ${why.message}`;
      this.#set('failed');
    } else {
      this.#machine.startIncoming(this.#autostart);
      this.#set('completed');
    }
    return report;
  }

  async #load(answers: Answers): Promise<LoadReport> {
    const { descriptions, progress, check, hostTime } = this.#options;
    const machine = this.#machine;
    const targets: RAMBlock[] = [];
    const pages: PageSink = {
      machine: (name) => otherMachine(machine, name),
      block(block) {
        const found = targetOf(machine.physmem, block);
        if (typeof found === 'string') return found;
        targets[block.index] = found;
        return undefined;
      },
      page(block, index, bytes) {
        const target = targets[block.index]!;
        if (bytes) target.write(index * PAGE, bytes);
        else target.clearPage(index * PAGE);
      },
      contents: (block, index) => targets[block.index]!.bytes(index * PAGE, PAGE).slice(),
      item: (section) => answers.item(section)
    };
    const snapshot = await readSnapshot(fromChunks(answers.stream()), {
      ...{ descriptions, pages },
      ...(progress ? { progress } : {})
    });
    const problems = snapshot.problems.map((p): Problem =>
      p.severity === 'warning' && FAILURE.test(p.code) ? { ...p, severity: 'fatal' } : p
    );
    // Devices of a stream that cannot be followed would be loaded in part.
    if (problems.some(isFatal)) return { problems, frozen: [] };
    machine.setHostTime(hostTime());
    const loaded = await loadDevices(machine, snapshot);
    return { ...loaded, problems: [...problems, ...loaded.problems, ...(check?.(snapshot) ?? [])] };
  }

  #set(status: MigrationStatus): void {
    this.#status = status;
    this.onStatus(status);
  }
}
