/**
 * Where a section's body ends. It has no length: a description says so, or the JSON at the end of the stream does, or
 * the footer is searched for and the body stays bytes without names.
 * Source: QEMU migration/savevm.c (vmstate_load, check_section_footer).
 */
import { vmstate_block } from './block.ts';
import { vmstate_dirty_bitmap } from './block-dirty-bitmap.ts';
import { commandNames } from './mig-command.ts';
import type { Problem, Problems } from './problem.ts';
import { QemuFileReader, ShortRead } from './qemu-file.ts';
import { printable } from './ram.ts';
import { sectionLabel, type Section, type SectionKind } from './snapshot.ts';
import type { ByteSource } from './source.ts';
import type { StreamWindow, Yield } from './stream-window.ts';
import { parseVmDescriptionText, type VmDescriptionText } from './vmdesc-json.ts';
import { parseVmDescription, type VmDescriptions } from './vmdesc.ts';
import {
  complaintProblem,
  descriptionTable,
  load,
  type Descriptions,
  MAX_ROWS,
  type Loaded,
  type RowBudget,
  type VMStateDescription
} from './vmstate.ts';

/** QEMU_VM_*: the byte before each part of a stream. */
export const VmSection = {
  EOF: 0x00,
  START: 0x01,
  PART: 0x02,
  END: 0x03,
  FULL: 0x04,
  SUBSECTION: 0x05,
  VMDESCRIPTION: 0x06,
  CONFIGURATION: 0x07,
  COMMAND: 0x08,
  FOOTER: 0x7e
} as const;

/** A device state that is larger than this cannot be told from garbage. */
const LARGEST_BODY = 256 * 2 ** 20;
/** A footer and the head of the item behind it: nearer to the end of what is at hand a footer cannot be told. */
const UNDECIDED = 5 + 1 + 4 + 256;
export const LARGEST_JSON = 64 * 2 ** 20;

/** What START or FULL said of a section; PART and END name it by its id. */
export interface KnownSection {
  readonly name: string;
  readonly idstr?: string;
  readonly instance: number;
  readonly version: number;
}

export type Head = KnownSection & {
  readonly kind: SectionKind;
  readonly start: number;
  readonly bodyStart: number;
  readonly sectionId: number;
};

/** A body as far as it could be read. */
export type Body = Pick<Section, 'bodyEnd'> &
  Partial<Pick<Section, 'fields' | 'decodedBy' | 'opaque'>> & {
    /** The stream can be followed behind it. */
    readonly goesOn: boolean;
  };

interface Attempt {
  readonly loaded: Loaded<object>;
  readonly bytes: number;
  readonly ends: boolean;
  /** How many rows it made. */
  readonly rows: number;
  readonly by: 'description' | 'vmdescription';
}

/** Sections that come in parts and have no vmdescription (QEMU: SaveVMHandlers). "ram" has a reader of its own. */
const handlers: Descriptions = descriptionTable([vmstate_block, vmstate_dirty_bitmap]);

export class SectionBodies {
  readonly #window: StreamWindow;
  readonly #problems: Problems;
  /** Sections by id, as START and FULL name them. */
  readonly #ids: ReadonlyMap<number, KnownSection>;
  readonly #descriptions: Descriptions | undefined;
  readonly #random: ByteSource | undefined;
  readonly #breathe: Yield;
  /** Of the whole stream. */
  readonly #budget: RowBudget;
  /** Whether this stream has footers: known once the first section was read. */
  #footers: boolean | undefined;
  #vmDescriptions: Promise<VmDescriptions | undefined> | undefined;

  constructor(
    window: StreamWindow,
    problems: Problems,
    ids: ReadonlyMap<number, KnownSection>,
    descriptions: Descriptions | undefined,
    random: ByteSource | undefined,
    breathe: Yield,
    budget: RowBudget
  ) {
    this.#window = window;
    this.#problems = problems;
    this.#ids = ids;
    this.#descriptions = descriptions;
    this.#random = random;
    this.#breathe = breathe;
    this.#budget = budget;
  }

  #problem(code: string, severity: Problem['severity'], at: number, message: string, more: Partial<Problem>): void {
    this.#problems.add({ code, severity, at, message, ...more });
  }

  /** Reads a body and its footer; the window is behind both then. */
  async read(head: Head): Promise<Body> {
    const window = this.#window;
    const attempts: Attempt[] = [];
    const handler = withOrigin(handlers.find(head.name), 'description' as const);
    const state = head.kind === 'full' || head.kind === 'start';
    const wanted: (() => Promise<[VMStateDescription<object>, Attempt['by']] | undefined>)[] = [
      () =>
        Promise.resolve(
          handler ?? (state ? withOrigin(this.#descriptions?.find(head.name), 'description') : undefined)
        ),
      async () =>
        state && !handler
          ? withOrigin((await this.#describe())?.find(head.name, head.instance), 'vmdescription')
          : undefined
    ];
    for (const find of this.#budget.rows > 0 ? wanted : []) {
      const found = await find();
      if (!found) continue;
      const attempt = await this.#attempt(head, found[0], found[1]);
      attempts.push(attempt);
      if (!attempt.ends) continue;
      window.pos += attempt.bytes;
      const bodyEnd = window.offset;
      await this.footer(head);
      for (const c of attempt.loaded.complaints) this.#problems.add(complaintProblem(c, sectionLabel(head)));
      if (attempts.length > 1) this.#mismatch(head, attempts[0]!, bodyEnd, 'note');
      this.#spend(attempt, head);
      return { goesOn: true, bodyEnd, fields: attempt.loaded.fields, decodedBy: attempt.by };
    }
    return this.#opaque(head, attempts);
  }

  /** Takes the rows that a section keeps from what the stream may have. */
  #spend({ rows }: Attempt, head: Head): void {
    this.#budget.rows -= rows;
    if (this.#budget.rows > 0 || rows === 0) return;
    this.#problem('too-many-values', 'warning', this.#window.offset, 'sections from here on are shown as bytes', {
      section: sectionLabel(head),
      hint: 'The sections before have more values than are kept in memory.'
    });
  }

  /** Decodes with one description; `ends` tells whether what follows is what must follow. */
  async #attempt(head: Head, vmsd: VMStateDescription<object>, by: Attempt['by']): Promise<Attempt> {
    const window = this.#window;
    for (let want = 1 << 16; ; want *= 4) {
      await window.need(want);
      const reader = window.reader();
      const budget = { rows: Math.min(MAX_ROWS, this.#budget.rows) };
      const most = budget.rows;
      const loaded = load(reader, vmsd, head.version, {}, budget);
      // Behind the body there must be enough to tell a footer and an item by.
      const short = loaded.failure instanceof ShortRead || reader.left < UNDECIDED;
      // A description that wants more than there is up to the footer does not fit: a hostile length must not make
      // section after section fetch what lies far behind it.
      const more = short && !window.ended && want < LARGEST_BODY;
      if (more && this.#findFooter(window.pos, head.sectionId) === undefined) continue;
      const ends = !loaded.failure && this.#endsAt(window.pos + reader.pos, head.sectionId);
      return { loaded, bytes: reader.pos, rows: Math.min(most, most - budget.rows), ends, by };
    }
  }

  /**
   * Whether a section may end at this index of the window: its footer, one with another id that an item follows (which
   * `footer` complains of), or in streams without footers an item.
   */
  #endsAt(at: number, id: number): boolean {
    const { bytes, end } = this.#window;
    if (at + 5 <= end && footerAt(bytes, at, id)) return true;
    if (at + 5 <= end && bytes[at] === VmSection.FOOTER) return this.#itemFollows(at + 5);
    return this.#footers !== true && this.#itemFollows(at);
  }

  /** Nothing explains the body to its end: it is kept up to its footer, with the rows of the best attempt. */
  async #opaque(head: Head, attempts: readonly Attempt[]): Promise<Body> {
    const label = sectionLabel(head);
    const bodyEnd = await this.seekFooter(head.sectionId, 0);
    const best = attempts.toSorted((a, b) => b.bytes - a.bytes)[0];
    const window = this.#window;
    if (bodyEnd === undefined) {
      const failure = best?.loaded.failure;
      const cut = window.ended && (failure instanceof ShortRead || !best);
      window.pos = window.end;
      this.#problem(
        cut ? 'truncated' : 'section-footer-missing',
        'fatal',
        failure?.at ?? window.offset,
        cut
          ? `the stream ends inside ${label}${failure ? `: ${failure.message}` : ''}`
          : `Missing section footer for ${printable(head.name)}`,
        { section: label }
      );
    } else if (best) this.#mismatch(head, best, bodyEnd, 'warning');
    if (best) this.#spend(best, head);
    return {
      ...{ goesOn: bodyEnd !== undefined, bodyEnd: bodyEnd ?? window.offset, opaque: true },
      ...(best ? { fields: best.loaded.fields, decodedBy: best.by } : {})
    };
  }

  #mismatch(head: Head, attempt: Attempt, bodyEnd: number, severity: 'note' | 'warning'): void {
    const at = head.bodyStart + attempt.bytes;
    const failure = attempt.loaded.failure;
    const last = attempt.loaded.fields.at(-1)?.name;
    this.#problem(
      'section-mismatch',
      severity,
      failure?.at ?? at,
      failure
        ? `the ${attempt.by} does not fit: ${failure.message}`
        : `Missing section footer for ${head.name}: the ${attempt.by} reads ${attempt.bytes} bytes, the section has ${bodyEnd - head.bodyStart}`,
      { section: sectionLabel(head), ...(last ? { path: last } : {}) }
    );
  }

  /** The footer behind a body, or why there is none. QEMU: check_section_footer. */
  async footer(head: Head): Promise<void> {
    const window = this.#window;
    await window.need(5);
    const { bytes, pos } = window;
    const there = bytes[pos] === VmSection.FOOTER && window.end - pos >= 5;
    this.#footers ??= there;
    if (!there) {
      if (!this.#footers) return;
      const cut = window.end - pos < 5 && window.ended;
      this.#problem(
        cut ? 'truncated' : 'section-footer-missing',
        cut ? 'fatal' : 'warning',
        window.offset,
        cut ? `the stream ends before the footer of ${sectionLabel(head)}` : `Missing section footer for ${head.name}`,
        {
          section: sectionLabel(head)
        }
      );
      return;
    }
    const id = window.view.getUint32(pos + 1);
    if (id !== head.sectionId) {
      this.#problem(
        'footer-mismatch',
        'warning',
        window.offset,
        `Mismatched section id in footer for ${head.name} - read ${hex(id)} expected ${hex(head.sectionId)}`,
        { section: sectionLabel(head) }
      );
    }
    window.pos = pos + 5;
  }

  /**
   * Searches forward for the footer of a section followed by something that may follow one, and moves behind it.
   * Returns the offset of the footer.
   */
  async seekFooter(id: number, from: number): Promise<number | undefined> {
    const window = this.#window;
    const limit = window.offset + LARGEST_BODY;
    window.pos += Math.min(from, window.end - window.pos);
    for (;;) {
      const pause = this.#breathe();
      if (pause) await pause;
      await window.need(64);
      const at = this.#findFooter(window.pos, id);
      if (at !== undefined) {
        window.pos = at + 5;
        return window.base + at;
      }
      if (window.ended || window.offset > limit) return undefined;
      window.pos = Math.max(window.pos, window.end - UNDECIDED);
      await window.need(1 << 16);
    }
  }

  /** Index in the window of a section's footer with something behind it that may follow one. */
  #findFooter(from: number, id: number): number | undefined {
    const { bytes, end, ended } = this.#window;
    const last = ended ? end - 5 : end - UNDECIDED;
    // A loop and no indexOf: that takes a call for each byte where all of them look like a footer's first.
    for (let at = from; at <= last; at++) {
      if (footerAt(bytes, at, id) && this.#itemFollows(at + 5)) return at;
    }
    return undefined;
  }

  /** Whether what lies at an index of the window looks like another item of this stream, or its end. */
  #itemFollows(at: number): boolean {
    const { bytes, view, end } = this.#window;
    if (at >= end) return true;
    const type = bytes[at]!;
    if (type === VmSection.EOF) return at + 1 >= end || bytes[at + 1] === VmSection.VMDESCRIPTION;
    if (at + 5 > end) return false;
    if (type === VmSection.PART || type === VmSection.END) return this.#ids.has(view.getUint32(at + 1));
    if (type === VmSection.COMMAND) return view.getUint16(at + 1) < commandNames.length;
    if (type !== VmSection.START && type !== VmSection.FULL) return false;
    // What lies behind the end is of before.
    const length = at + 5 < end ? bytes[at + 5]! : 0;
    const name = bytes.subarray(at + 6, Math.min(end, at + 6 + length));
    return length > 0 && name.every((c) => c >= 0x20 && c < 0x7f);
  }

  /** The vmdescription before reading got there: from the end of the input when it is at hand. */
  #describe(): Promise<VmDescriptions | undefined> {
    return (this.#vmDescriptions ??= this.#findVmDescription());
  }

  async #findVmDescription(): Promise<VmDescriptions | undefined> {
    const random = this.#random;
    let tail: Uint8Array;
    if (random) {
      tail = new Uint8Array(Math.min(random.size, 16 * 2 ** 20));
      const got = await random.read(random.size - tail.length, tail);
      tail = tail.subarray(0, got);
    } else {
      const window = this.#window;
      await window.need(LARGEST_JSON);
      if (!window.ended) return undefined;
      tail = window.bytes.subarray(window.pos, window.end);
    }
    const json = jsonAtEnd(tail);
    return json === undefined ? undefined : parseVmDescription(json);
  }
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');
const withOrigin = <T, B>(description: T | undefined, by: B): [T, B] | undefined =>
  description ? [description, by] : undefined;

const footerAt = (bytes: Uint8Array, at: number, id: number): boolean =>
  bytes[at] === VmSection.FOOTER &&
  ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!) >>> 0 === id;

export const parseJson = (text: Uint8Array): VmDescriptionText =>
  parseVmDescriptionText(new TextDecoder('latin1').decode(text));

/** The JSON of a vmdescription that ends where the bytes end. */
function jsonAtEnd(bytes: Uint8Array): unknown {
  const reader = new QemuFileReader(bytes);
  for (let at = bytes.length - 6; at >= 0; at--) {
    if (bytes[at] !== VmSection.VMDESCRIPTION || bytes[at + 5] !== 0x7b) continue;
    reader.pos = at + 1;
    if (reader.be32() === bytes.length - at - 5) return parseJson(bytes.subarray(at + 5)).json;
  }
  return undefined;
}
