/**
 * Device state, declared once: a `VMStateDescription` is the loader, the saver, the documentation and the tree that
 * the page shows. Source of the idea and of the encoding rules: QEMU migration/vmstate.c, include/migration/vmstate.h.
 *
 *   state      ::= field* subsection*
 *   subsection ::= 05 name:counted version:u32 state          name begins with the parent's name
 */
import type { Problem } from './problem.ts';
import { BadField, latin1, ShortRead, type QemuFileReader, type QemuFileWriter } from './qemu-file.ts';

export type Leaf = number | bigint | boolean | string | Uint8Array | undefined;

/** One bit or bit group of a register, as the manual names it. */
export interface Bits {
  readonly name: string;
  /** Lowest bit. */
  readonly bit: number;
  /** Number of bits, 1 when absent. */
  readonly width?: number;
  readonly doc?: string;
  readonly values?: Readonly<Record<number, string>>;
}

/** What a value means. Plain data: it crosses to the page. */
export interface Meaning {
  readonly doc?: string;
  readonly unit?: 'ns' | 'ms' | 's' | 'bytes' | 'Hz' | 'ticks' | 'sectors' | 'pages';
  readonly bits?: readonly Bits[];
  /** Enumerations: value to name. */
  readonly values?: Readonly<Record<number, string>>;
  /** The value is an address that a click can follow. */
  readonly pointer?: 'gpa' | 'gva';
  /** The value is guest state of a clock: a diff folds it away. */
  readonly clock?: boolean;
  readonly radix?: 10 | 16;
  /** QEMU's or the manual's place, for example `hw/timer/i8254.c` or `SDM 3A 4.5`. */
  readonly source?: string;
}

/** A decoded value and the bytes it came from; composite values have children. */
export interface Placed {
  /** As in the stream's JSON: `env.regs`, `[3]`, a subsection's full name. */
  readonly name: string;
  /** Wire type as in the stream's JSON: `uint32`, `timer`, `struct`, `subsection`, … */
  readonly type: string;
  /** Stream offsets, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly value?: Leaf;
  readonly children?: readonly Placed[];
  readonly about?: Meaning;
}

/** What `Placed` is while it is being made. */
type Placing = { -readonly [K in keyof Placed]: Placed[K] } & { children?: Placing[] };

/** How many rows may still be made: a count in a hostile stream must not fill memory. */
export interface RowBudget {
  rows: number;
}
/** For one section; an IDE channel with requests in flight, with the most, has 262,000. */
export const MAX_ROWS = 1 << 19;

/** Collects the rows that one composite value consists of. */
export class Placer {
  readonly rows: Placing[] = [];
  readonly #about: Meaning | undefined;
  readonly #complaints: Complaint[];
  readonly #budget: RowBudget;
  constructor(complaints: Complaint[] = [], about?: Meaning, budget: RowBudget = { rows: MAX_ROWS }) {
    this.#complaints = complaints;
    this.#about = about;
    this.#budget = budget;
  }

  /** Reads one named part; the row is kept, up to where reading got, even when it fails. */
  read<T>(file: QemuFileReader, name: string, codec: Codec<T>, into?: T, about?: Meaning): T {
    const means = about ?? this.#about;
    if (this.#budget.rows-- <= 0) throw new BadField(file.offset, 'there are more values than are kept');
    const row: Placing = { name, type: codec.type, start: file.offset, end: file.offset };
    if (means) row.about = means;
    this.rows.push(row);
    const inner = new Placer(this.#complaints, means, this.#budget);
    try {
      const value = codec.read(file, into, inner);
      // Bytes stay a value even where their parts are rows too.
      if (inner.rows.length === 0 || value instanceof Uint8Array) row.value = value as Leaf;
      return value;
    } finally {
      row.end = file.offset;
      if (inner.rows.length > 0) row.children = inner.rows;
    }
  }

  complain(at: number, message: string, path?: string): void {
    this.#complaints.push({ at, message, path });
  }
}

/** Keeps nothing: for what was written here a moment ago, and is read often. */
class Unplaced extends Placer {
  override read<T>(file: QemuFileReader, _name: string, codec: Codec<T>, into?: T): T {
    return codec.read(file, into, this);
  }
  override complain(): void {}
}

/** Something QEMU would refuse although it can be read. */
export interface Complaint {
  readonly at: number;
  readonly message: string;
  readonly path?: string | undefined;
}

/** How one value lies on the wire. `read` fills `into` where given: QEMU loads in place. */
export interface Codec<T> {
  /** The type's name in the vmdescription. */
  readonly type: string;
  read(file: QemuFileReader, into: T | undefined, place: Placer): T;
  write(file: QemuFileWriter, value: T): void;
}

/** Places inside S: `channels[0].count`. */
export type Path<S> = S extends Leaf
  ? never
  : {
      [K in keyof S & string]:
        | K
        | (S[K] extends Leaf
            ? never
            : NonNullable<S[K]> extends readonly (infer E)[]
              ? `${K}[${number}]` | (E extends Leaf ? never : `${K}[${number}].${Path<E>}`)
              : `${K}.${Path<NonNullable<S[K]>>}`);
    }[keyof S & string];

/** The type at a place. */
export type At<S, P extends string> = P extends `${infer Head}.${infer Rest}`
  ? At<AtStep<S, Head>, Rest>
  : AtStep<S, P>;
type AtStep<S, P extends string> = P extends `${infer K}[${number}]`
  ? AtKey<S, K> extends readonly (infer E)[]
    ? E
    : never
  : AtKey<S, P>;
type AtKey<S, K extends string> = K extends keyof S ? NonNullable<S[K]> : never;

export interface FieldOptions<S> extends Meaning {
  /** First version of the description that has the field. */
  readonly since?: number;
  /** QEMU's field_exists, with the version that the sender declared. */
  readonly when?: (state: S, version: number) => boolean;
  /** QEMU's VMSTATE_*_EQUAL and VMSTATE_VALIDATE: says what QEMU would refuse. The value is kept. */
  readonly check?: (state: S) => string | undefined;
  /** The name in the vmdescription where it is not the path. */
  readonly name?: string;
}

/** One row of a description. S only ever goes in, so a row of a base struct fits a derived one. */
export interface Field<S> {
  readonly path: string;
  readonly codec: Codec<never> | ((state: S) => Codec<never>);
  readonly options: FieldOptions<S>;
}

export interface VMStateDescription<S> {
  readonly name: string;
  readonly version: number;
  readonly minimumVersion: number;
  readonly fields: readonly Field<S>[];
  readonly subsections?: readonly VMStateDescription<S>[];
  /** Whether it is sent. Of a subsection, when absent or where it cannot tell: sent again if it was loaded. */
  readonly needed?: (state: S) => boolean | undefined;
  readonly doc?: string;
}

/** Rows for state S. Paths and wire types are checked by the compiler, as QEMU's macros check the C types. */
export const fieldsOf =
  <S>() =>
  <P extends Path<S>>(
    path: P,
    codec: Codec<At<S, P>> | ((state: S) => Codec<At<S, P>>),
    options: number | FieldOptions<S> = {}
  ): Field<S> => ({
    path,
    codec: codec as unknown as Codec<never>,
    options: typeof options === 'number' ? { since: options } : options
  });

/** VMSTATE_UNUSED: bytes that are skipped on load and zero on save. */
export const unused = <S>(bytes: number, options: number | FieldOptions<S> = {}): Field<S> => ({
  path: '',
  codec: {
    type: 'unused_buffer',
    read: (file: QemuFileReader) => file.skip(bytes) as never,
    write: (file: QemuFileWriter) => file.zeros(bytes)
  },
  options: { name: 'unused', ...(typeof options === 'number' ? { since: options } : options) }
});

type Node = Record<string, unknown>;
const splitPaths = new Map<string, readonly string[]>();
/** Of the paths of descriptions, which are not many. */
function steps(path: string): readonly string[] {
  let split = splitPaths.get(path);
  if (!split) splitPaths.set(path, (split = path.split(/[.[\]]+/).filter((s) => s !== '')));
  return split;
}

function getAt(state: unknown, path: string): unknown {
  let at = state as Node | undefined;
  for (const step of steps(path)) at = at?.[step] as Node | undefined;
  return at;
}

function setAt(state: unknown, path: string, value: unknown): void {
  const parts = steps(path);
  let at = state as Node;
  for (let i = 0; i < parts.length - 1; i++) {
    const next = at[parts[i]!];
    at = (next ?? (at[parts[i]!] = /^\d+$/.test(parts[i + 1]!) ? [] : {})) as Node;
  }
  at[parts.at(-1)!] = value;
}

const exists = <S>(field: Field<S>, state: S, version: number): boolean =>
  (field.options.since ?? 0) <= version && (field.options.when?.(state, version) ?? true);

/** Functions do not cross to the page: a row that has some shows the rest of its options. */
const plain = new WeakMap<object, Meaning>();
function meaningOf<S>(options: FieldOptions<S>): Meaning {
  if (!options.when && !options.check) return options;
  let meaning = plain.get(options);
  if (!meaning) {
    const { when: _when, check: _check, ...rest } = options;
    plain.set(options, (meaning = rest));
  }
  return meaning;
}

const codecOf = <S>(field: Field<S>, state: S): Codec<unknown> =>
  (typeof field.codec === 'function' ? field.codec(state) : field.codec) as unknown as Codec<unknown>;

/** Which subsections a state was loaded with, so that saving sends them again. */
const loadedSubsections = new WeakMap<object, Set<string>>();

function loadInto<S extends object>(
  file: QemuFileReader,
  vmsd: VMStateDescription<S>,
  state: S,
  version: number,
  place: Placer
): void {
  if (version > vmsd.version) {
    place.complain(file.offset, `unsupported version ${version} for '${vmsd.name}' v${vmsd.version}`);
  } else if (version < vmsd.minimumVersion) {
    place.complain(file.offset, `version ${version} of '${vmsd.name}' is older than ${vmsd.minimumVersion}`);
  }
  for (const field of vmsd.fields) {
    if (!exists(field, state, version)) continue;
    const name = field.options.name ?? field.path;
    const at = file.offset;
    const into = field.path === '' ? undefined : getAt(state, field.path);
    const value = place.read(file, name, codecOf(field, state), into, meaningOf(field.options));
    if (field.path !== '') setAt(state, field.path, value);
    const refusal = field.options.check?.(state);
    if (refusal) place.complain(at, refusal, name);
  }
  loadSubsections(file, vmsd, state, place);
}

/** QEMU: vmstate_subsection_load. What does not begin with our name belongs to somebody further out. */
function loadSubsections<S extends object>(
  file: QemuFileReader,
  vmsd: VMStateDescription<S>,
  state: S,
  place: Placer
): void {
  while (file.peek() === 0x05) {
    const length = file.peek(1);
    if (length === undefined || length < vmsd.name.length + 1) return;
    const peeked = file.bytes.subarray(file.pos + 2, file.pos + 2 + length);
    const name = latin1(peeked);
    if (!name.startsWith(vmsd.name.slice(0, name.length))) return;
    if (name.length < length) throw new ShortRead(file.offset + 2, length);
    const sub = vmsd.subsections?.find((s) => s.name === name);
    if (!sub) throw new BadField(file.offset, `'${vmsd.name}' has no subsection '${name}'`);
    place.read(file, name, subsectionCodec(sub), state, sub.doc ? { doc: sub.doc } : undefined);
    let names = loadedSubsections.get(state);
    if (!names) loadedSubsections.set(state, (names = new Set()));
    names.add(name);
  }
}

const subsectionCodec = <S extends object>(vmsd: VMStateDescription<S>): Codec<S> => ({
  type: 'subsection',
  read(file, into, place) {
    file.skip(2 + vmsd.name.length);
    const version = file.be32();
    loadInto(file, vmsd, into ?? ({} as S), version, place);
    return into ?? ({} as S);
  },
  write(file, state) {
    file.u8(0x05);
    file.countedString(vmsd.name);
    file.be32(vmsd.version);
    save(file, vmsd, state);
  }
});

/** A nested description (VMSTATE_STRUCT): its fields, then its own subsections. */
export const struct = <S extends object>(vmsd: VMStateDescription<S>, version = vmsd.version): Codec<S> => ({
  type: 'struct',
  read(file, into, place) {
    const state = into ?? ({} as S);
    loadInto(file, vmsd, state, version, place);
    return state;
  },
  write: (file, state) => save(file, vmsd, state, version)
});

export interface Loaded<S> {
  readonly state: S;
  readonly fields: readonly Placed[];
  /** What QEMU would refuse although it could be read. */
  readonly complaints: readonly Complaint[];
  /** Where and why reading stopped early: a ShortRead or a BadField. */
  readonly failure?: ShortRead | BadField;
}

/**
 * Reads one state. Never throws for bad input: what could be read is in `fields`, `failure` says where it ended.
 * @param state filled in place, as QEMU does; a fresh object when absent
 * @param budget is used up; `MAX_ROWS` when absent
 */
export function load<S extends object>(
  file: QemuFileReader,
  vmsd: VMStateDescription<S>,
  version: number,
  state: S = {} as S,
  budget?: RowBudget
): Loaded<S> {
  const complaints: Complaint[] = [];
  const place = new Placer(complaints, undefined, budget);
  try {
    loadInto(file, vmsd, state, version, place);
  } catch (error) {
    if (error instanceof ShortRead || error instanceof BadField) {
      return { state, fields: place.rows, complaints, failure: error };
    }
    throw error;
  }
  return { state, fields: place.rows, complaints };
}

/** Reads back what `save` wrote, into the state that it came from; says nothing of it. @throws ShortRead, BadField */
export function loadOwn<S extends object>(file: QemuFileReader, vmsd: VMStateDescription<S>, state: S): void {
  loadInto(file, vmsd, state, vmsd.version, new Unplaced());
}

/** Writes a state as QEMU's vmstate_save_state does. */
export function save<S extends object>(
  file: QemuFileWriter,
  vmsd: VMStateDescription<S>,
  state: S,
  version = vmsd.version
): void {
  for (const field of vmsd.fields) {
    if (!exists(field, state, version)) continue;
    codecOf(field, state).write(file, field.path === '' ? undefined : getAt(state, field.path));
  }
  const loaded = loadedSubsections.get(state);
  for (const sub of vmsd.subsections ?? []) {
    if (sub.needed?.(state) ?? loaded?.has(sub.name)) subsectionCodec(sub).write(file, state);
  }
}

/** The descriptions that a reader knows, found by section idstr (`0000:00:03.0/virtio-blk`). */
export interface Descriptions {
  find(idstr: string): VMStateDescription<object> | undefined;
}

/** Finds by the whole idstr, else by what follows the device path (QEMU: vmstate_register_with_alias_id). */
export function descriptionTable(all: readonly VMStateDescription<never>[]): Descriptions {
  const byName = new Map(all.map((d) => [d.name, d as unknown as VMStateDescription<object>]));
  return {
    find: (idstr) => byName.get(idstr) ?? byName.get(idstr.slice(idstr.lastIndexOf('/') + 1))
  };
}

/** The row at a path as in `migrascope inspect`: names joined by `.`, array indices attached. */
export function placedAt(fields: readonly Placed[], path: string): Placed | undefined {
  for (const row of fields) {
    if (path === row.name) return row;
    if (!row.children || !path.startsWith(row.name)) continue;
    const rest = path.slice(row.name.length);
    if (rest[0] !== '.' && rest[0] !== '[') continue;
    const found = placedAt(row.children, rest[0] === '.' ? rest.slice(1) : rest);
    if (found) return found;
  }
  return undefined;
}

/** `a` + `[3]` is `a[3]`, `a` + `b` is `a.b`. */
export const joinPath = (parent: string, name: string): string =>
  parent === '' || name.startsWith('[') ? parent + name : `${parent}.${name}`;

/** Every leaf with its full path, depth first. */
export function* leaves(fields: readonly Placed[]): Generator<{ path: string; row: Placed }> {
  // One generator whatever the depth: each one inside another is asked for every leaf.
  const outer: { rows: readonly Placed[]; at: number; parent: string }[] = [];
  let [rows, at, parent] = [fields, 0, ''];
  for (;;) {
    const row = rows[at++];
    if (row === undefined) {
      const level = outer.pop();
      if (!level) return;
      ({ rows, at, parent } = level);
      continue;
    }
    const path = joinPath(parent, row.name);
    if (!row.children) {
      yield { path, row };
      continue;
    }
    outer.push({ rows, at, parent });
    [rows, at, parent] = [row.children, 0, path];
  }
}

/** What a complaint is as a problem of its section. */
export const complaintProblem = (complaint: Complaint, section: string): Problem => ({
  code: 'field-refused',
  severity: 'warning',
  section,
  at: complaint.at,
  message: complaint.message,
  ...(complaint.path === undefined ? {} : { path: complaint.path })
});
