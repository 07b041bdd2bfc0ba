/** Counters of one migration. Source: QEMU migration/migration-stats.c; names are its. */

/** ms of a window in which bandwidth is limited and measured. */
export const BUFFER_DELAY = 100;
const WINDOWS_A_SECOND = 1000 / BUFFER_DELAY;

export class MigrationStats {
  /** Bytes that were dirty at the last synchronisation, not counting what the guest wrote since. */
  dirty_bytes_last_sync = 0;
  /** Pages a second. */
  dirty_pages_rate = 0;
  dirty_sync_count = 0;
  /** Bytes sent while the guest stood. */
  downtime_bytes = 0;
  normal_pages = 0;
  zero_pages = 0;
  /** Bytes of pages sent while the guest ran. */
  precopy_bytes = 0;
  /** Bytes of the stream so far. */
  transferred = 0;
  #windowStart = 0;
  /** Bytes in a window; 0: as many as go. */
  #windowMost = 0;

  /** Source: migration_rate_set. @param limit bytes a second; 0: none */
  limit(limit: number): void {
    this.#windowMost = Math.floor(limit / WINDOWS_A_SECOND);
  }
  /** A new window begins. */
  resetWindow(): void {
    this.#windowStart = this.transferred;
  }
  /** This window has sent what it may. Source: migration_rate_exceeded. */
  get exceeded(): boolean {
    return this.#windowMost > 0 && this.transferred - this.#windowStart > this.#windowMost;
  }
}
