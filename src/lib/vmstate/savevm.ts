/** A snapshot from a stream, whatever it is wrapped in, with what came beside it. The framing is in stream-items.ts. */
import { openContainer, type OpenedContainer } from './container.ts';
import { readCpr } from './cpr.ts';
import { KeptSections, KeptStream } from './kept-stream.ts';
import { Multifd, type MultifdResult } from './multifd.ts';
import { addMappedFile, addPreempt, addRamFiles, noteMissingPages, type NamedSource } from './outside-pages.ts';
import { PageStore } from './page-store.ts';
import { Problems } from './problem.ts';
import { readPage } from './ram-contents.ts';
import { MAX_RECORDS, RamIndex } from './ram-index.ts';
import { RamFlag, RamReader, type PageSink, type RamContext } from './ram.ts';
import type { WantedSnapshot } from './qcow2.ts';
import { withTimes, type RecordingNotes } from './recording.ts';
import { reportedPasses } from './reported-passes.ts';
import { readReturnPath } from './return-path.ts';
import { inferRounds, MAX_ROUNDS } from './rounds.ts';
import { SectionBodies, type KnownSection } from './section-body.ts';
import type { Features, Round, Snapshot } from './snapshot.ts';
import { untilError, type ByteSource, type ByteStream } from './source.ts';
import { Cancelled, StreamItems, type Building } from './stream-items.ts';
import { StreamWindow } from './stream-window.ts';
import type { Descriptions, RowBudget } from './vmstate.ts';

/** What a hostile stream can take at most of memory. What is beyond becomes a problem. */
export interface ReadBounds {
  readonly sections: number;
  /** Page records: 24 bytes each. */
  readonly records: number;
  /** Rows of fields, of all sections; a machine of 256 processors has some 500,000. */
  readonly values: number;
  /** Bytes of page contents that are kept of streams that cannot be read twice. */
  readonly storeBytes: number;
  /** Bytes that are kept of what cannot be told apart, in a stream that cannot be read twice. */
  readonly unreadableBytes: number;
}

const BOUNDS: ReadBounds = {
  sections: 1_000_000,
  records: MAX_RECORDS,
  values: 1 << 20,
  storeBytes: 4 * 2 ** 30,
  unreadableBytes: 64 * 2 ** 20
};

const REPORT_EVERY_MS = 100;

export interface ReadOptions {
  /** The devices' descriptions; without them the vmdescription explains what it can. */
  readonly descriptions?: Descriptions;
  readonly name?: string;
  /** Called when something is there to be seen, at most every 100 ms; the snapshot is live, not a copy. */
  readonly progress?: (snapshot: Snapshot, read: number) => void;
  readonly signal?: AbortSignal;
  /** Smaller ones than the reader's own. */
  readonly bounds?: Partial<ReadBounds>;
  /** Captures of multifd channels that belong to the stream. */
  readonly channels?: readonly NamedSource[];
  /** Takes the main channel's pages as they arrive; the snapshot has no records and no rounds then. */
  readonly pages?: PageSink;
  /** The second channel of a postcopy-preempt migration. */
  readonly preempt?: ByteSource;
  /** Of a qcow2 image; by default the last one that has a VM state. */
  readonly snapshot?: WantedSnapshot;
  /** RAM files that an x-ignore-shared stream left out. */
  readonly sharedRam?: readonly NamedSource[];
}

/**
 * Reads a stream, whatever it is wrapped in. Never throws for bad input: what could be read is in the snapshot, and
 * its problems say what is wrong.
 */
export async function readSnapshot(input: ByteSource | ByteStream, options: ReadOptions = {}): Promise<Snapshot> {
  const snapshot = await new SnapshotReader(options).read(input);
  const { channels, preempt, signal } = options;
  const beside = snapshot.recording?.beside();
  if (!beside || channels?.length || preempt || signal?.aborted) return snapshot;
  // Where a recording has its channels is known at its end: it is read anew, with all pages in the order of time.
  return new SnapshotReader({ ...options, ...beside }).read(input);
}

class SnapshotReader {
  readonly #options: ReadOptions;
  readonly #problems = new Problems();
  readonly #ids = new Map<number, KnownSection>();
  readonly #context: RamContext = {
    ignoreShared: false,
    mappedRam: false,
    postcopyAdvised: false,
    postcopyRunning: false,
    streamOffset: 0
  };
  readonly #ram: RamIndex;
  readonly #snapshot: Building;
  #window!: StreamWindow;
  #ramReader!: RamReader;
  #random: ByteSource | undefined;
  #kept: KeptStream | KeptSections | undefined;
  #reported = 0;
  /** Records before each synchronisation of all multifd channels. */
  #syncs: readonly number[] = [];
  #packets: MultifdResult['packets'] = [];
  #inputBytes = 0;
  readonly #bounds: ReadBounds;
  readonly #budget: RowBudget;

  constructor(options: ReadOptions) {
    this.#options = options;
    this.#bounds = { ...BOUNDS, ...options.bounds };
    this.#budget = { rows: this.#bounds.values };
    this.#ram = new RamIndex(new PageStore(this.#bounds.storeBytes), this.#bounds.records);
    this.#snapshot = {
      file: { name: options.name ?? '', bytes: 0, containers: [], streamOffset: 0 },
      end: 0,
      streamVersion: undefined,
      configuration: undefined,
      pageSize: this.#ram.pageSize,
      sections: [],
      ram: this.#ram,
      rounds: [],
      races: [],
      vmdescription: undefined,
      features: noFeatures,
      problems: this.#problems.list,
      bytes: { size: 0, read: () => Promise.resolve(0) }
    };
  }

  async read(input: ByteSource | ByteStream): Promise<Snapshot> {
    const { counted, count } = countReads(input);
    // Nobody wraps what goes straight into a machine.
    const bare = this.#options.pages && !('size' in counted) ? asItIs(counted) : undefined;
    const opened = bare ?? (await openContainer(counted, this.#options.name, { snapshot: this.#options.snapshot }));
    const snapshot = this.#snapshot;
    this.#inputBytes = 'size' in input ? input.size : 0;
    snapshot.file = {
      name: this.#options.name ?? '',
      bytes: this.#inputBytes,
      containers: opened.containers,
      streamOffset: opened.streamOffset,
      ...(opened.snapshots ? { snapshots: opened.snapshots, snapshot: opened.snapshot } : {})
    };
    this.#context.streamOffset = opened.streamOffset;
    this.#random = opened.random && this.#untilError(opened.random, 'the input');
    if (this.#random && (opened.kind === 'cpr' || opened.kind === 'return-path'))
      return this.#side(this.#random, opened.kind);
    if (opened.recording) snapshot.recording = opened.recording;
    for (const note of opened.notes) this.#problems.say('container', 'note', 0, note);
    if (!opened.random) this.#kept = this.#options.pages ? new KeptSections() : new KeptStream(this.#ram);
    snapshot.bytes = this.#random ?? this.#kept!;
    this.#window = new StreamWindow(opened.stream, this.#random, this.#kept);
    const { pages } = this.#options;
    const contents = (record: number): Promise<Uint8Array> => readPage(snapshot, record);
    this.#ramReader = new RamReader(
      ...([this.#window, this.#ram, this.#problems, this.#context, !opened.random, contents, 0, pages] as const)
    );
    this.#progress = () => this.#options.progress?.(snapshot, Math.min(count(), this.#inputBytes || count()));
    const multifd = await this.#openChannels();
    const goesOn = await this.#guarded(async () => {
      if (opened.kind !== 'empty' && !opened.problems.some((p) => p.severity === 'fatal'))
        await this.#items(pages).read();
      if (!multifd) return;
      const { syncs, races, packets } = await multifd.finish();
      this.#syncs = syncs;
      this.#packets = packets;
      snapshot.races = races;
    });
    // The container's list grows while it is read: damage is found where it is.
    for (const p of opened.problems) this.#problems.add(p);
    if (this.#window.error) {
      const { message } = this.#window.error;
      this.#problems.say(
        'input-damaged',
        'fatal',
        this.#window.base + this.#window.end,
        `the input cannot be read further: ${message}`
      );
    }
    this.#window.keep(this.#window.end);
    snapshot.end = this.#window.base + this.#window.end;
    this.#window.release();
    if (!('size' in input)) snapshot.file = { ...snapshot.file, bytes: count() };
    if (this.#kept?.full) {
      this.#problems.say(
        'kept-full',
        'warning',
        snapshot.end,
        'not all bytes between the pages are kept: some read as zeros',
        {
          hint: 'Decompress the file and open it as it is: then nothing needs to be kept.'
        }
      );
    }
    if (opened.recording && opened.recording.channels.size > 0 && !opened.recording.source) {
      const message =
        'the pages that other channels carried lie all over the recording: compressed or in a pipe, they cannot be reached';
      const hint = 'Open the recording itself, decompressed.';
      this.#problems.say('recording-compressed', 'warning', 0, message, { hint });
    }
    if (goesOn) await this.#guarded(() => this.#others());
    snapshot.rounds = withTimes(this.#rounds(opened.recording), opened.recording);
    snapshot.features = this.#features();
    this.#problems.finish(snapshot.end);
    return snapshot;
  }

  #items(sink: PageSink | undefined): StreamItems {
    const [window, ramReader, random] = [this.#window, this.#ramReader, this.#random];
    const [problems, ids, budget, breathe] = [this.#problems, this.#ids, this.#budget, this.#breathe];
    const { descriptions } = this.#options;
    const bodies = new SectionBodies(window, problems, ids, descriptions, random, breathe, budget);
    return new StreamItems({
      ...{ snapshot: this.#snapshot, window, random, ramReader, bodies, context: this.#context },
      ...{ ids, problems, budget, bounds: this.#bounds, sink, breathe }
    });
  }

  /** Does a part of the reading; false when it was cancelled or memory ran out, which becomes a problem. */
  async #guarded(part: () => Promise<void>): Promise<boolean> {
    try {
      await part();
      return true;
    } catch (error) {
      const { offset } = this.#window;
      if (error instanceof Cancelled) this.#problems.say('cancelled', 'warning', offset, 'reading was cancelled here');
      else if (error instanceof RangeError && /alloc|memory/i.test(error.message)) {
        this.#problems.say('out-of-memory', 'fatal', offset, `there is no memory to read on: ${error.message}`);
      } else throw error;
      return false;
    }
  }

  /** A source whose errors are problems, at the offset where they were met. */
  #untilError(source: ByteSource, name: string): ByteSource {
    return untilError(source, ({ message }, at) =>
      this.#problems.say('input-damaged', 'fatal', at, `${name} cannot be read further: ${message}`)
    );
  }

  /** What goes beside a stream, dropped alone: CPR state, a capture of the return path. One section of its rows. */
  async #side(source: ByteSource, kind: 'cpr' | 'return-path'): Promise<Snapshot> {
    const read = kind === 'cpr' ? await readCpr(source) : await readReturnPath(source);
    const fields = 'fields' in read ? read.fields : read.messages;
    for (const p of read.problems) this.#problems.add(p);
    const name = kind === 'cpr' ? 'CprState' : 'return path';
    const end = source.size;
    this.#snapshot.sections.push({
      ...{
        index: 0,
        kind: 'full',
        name,
        instance: 0,
        sectionId: -1,
        version: 0,
        start: 0,
        end,
        bodyStart: 0,
        bodyEnd: end
      },
      ...{ phase: 'setup', fields, decodedBy: 'description' }
    });
    return Object.assign(this.#snapshot, { end, bytes: source });
  }

  #progress: () => void = () => undefined;

  /** Reports now and then, and gives way. Undefined when there is nothing to wait for. */
  #breathe = (): Promise<void> | undefined => {
    const { signal, progress } = this.#options;
    if (signal?.aborted) throw new Cancelled();
    if (!signal && !progress) return undefined;
    const now = performance.now();
    if (now - this.#reported < REPORT_EVERY_MS) return undefined;
    const first = this.#reported === 0;
    this.#reported = now;
    this.#snapshot.end = this.#window.offset;
    this.#snapshot.features = this.#features();
    // Rounds take a pass over the records: worth it at the end only, but for the first look.
    if (first) this.#snapshot.rounds = [];
    this.#progress();
    return new Promise((resolve) => setTimeout(resolve, 0));
  };

  async #openChannels(): Promise<Multifd | undefined> {
    const { channels: given } = this.#options;
    if (!given?.length) return undefined;
    const channels = given.map(({ name, source }) => ({ name, source: this.#untilError(source, name) }));
    const multifd = await Multifd.open(channels, this.#ram, this.#problems, this.#breathe);
    this.#context.synchronise = (mark) => multifd.synchronise(mark);
    return multifd;
  }

  /** Pages that are not in the stream itself. */
  async #others(): Promise<void> {
    const { sharedRam = [], preempt } = this.#options;
    await addMappedFile(this.#random, this.#ram, this.#problems, this.#context, this.#breathe);
    if (preempt) {
      const source = this.#untilError(preempt, 'the preempt channel');
      const contents = (record: number): Promise<Uint8Array> => readPage(this.#snapshot, record);
      await addPreempt(source, this.#ram, this.#problems, this.#context, contents, this.#breathe);
    }
    const files = sharedRam.map(({ name, source }) => ({ name, source: this.#untilError(source, name) }));
    await addRamFiles(files, this.#ram, this.#problems, this.#breathe);
    // What a cut stream lacks is said where it was cut.
    if (!this.#problems.fatal && !this.#options.pages) {
      noteMissingPages(
        this.#ram,
        this.#problems,
        this.#context,
        (this.#ramReader.flagsSeen & RamFlag.MULTIFD_FLUSH) !== 0
      );
    }
  }

  #rounds(recording: RecordingNotes | undefined): readonly Round[] {
    const rounds = inferRounds(this.#snapshot.sections, this.#ram, {
      postcopyStart: this.#snapshot.sections.find((s) => s.name === 'POSTCOPY_RUN')?.start,
      flushes: this.#ramReader.flushes,
      syncs: this.#syncs,
      packets: this.#packets,
      reported: recording && reportedPasses(recording)
    });
    if (rounds.length >= MAX_ROUNDS) {
      const { start } = rounds.at(-1)!;
      this.#problems.say('too-many-rounds', 'note', start, `round ${MAX_ROUNDS} holds all that come behind it`);
    }
    return rounds;
  }

  #features(): Features {
    const flags = this.#ramReader.flagsSeen;
    const { sections } = this.#snapshot;
    const has = (name: string): boolean => sections.some((s) => s.kind === 'command' && s.name === name);
    return {
      postcopy: has('POSTCOPY_LISTEN') || has('POSTCOPY_RUN'),
      multifd: (flags & RamFlag.MULTIFD_FLUSH) !== 0 || (this.#options.channels?.length ?? 0) > 0,
      mappedRam: this.#context.mappedRam,
      ignoreShared: this.#context.ignoreShared,
      xbzrle: (flags & RamFlag.XBZRLE) !== 0,
      compress: (flags & RamFlag.COMPRESS_PAGE) !== 0,
      // RAM comes first and has no END: the state was taken at the start and written last.
      backgroundSnapshot:
        sections.some((s) => s.kind === 'full') &&
        this.#ram.count > 0 &&
        !sections.some((s) => s.kind === 'end' && s.name === 'ram')
    };
  }
}

const asItIs = (stream: ByteStream): OpenedContainer => ({
  ...{ containers: [], kind: 'qemu-stream', stream, streamOffset: 0, problems: [], notes: [] }
});

const noFeatures: Features = {
  ...{ postcopy: false, multifd: false, mappedRam: false, ignoreShared: false },
  ...{ xbzrle: false, compress: false, backgroundSnapshot: false }
};

/** The input with a counter of bytes taken from it. */
function countReads(input: ByteSource | ByteStream): { counted: ByteSource | ByteStream; count: () => number } {
  let read = 0;
  const tally = (n: number): number => {
    read += n;
    return n;
  };
  const stream = (s: ByteStream): ByteStream => ({ read: async (target) => tally(await s.read(target)) });
  if (!('size' in input)) return { counted: stream(input), count: () => read };
  const counted: ByteSource = {
    size: input.size,
    read: async (at, target) => tally(await input.read(at, target)),
    ...(input.stream ? { stream: (start, end) => stream(input.stream!(start, end)) } : {})
  };
  return { counted, count: () => read };
}
