// Listens in place of a migration destination and keeps what each connection carries: a file per channel. With a real
// destination behind it, it passes everything on both ways and keeps the return path too.
import { createWriteStream, mkdtempSync, openSync, readSync, closeSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { finished } from 'node:stream/promises';

const MULTIFD_MAGIC = 0x11223344;
const QEMU_VM_FILE_MAGIC = 0x5145564d;
const CPR_MAGIC = 0x51435052;

/** The channel a recording belongs to, by how it begins; `preempt` has no magic of its own. @param {string} path */
function channelOf(path) {
  const head = Buffer.alloc(25);
  const file = openSync(path, 'r');
  const length = readSync(file, head, 0, head.length, 0);
  closeSync(file);
  if (length < 4) return 'empty';
  const magic = head.readUInt32BE(0);
  if (magic === QEMU_VM_FILE_MAGIC) return 'state';
  if (magic === CPR_MAGIC) return 'cpr';
  if (magic === MULTIFD_MAGIC) return `channel-${head.readUInt8(24)}`;
  return 'preempt';
}

export class Recorder {
  #folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  /** @type {import('node:net').Server} */
  #server;
  /** @type {Promise<void>[]} */
  #ends = [];
  /** @type {{ forth: string, back: string }[]} */
  #recordings = [];

  /**
   * @param {string} folder where the recordings go
   * @param {{ forward?: boolean, hangUpAfter?: number }} [options] whether a destination listens behind it, and
   *   milliseconds of silence after which this end hangs up, as the reader of a cpr channel does
   */
  constructor(folder, { forward = false, hangUpAfter } = {}) {
    this.folder = folder;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const recording = join(folder, `${basename(this.#folder)}-${this.#recordings.length}`);
      const [forth, back] = [`${recording}-forth`, `${recording}-back`];
      this.#recordings.push({ forth, back });
      const kept = createWriteStream(forth);
      this.#ends.push(finished(kept));
      socket.on('error', () => undefined);
      socket.on('close', () => kept.end());
      socket.pipe(kept);
      if (hangUpAfter) socket.setTimeout(hangUpAfter, () => socket.destroy());
      if (!forward) {
        socket.on('end', () => socket.end());
        return;
      }
      const onward = connect({ path: this.#destination, allowHalfOpen: true });
      const returned = createWriteStream(back);
      this.#ends.push(finished(returned));
      onward.on('error', () => socket.destroy());
      onward.on('close', () => returned.end());
      socket.pipe(onward);
      onward.pipe(socket);
      onward.pipe(returned);
    });
  }

  /** The migration URI to give to the source. */
  get uri() {
    return `unix:${this.socket}`;
  }

  get socket() {
    return join(this.#folder, 'socket');
  }

  get #destination() {
    return join(this.#folder, 'destination');
  }

  /** The migration URI where the real destination must listen. */
  get destinationUri() {
    return `unix:${this.#destination}`;
  }

  async listen() {
    await new Promise((resolve) => this.#server.listen(this.socket, () => resolve(undefined)));
    return this;
  }

  /**
   * Waits for all connections to end and names the recordings after their channels: `state` for the main one,
   * `channel-0`, `preempt`, `cpr`, and `state-return` for what came back on the main one.
   */
  async close() {
    this.#server.close();
    await Promise.all(this.#ends);
    rmSync(this.#folder, { recursive: true, force: true });
    for (const { forth, back } of this.#recordings) {
      const channel = channelOf(forth);
      if (channel === 'empty') rmSync(forth);
      else {
        renameSync(forth, join(this.folder, channel));
      }
      const answers = statSync(back, { throwIfNoEntry: false })?.size ?? 0;
      if (answers > 0) renameSync(back, join(this.folder, `${channel}-return`));
      else rmSync(back, { force: true });
    }
  }
}
