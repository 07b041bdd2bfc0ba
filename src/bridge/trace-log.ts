/**
 * Lines of QEMU's trace log, as `-trace 'migration_*' -D FILE -msg timestamp=on` writes it:
 * `4711@1700000000.123456:migrate_set_state new state active`. Source: QEMU scripts/tracetool/backend/log.py.
 */
import type { RecordingNote } from '../lib/vmstate/recording.ts';

const LINE = /^\d+@(\d+)\.(\d{6}):(\w+) ?(.*)$/;
/** ms before and after a recording that still belong to it: setting up, and what is said at the end. */
const AROUND = 2000;
/** Lines that are taken. */
const MAX_LINES = 500_000;

export interface TraceLog {
  readonly notes: readonly RecordingNote[];
  /** Lines that look like a trace's but say no time. */
  readonly timeless: number;
}

/**
 * The lines of a stretch of time as notes of a recording.
 * @param started the recording's beginning, ms since 1970
 * @param duration ms
 */
export function readTraceLog(text: string, started: number, duration: number): TraceLog {
  const notes: RecordingNote[] = [];
  let timeless = 0;
  for (const line of text.split('\n')) {
    const [, seconds, micros, name, rest] = LINE.exec(line) ?? [];
    if (seconds === undefined) {
      if (/^(migrat|vmstate_|savevm_|ram_)\w+ /.test(line)) timeless++;
      continue;
    }
    const at = Number(seconds) * 1000 + Number(micros) / 1000 - started;
    if (at < -AROUND || at > duration + AROUND || notes.length >= MAX_LINES) continue;
    notes.push({ kind: 'trace', at: Math.max(0, at), name: name!, text: rest! });
  }
  return { notes, timeless };
}
