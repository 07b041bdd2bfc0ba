/** A run of three rounds, of round numbers. */
import type { MigrationObservation, MigrationRound } from '../../../../src/lib/emulator/migration-api.ts';
import type { Run } from '../../../../src/lib/viz/migration/story.ts';

const round = (number: number, start: number, end: number, more: Partial<MigrationRound> = {}): MigrationRound => ({
  ...{ number, start, end, phase: number === 1 ? 'bulk' : 'dirty', dirty: 256, bytes: 1 << 20, dirtied: 128 },
  ...{ sent: { normal: 256, zero: 0, xbzrle: 0, skipped: 0 }, dirtyRate: 128, bandwidth: 1 << 20, remaining: 1 << 19 },
  ...{ threshold: 1000, expectedDowntime: 500, throttle: 0, instructions: 7, ...more }
});
const observations: readonly MigrationObservation[] = [
  { kind: 'status', at: 0, status: 'setup' },
  { kind: 'sync', at: 1, number: 1, dirty: [{ block: 'pc.ram', pages: 16, bitmap: Uint8Array.of(0x81, 0xff) }] },
  { kind: 'status', at: 2, status: 'active' },
  {
    ...{ kind: 'sample', at: 500, duration: 500, bytes: 1 << 19, pages: 128, transferred: 1 << 19, remaining: 1 << 19 },
    ...{ threshold: 1000, expectedDowntime: 500, dirtyPagesRate: 0, throttle: 0, instructions: 3 }
  },
  { kind: 'round', ...round(1, 0, 1000) },
  { kind: 'round', ...round(2, 1000, 2000) },
  {
    ...{ kind: 'pages', at: 2000, number: 2, more: 0 },
    sent: [
      {
        ...{ block: 'pc.ram', page: Uint32Array.of(0, 7) },
        ...{ how: Uint8Array.of(0, 2), bytes: Uint16Array.of(4104, 40) }
      }
    ]
  },
  {
    ...{ kind: 'sync', at: 2000, number: 3 },
    dirty: [
      {
        ...{ block: 'pc.ram', pages: 16, bitmap: Uint8Array.of(0x81, 0) },
        writers: { names: ['0x102030', 'device'], of: Uint16Array.of(1, 0) }
      }
    ]
  },
  { kind: 'throttle', at: 2000, percentage: 20 },
  { kind: 'guest', at: 2100, running: false },
  { kind: 'section', at: 2150, name: 'apic', instance: 0, bytes: 100, microseconds: 5 },
  { kind: 'section', at: 2160, name: 'cpu', instance: 0, bytes: 4000, microseconds: 9 },
  { kind: 'round', ...round(3, 2000, 2200, { phase: 'switchover', remaining: 0 }) },
  { kind: 'downtime', at: 2210, downtime: 110.4, total: 2210 },
  { kind: 'status', at: 2210, status: 'completed' }
];

export const finishedRun: Run = {
  ...{ number: 1, title: 'run 1, Precopy', watcher: 'sender', observations },
  made: { way: 'precopy', bandwidth: 4 << 20, downtime: 100, dirtyRate: 1000, pattern: '6M seq' }
};
