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
import { vmstate_configuration, type ConfigurationState } from './configuration.ts';
import { readCommand } from './mig-command.ts';
import type { Problems } from './problem.ts';
import { ShortRead } from './qemu-file.ts';
import { printable, type PageSink, type RamContext, type RamReader } from './ram.ts';
import {
  LARGEST_JSON,
  parseJson,
  VmSection,
  type Head,
  type KnownSection,
  type SectionBodies
} from './section-body.ts';
import type { Configuration, Phase, Section, SectionKind, Snapshot, VmDescription } from './snapshot.ts';
import type { ByteSource } from './source.ts';
import type { StreamWindow } from './stream-window.ts';
import { parseVmDescription } from './vmdesc.ts';
import { complaintProblem, load, type Loaded, type Placed, type RowBudget } from './vmstate.ts';

export const QEMU_VM_FILE_MAGIC = 0x5145564d;
export const QEMU_VM_FILE_VERSION = 3;

/** The snapshot while it is being read. */
export type Building = { -readonly [K in keyof Snapshot]: Snapshot[K] } & { sections: Section[] };

/** Reading was cancelled by its signal. */
export class Cancelled extends Error {}

/** What the items of a stream are read with, and into. */
export interface StreamInput {
  readonly snapshot: Building;
  readonly window: StreamWindow;
  /** The input, where it can be read at any place. */
  readonly random: ByteSource | undefined;
  readonly ramReader: RamReader;
  readonly bodies: SectionBodies;
  readonly context: RamContext;
  /** Of the sections that began, by section id. */
  readonly ids: Map<number, KnownSection>;
  readonly problems: Problems;
  readonly budget: RowBudget;
  /** At most so many sections, and so many bytes kept of what cannot be told apart. */
  readonly bounds: { readonly sections: number; readonly unreadableBytes: number };
  /** Where pages go, which cannot give them back. */
  readonly sink: PageSink | undefined;
  /** Reports now and then, and gives way. @throws Cancelled */
  readonly breathe: () => Promise<void> | undefined;
}

const sectionKinds: Readonly<Record<number, SectionKind>> = { 1: 'start', 2: 'part', 3: 'end', 4: 'full' };
const hex = (n: number): string => n.toString(16).padStart(8, '0');

export class StreamItems {
  readonly #input: StreamInput;
  #phase: Phase = 'setup';
  #packaged: { readonly index: number; readonly end: number } | undefined;

  constructor(input: StreamInput) {
    this.#input = input;
  }

  /** All of it, to its end or as far as it can be read; problems say why no further. @throws Cancelled */
  async read(): Promise<void> {
    if (!(await this.#header())) return;
    do {
      if (this.#packaged && this.#input.window.offset >= this.#packaged.end) this.#leavePackaged();
      if (this.#input.snapshot.sections.length >= this.#input.bounds.sections) {
        const message = `more than ${this.#input.bounds.sections} sections`;
        return this.#input.problems.say('too-many-sections', 'fatal', this.#input.window.offset, message);
      }
      await this.#input.breathe();
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
    const { offset } = this.#input.window;
    const section: Section = {
      index: this.#input.snapshot.sections.length,
      ...{ kind, instance: 0, sectionId: -1, version: 0, start, end: offset, bodyStart, bodyEnd: offset },
      ...{ phase: this.#phase, fields: [] },
      ...(this.#packaged ? { inside: this.#packaged.index } : {}),
      ...more
    };
    this.#input.snapshot.sections.push(section);
    this.#input.window.keep();
    this.#input.sink?.item?.(section);
    return section;
  }

  async #header(): Promise<boolean> {
    const window = this.#input.window;
    if (!(await window.need(8))) {
      this.#input.problems.say('truncated', 'fatal', 0, `the stream has ${window.end} bytes, its header 8`);
      return false;
    }
    const reader = window.reader();
    const magic = reader.be32();
    const version = reader.be32();
    if (magic !== QEMU_VM_FILE_MAGIC) {
      this.#input.problems.say(
        'not-a-stream',
        'fatal',
        0,
        `Not a migration stream, magic: ${hex(magic)} != ${hex(QEMU_VM_FILE_MAGIC)}`
      );
      return false;
    }
    this.#input.snapshot.streamVersion = version;
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
      this.#input.problems.say(
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
    const window = this.#input.window;
    if (!(await window.need(1))) {
      // Postcopy, RAM-only captures and recordings have no EOF byte.
      if (!this.#input.context.postcopyRunning) {
        this.#input.problems.say('truncated', 'fatal', window.offset, 'the stream ends without EOF', {
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
        this.#input.problems.say('section-type', 'fatal', window.offset, `Unknown savevm section type ${type}`);
        return this.#unreadable(window.offset);
    }
  }

  async #configuration(): Promise<boolean> {
    const window = this.#input.window;
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
    this.#input.snapshot.configuration = configuration;
    this.#input.context.ignoreShared = capabilities.includes('x-ignore-shared');
    this.#input.context.mappedRam = capabilities.includes('mapped-ram');
    if (state.target_page_bits !== undefined && state.target_page_bits !== 12) {
      this.#input.problems.say(
        'page-bits',
        'warning',
        start,
        `target-page-bits is ${state.target_page_bits}: pages are read as 4096 bytes`
      );
    }
    const refusal = this.#input.sink?.machine(configuration.machine);
    if (refusal !== undefined)
      this.#input.problems.say('machine-type', 'fatal', start, refusal, { section: 'configuration/0' });
    return this.#decoded(loaded, 'configuration') && refusal === undefined;
  }

  /** Reports why decoding stopped; false when the stream cannot be followed. */
  #decoded(loaded: Loaded<unknown>, section: string): boolean {
    for (const c of loaded.complaints) this.#input.problems.add(complaintProblem(c, section));
    if (!loaded.failure) return true;
    this.#input.problems.say('field-damaged', 'fatal', loaded.failure.at, loaded.failure.message, { section });
    return false;
  }

  async #sectionItem(type: number): Promise<boolean> {
    const window = this.#input.window;
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
        if (this.#input.ids.get(sectionId) && type === VmSection.START) {
          this.#input.problems.say('section-id-twice', 'warning', start, `section id ${sectionId} is used again`, {
            section: known.name
          });
        }
        this.#input.ids.set(sectionId, known);
      } else known = this.#input.ids.get(sectionId);
    } catch (error) {
      if (!(error instanceof ShortRead)) throw error;
      this.#input.problems.say('truncated', 'fatal', start, `the stream ends in a section header: ${error.message}`);
      return this.#unreadable(start);
    }
    if (!known) {
      this.#input.problems.say('section-id-unknown', 'fatal', start, `Unknown savevm section ${sectionId}`);
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
    const window = this.#input.window;
    const first = this.#input.snapshot.ram.count;
    const fields: Placed[] = [];
    let end;
    try {
      end = await this.#input.ramReader.read(fields, this.#input.breathe);
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
      const { code, at, message } = this.#input.ramReader.failure!;
      // Who takes the pages has taken wrong ones by now: there is no going on.
      const goesOn = this.#input.snapshot.ram.room > 0 && !this.#input.sink;
      const bodyEnd = goesOn ? await this.#input.bodies.seekFooter(head.sectionId, 1) : undefined;
      this.#input.problems.say(code, bodyEnd === undefined ? 'fatal' : 'warning', at, message, { section: 'ram/0' });
      if (bodyEnd === undefined) {
        window.pos = window.end;
        this.#pushRam(head, first, fields, window.offset, { opaque: true });
        return false;
      }
      this.#input.problems.say(
        'resynchronised',
        'note',
        bodyEnd,
        'reading goes on at the next footer of the ram section',
        {
          section: 'ram/0'
        }
      );
      this.#pushRam(head, first, fields, bodyEnd, { opaque: true });
      return true;
    }
    const bodyEnd = window.offset;
    await this.#input.bodies.footer(head);
    this.#pushRam(head, first, fields, bodyEnd, {});
    return true;
  }

  #pushRam(head: Head, first: number, fields: Placed[], bodyEnd: number, more: Partial<Section>): void {
    this.#section(head.kind, head.start, head.bodyStart, {
      ...head,
      ...{ bodyEnd, fields, records: [first, this.#input.snapshot.ram.count] as const },
      ...more
    });
  }

  async #device(head: Head): Promise<boolean> {
    const { goesOn, ...body } = await this.#input.bodies.read(head);
    this.#section(head.kind, head.start, head.bodyStart, { ...head, ...body });
    return goesOn;
  }

  /** What is left cannot be told apart: one section of it, to the end of the input. */
  async #unreadable(start: number): Promise<boolean> {
    const window = this.#input.window;
    const left = this.#input.random ? this.#input.random.size - window.offset : this.#input.bounds.unreadableBytes;
    await window.skip(Math.max(0, left), this.#input.breathe);
    window.pos = window.end;
    this.#section('unreadable', start, start, { name: 'unreadable', opaque: true });
    if (!this.#input.random && !window.ended) {
      this.#input.problems.say(
        'not-kept',
        'note',
        window.offset,
        'the input goes on; what cannot be told apart is not kept further'
      );
    }
    return false;
  }

  async #command(): Promise<boolean> {
    const window = this.#input.window;
    const start = window.offset;
    await window.need(5 + 65536);
    const reader = window.reader();
    const read = readCommand(reader, this.#input.budget);
    window.accept(reader);
    if (read.name === 'POSTCOPY_ADVISE') this.#input.context.postcopyAdvised = true;
    if (read.name === 'POSTCOPY_RUN') this.#input.context.postcopyRunning = true;
    if (read.name === 'SWITCHOVER_START') this.#phase = 'switchover';
    // A cut one is written as it came: its head says a length that it does not have.
    const section = this.#section('command', start, read.failed ? start : start + 5, {
      ...{ name: read.name, sectionId: read.number, fields: read.fields, decodedBy: 'description' },
      ...(read.failed ? { opaque: true } : {})
    });
    for (const p of read.problems) this.#input.problems.add(p);
    if (read.packaged !== undefined) {
      if (this.#packaged)
        this.#input.problems.say('packaged-nested', 'warning', start, 'a PACKAGED command inside another');
      this.#phase = 'switchover';
      this.#packaged = { index: section.index, end: window.offset + read.packaged };
    }
    return !read.failed;
  }

  #leavePackaged(): void {
    const { end } = this.#packaged!;
    const { offset } = this.#input.window;
    if (offset !== end) {
      this.#input.problems.say(
        'packaged-length',
        'warning',
        offset,
        `the packaged stream ends at ${offset}, its length said ${end}`
      );
    }
    this.#packaged = undefined;
  }

  async #eof(): Promise<boolean> {
    const window = this.#input.window;
    const start = window.offset;
    window.pos++;
    this.#section('eof', start, start + 1, { name: 'EOF' });
    if (this.#packaged) return true;
    if (!(await window.need(1))) return false;
    if (window.bytes[window.pos] === VmSection.VMDESCRIPTION) await this.#vmdescription();
    if (await window.need(1)) {
      const left = window.end - window.pos;
      const all = this.#input.random ? this.#input.random.size - window.offset : left;
      this.#input.problems.say(
        'trailing-bytes',
        'note',
        window.offset,
        `${all}${window.ended || this.#input.random ? '' : ' or more'} bytes follow the end of the stream`
      );
    }
    return false;
  }

  async #vmdescription(): Promise<void> {
    const window = this.#input.window;
    const start = window.offset;
    if (!(await window.need(5))) {
      return this.#input.problems.say(
        'truncated',
        'warning',
        start,
        'the stream ends in the header of the vmdescription'
      );
    }
    const length = window.view.getUint32(window.pos + 1);
    if (length > LARGEST_JSON) {
      this.#input.problems.say('vmdesc-length', 'warning', start + 1, `a vmdescription of ${length} bytes`);
    }
    await window.need(5 + Math.min(length, LARGEST_JSON));
    const text = window.bytes.slice(
      window.pos + 5,
      Math.min(window.pos + 5 + Math.min(length, LARGEST_JSON), window.end)
    );
    window.pos += 5 + text.length;
    if (text.length < length)
      this.#input.problems.say(
        'truncated',
        'warning',
        window.offset,
        `the vmdescription has ${text.length} of ${length} bytes`
      );
    const { json, damagedAt } = parseJson(text);
    if (damagedAt !== undefined) {
      this.#input.problems.say(
        'vmdesc-json',
        'warning',
        start + 5 + damagedAt,
        'the vmdescription stops being JSON here'
      );
    }
    const { problems } = parseVmDescription(json) ?? { problems: ['the vmdescription describes no devices'] };
    for (const message of problems) this.#input.problems.say('vmdesc', 'warning', start + 5, message);
    const vmdescription: VmDescription = { start, end: window.offset, json };
    this.#input.snapshot.vmdescription = vmdescription;
    this.#section('vmdescription', start, start + 5, { name: 'vmdescription', version: length });
  }
}
