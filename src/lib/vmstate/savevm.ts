/**
 * The framing of a migration stream, version 3. Source: QEMU migration/savevm.c, migration/savevm.h.
 *
 *   stream        ::= "QEVM" 3:u32 [configuration] item* EOF [vmdescription]
 *   configuration ::= 07 vmstate
 *   item          ::= (01|04) id:u32 name:counted instance:u32 version:u32 body [footer]      START, FULL
 *                   | (02|03) id:u32 body [footer]                                            PART, END
 *                   | 08 command:u16 length:u16 payload
 *   footer        ::= 7e id:u32
 *   EOF           ::= 00
 *   vmdescription ::= 06 length:u32 JSON
 *
 * A body has no length: a description says where it ends, or the JSON at the end does, or its footer is searched for.
 */
import { addMappedFile, addPreempt, addRamFiles, noteMissingPages, type NamedSource } from './outside-pages.ts';
import { openContainer, type OpenedContainer } from './container.ts';
import { readCpr } from './cpr.ts';
import { KeptSections, KeptStream } from './kept-stream.ts';
import { Multifd } from './multifd.ts';
import { readCommand } from './mig-command.ts';
import { PageStore } from './page-store.ts';
import { Problems, type Problem } from './problem.ts';
import { ShortRead } from './qemu-file.ts';
import { readPage } from './ram-contents.ts';
import { readReturnPath } from './return-path.ts';
import { MAX_RECORDS, RamIndex } from './ram-index.ts';
import { printable, RamFlag, RamReader, type PageSink, type RamContext } from './ram.ts';
import { inferRounds, MAX_ROUNDS } from './rounds.ts';
import type {
  Configuration,
  Features,
  Phase,
  Round,
  Section,
  SectionKind,
  Snapshot,
  VmDescription
} from './snapshot.ts';
import { parseVmDescription } from './vmdesc.ts';
import { LARGEST_JSON, parseJson, SectionBodies, VmSection, type Head, type KnownSection } from './section-body.ts';
import { untilError, type ByteSource, type ByteStream } from './source.ts';
import { StreamWindow } from './stream-window.ts';
import { vmstate_configuration, type ConfigurationState } from './configuration.ts';
import { complaintProblem, load, type Descriptions, type Loaded, type Placed, type RowBudget } from './vmstate.ts';

export const QEMU_VM_FILE_MAGIC = 0x5145564d;
export const QEMU_VM_FILE_VERSION = 3;

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
  /** RAM files that an x-ignore-shared stream left out. */
  readonly sharedRam?: readonly NamedSource[];
}

/** The snapshot while it is being read. */
type Building = { -readonly [K in keyof Snapshot]: Snapshot[K] } & { sections: Section[] };

/**
 * Reads a stream, whatever it is wrapped in. Never throws for bad input: what could be read is in the snapshot, and
 * its problems say what is wrong.
 */
export async function readSnapshot(input: ByteSource | ByteStream, options: ReadOptions = {}): Promise<Snapshot> {
  return new SnapshotReader(options).read(input);
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
  #bodies!: SectionBodies;
  #random: ByteSource | undefined;
  #kept: KeptStream | KeptSections | undefined;
  #phase: Phase = 'setup';
  #packaged: { readonly index: number; readonly end: number } | undefined;
  #reported = 0;
  /** Records before each synchronisation of all multifd channels. */
  #syncs: readonly number[] = [];
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
    const opened = bare ?? (await openContainer(counted, this.#options.name));
    const snapshot = this.#snapshot;
    this.#inputBytes = 'size' in input ? input.size : 0;
    snapshot.file = {
      name: this.#options.name ?? '',
      bytes: this.#inputBytes,
      containers: opened.containers,
      streamOffset: opened.streamOffset
    };
    this.#context.streamOffset = opened.streamOffset;
    this.#random = opened.random && this.#untilError(opened.random, 'the input');
    if (this.#random && (opened.kind === 'cpr' || opened.kind === 'return-path'))
      return this.#side(this.#random, opened.kind);
    for (const note of opened.notes) this.#problem('container', 'note', 0, note);
    if (!opened.random) this.#kept = this.#options.pages ? new KeptSections() : new KeptStream(this.#ram);
    snapshot.bytes = this.#random ?? this.#kept!;
    this.#window = new StreamWindow(opened.stream, this.#random, this.#kept);
    const { descriptions, pages } = this.#options;
    const contents = (record: number): Promise<Uint8Array> => readPage(snapshot, record);
    this.#ramReader = new RamReader(
      ...([this.#window, this.#ram, this.#problems, this.#context, !opened.random, contents, 0, pages] as const)
    );
    this.#bodies = new SectionBodies(
      this.#window,
      this.#problems,
      this.#ids,
      descriptions,
      this.#random,
      this.#breathe,
      this.#budget
    );
    this.#progress = () => this.#options.progress?.(snapshot, Math.min(count(), this.#inputBytes || count()));
    const multifd = await this.#openChannels();
    const goesOn = await this.#guarded(async () => {
      if (!opened.problems.some((p) => p.severity === 'fatal')) await this.#stream();
      if (!multifd) return;
      const { syncs, races } = await multifd.finish();
      this.#syncs = syncs;
      snapshot.races = races;
    });
    // The container's list grows while it is read: damage is found where it is.
    for (const p of opened.problems) this.#problems.add(p);
    if (this.#window.error) {
      const { message } = this.#window.error;
      this.#problem(
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
      this.#problem(
        'kept-full',
        'warning',
        snapshot.end,
        'not all bytes between the pages are kept: some read as zeros',
        {
          hint: 'Decompress the file and open it as it is: then nothing needs to be kept.'
        }
      );
    }
    if (goesOn) await this.#guarded(() => this.#others());
    snapshot.rounds = this.#rounds();
    snapshot.features = this.#features();
    this.#problems.finish(snapshot.end);
    return snapshot;
  }

  /** Does a part of the reading; false when it was cancelled or memory ran out, which becomes a problem. */
  async #guarded(part: () => Promise<void>): Promise<boolean> {
    try {
      await part();
      return true;
    } catch (error) {
      const { offset } = this.#window;
      if (error instanceof Cancelled) this.#problem('cancelled', 'warning', offset, 'reading was cancelled here');
      else if (error instanceof RangeError && /alloc|memory/i.test(error.message)) {
        this.#problem('out-of-memory', 'fatal', offset, `there is no memory to read on: ${error.message}`);
      } else throw error;
      return false;
    }
  }

  /** A source whose errors are problems, at the offset where they were met. */
  #untilError(source: ByteSource, name: string): ByteSource {
    return untilError(source, ({ message }, at) =>
      this.#problem('input-damaged', 'fatal', at, `${name} cannot be read further: ${message}`)
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

  #problem(
    code: string,
    severity: Problem['severity'],
    at: number,
    message: string,
    more: Partial<Problem> = {}
  ): void {
    this.#problems.add({ code, severity, at, message, ...more });
  }

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

  async #stream(): Promise<void> {
    if (!(await this.#header())) return;
    do {
      if (this.#packaged && this.#window.offset >= this.#packaged.end) this.#leavePackaged();
      if (this.#snapshot.sections.length >= this.#bounds.sections) {
        const message = `more than ${this.#bounds.sections} sections`;
        return this.#problem('too-many-sections', 'fatal', this.#window.offset, message);
      }
      await this.#breathe();
    } while (await this.#item());
    if (this.#packaged) this.#leavePackaged();
  }

  /** Appends a section whose end is where the window is now. */
  #section(
    kind: SectionKind,
    start: number,
    bodyStart: number,
    more: Partial<Section> & Pick<Section, 'name'>
  ): Section {
    const { offset } = this.#window;
    const section: Section = {
      index: this.#snapshot.sections.length,
      ...{ kind, instance: 0, sectionId: -1, version: 0, start, end: offset, bodyStart, bodyEnd: offset },
      ...{ phase: this.#phase, fields: [] },
      ...(this.#packaged ? { inside: this.#packaged.index } : {}),
      ...more
    };
    this.#snapshot.sections.push(section);
    this.#window.keep();
    return section;
  }

  async #header(): Promise<boolean> {
    const window = this.#window;
    if (!(await window.need(8))) {
      this.#problem('truncated', 'fatal', 0, `the stream has ${window.end} bytes, its header 8`);
      return false;
    }
    const reader = window.reader();
    const magic = reader.be32();
    const version = reader.be32();
    if (magic !== QEMU_VM_FILE_MAGIC) {
      this.#problem(
        'not-a-stream',
        'fatal',
        0,
        `Not a migration stream, magic: ${hex(magic)} != ${hex(QEMU_VM_FILE_MAGIC)}`
      );
      return false;
    }
    this.#snapshot.streamVersion = version;
    window.accept(reader);
    this.#section('header', 0, 0, {
      name: 'header',
      fields: [
        { name: 'magic', type: 'uint32', start: 0, end: 4, value: magic, about: { radix: 16 } },
        { name: 'version', type: 'uint32', start: 4, end: 8, value: version }
      ]
    });
    if (version !== QEMU_VM_FILE_VERSION) {
      const hint = version === 2 ? 'SaveVM v2 format is obsolete and does not work anymore' : undefined;
      this.#problem(
        'stream-version',
        'fatal',
        4,
        `Unsupported migration stream version ${version}`,
        hint ? { hint } : {}
      );
      return false;
    }
    return true;
  }

  /** One item; false at the end of what can be read. */
  async #item(): Promise<boolean> {
    const window = this.#window;
    if (!(await window.need(1))) {
      // Postcopy, RAM-only captures and recordings have no EOF byte.
      if (!this.#context.postcopyRunning) {
        this.#problem('truncated', 'fatal', window.offset, 'the stream ends without EOF', {
          hint: 'A capture that was cut, or a file that was not written to its end.'
        });
      }
      return false;
    }
    const type = window.bytes[window.pos]!;
    switch (type) {
      case VmSection.START:
      case VmSection.FULL:
      case VmSection.PART:
      case VmSection.END:
        return this.#sectionItem(type);
      case VmSection.CONFIGURATION:
        return this.#configuration();
      case VmSection.COMMAND:
        return this.#command();
      case VmSection.EOF:
        return this.#eof();
      default:
        this.#problem('section-type', 'fatal', window.offset, `Unknown savevm section type ${type}`);
        return this.#unreadable(window.offset);
    }
  }

  async #configuration(): Promise<boolean> {
    const window = this.#window;
    const start = window.offset;
    await window.need(1 << 16);
    const reader = window.reader();
    reader.skip(1);
    const loaded = load<ConfigurationState>(reader, vmstate_configuration, 1);
    window.accept(reader);
    const { state } = loaded;
    this.#section('configuration', start, start + 1, {
      name: 'configuration',
      fields: loaded.fields,
      decodedBy: 'description'
    });
    const capabilities = state.capabilities ?? [];
    const configuration: Configuration = {
      machine: state.name ?? '',
      capabilities,
      ...(state.target_page_bits === undefined ? {} : { targetPageBits: state.target_page_bits }),
      ...(state.uuid === undefined ? {} : { uuid: state.uuid })
    };
    this.#snapshot.configuration = configuration;
    this.#context.ignoreShared = capabilities.includes('x-ignore-shared');
    this.#context.mappedRam = capabilities.includes('mapped-ram');
    if (state.target_page_bits !== undefined && state.target_page_bits !== 12) {
      this.#problem(
        'page-bits',
        'warning',
        start,
        `target-page-bits is ${state.target_page_bits}: pages are read as 4096 bytes`
      );
    }
    return this.#decoded(loaded, 'configuration');
  }

  /** Reports why decoding stopped; false when the stream cannot be followed. */
  #decoded(loaded: Loaded<unknown>, section: string): boolean {
    for (const c of loaded.complaints) this.#problems.add(complaintProblem(c, section));
    if (!loaded.failure) return true;
    this.#problem('field-damaged', 'fatal', loaded.failure.at, loaded.failure.message, { section });
    return false;
  }

  async #sectionItem(type: number): Promise<boolean> {
    const window = this.#window;
    const start = window.offset;
    await window.need(1 + 4 + 256 + 8);
    const reader = window.reader();
    const full = type === VmSection.START || type === VmSection.FULL;
    let sectionId: number;
    let known: KnownSection | undefined;
    try {
      reader.skip(1);
      sectionId = reader.be32();
      if (full) {
        const idstr = reader.countedString();
        const name = printable(idstr);
        known = { name, instance: reader.be32(), version: reader.be32(), ...(name === idstr ? {} : { idstr }) };
        if (this.#ids.get(sectionId) && type === VmSection.START) {
          this.#problem('section-id-twice', 'warning', start, `section id ${sectionId} is used again`, {
            section: known.name
          });
        }
        this.#ids.set(sectionId, known);
      } else known = this.#ids.get(sectionId);
    } catch (error) {
      if (!(error instanceof ShortRead)) throw error;
      this.#problem('truncated', 'fatal', start, `the stream ends in a section header: ${error.message}`);
      return this.#unreadable(start);
    }
    if (!known) {
      this.#problem('section-id-unknown', 'fatal', start, `Unknown savevm section ${sectionId}`);
      return this.#unreadable(start);
    }
    window.accept(reader);
    const kind = sectionKinds[type]!;
    if (!this.#packaged) this.#enterPhase(kind);
    const head = { kind, start, bodyStart: window.offset, sectionId, ...known };
    return known.name === 'ram' && known.version === 4 ? this.#ramBody(head) : this.#device(head);
  }

  #enterPhase(kind: SectionKind): void {
    if (kind === 'part' && this.#phase === 'setup') this.#phase = 'iterate';
    else if (kind === 'end' || (kind === 'full' && this.#phase === 'iterate')) this.#phase = 'switchover';
  }

  async #ramBody(head: Head): Promise<boolean> {
    const window = this.#window;
    const first = this.#ram.count;
    const fields: Placed[] = [];
    let end;
    try {
      end = await this.#ramReader.read(fields, this.#breathe);
    } catch (error) {
      if (error instanceof Cancelled) this.#pushRam(head, first, fields, window.offset, { opaque: true });
      throw error;
    }
    if (end === 'eof') {
      window.pos = window.end;
      this.#pushRam(head, first, fields, window.offset, { opaque: true });
      return false;
    }
    if (end === 'bad') {
      const { code, at, message } = this.#ramReader.failure!;
      // Who takes the pages has taken wrong ones by now: there is no going on.
      const goesOn = this.#ram.room > 0 && !this.#options.pages;
      const bodyEnd = goesOn ? await this.#bodies.seekFooter(head.sectionId, 1) : undefined;
      this.#problem(code, bodyEnd === undefined ? 'fatal' : 'warning', at, message, { section: 'ram/0' });
      if (bodyEnd === undefined) {
        window.pos = window.end;
        this.#pushRam(head, first, fields, window.offset, { opaque: true });
        return false;
      }
      this.#problem('resynchronised', 'note', bodyEnd, 'reading goes on at the next footer of the ram section', {
        section: 'ram/0'
      });
      this.#pushRam(head, first, fields, bodyEnd, { opaque: true });
      return true;
    }
    const bodyEnd = window.offset;
    await this.#bodies.footer(head);
    this.#pushRam(head, first, fields, bodyEnd, {});
    return true;
  }

  #pushRam(head: Head, first: number, fields: Placed[], bodyEnd: number, more: Partial<Section>): void {
    this.#section(head.kind, head.start, head.bodyStart, {
      ...head,
      ...{ bodyEnd, fields, records: [first, this.#ram.count] as const },
      ...more
    });
  }

  async #device(head: Head): Promise<boolean> {
    const { goesOn, ...body } = await this.#bodies.read(head);
    this.#section(head.kind, head.start, head.bodyStart, { ...head, ...body });
    return goesOn;
  }

  /** What is left cannot be told apart: one section of it, to the end of the input. */
  async #unreadable(start: number): Promise<boolean> {
    const window = this.#window;
    const left = this.#random ? this.#random.size - window.offset : this.#bounds.unreadableBytes;
    await window.skip(Math.max(0, left), this.#breathe);
    window.pos = window.end;
    this.#section('unreadable', start, start, { name: 'unreadable', opaque: true });
    if (!this.#random && !window.ended) {
      this.#problem(
        'not-kept',
        'note',
        window.offset,
        'the input goes on; what cannot be told apart is not kept further'
      );
    }
    return false;
  }

  async #command(): Promise<boolean> {
    const window = this.#window;
    const start = window.offset;
    await window.need(5 + 65536);
    const reader = window.reader();
    const read = readCommand(reader, this.#budget);
    window.accept(reader);
    if (read.name === 'POSTCOPY_ADVISE') this.#context.postcopyAdvised = true;
    if (read.name === 'POSTCOPY_RUN') this.#context.postcopyRunning = true;
    if (read.name === 'SWITCHOVER_START') this.#phase = 'switchover';
    // A cut one is written as it came: its head says a length that it does not have.
    const section = this.#section('command', start, read.failed ? start : start + 5, {
      ...{ name: read.name, sectionId: read.number, fields: read.fields, decodedBy: 'description' },
      ...(read.failed ? { opaque: true } : {})
    });
    for (const p of read.problems) this.#problems.add(p);
    if (read.packaged !== undefined) {
      if (this.#packaged) this.#problem('packaged-nested', 'warning', start, 'a PACKAGED command inside another');
      this.#phase = 'switchover';
      this.#packaged = { index: section.index, end: window.offset + read.packaged };
    }
    return !read.failed;
  }

  #leavePackaged(): void {
    const { end } = this.#packaged!;
    const { offset } = this.#window;
    if (offset !== end) {
      this.#problem(
        'packaged-length',
        'warning',
        offset,
        `the packaged stream ends at ${offset}, its length said ${end}`
      );
    }
    this.#packaged = undefined;
  }

  async #eof(): Promise<boolean> {
    const window = this.#window;
    const start = window.offset;
    window.pos++;
    this.#section('eof', start, start + 1, { name: 'EOF' });
    if (this.#packaged) return true;
    if (!(await window.need(1))) return false;
    if (window.bytes[window.pos] === VmSection.VMDESCRIPTION) await this.#vmdescription();
    if (await window.need(1)) {
      const left = window.end - window.pos;
      const all = this.#random ? this.#random.size - window.offset : left;
      this.#problem(
        'trailing-bytes',
        'note',
        window.offset,
        `${all}${window.ended || this.#random ? '' : ' or more'} bytes follow the end of the stream`
      );
    }
    return false;
  }

  async #vmdescription(): Promise<void> {
    const window = this.#window;
    const start = window.offset;
    if (!(await window.need(5))) {
      return this.#problem('truncated', 'warning', start, 'the stream ends in the header of the vmdescription');
    }
    const length = window.view.getUint32(window.pos + 1);
    if (length > LARGEST_JSON) {
      this.#problem('vmdesc-length', 'warning', start + 1, `a vmdescription of ${length} bytes`);
    }
    await window.need(5 + Math.min(length, LARGEST_JSON));
    const text = window.bytes.slice(
      window.pos + 5,
      Math.min(window.pos + 5 + Math.min(length, LARGEST_JSON), window.end)
    );
    window.pos += 5 + text.length;
    if (text.length < length)
      this.#problem('truncated', 'warning', window.offset, `the vmdescription has ${text.length} of ${length} bytes`);
    const { json, damagedAt } = parseJson(text);
    if (damagedAt !== undefined) {
      this.#problem('vmdesc-json', 'warning', start + 5 + damagedAt, 'the vmdescription stops being JSON here');
    }
    const { problems } = parseVmDescription(json) ?? { problems: ['the vmdescription describes no devices'] };
    for (const message of problems) this.#problem('vmdesc', 'warning', start + 5, message);
    const vmdescription: VmDescription = { start, end: window.offset, json };
    this.#snapshot.vmdescription = vmdescription;
    this.#section('vmdescription', start, start + 5, { name: 'vmdescription', version: length });
  }

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

  #rounds(): readonly Round[] {
    const rounds = inferRounds(this.#snapshot.sections, this.#ram, {
      postcopyStart: this.#snapshot.sections.find((s) => s.name === 'POSTCOPY_RUN')?.start,
      flushes: this.#ramReader.flushes,
      syncs: this.#syncs
    });
    if (rounds.length >= MAX_ROUNDS) {
      const { start } = rounds.at(-1)!;
      this.#problem('too-many-rounds', 'note', start, `round ${MAX_ROUNDS} holds all that come behind it`);
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

class Cancelled extends Error {}

const asItIs = (stream: ByteStream): OpenedContainer => ({
  ...{ containers: [], kind: 'qemu-stream', stream, streamOffset: 0, problems: [], notes: [] }
});

const noFeatures: Features = {
  ...{ postcopy: false, multifd: false, mappedRam: false, ignoreShared: false },
  ...{ xbzrle: false, compress: false, backgroundSnapshot: false }
};

const sectionKinds: Readonly<Record<number, SectionKind>> = { 1: 'start', 2: 'part', 3: 'end', 4: 'full' };
const hex = (n: number): string => n.toString(16).padStart(8, '0');

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
