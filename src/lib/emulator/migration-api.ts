/**
 * What a migration tells while it goes on: types only, for the page's timeline, recordings and tests. Names and units of
 * `MigrationInfo` are QMP's; all else is in ms since the migration began, bytes and pages of 4096 bytes.
 *
 * An observer gets one observation after another, in the order in which things happened. Numbers are counted, never
 * inferred. Source of the arithmetic: QEMU migration/migration.c, migration/ram.c.
 */

/** qapi/migration.json MigrationStatus, as far as there is what leads to it. */
export type MigrationStatus =
  'none' | 'setup' | 'active' | 'pre-switchover' | 'device' | 'completed' | 'failed' | 'cancelling' | 'cancelled';

/** `ram` of query-migrate. */
export interface MigrationRamInfo {
  readonly transferred: number;
  readonly remaining: number;
  readonly total: number;
  readonly duplicate: number;
  readonly normal: number;
  readonly 'normal-bytes': number;
  readonly 'dirty-pages-rate': number;
  readonly mbps: number;
  readonly 'dirty-sync-count': number;
  readonly 'postcopy-requests': number;
  readonly 'page-size': number;
  readonly 'multifd-bytes': number;
  readonly 'pages-per-second': number;
  readonly 'precopy-bytes': number;
  readonly 'downtime-bytes': number;
  readonly 'postcopy-bytes': number;
  readonly 'dirty-sync-missed-zero-copy': number;
}

/** `xbzrle-cache` of query-migrate. */
export interface XBZRLECacheInfo {
  readonly 'cache-size': number;
  readonly bytes: number;
  readonly pages: number;
  readonly 'cache-miss': number;
  readonly 'cache-miss-rate': number;
  readonly 'encoding-rate': number;
  readonly overflow: number;
}

/** What query-migrate returns: `{}` where there never was a migration. Times in ms. */
export interface MigrationInfo {
  readonly status?: MigrationStatus;
  readonly ram?: MigrationRamInfo;
  readonly 'xbzrle-cache'?: XBZRLECacheInfo;
  readonly 'total-time'?: number;
  readonly 'setup-time'?: number;
  readonly 'expected-downtime'?: number;
  readonly downtime?: number;
  readonly 'cpu-throttle-percentage'?: number;
  /** Bytes that were dirty when that was last looked at. */
  readonly remaining?: number;
  readonly 'error-desc'?: string;
  readonly 'socket-address'?: readonly unknown[];
}

/** Pages by how they were sent. A skipped one was dirty and had not changed, which only XBZRLE can tell. */
export interface SentPages {
  readonly normal: number;
  readonly zero: number;
  readonly xbzrle: number;
  readonly skipped: number;
}

/**
 * From one synchronisation of the dirty bitmap to the next. The first is the bulk round; the last one, sent while the
 * guest stands, has `phase` switchover.
 */
export interface MigrationRound {
  /** Counted from 1: dirty-sync-count at its beginning. */
  readonly number: number;
  readonly phase: 'bulk' | 'dirty' | 'switchover';
  readonly start: number;
  readonly end: number;
  /** Dirty pages when it began: all that it may have to send. */
  readonly dirty: number;
  readonly sent: SentPages;
  /** Of the stream, headers included. */
  readonly bytes: number;
  /** Pages that the guest wrote meanwhile, found by the synchronisation that ends the round; each counted once. */
  readonly dirtied: number;
  /** `dirtied` in pages a second. */
  readonly dirtyRate: number;
  /** `bytes` a second. */
  readonly bandwidth: number;
  /** Bytes still dirty after the synchronisation that ends it; 0 after the switchover. */
  readonly remaining: number;
  /** What the switchover rule compared it with, in bytes. */
  readonly threshold: number;
  /** ms, as query-migrate says it. */
  readonly expectedDowntime: number;
  /** Share of time that the CPU is kept from running, in percent. */
  readonly throttle: number;
  /** Instructions that the guest ran meanwhile. */
  readonly instructions: number;
}

/** One window of at least 100 ms: what bandwidth, threshold and expected downtime are made of. */
export interface MigrationSample {
  readonly at: number;
  /** ms that the window lasted. */
  readonly duration: number;
  /** In the window. */
  readonly bytes: number;
  readonly pages: number;
  readonly transferred: number;
  readonly remaining: number;
  readonly threshold: number;
  readonly expectedDowntime: number;
  readonly dirtyPagesRate: number;
  readonly throttle: number;
  /** In the window. */
  readonly instructions: number;
}

/** A device's section, written while the guest stood: its share of the downtime. */
export interface MigrationSection {
  readonly name: string;
  readonly instance: number;
  readonly bytes: number;
  readonly microseconds: number;
}

/** Dirty pages of a RAM block: a bit a page, least significant first. */
export interface DirtyBlock {
  readonly block: string;
  readonly pages: number;
  readonly bitmap: Uint8Array;
  /** Who was seen last to write to each of them; absent in the bulk round, and where nobody looked. */
  readonly writers?: PageWriters;
}

/** Of each write only the first after a synchronisation is seen. */
export interface PageWriters {
  /** Each instruction that was seen: its eip in hex, then where it is known a space and its symbol; `device`; empty: nobody. */
  readonly names: readonly string[];
  /** An index into `names` for each bit that is set, in the order of the bits. */
  readonly of: Uint16Array;
}

/** How a page went; a skipped one was dirty and had not changed. The order is that of `SentBlock.how`. */
export type SendKind = keyof SentPages;

/** Pages of a RAM block in the order in which a round sent them. */
export interface SentBlock {
  readonly block: string;
  readonly page: Uint32Array;
  /** 0 normal, 1 zero, 2 xbzrle, 3 skipped. */
  readonly how: Uint8Array;
  /** Bytes of each in the stream, header included. */
  readonly bytes: Uint16Array;
}

export type MigrationObservation =
  | {
      readonly kind: 'status';
      readonly at: number;
      readonly status: MigrationStatus;
      /** Why it failed. */
      readonly error?: string;
    }
  /** The dirty bitmap was synchronised; `number` is the round that begins. */
  | { readonly kind: 'sync'; readonly at: number; readonly number: number; readonly dirty: readonly DirtyBlock[] }
  | ({ readonly kind: 'round' } & MigrationRound)
  /** What a round sent, told at its end. `more`: pages that are left out, to keep it small. */
  | {
      readonly kind: 'pages';
      readonly at: number;
      readonly number: number;
      readonly sent: readonly SentBlock[];
      readonly more: number;
    }
  | ({ readonly kind: 'sample' } & MigrationSample)
  | { readonly kind: 'throttle'; readonly at: number; readonly percentage: number }
  /** The guest stands, or goes on here. */
  | { readonly kind: 'guest'; readonly at: number; readonly running: boolean }
  | ({ readonly kind: 'section'; readonly at: number } & MigrationSection)
  /** The end of one that completed. ms. */
  | { readonly kind: 'downtime'; readonly at: number; readonly downtime: number; readonly total: number };

export interface MigrationObserver {
  /** Called between two slices of the guest: must be quick, and keep or copy what it is given as it likes. */
  observe(observation: MigrationObservation): void;
}
