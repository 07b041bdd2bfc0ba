/**
 * What a destination says to the source on the return path: answers to PING, and in postcopy the pages that the guest
 * faulted on.
 *
 *   message ::= type:u16 length:u16 data
 *
 * Source: QEMU migration/migration.c (rp_cmd_args, source_return_path_thread, migrate_send_rp_message_req_pages).
 */
import type { Problem } from './problem.ts';
import { QemuFileReader, ShortRead } from './qemu-file.ts';
import { readRange, type ByteSource } from './source.ts';
import type { Leaf, Meaning, Placed } from './vmstate.ts';

/** Two million requests; a capture is read whole. */
const MAX_BYTES = 32 * 2 ** 20;
/** QEMU's buffer for a message. */
const MAX_LENGTH = 512;
/** RAMBLOCK_RECV_BITMAP_ENDING. */
const BITMAP_ENDING = 0x0123456789abcdefn;

/** Name and length of the data, -1 where it varies. The index is the type. */
const MESSAGES = [
  ['INVALID', -1],
  ['SHUT', 4],
  ['PONG', 4],
  ['REQ_PAGES_ID', -1],
  ['REQ_PAGES', 12],
  ['RECV_BITMAP', -1],
  ['RESUME_ACK', 4],
  ['SWITCHOVER_ACK', 0]
] as const;

const MEANINGS: Readonly<Record<string, Meaning>> = {
  SHUT: { doc: 'The destination is done; 0 when all went well.' },
  PONG: { doc: 'The number of the PING it answers.', values: { 0x42: 'QEMU_VM_PING_PACKAGED_LOADED' } },
  REQ_PAGES_ID: { doc: 'The guest touched a page that is not there yet; names the RAM block.' },
  REQ_PAGES: { doc: 'The guest touched a page that is not there yet, in the block of the request before.' },
  RECV_BITMAP: { doc: 'Which pages of a block have arrived, to go on after an interruption.' },
  RESUME_ACK: { doc: 'Postcopy goes on.' },
  SWITCHOVER_ACK: { doc: 'Every device of the destination is ready to be switched over.' }
};

export interface PageRequest {
  /** Offset of the message. */
  readonly at: number;
  readonly block: string;
  /** Bytes into the block. */
  readonly offset: number;
  readonly length: number;
}

export interface ReturnPath {
  /** One row a message, its values as children. */
  readonly messages: readonly Placed[];
  /** Postcopy faults, in order. */
  readonly requests: readonly PageRequest[];
  readonly problems: readonly Problem[];
}

/** Parses a capture. Never throws for bad input. */
export async function readReturnPath(source: ByteSource): Promise<ReturnPath> {
  const file = new QemuFileReader(await readRange(source, 0, MAX_BYTES));
  const messages: Placed[] = [];
  const requests: PageRequest[] = [];
  const problems: Problem[] = [];
  const problem = (code: string, at: number, message: string): void => {
    problems.push({ code, severity: 'fatal', at, message });
  };
  let block = '';
  while (file.left > 0) {
    const start = file.offset;
    const children: Placed[] = [];
    const field = <V extends Leaf>(name: string, type: string, read: () => V, about?: Meaning): V => {
      const from = file.offset;
      const value = read();
      children.push({ name, type, start: from, end: file.offset, value, ...(about ? { about } : {}) });
      return value;
    };
    let name = 'message';
    try {
      const type = field('type', 'uint16', () => file.be16());
      const length = field('length', 'uint16', () => file.be16());
      const known = type === 0 ? undefined : MESSAGES[type];
      if (!known) {
        problem(
          'return-path-message',
          start,
          `Received invalid message 0x${type.toString(16)} length 0x${length.toString(16)}`
        );
        break;
      }
      name = known[0];
      if ((known[1] !== -1 && known[1] !== length) || length > MAX_LENGTH) {
        problem(
          'return-path-length',
          start,
          `Received '${name}' message with incorrect length ${length} expecting ${known[1]}`
        );
        break;
      }
      const end = file.pos + length;
      if (name === 'REQ_PAGES' || name === 'REQ_PAGES_ID') {
        const offset = field('start', 'uint64', () => file.be64AsNumber(), { radix: 16 });
        const bytes = field('len', 'uint32', () => file.be32(), { unit: 'bytes' });
        if (name === 'REQ_PAGES_ID') block = field('idstr', 'counted string', () => file.countedString());
        requests.push({ at: start, block, offset, length: bytes });
      } else if (name === 'RECV_BITMAP') {
        field('idstr', 'counted string', () => file.countedString());
      } else if (length === 4) {
        field('value', 'uint32', () => file.be32(), MEANINGS[name]);
      }
      if (file.pos !== end) {
        problem('return-path-length', start, `'${name}' has ${length} bytes, its contents ${length + file.pos - end}`);
        break;
      }
      if (name === 'RECV_BITMAP') {
        const size = field('size', 'uint64', () => file.be64AsNumber(), { unit: 'bytes' });
        field('bitmap', 'buffer', () => file.buffer(size), { doc: 'One bit a page, little-endian: arrived.' });
        const ending = field('ending', 'uint64', () => file.be64(), { radix: 16 });
        if (ending !== BITMAP_ENDING) problem('return-path-bitmap', start, 'the bitmap has a wrong end mark');
      }
    } catch (error) {
      if (!(error instanceof ShortRead)) throw error;
      const cut = source.size > MAX_BYTES ? `only the first ${MAX_BYTES} bytes are read` : error.message;
      problem('truncated', error.at, cut);
      break;
    } finally {
      const about = MEANINGS[name];
      messages.push({ name, type: 'message', start, end: file.offset, children, ...(about ? { about } : {}) });
    }
  }
  return { messages, requests, problems };
}
