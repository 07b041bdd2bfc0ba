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
import { ShortRead, type QemuFileReader } from './qemu-file.ts';
import { Placer, type Placed } from './vmstate.ts';
import { buffer, u32, u64, u8 } from './vmstate-types.ts';

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

function payload(command: string, length: number, file: QemuFileReader, place: Placer): number | undefined {
  const end = file.pos + length;
  switch (command) {
    case 'PING':
      place.read(file, 'value', u32);
      return undefined;
    case 'PACKAGED':
      return place.read(file, 'length', u32);
    case 'POSTCOPY_ADVISE':
      if (length < 16) break;
      place.read(file, 'pagesize_summary', u64, undefined, { radix: 16, doc: 'The page sizes of all blocks, or-ed' });
      place.read(file, 'target_page_size', u64, undefined, { unit: 'bytes' });
      return undefined;
    case 'POSTCOPY_RAM_DISCARD':
      place.read(file, 'version', u8);
      place.read(file, 'name', name);
      place.read(file, 'nul', u8);
      for (let i = 0; file.pos + 16 <= end; i++) {
        place.read(file, `[${i}].start`, u64, undefined, { radix: 16 });
        place.read(file, `[${i}].length`, u64, undefined, { unit: 'bytes' });
      }
      return undefined;
    case 'RECV_BITMAP':
      place.read(file, 'name', name);
      return undefined;
  }
  if (length > 0) place.read(file, 'data', buffer(length));
  return undefined;
}

/** Reads a command, its type byte included. */
export function readCommand(file: QemuFileReader): CommandRead {
  const start = file.offset;
  const problems: Problem[] = [];
  const place = new Placer();
  let command = 'COMMAND';
  let number = -1;
  const problem = (severity: Problem['severity'], message: string): void => {
    problems.push({ code: 'command', severity, section: command, at: start, message });
  };
  try {
    file.skip(1);
    number = place.read(file, 'cmd', { ...u32, type: 'uint16', read: (f) => f.be16() });
    const length = place.read(file, 'len', { ...u32, type: 'uint16', read: (f) => f.be16() });
    command = commandNames[number] ?? `command ${number}`;
    if (number === 0 || number >= commandNames.length) {
      problem('warning', `MIG_CMD 0x${number.toString(16)} unknown (len 0x${length.toString(16)})`);
    }
    const wanted = lengths[command];
    if (wanted !== undefined && wanted !== length) {
      problem('warning', `${command} received with bad length - expecting ${wanted}, got ${length}`);
    }
    const bodyStart = file.pos;
    const packaged = payload(command, length, file, place);
    if (file.pos < bodyStart + length) file.skip(bodyStart + length - file.pos);
    return {
      number,
      name: command,
      fields: place.rows,
      problems,
      failed: false,
      ...(packaged === undefined ? {} : { packaged })
    };
  } catch (error) {
    if (!(error instanceof ShortRead)) throw error;
    problem('fatal', `the stream ends in a command: ${error.message}`);
    return { number, name: command, fields: place.rows, problems, failed: true };
  }
}
