/** One migration's figures, and what query-migrate makes of them. Source: QEMU migration/migration.c. */
import type { RunState } from '../machine-api.ts';
import type { MigrationInfo, MigrationStatus } from '../migration-api.ts';
import type { ByteDuplex } from './channel.ts';
import type { MigrationStats } from './migration-stats.ts';
import type { OutgoingFile } from './qemu-file.ts';
import type { RAMState } from './ram.ts';
import type { ReturnPath } from './return-path.ts';
import type { RoundLog } from './round-log.ts';
import { PAGE } from './savevm.ts';

/** One migration from its first byte to its end. */
export interface Current {
  readonly stats: MigrationStats;
  readonly start: number;
  /** The figures of the last window. */
  mbps: number;
  pages_per_second: number;
  threshold_size: number;
  expected_downtime: number;
  setup_time: number;
  total_time: number;
  downtime: number;
  downtime_start: number | undefined;
  /** What the guest did before it was stopped for this. */
  vm_old_state: RunState | undefined;
  iteration_start_time: number;
  iteration_initial_bytes: number;
  iteration_initial_pages: number;
  iteration_initial_icount: bigint;
  channel: ByteDuplex | undefined;
  file: OutgoingFile | undefined;
  ram: RAMState | undefined;
  rp: ReturnPath | undefined;
  rounds: RoundLog | undefined;
  /** Ends a wait before its time. */
  wake: () => void;
  /** migrate-continue has been said. */
  continued: boolean;
  /** It was cancelled while it was connecting: what comes of that does not matter. */
  abandoned: boolean;
}

/** Source: fill_source_migration_info, populate_time_info, populate_ram_info. */
export function migrationInfo(
  status: MigrationStatus,
  failure: string | undefined,
  throttle: number,
  current: Current | undefined
): MigrationInfo {
  if (status === 'none' || !current) return {};
  const error = failure === undefined ? {} : { 'error-desc': failure };
  const { ram, stats } = current;
  if (!ram || status === 'setup' || status === 'failed' || status === 'cancelled') return { status, ...error };
  const completed = status === 'completed';
  const { xbzrle } = ram;
  return {
    status,
    'setup-time': current.setup_time,
    'total-time': completed ? current.total_time : Math.trunc(performance.now() - current.start),
    ...(completed ? { downtime: current.downtime } : { 'expected-downtime': current.expected_downtime }),
    ...(completed ? {} : { remaining: stats.dirty_bytes_last_sync }),
    ram: {
      ...{ transferred: stats.transferred, total: ram.ram_bytes_total, duplicate: stats.zero_pages },
      ...{ normal: stats.normal_pages, 'normal-bytes': stats.normal_pages * PAGE, mbps: current.mbps },
      ...{ remaining: completed ? 0 : ram.remaining, 'dirty-pages-rate': completed ? 0 : stats.dirty_pages_rate },
      ...{ 'dirty-sync-count': stats.dirty_sync_count, 'postcopy-requests': 0, 'page-size': PAGE },
      ...{ 'multifd-bytes': 0, 'pages-per-second': current.pages_per_second, 'precopy-bytes': stats.precopy_bytes },
      ...{ 'downtime-bytes': stats.downtime_bytes, 'postcopy-bytes': 0, 'dirty-sync-missed-zero-copy': 0 }
    },
    ...(xbzrle
      ? {
          'xbzrle-cache': {
            ...{ 'cache-size': xbzrle.cacheBytes, bytes: xbzrle.bytes, pages: xbzrle.pages },
            ...{ 'cache-miss': xbzrle.cache_miss, 'cache-miss-rate': xbzrle.cache_miss_rate },
            ...{ 'encoding-rate': xbzrle.encoding_rate, overflow: xbzrle.overflow }
          }
        }
      : {}),
    ...(throttle === 0 ? {} : { 'cpu-throttle-percentage': throttle }),
    ...error
  };
}
