/**
 * COMMAND items. Source: QEMU migration/savevm.c (enum qemu_vm_cmd, mig_cmd_args, loadvm_process_command).
 *
 *   command     ::= 08 cmd:u16 length:u16 payload
 *   PING        ::= value:u32                          answered by PONG on the return path
 *   ADVISE      ::= (empty) | pagesize_summary:u64 target_page_size:u64
 *   RAM_DISCARD ::= 00 name:counted NUL (start:u64 length:u64)*
 *   PACKAGED    ::= length:u32, then that many bytes of a nested stream behind the command
 *   RECV_BITMAP ::= name:counted
 */
import type { Problem } from './problem.ts';
import { BadField, QemuFileReader, ShortRead } from './qemu-file.ts';
import { Placer, type Placed, type RowBudget } from './vmstate.ts';
import { buffer, u16, u32, u64, u8 } from './vmstate-types.ts';

/** Names by number; a number beyond is no command. */
export const commandNames = [
  'INVALID',
  'OPEN_RETURN_PATH',
  'PING',
  'POSTCOPY_ADVISE',
  'POSTCOPY_LISTEN',
  'POSTCOPY_RUN',
  'POSTCOPY_RAM_DISCARD',
  'PACKAGED',
  'ENABLE_COLO',
  'POSTCOPY_RESUME',
  'RECV_BITMAP',
  'SWITCHOVER_START'
] as const;

/** Payload lengths that QEMU insists on; absent: any. */
const lengths: Readonly<Record<string, number>> = {
  OPEN_RETURN_PATH: 0,
  PING: 4,
  POSTCOPY_LISTEN: 0,
  POSTCOPY_RUN: 0,
  PACKAGED: 4,
  ENABLE_COLO: 0,
  POSTCOPY_RESUME: 0,
  SWITCHOVER_START: 0
};

export interface CommandRead {
  readonly number: number;
  readonly name: string;
  readonly fields: readonly Placed[];
  readonly problems: readonly Problem[];
  /** Bytes of nested stream that follow. */
  readonly packaged?: number;
  /** The stream ends in the command. */
  readonly failed: boolean;
}

const name = { type: 'name', read: (f: QemuFileReader) => f.countedString(), write: () => undefined };

function payload(command: string, file: QemuFileReader, place: Placer): number | undefined {
  switch (command) {
    case 'PING':
      place.read(file, 'value', u32);
      return undefined;
    case 'PACKAGED':
      return place.read(file, 'length', u32);
    case 'POSTCOPY_ADVISE':
      if (file.left < 16) break;
      place.read(file, 'pagesize_summary', u64, undefined, { radix: 16, doc: 'The page sizes of all blocks, or-ed' });
      place.read(file, 'target_page_size', u64, undefined, { unit: 'bytes' });
      return undefined;
    case 'POSTCOPY_RAM_DISCARD':
      place.read(file, 'version', u8);
      place.read(file, 'name', name);
      place.read(file, 'nul', u8);
      for (let i = 0; file.left >= 16; i++) {
        place.read(file, `[${i}].start`, u64, undefined, { radix: 16 });
        place.read(file, `[${i}].length`, u64, undefined, { unit: 'bytes' });
      }
      return undefined;
    case 'RECV_BITMAP':
      place.read(file, 'name', name);
      return undefined;
  }
  if (file.left > 0) place.read(file, 'data', buffer(file.left));
  return undefined;
}

/**
 * Reads a command, its type byte included.
 * @param budget of rows: what is beyond it has none
 */
export function readCommand(file: QemuFileReader, budget?: RowBudget): CommandRead {
  const start = file.offset;
  const problems: Problem[] = [];
  const head = new Placer();
  const place = new Placer([], undefined, budget);
  let command = 'COMMAND';
  let number = -1;
  const problem = (severity: Problem['severity'], message: string): void => {
    problems.push({ code: 'command', severity, section: command, at: start, message });
  };
  const read = (more: Pick<CommandRead, 'failed' | 'packaged'>): CommandRead => ({
    ...{ number, name: command, fields: [...head.rows, ...place.rows], problems },
    ...more
  });
  let bytes: Uint8Array;
  let length: number;
  try {
    file.skip(1);
    number = head.read(file, 'cmd', u16);
    length = head.read(file, 'len', u16);
    bytes = file.bytes.subarray(file.pos, file.pos + length);
  } catch (error) {
    if (!(error instanceof ShortRead)) throw error;
    problem('fatal', `the stream ends in a command: ${error.message}`);
    file.skip(file.left);
    return read({ failed: true });
  }
  command = commandNames[number] ?? `command ${number}`;
  if (number === 0 || number >= commandNames.length) {
    problem('warning', `MIG_CMD 0x${number.toString(16)} unknown (len 0x${length.toString(16)})`);
  }
  const wanted = lengths[command];
  if (wanted !== undefined && wanted !== length) {
    problem('warning', `${command} received with bad length - expecting ${wanted}, got ${length}`);
  }
  const failed = bytes.length < length;
  let packaged: number | undefined;
  try {
    // What a payload is too short for is not taken from what follows it.
    packaged = payload(command, new QemuFileReader(bytes, file.offset), place);
  } catch (error) {
    if (!(error instanceof ShortRead || error instanceof BadField)) throw error;
    if (!failed) problem('warning', `${command} of ${length} bytes: ${error.message}`);
  }
  if (failed) problem('fatal', `the stream ends in a command: ${length} bytes wanted at ${file.offset}`);
  file.skip(bytes.length);
  return read({ failed, ...(packaged === undefined ? {} : { packaged }) });
}
