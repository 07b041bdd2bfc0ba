/**
 * Recordings in files: `-icount …,rr=record,rrfile=F` and `rr=replay`, as in QEMU (docs/system/replay.rst). One line of
 * JSON says of what machine it is, then comes the log. Node only.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { BadLog, type LogSink, ReplayLog } from '../lib/emulator/replay/log.ts';
import { OptionError } from '../lib/emulator/system/qemu-option.ts';
import { InputError } from './file-source.ts';

/** What must be the same for a run to be the same. */
interface Header {
  readonly migrascope: 'replay';
  readonly version: 1;
  readonly machine: string;
  /** Of -icount; undefined: paced by the clock. */
  readonly shift?: number;
  /** ns since 1970. */
  readonly hostTime: string;
}

export interface ReplayOptions {
  readonly shift: number | undefined;
  readonly rr: 'record' | 'replay' | undefined;
  readonly file: string | undefined;
}

/** @throws OptionError */
export function replayOptions(icount: ReadonlyMap<string, string> | undefined): ReplayOptions {
  const [shift, rr, file] = ['shift', 'rr', 'rrfile'].map((name) => icount?.get(name));
  for (const name of icount?.keys() ?? []) {
    if (!['shift', 'rr', 'rrfile', 'sleep', 'align'].includes(name))
      throw new OptionError(`-icount ${name}: not supported; shift, rr and rrfile are`);
  }
  if (rr !== undefined && rr !== 'record' && rr !== 'replay') throw new OptionError(`Invalid icount rr option: ${rr}`);
  if (rr === undefined && file !== undefined)
    throw new OptionError('-icount rrfile: rr=record or rr=replay is missing');
  if (rr === 'replay' && file === undefined) throw new OptionError('File name not specified for replay');
  // By the clock a recording is as exact.
  const paced = shift === undefined || (shift === 'auto' && rr !== undefined);
  if (!paced && !/^([0-9]|10)$/.test(shift))
    throw new OptionError(`-icount shift=${shift}: a number from 0 to 10 is supported`);
  return { shift: paced ? undefined : Number(shift), rr, file };
}

/** Begins a recording in a file, in place of what is in it. @throws InputError */
export function recordTo(
  path: string,
  machine: string,
  { shift }: ReplayOptions,
  hostTime: bigint
): LogSink & { close(): void } {
  const header: Header = {
    ...{ migrascope: 'replay', version: 1, machine, hostTime: hostTime.toString() },
    ...(shift === undefined ? {} : { shift })
  };
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (error) {
    throw new InputError(`Could not open '${path}': ${(error as Error).message}`);
  }
  const head = Buffer.from(`${JSON.stringify(header)}\n`);
  let end = writeSync(fd, head);
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const flush = (): void => {
    const all = Buffer.concat(waiting);
    for (let done = 0; done < all.length;) done += writeSync(fd, all, done, all.length - done, end + done);
    end += all.length;
    waiting = [];
    bytes = 0;
  };
  return {
    append(piece) {
      waiting.push(piece);
      bytes += piece.length;
      if (bytes > 1 << 16) flush();
    },
    truncate(offset) {
      flush();
      end = head.length + offset;
      ftruncateSync(fd, end);
    },
    close() {
      flush();
      closeSync(fd);
    }
  };
}

export interface Recording {
  readonly machine: string;
  readonly shift: number | undefined;
  readonly hostTime: bigint;
  readonly log: ReplayLog;
}

/** @throws InputError */
export function readRecording(path: string): Recording {
  const bad = (why: string): InputError => new InputError(`'${path}' is no recording: ${why}`);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new InputError(`Could not open '${path}': ${(error as Error).message}`);
  }
  const end = bytes.indexOf('\n');
  let header: Partial<Header>;
  try {
    header = JSON.parse(bytes.toString('utf8', 0, Math.max(0, end))) as Partial<Header>;
  } catch {
    throw bad('it does not begin with a line of JSON');
  }
  const { machine, shift, hostTime } = header;
  if (header.migrascope !== 'replay' || header.version !== 1) throw bad('it says of itself that it is something else');
  if (typeof machine !== 'string' || typeof hostTime !== 'string' || !/^\d{1,20}$/.test(hostTime))
    throw bad('machine or hostTime is missing');
  if (shift !== undefined && !(Number.isInteger(shift) && shift >= 0 && shift <= 10)) throw bad(`shift ${shift}`);
  try {
    return { machine, shift, hostTime: BigInt(hostTime), log: ReplayLog.from(bytes.subarray(end + 1), 0) };
  } catch (error) {
    if (error instanceof BadLog) throw bad(error.message);
    throw error;
  }
}
