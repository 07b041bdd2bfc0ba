/** Cuts counters that only grow into rounds, for observers. */
import type { MigrationRound, SentPages } from '../migration-api.ts';
import type { MigrationStats } from './migration-stats.ts';
import type { RAMState } from './ram.ts';

type Phase = MigrationRound['phase'];

interface Begun {
  readonly number: number;
  readonly phase: Phase;
  readonly start: number;
  readonly dirty: number;
  readonly sent: SentPages;
  readonly transferred: number;
  readonly icount: bigint;
}

export class RoundLog {
  readonly #ram: RAMState;
  readonly #stats: MigrationStats;
  readonly #cpu: { readonly icount: bigint };
  #begun: Begun | undefined;

  constructor(ram: RAMState, stats: MigrationStats, cpu: { readonly icount: bigint }) {
    this.#ram = ram;
    this.#stats = stats;
    this.#cpu = cpu;
  }

  /** The bitmap has just been synchronised. @param at ms */
  begin(at: number, phase: Phase): void {
    const { counts, migration_dirty_pages: dirty } = this.#ram;
    const { dirty_sync_count: number, transferred } = this.#stats;
    this.#begun = { number, phase, start: at, dirty, sent: { ...counts }, transferred, icount: this.#cpu.icount };
  }

  /** @param more what the round did not count itself */
  end(
    at: number,
    more: Pick<MigrationRound, 'dirtied' | 'threshold' | 'expectedDowntime' | 'throttle'>
  ): MigrationRound {
    const { number, phase, start, dirty, sent, transferred, icount } = this.#begun!;
    const { counts, remaining } = this.#ram;
    const seconds = Math.max(at - start, 1e-3) / 1000;
    const bytes = this.#stats.transferred - transferred;
    return {
      ...{ number, phase, start, end: at, dirty, bytes, remaining, ...more },
      sent: {
        normal: counts.normal - sent.normal,
        zero: counts.zero - sent.zero,
        xbzrle: counts.xbzrle - sent.xbzrle,
        skipped: counts.skipped - sent.skipped
      },
      dirtyRate: more.dirtied / seconds,
      bandwidth: bytes / seconds,
      instructions: Number(this.#cpu.icount - icount)
    };
  }
}
