/**
 * A machine on its way to another host while its guest goes on: rounds of dirty pages until what is left fits into the
 * downtime that is allowed, then the guest is stopped and the rest sent. It runs between slices of the CPU.
 * Source: QEMU migration/migration.c; names of state and the arithmetic are its.
 */
import type {
  MigrationInfo,
  MigrationObservation,
  MigrationObserver,
  MigrationRound,
  MigrationStatus
} from '../migration-api.ts';
import type { RunStateMachine } from '../system/runstate.ts';
import type { ByteDuplex } from './channel.ts';
import { CpuThrottle, type Throttled } from './cpu-throttle.ts';
import type { MigratableMachine } from './incoming.ts';
import { BUFFER_DELAY, MigrationStats } from './migration-stats.ts';
import { migrationInfo, type Current } from './migration-info.ts';
import { MigrationError, MigrationOptions, type Capability } from './options.ts';
import { OutgoingFile } from './qemu-file.ts';
import { PageLog, withWriters } from './page-log.ts';
import { RAMState } from './ram.ts';
import { ReturnPath } from './return-path.ts';
import { RoundLog } from './round-log.ts';
import {
  deviceSections,
  openReturnPath,
  ramHead,
  ramSectionId,
  rehearse,
  sectionFooter,
  streamHeader,
  switchoverStart
} from './savevm.ts';

/** A machine that can be sent while it runs. */
export interface LiveMachine extends MigratableMachine {
  readonly runstate: RunStateMachine;
  readonly cpus: Throttled;
  /** Instructions retired. */
  readonly cpu: { readonly icount: bigint };
  start(): void;
  /** Resolves when no instruction runs and no request is under way; the state says finish-migrate then. */
  stopForMigration(): Promise<void>;
}

/** QMP events. */
export type MigrationEvent =
  | { readonly event: 'MIGRATION'; readonly data: { readonly status: MigrationStatus } }
  | { readonly event: 'MIGRATION_PASS'; readonly data: { readonly pass: number } };

export interface StartOptions {
  /** The guest is stopped before the first page: no rounds, the longest downtime. */
  readonly stopFirst?: boolean;
}

const RUNNING: ReadonlySet<MigrationStatus> = new Set(['setup', 'active', 'pre-switchover', 'device', 'cancelling']);

/** Can be set, and then keeps a migration from starting. */
const NOT_YET: readonly Capability[] = [
  ...(['postcopy-ram', 'multifd', 'mapped-ram', 'background-snapshot', 'x-ignore-shared', 'validate-uuid'] as const),
  ...(['x-colo', 'switchover-ack', 'zero-copy-send', 'rdma-pin-all'] as const)
];

/** migrate_cancel; nothing went wrong. */
class Cancelled extends Error {}

export class Migration {
  readonly options = new MigrationOptions();
  readonly observers = new Set<MigrationObserver>();
  readonly #machine: LiveMachine;
  /** Of the migration that is under way, where somebody watches. */
  #pages: PageLog | undefined;
  readonly #throttle: CpuThrottle;
  readonly #yield: () => Promise<void>;
  #status: MigrationStatus = 'none';
  #error: string | undefined;
  #current: Current | undefined;
  onEvent: (event: MigrationEvent) => void = () => {};

  /** @param yieldTo lets the guest and messages have their turn */
  constructor(machine: LiveMachine, yieldTo: () => Promise<void>) {
    this.#machine = machine;
    this.#yield = yieldTo;
    this.#throttle = new CpuThrottle(machine.cpus, this.options);
    this.#throttle.onChange = (percentage) => this.#observe({ kind: 'throttle', at: this.#at(), percentage });
    this.options.busy = () => this.running;
    this.options.onChange = () => {
      if (this.running && this.#current && this.#status !== 'device') this.#limit(this.#current);
    };
  }

  get status(): MigrationStatus {
    return this.#status;
  }
  /** Why the last one failed. */
  get error(): string | undefined {
    return this.#error;
  }
  /** Source: migration_is_running. */
  get running(): boolean {
    return RUNNING.has(this.#status);
  }

  /**
   * Begins a migration. Resolves when it is over, however it ended: `status` says it.
   * @param connect opens the channel
   * @throws MigrationError where it cannot begin; nothing has happened then
   */
  start(connect: () => Promise<ByteDuplex>, options: StartOptions = {}): Promise<void> {
    this.#prepare();
    const now = performance.now();
    const current: Current = {
      ...{ stats: new MigrationStats(), start: now, mbps: 0, pages_per_second: 0, threshold_size: 0 },
      ...{ expected_downtime: this.options.number('downtime-limit'), setup_time: 0, total_time: 0, downtime: 0 },
      ...{ downtime_start: undefined, vm_old_state: undefined, iteration_start_time: now },
      ...{ iteration_initial_bytes: 0, iteration_initial_pages: 0, iteration_initial_icount: 0n },
      ...{ continued: false, abandoned: false },
      ...{ channel: undefined, file: undefined, ram: undefined, rp: undefined, rounds: undefined, wake: () => {} }
    };
    this.#current = current;
    this.#error = undefined;
    this.#set('setup');
    const stopFirst = options.stopFirst ?? this.options.value('mode') === 'cpr-reboot';
    return this.#run(current, connect, stopFirst);
  }

  /** Source: migrate_prepare. */
  #prepare(): void {
    const { state } = this.#machine.runstate;
    if (this.running) throw new MigrationError("There's a migration process in progress");
    if (state === 'inmigrate') throw new MigrationError('Guest is waiting for an incoming migration');
    if (state === 'postmigrate')
      throw new MigrationError("Can't migrate the vm that was paused due to previous migration");
    const missing = NOT_YET.find((capability) => this.options.has(capability));
    if (missing !== undefined) throw new MigrationError(`Capability '${missing}' is not supported yet`);
    if (this.options.value('tls-creds') !== '') throw new MigrationError('TLS is not supported: unset tls-creds');
    const mode = this.options.value('mode');
    if (mode !== 'normal' && mode !== 'cpr-reboot')
      throw new MigrationError(`Mode '${String(mode)}' is not supported yet`);
  }

  /** migrate_cancel: the guest goes on here. Nothing happens where no migration is under way. */
  cancel(): void {
    const current = this.#current;
    if (!this.running || !current || this.#status === 'cancelling') return;
    const connecting = !current.channel;
    this.#set('cancelling');
    current.channel?.destroy();
    current.wake();
    if (!connecting) return;
    current.abandoned = true;
    this.#set('cancelled');
  }

  /** migrate-continue. @param state that it is expected to be in @throws MigrationError */
  continue(state: string): void {
    if (this.#status !== state) throw new MigrationError(`Migration not in expected state: ${this.#status}`);
    const current = this.#current!;
    current.continued = true;
    current.wake();
  }

  /** query-migrate of the source. Source: fill_source_migration_info. */
  info(): MigrationInfo {
    return migrationInfo(this.#status, this.#error, this.#throttle.percentage, this.#current);
  }

  // From the first byte to the last.

  async #run(current: Current, connect: () => Promise<ByteDuplex>, stopFirst: boolean): Promise<void> {
    try {
      const channel = await connect();
      if (current.abandoned) {
        channel.destroy();
        return;
      }
      current.channel = channel;
      await this.#send(current, stopFirst);
      this.#completed(current);
    } catch (error) {
      if (current.abandoned) return;
      if (this.#status !== 'cancelling') this.#error = error instanceof Error ? error.message : String(error);
      current.channel?.destroy();
    }
    this.#finish(current);
  }

  /** Source: migration_thread. */
  async #send(current: Current, stopFirst: boolean): Promise<void> {
    const { stats } = current;
    const machine = this.#machine;
    const file = (current.file = new OutgoingFile(current.channel!, stats));
    const sectionId = ramSectionId(machine);
    this.#limit(current);
    this.#throttle.start(performance.now());
    if (stopFirst) await this.#stopGuest(current);
    else await rehearse(machine, () => this.#breathe(current));
    file.bytes(streamHeader(machine));
    if (this.options.has('return-path')) {
      current.rp = new ReturnPath(current.channel!, () => current.wake());
      file.bytes(openReturnPath());
    }
    file.bytes(ramHead('START', sectionId));
    this.#pages = this.observers.size > 0 ? new PageLog() : undefined;
    const ram = (current.ram = new RAMState({
      ...{ physmem: machine.physmem, file, options: this.options, stats, throttle: this.#throttle },
      onPage: this.#pages && ((block, page, how, bytes) => this.#pages?.add(block, page, how, bytes)),
      running: () => machine.runstate.running,
      breathe: () => this.#breathe(current)
    }));
    current.rounds = new RoundLog(ram, stats, machine.cpu);
    this.#sync(current, 'bulk');
    ram.setup();
    file.bytes(sectionFooter(sectionId));
    await file.flush();
    this.#check();
    this.#set('active');
    current.setup_time = Math.trunc(performance.now() - current.start);
    this.#beginWindow(current);
    while (!(await this.#iteration(current, sectionId))) {
      this.#check();
      this.#updateCounters(current);
      const wait = current.iteration_start_time + BUFFER_DELAY - performance.now();
      if (stats.exceeded && wait > 0) await sleep(current, wait);
      else await this.#yield();
      this.#check();
    }
  }

  /** One step; true when the migration is over. Source: migration_iteration_run. */
  async #iteration(current: Current, sectionId: number): Promise<boolean> {
    const { stats } = current;
    const ram = current.ram!;
    const file = current.file!;
    if (stats.exceeded) return false;
    if (ram.remaining < current.threshold_size) this.#sync(current, 'dirty');
    if (ram.remaining <= current.threshold_size) {
      await this.#complete(current, sectionId);
      return true;
    }
    file.bytes(ramHead('PART', sectionId));
    await ram.iterate();
    file.bytes(sectionFooter(sectionId));
    await file.flush();
    return false;
  }

  /** The guest is stopped and all that is left sent. Source: migration_completion_precopy, migration_switchover_start. */
  async #complete(current: Current, sectionId: number): Promise<void> {
    const machine = this.#machine;
    const file = current.file!;
    await this.#stopGuest(current);
    this.#check();
    if (this.options.has('pause-before-switchover')) {
      current.continued = false;
      this.#set('pre-switchover');
      while (!current.continued) {
        await sleep(current);
        this.#check();
      }
    }
    this.#set('device');
    current.stats.limit(0);
    file.bytes(switchoverStart(machine));
    this.#sync(current, 'switchover');
    file.bytes(ramHead('END', sectionId));
    await current.ram!.complete();
    file.bytes(sectionFooter(sectionId));
    let from = performance.now();
    for (const { name, instance = 0, bytes } of deviceSections(machine)) {
      file.bytes(bytes);
      const now = performance.now();
      const microseconds = Math.round((now - from) * 1000);
      from = now;
      if (name === undefined) continue;
      this.#observe({ kind: 'section', at: this.#at(), name, instance, bytes: bytes.length, microseconds });
    }
    if (current.rp) {
      await file.flush();
      await current.rp.shut;
    }
    await file.close();
  }

  /** Source: migration_stop_vm. */
  async #stopGuest(current: Current): Promise<void> {
    if (current.vm_old_state !== undefined) return;
    const { runstate } = this.#machine;
    current.downtime_start = performance.now();
    const old = runstate.state;
    await this.#machine.stopForMigration();
    // A guest that was switched off meanwhile stays so.
    current.vm_old_state = old;
    if (old === 'running') this.#observe({ kind: 'guest', at: this.#at(), running: false });
  }

  /** Source: migration_completion_end. */
  #completed(current: Current): void {
    const now = performance.now();
    const { stats } = current;
    current.downtime = Math.trunc(now - current.downtime_start!);
    current.total_time = Math.trunc(now - current.start);
    const transfer = current.total_time - current.setup_time;
    if (transfer > 0) current.mbps = (stats.transferred * 8) / transfer / 1000;
    this.#endRound(current, 0);
    this.#observe({ kind: 'downtime', at: this.#at(), downtime: current.downtime, total: current.total_time });
    // All of it has been taken: who cancels now is too late.
    this.#set('completed', true);
  }

  /** Source: migration_iteration_finish. */
  #finish(current: Current): void {
    this.#throttle.stop();
    const { runstate } = this.#machine;
    const old = current.vm_old_state;
    if (this.#status === 'completed') runstate.set('postmigrate');
    else {
      if (this.#status !== 'cancelling') this.#set('failed');
      if (old === 'running') {
        this.#machine.start();
        this.#observe({ kind: 'guest', at: this.#at(), running: true });
      } else if (old !== undefined && runstate.state === 'finish-migrate') runstate.set(old);
      if (this.#status === 'cancelling') this.#set('cancelled');
    }
    current.channel = current.file = undefined;
  }

  // On the way.

  /** The guest and everybody else have their turn. @throws Cancelled */
  async #breathe(current: Current): Promise<void> {
    await this.#yield();
    this.#check();
    if (this.#status !== 'active') return;
    this.#updateCounters(current);
    if (this.#throttle.syncIsDue(performance.now(), current.stats.dirty_sync_count)) this.#sync(current, 'dirty');
  }

  #check(): void {
    if (this.#status === 'cancelling' || this.#status === 'cancelled') throw new Cancelled('cancelled');
    const broken = this.#current?.rp?.error;
    if (broken) throw broken;
  }

  #limit(current: Current): void {
    current.stats.limit(this.options.number('max-bandwidth'));
  }

  /** A round ends, the next begins. */
  #sync(current: Current, phase: MigrationRound['phase']): void {
    const ram = current.ram!;
    const written = ram.sync(performance.now());
    if (phase !== 'bulk') this.#endRound(current, written);
    current.rounds!.begin(this.#at(), phase);
    const number = current.stats.dirty_sync_count;
    if (this.observers.size > 0) {
      const dirty = phase === 'bulk' ? ram.dirty() : withWriters(ram.dirty(), this.#machine.physmem);
      this.#observe({ kind: 'sync', at: this.#at(), number, dirty });
    }
    if (this.options.has('events')) this.onEvent({ event: 'MIGRATION_PASS', data: { pass: number } });
  }

  #endRound(current: Current, written: number): void {
    const { threshold_size: threshold, expected_downtime: expectedDowntime } = current;
    const throttle = this.#throttle.percentage;
    const round = current.rounds!.end(this.#at(), { dirtied: written, threshold, expectedDowntime, throttle });
    this.#observe({ kind: 'round', ...round });
    if (this.#pages) this.#observe({ kind: 'pages', at: round.end, number: round.number, ...this.#pages.take() });
  }

  /** Source: update_iteration_initial_status. */
  #beginWindow(current: Current): void {
    current.stats.resetWindow();
    current.iteration_start_time = performance.now();
    current.iteration_initial_bytes = current.stats.transferred;
    current.iteration_initial_pages = current.ram!.transferredPages;
    current.iteration_initial_icount = this.#machine.cpu.icount;
  }

  /** Source: migration_update_counters. */
  #updateCounters(current: Current): void {
    const duration = performance.now() - current.iteration_start_time;
    if (duration < BUFFER_DELAY) return;
    const { stats } = current;
    const ram = current.ram!;
    const bytes = stats.transferred - current.iteration_initial_bytes;
    const pages = ram.transferredPages - current.iteration_initial_pages;
    const given = this.options.number('avail-switchover-bandwidth');
    const perMs = given > 0 ? Math.floor(given / 1000) : bytes / duration;
    current.threshold_size = Math.floor(perMs * this.options.number('downtime-limit'));
    current.mbps = (bytes * 8) / (duration / 1000) / 1e6;
    current.pages_per_second = Math.floor(pages / (duration / 1000));
    if (stats.dirty_pages_rate > 0 && bytes > 10_000 && perMs > 0)
      current.expected_downtime = Math.floor(stats.dirty_bytes_last_sync / perMs);
    this.#observe({
      ...{ kind: 'sample', at: this.#at(), duration, bytes, pages, transferred: stats.transferred },
      ...{ remaining: ram.remaining, threshold: current.threshold_size, expectedDowntime: current.expected_downtime },
      ...{ dirtyPagesRate: stats.dirty_pages_rate, throttle: this.#throttle.percentage },
      instructions: Number(this.#machine.cpu.icount - current.iteration_initial_icount)
    });
    this.#beginWindow(current);
  }

  /** ms since it began. */
  #at(): number {
    return this.#current ? performance.now() - this.#current.start : 0;
  }

  #observe(observation: MigrationObservation): void {
    for (const observer of this.observers) observer.observe(observation);
  }

  /** Source: migrate_set_state. */
  #set(status: MigrationStatus, even = false): void {
    // Between two steps it may have been cancelled: that stays.
    if (this.#status === 'cancelling' && status !== 'cancelled' && !even) throw new Cancelled('cancelled');
    this.#status = status;
    const error = status === 'failed' ? this.#error : undefined;
    this.#observe({ kind: 'status', at: this.#at(), status, ...(error === undefined ? {} : { error }) });
    if (this.options.has('events')) this.onEvent({ event: 'MIGRATION', data: { status } });
  }
}

/** Waits for so many ms, or for ever, unless woken. */
function sleep(current: Current, ms?: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === undefined ? undefined : setTimeout(() => current.wake(), ms);
    current.wake = () => {
      clearTimeout(timer);
      current.wake = () => {};
      resolve();
    };
  });
}
