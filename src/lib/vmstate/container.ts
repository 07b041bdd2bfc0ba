/**
 * What a stream is wrapped in: compression, libvirt's save header, the VM state of a qcow2 snapshot, in any order.
 * Told apart by content, never by name.
 */
import { gunzip } from './gzip.ts';
import { readLibvirtHeader } from './libvirt.ts';
import { Damage, PeekStream } from './peek-stream.ts';
import type { Problem } from './problem.ts';
import { findState, openQcow2, VmState, type StateSnapshot, type WantedSnapshot } from './qcow2.ts';
import { openRecording, recordedStream, type RecordingNotes } from './recording.ts';
import { sniff, type FileKind, type Sniffed } from './sniff.ts';
import { fromChunks, readRange, sequential, slice, type ByteSource, type ByteStream } from './source.ts';
import { unxz } from './xz.ts';
import { unzstd } from './zstd.ts';

export type ContainerName = 'gzip' | 'zstd' | 'xz' | 'libvirt' | 'qcow2' | 'recording';

export interface OpenedContainer {
  /** Outermost first; empty for a raw stream. */
  readonly containers: ContainerName[];
  /** What is inside: `qemu-stream`, or what was found in its place. */
  readonly kind: FileKind;
  /** The QEMU stream in order. It ends early where the input is damaged; `problems` then says where. */
  readonly stream: ByteStream;
  /** The same bytes at random, when nothing was decompressed. */
  readonly random?: ByteSource;
  /** Where in the file the stream starts, when nothing was decompressed; 0 inside a qcow2 image. */
  readonly streamOffset: number;
  /** Grows while `stream` is read. */
  readonly problems: Problem[];
  /** Worth telling: the libvirt domain, other snapshots of the image. */
  readonly notes: string[];
  /** What came along with a recorded stream; complete when `stream` has been read. */
  readonly recording?: RecordingNotes;
  /** Of a qcow2 image: its snapshots with a VM state, and the id of the one that is read. */
  readonly snapshots?: readonly StateSnapshot[];
  readonly snapshot?: string;
}

export interface ContainerOptions {
  readonly snapshot?: WantedSnapshot;
}

/** Containers inside containers that are opened. */
const MAX_DEPTH = 8;
/** Snapshots that a message names. */
const NAMED = 20;
/** Enough to tell every kind of file apart. */
const HEAD = 4096;
/** `file:` with an offset: how far a stream's magic is searched. */
const SEARCH = 64 * 2 ** 20;
const PIECE = 2 ** 20;

const DECODERS: Partial<Record<FileKind, (input: PeekStream) => AsyncGenerator<Uint8Array, void, undefined>>> = {
  gzip: gunzip,
  zstd: unzstd,
  xz: unxz
};

/** @param name the file's name, for messages */
export async function openContainer(
  input: ByteSource | ByteStream,
  name?: string,
  options: ContainerOptions = {}
): Promise<OpenedContainer> {
  const opener = new Opener(input, name, options);
  try {
    await opener.open();
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    opener.damaged(error, 0);
  }
  return opener.opened();
}

/** Errors of the input itself (a folder, a file that is gone) become Damage. */
async function guard(at: number, read: Promise<number>): Promise<number> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof Damage) throw error;
    throw new Damage(at, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function guardedStream(input: ByteStream, position = 0): ByteStream {
  return {
    async read(target) {
      const got = await guard(position, input.read(target));
      position += got;
      return got;
    }
  };
}

function guardedSource(input: ByteSource): ByteSource {
  const { size } = input;
  const read: ByteSource['read'] = (at, target) => guard(at, input.read(at, target));
  if (!input.stream) return { size, read };
  return { size, read, stream: (start, end) => guardedStream(input.stream!(start, end), start) };
}

/** Where a layer begins in the file or in what a compression gives. */
interface Place {
  readonly start: number;
  readonly name: string;
}

class Opener {
  readonly #name: string;
  readonly #options: ContainerOptions;
  readonly #containers: ContainerName[] = [];
  readonly #problems: Problem[] = [];
  readonly #notes: string[] = [];
  /** The layer that is looked at: at random, or only in order. */
  #random: ByteSource | undefined;
  #stream: PeekStream | undefined;
  #offset = 0;
  /** The last compression that was opened. */
  #decompressed: ContainerName | undefined;
  #kind: FileKind = 'unknown';
  #recording: RecordingNotes | undefined;
  #snapshots: { readonly snapshots: readonly StateSnapshot[]; readonly snapshot: string } | undefined;

  constructor(input: ByteSource | ByteStream, name: string | undefined, options: ContainerOptions) {
    this.#name = name ?? 'the file';
    this.#options = options;
    if ('size' in input) this.#random = guardedSource(input);
    else this.#stream = new PeekStream(guardedStream(input));
  }

  opened(): OpenedContainer {
    return {
      containers: this.#containers,
      kind: this.#kind,
      stream: this.#inOrder(),
      ...(this.#random ? { random: this.#random } : {}),
      streamOffset: this.#offset,
      problems: this.#problems,
      notes: this.#notes,
      ...(this.#recording ? { recording: this.#recording } : {}),
      ...this.#snapshots
    };
  }

  async open(): Promise<void> {
    for (let depth = 0; depth <= MAX_DEPTH; depth++) {
      const found = sniff(await this.#head(), this.#random?.size);
      this.#kind = found.kind;
      if (found.kind === 'qemu-stream') return;
      const decode = DECODERS[found.kind];
      if (decode) this.#decode(found.kind as ContainerName, decode);
      else if (found.kind === 'libvirt') await this.#libvirt();
      else if (found.kind === 'recording') await this.#recorded();
      else if (found.kind === 'qcow2') {
        if (!(await this.#qcow2())) return;
      } else return this.#otherwise(found);
    }
    this.#problem('container-too-deep', 0, `more than ${MAX_DEPTH} containers inside each other`);
  }

  async #head(): Promise<Uint8Array> {
    return this.#random ? readRange(this.#random, 0, HEAD) : this.#inOrder().peek(HEAD);
  }

  #inOrder(): PeekStream {
    return (this.#stream ??= new PeekStream(
      this.#random ? sequential(this.#random) : { read: () => Promise.resolve(0) }
    ));
  }

  /** What positions in the layer that is looked at count in. */
  #place(): Place {
    const name = this.#decompressed === undefined ? this.#name : `what ${this.#decompressed} gives`;
    return { start: this.#random ? this.#offset : 0, name };
  }

  #problem(code: string, at: number, message: string, hint?: string, severity: Problem['severity'] = 'fatal'): void {
    this.#problems.push({ code, severity, at, message, ...(hint === undefined ? {} : { hint }) });
  }

  /**
   * @param at bytes that came out before
   * @param input what the damage's position counts in
   */
  damaged(damage: Damage, at: number, input: Place = this.#place()): void {
    const where = `byte ${input.start + damage.at} of ${input.name}`;
    this.#problem('container-damaged', at, `${damage.message} (${where})`, undefined, damage.severity);
  }

  #decode(name: ContainerName, decode: (input: PeekStream) => AsyncGenerator<Uint8Array, void, undefined>): void {
    const input = this.#inOrder();
    const place = this.#place();
    this.#containers.push(name);
    this.#decompressed = name;
    this.#random = undefined;
    this.#offset = 0;
    this.#stream = new PeekStream(fromChunks(this.#untilDamage(decode(input), place)));
  }

  /** The chunks before the damage; then the problem, and the end. */
  async *#untilDamage(
    chunks: AsyncGenerator<Uint8Array, void, undefined>,
    input: Place
  ): AsyncGenerator<Uint8Array, void, undefined> {
    let at = 0;
    try {
      for await (const chunk of chunks) {
        at += chunk.length;
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      this.damaged(error, at, input);
    }
  }

  async #recorded(): Promise<void> {
    const input = this.#inOrder();
    const notes = (this.#recording = await openRecording(input, this.#random));
    this.#decode('recording', () => recordedStream(input, notes));
  }

  async #libvirt(): Promise<void> {
    const header = await readLibvirtHeader(this.#inOrder());
    this.#containers.push('libvirt');
    const domain = header.domain === undefined ? '' : ` of domain ${JSON.stringify(header.domain)}`;
    this.#notes.push(
      `libvirt save image${domain}, ${header.wasRunning ? 'running' : 'paused'} when saved, format ${header.format}`
    );
    if (!header.finished) {
      this.#problem('libvirt-partial', 0, 'save image is incomplete: libvirt did not finish it', undefined, 'warning');
    }
    await this.#skip(header.streamOffset);
  }

  /** The stream begins n bytes further on. */
  async #skip(n: number): Promise<void> {
    if (this.#random) {
      if (n > this.#random.size)
        throw new Damage(this.#random.size, `the file ends before byte ${n}, where the stream begins`);
      this.#random = slice(this.#random, n);
      this.#offset += n;
      this.#stream = undefined;
    } else await this.#inOrder().skip(n);
  }

  /** Goes on with the state of a snapshot. False where there is none. */
  async #qcow2(): Promise<boolean> {
    if (!this.#random) {
      const [where, how] =
        this.#decompressed === undefined
          ? ['in a pipe', 'Name its file']
          : ['that is compressed', 'Decompress it first'];
      const message = `a qcow2 image ${where} cannot be opened`;
      this.#problem('qcow2-compressed', 0, message, `${how}: its parts must be read out of order.`);
      return false;
    }
    const image = await openQcow2(this.#random);
    const found = image.snapshots.filter((s) => s.stateSize > 0);
    const wanted = this.#options.snapshot;
    const chosen = findState(image, wanted);
    this.#containers.push('qcow2');
    if (!chosen) {
      const which = wanted === undefined ? '' : ` ${JSON.stringify(typeof wanted === 'string' ? wanted : wanted.id)}`;
      const without = image.snapshots.length > 0 && found.length === 0 ? ', only snapshots of the disk' : '';
      const hint =
        found.length > 0
          ? `There are ${describeAll(found)}.`
          : 'Take one with the monitor command savevm, or drop the file of a migration.';
      this.#problem('qcow2-no-state', 60, `the qcow2 image has no snapshot${which} with a VM state${without}`, hint);
      return false;
    }
    const others = found.filter((s) => s !== chosen);
    this.#snapshots = { snapshots: found.map(({ id, name, date }) => ({ id, name, date })), snapshot: chosen.id };
    this.#notes.push(`snapshot ${describe(chosen)} of the qcow2 image`);
    if (others.length > 0) this.#notes.push(`other snapshots with a VM state: ${describeAll(others)}`);
    const state = new VmState(this.#random, image, chosen);
    if (state.size < chosen.stateSize) {
      const message = `qcow2: the cluster map ends after ${state.size} of ${chosen.stateSize} bytes of VM state`;
      this.#problem('container-damaged', state.size, message, undefined, 'warning');
    }
    this.#random = this.#untilBroken(state);
    this.#offset = 0;
    this.#stream = undefined;
    return true;
  }

  /** A source that ends where it is broken. */
  #untilBroken(source: ByteSource): ByteSource {
    let end = source.size;
    return {
      size: source.size,
      read: async (at, target) => {
        try {
          return await source.read(at, target.subarray(0, Math.max(0, end - at)));
        } catch (error) {
          if (!(error instanceof Damage)) throw error;
          if (at < end) this.damaged(error, at);
          end = Math.min(end, at);
          return 0;
        }
      }
    };
  }

  /** Nothing to be opened: perhaps a stream that does not begin at the beginning, else say what it is. */
  async #otherwise(found: Sniffed): Promise<void> {
    const unnamed = found.kind === 'unknown' || found.kind === 'zeros' || found.kind === 'ram';
    const at = unnamed ? await this.#search() : undefined;
    if (at !== undefined) {
      this.#kind = 'qemu-stream';
      this.#notes.push(`the stream begins at byte ${at}: written to a file: URI with an offset`);
      return;
    }
    if (found.kind === 'empty' && this.#recording) {
      const message = 'the recording has what was observed, and no bytes of the stream';
      return this.#problem('recording-without-stream', 0, message, undefined, 'note');
    }
    const inside = this.#containers.length > 0 ? ` inside ${this.#containers.join(', ')}` : '';
    const hint = found.hint ?? 'A migration stream begins with QEVM. Make one with `migrate "exec:cat > vm.state"`.';
    this.#problem(`not-a-stream`, 0, `${this.#name} is no migration stream: this is ${found.what}${inside}`, hint);
  }

  /** Finds the magic and version further on, moves there, and returns where it was. */
  async #search(): Promise<number | undefined> {
    const stream = this.#inOrder();
    for (let at = 0; at < SEARCH;) {
      const piece = await stream.peek(PIECE);
      const found = findMagic(piece);
      if (found >= 0) {
        if (this.#random) await this.#skip(at + found);
        else await stream.skip(found);
        return at + found;
      }
      if (piece.length < PIECE) break;
      // The magic may lie across the end of the piece.
      const step = piece.length - MAGIC.length - 1;
      await stream.skip(step);
      at += step;
    }
    this.#stream = this.#random ? undefined : stream;
    return undefined;
  }
}

/** QEVM, version 3. */
const MAGIC = [0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3];

/** Index of the magic where a section that can come first follows: START, FULL or CONFIGURATION. */
function findMagic(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(0x51); at >= 0; at = bytes.indexOf(0x51, at + 1)) {
    if (!MAGIC.every((b, i) => bytes[at + i] === b)) continue;
    if ([1, 4, 7, 8].includes(bytes[at + MAGIC.length] ?? 0)) return at;
  }
  return -1;
}

const describe = ({ id, name, date }: StateSnapshot): string =>
  `${JSON.stringify(name)} (id ${id}, ${new Date(date).toISOString().slice(0, 16).replace('T', ' ')})`;

const describeAll = (snapshots: readonly StateSnapshot[]): string => {
  const more = snapshots.length > NAMED ? `, and ${snapshots.length - NAMED} more` : '';
  return snapshots.slice(0, NAMED).map(describe).join(', ') + more;
};
