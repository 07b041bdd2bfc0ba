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

/** What ends the parsing: QEMU would refuse it. */
class Refused extends Error {}

class ReturnPathReader {
  readonly messages: Placed[] = [];
  readonly requests: PageRequest[] = [];
  readonly #file: QemuFileReader;
  #fields: Placed[] = [];
  /** RAM block of the last request that named one. */
  #block = '';

  constructor(file: QemuFileReader) {
    this.#file = file;
  }

  /** Reads one message. What was read of it is kept when it throws ShortRead or Refused. */
  message(): void {
    const file = this.#file;
    const start = file.offset;
    this.#fields = [];
    let name = 'message';
    try {
      const type = this.#field('type', 'uint16', () => file.be16());
      const length = this.#field('length', 'uint16', () => file.be16());
      const known = type === 0 ? undefined : MESSAGES[type];
      if (!known) throw new Refused(`Received invalid message 0x${type.toString(16)} length 0x${length.toString(16)}`);
      name = known[0];
      if ((known[1] !== -1 && known[1] !== length) || length > MAX_LENGTH) {
        throw new Refused(`Received '${name}' message with incorrect length ${length} expecting ${known[1]}`);
      }
      const end = file.offset + length;
      this.#data(name, start, length);
      if (file.offset !== end) throw new Refused(`'${name}' of ${length} bytes holds ${length + file.offset - end}`);
      if (name === 'RECV_BITMAP') this.#bitmap();
    } finally {
      const about = MEANINGS[name];
      const row = { name, type: 'message', start, end: file.offset, children: this.#fields };
      this.messages.push(about ? { ...row, about } : row);
    }
  }

  #field<V extends Leaf>(name: string, type: string, read: () => V, about?: Meaning): V {
    const start = this.#file.offset;
    const value = read();
    const row = { name, type, start, end: this.#file.offset, value };
    this.#fields.push(about ? { ...row, about } : row);
    return value;
  }

  #data(name: string, at: number, length: number): void {
    const file = this.#file;
    const idstr = (): string => this.#field('idstr', 'counted string', () => file.countedString());
    if (name === 'REQ_PAGES' || name === 'REQ_PAGES_ID') {
      const offset = this.#field('start', 'uint64', () => file.be64AsNumber(), { radix: 16 });
      const bytes = this.#field('len', 'uint32', () => file.be32(), { unit: 'bytes' });
      if (name === 'REQ_PAGES_ID') this.#block = idstr();
      this.requests.push({ at, block: this.#block, offset, length: bytes });
    } else if (name === 'RECV_BITMAP') idstr();
    else if (length === 4) this.#field('value', 'uint32', () => file.be32(), MEANINGS[name]);
  }

  /** QEMU: ramblock_recv_bitmap_send. */
  #bitmap(): void {
    const file = this.#file;
    const size = this.#field('size', 'uint64', () => file.be64AsNumber(), { unit: 'bytes' });
    this.#field('bitmap', 'buffer', () => file.buffer(size), { doc: 'One bit a page, little-endian: it has arrived.' });
    const ending = this.#field('ending', 'uint64', () => file.be64(), { radix: 16 });
    if (ending !== BITMAP_ENDING) throw new Refused(`end mark incorrect: 0x${ending.toString(16)}`);
  }
}

/** Parses a capture. Never throws for bad input. */
export async function readReturnPath(source: ByteSource): Promise<ReturnPath> {
  const file = new QemuFileReader(await readRange(source, 0, MAX_BYTES));
  const reader = new ReturnPathReader(file);
  const problems: Problem[] = [];
  while (file.left > 0 && problems.length === 0) {
    const at = file.offset;
    try {
      reader.message();
    } catch (error) {
      if (error instanceof Refused) {
        problems.push({ code: 'return-path-message', severity: 'fatal', at, message: error.message });
      } else if (error instanceof ShortRead) {
        const message = source.size > MAX_BYTES ? `only the first ${MAX_BYTES} bytes are read` : error.message;
        problems.push({ code: 'truncated', severity: 'fatal', at: error.at, message });
      } else throw error;
    }
  }
  return { messages: reader.messages, requests: reader.requests, problems };
}
