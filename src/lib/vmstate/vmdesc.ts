/**
 * The stream's own account of itself: the JSON behind EOF, as `VMStateDescription`s. What no hand-written description
 * explains is read with these, by the same interpreter. Source: QEMU migration/vmstate.c, vmsd_desc_field_start and
 * vmstate_save_state_v; migration/savevm.c, vmstate_save.
 *
 * The JSON tells what was sent, not what could be: conditions are resolved, subsections are those that came, and every
 * size is exact. So sizes can be added up before a byte is read, and what does not add up becomes raw bytes.
 */
import { isObject, type Json } from './json.ts';
import { BadField, type QemuFileReader } from './qemu-file.ts';
import { bool, buffer, i16, i32, i64, i8, timer, u16, u32, u64, u8 } from './vmstate-types.ts';
import { MAX_ROWS, struct, type Codec, type Field, type VMStateDescription } from './vmstate.ts';

export interface VmDescriptions {
  /** As the sender states it; undefined where absent or impossible. */
  readonly pageSize: number | undefined;
  /** What is wrong with the JSON as a whole. */
  readonly problems: readonly string[];
  /** Sections that the JSON describes, in stream order. */
  readonly devices: readonly { readonly name: string; readonly instance: number }[];
  /** The configuration section, which QEMU describes from 9.0 on. */
  readonly configuration: VMStateDescription<object> | undefined;
  /**
   * The description of a section. QEMU has devices that share idstr and instance (two isa-ide of isapc): their
   * sections come in the order of their descriptions.
   * @param occurrence how many sections of that idstr and instance came before
   */
  find(idstr: string, instance: number, occurrence?: number): VMStateDescription<object> | undefined;
}

/** Deeper nesting is shown as bytes: QEMU's own is below ten. */
const MAX_DEPTH = 48;
/** Bound on the entries of one struct; an entry costs more than a row does. */
const MAX_FIELDS = 1 << 17;
/** Longer arrays of bytes are buffers: io_buffer of ide has 131,076 elements, which nobody reads one by one. */
export const MAX_BYTE_ROWS = 1024;
/** VMS_NULLPTR_MARKER. */
const NULL_POINTER = 0x30;

const textOf = (v: unknown, otherwise: string): string => (typeof v === 'string' ? v : otherwise);
const countOf = (v: unknown): number | undefined =>
  typeof v === 'number' && Number.isSafeInteger(v) && v >= 0 ? v : undefined;

/** A codec whose size is known beforehand, and how many rows it makes. */
interface Part {
  readonly codec: Codec<unknown>;
  readonly bytes: number;
  readonly rows: number;
}

const part = <T>(codec: Codec<T>, bytes: number, rows = 1): Part => ({ codec: codec as Codec<unknown>, bytes, rows });

/** Bytes without names. `why` is a complaint: absent where QEMU itself says no more. */
function raw(type: string, bytes: number, why?: string): Part {
  const plain = buffer(bytes, type);
  const codec: Codec<Uint8Array> = {
    ...plain,
    read(file, into, place) {
      if (why) place.complain(file.offset, why);
      return plain.read(file, into, place);
    }
  };
  return part(codec, bytes);
}

/** A field that cannot be read: what follows has no place either. */
function unreadable(type: string, why: string): Part {
  const codec: Codec<never> = {
    type,
    read(file) {
      throw new BadField(file.offset, why);
    },
    write() {
      throw new RangeError(why);
    }
  };
  return part(codec, 0, 0);
}

const nullPointer: Codec<string> = {
  type: 'nullptr',
  read(file) {
    const at = file.offset;
    const marker = file.u8();
    if (marker !== NULL_POINTER) throw new BadField(at, `null pointer marker is ${marker}, not ${NULL_POINTER}`);
    return 'nullptr';
  },
  write: (file) => file.u8(NULL_POINTER)
};

const unsigned: Readonly<Record<number, Codec<number> | Codec<bigint>>> = { 1: u8, 2: u16, 4: u32, 8: u64 };
const signed: Readonly<Record<number, Codec<number> | Codec<bigint>>> = { 1: i8, 2: i16, 4: i32, 8: i64 };

/** A value without parts. The size decides: a null pointer of QEMU before 10 is a `uint64` of one byte. */
function leaf(type: string, bytes: number): Part {
  if (type === 'nullptr' && bytes === 1) return part(nullPointer, 1);
  if (type === 'bool' && bytes === 1) return part(bool, 1);
  if (type === 'timer' && bytes === 8) return part(timer, 8);
  // `le` in `int32 le` stands for "less or equal": it is big-endian too.
  const codec = /^uint\d+( equal)?$/.test(type)
    ? unsigned[bytes]
    : /^int\d+( equal| le)?$/.test(type)
      ? signed[bytes]
      : undefined;
  return codec ? part({ ...codec, type } as Codec<unknown>, bytes) : raw(type, bytes);
}

interface Described extends Omit<Part, 'codec'> {
  readonly vmsd: VMStateDescription<object>;
}

/** `{vmsd_name, version, fields, subsections?}`: a section, a struct or a subsection. */
function describe(json: Json, otherwise: string, depth: number): Described {
  const fields: Field<object>[] = [];
  let bytes = 0;
  let rows = 0;
  const add = (name: string, found: Part): void => {
    const fits = rows + found.rows <= MAX_ROWS;
    const kept = fits
      ? found
      : raw(found.codec.type, found.bytes, `'${name}' has more than ${MAX_ROWS} rows: shown as bytes`);
    // The name may be anything, so the place in the state goes by number.
    fields.push({ path: String(fields.length), codec: kept.codec as Codec<never>, options: { name } });
    bytes += kept.bytes;
    rows += kept.rows;
  };
  const isFull = (entries: number): boolean => {
    if (rows < MAX_ROWS && entries < MAX_FIELDS) return false;
    add('?', unreadable('unknown', `more fields than ${MAX_ROWS} rows hold`));
    return true;
  };
  const list = Array.isArray(json.fields) ? (json.fields as readonly unknown[]) : [];
  for (let i = 0; i < list.length && !isFull(i);) {
    const name = nameOf(list[i]);
    let next = i + 1;
    while (next < list.length && next - i < MAX_FIELDS && nameOf(list[next]) === name) next++;
    add(name, elements(list.slice(i, next), depth));
    i = next;
  }
  for (const sub of Array.isArray(json.subsections) ? (json.subsections as readonly unknown[]) : []) {
    if (isFull(fields.length)) break;
    const name = textOf(isObject(sub) ? sub.vmsd_name : undefined, '?');
    add(name, isObject(sub) ? subsection(sub, name, depth) : unreadable('subsection', 'a subsection is not described'));
  }
  const name = textOf(json.vmsd_name, otherwise);
  // Legacy devices (SaveVMHandlers.save_state) state no version.
  const version = countOf(json.version) ?? 0xffff_ffff;
  return { vmsd: { name, version, minimumVersion: 0, fields }, bytes, rows };
}

const nameOf = (field: unknown): string => textOf(isObject(field) ? field.name : undefined, '?');

/** One entry per value, per array (`array_len`) or per run of an array: QEMU breaks arrays up where elements differ. */
function elements(entries: readonly unknown[], depth: number): Part {
  const runs = entries.map((entry) => {
    const one = isObject(entry) ? value(entry, depth) : unreadable('unknown', 'a field is not described');
    const n = Math.max(1, (isObject(entry) ? countOf(entry.array_len) : undefined) ?? 1);
    return { one, n };
  });
  const [first] = runs;
  if (runs.length === 1 && first?.n === 1) return first.one;
  if (runs.length === 1 && first!.n > MAX_BYTE_ROWS && first!.one.codec.type === 'uint8' && first!.one.bytes === 1)
    return raw('uint8', first!.n);
  const sum = (of: (p: Part) => number): number => runs.reduce((total, { one, n }) => total + n * of(one), 0);
  const type = (runs.find(({ one }) => one.codec !== nullPointer) ?? first)!.one.codec.type;
  const codec: Codec<unknown[]> = {
    type,
    read(file, _into, place) {
      const out: unknown[] = [];
      for (const { one, n } of runs) {
        for (let i = 0; i < n; i++) out.push(place.read(file, `[${out.length}]`, one.codec));
      }
      return out;
    },
    write(file, values) {
      let at = 0;
      for (const { one, n } of runs) for (let i = 0; i < n; i++) one.codec.write(file, values[at++]);
    }
  };
  const bytes = sum((p) => p.bytes);
  if (!Number.isSafeInteger(bytes)) return unreadable(type, `'${nameOf(entries[0])}' is longer than any stream`);
  return part(codec, bytes, 1 + sum((p) => p.rows));
}

/** One value of an entry. */
function value(entry: Json, depth: number): Part {
  const type = textOf(entry.type, 'unknown');
  const size = countOf(entry.size);
  // Structs have their fields under `struct`; a VMSTATE_WITH_TMP, a VSTRUCT and the last element of a list beside it.
  const inner = isObject(entry.struct) ? entry.struct : Array.isArray(entry.fields) ? entry : undefined;
  const name = nameOf(entry);
  if (size === undefined && !inner) return unreadable(type, `the vmdescription gives no size for '${name}'`);
  if (!inner) return leaf(type, size!);
  if (depth >= MAX_DEPTH) {
    const why = `'${name}' is nested more than ${MAX_DEPTH} deep`;
    return size === undefined ? unreadable(type, why) : raw(type, size, `${why}: shown as bytes`);
  }
  const described = describe(inner, name, depth + 1);
  if (type === 'qtailq' || type === 'qlist') return queue(type, size, described);
  if (size !== undefined && size !== described.bytes) {
    const why = `'${name}' takes ${size} bytes, its parts ${described.bytes}: shown as bytes`;
    return raw(type, size, type === 'gtree' ? undefined : why);
  }
  return part({ ...struct(described.vmsd), type }, described.bytes, 1 + described.rows);
}

/**
 * A list: u8 1 before each element, u8 0 at the end. The JSON has the layout of the last element only, and no count;
 * both are good when elements of that layout fill the size.
 */
function queue(type: string, size: number | undefined, { vmsd, bytes, rows }: Described): Part {
  if (size === undefined) return unreadable(type, `the vmdescription gives no size for a ${type}`);
  const n = (size - 1) / (1 + bytes);
  const plain = raw(type, size);
  if (!Number.isInteger(n) || n < 1) return plain;
  const element = struct(vmsd);
  const fits = (file: QemuFileReader): boolean => {
    for (let i = 0; i < n; i++) if (file.peek(i * (1 + bytes)) !== 1) return false;
    return file.peek(size - 1) === 0;
  };
  const codec: Codec<unknown> = {
    type,
    read(file, into, place) {
      if (!fits(file)) return plain.codec.read(file, into, place);
      const out: object[] = [];
      for (let i = 0; i < n; i++) {
        file.skip(1);
        out.push(place.read(file, `[${i}]`, element));
      }
      file.skip(1);
      return out;
    },
    write(file, stored) {
      if (stored instanceof Uint8Array) return file.buffer(stored);
      for (const one of stored as object[]) {
        file.u8(1);
        element.write(file, one);
      }
      file.u8(0);
    }
  };
  return part(codec, size, 1 + n * (1 + rows));
}

/** A subsection that was sent, so it has to be there: 05, counted name, be32 version, its state. */
function subsection(json: Json, name: string, depth: number): Part {
  if (depth >= MAX_DEPTH) return unreadable('subsection', `'${name}' is nested more than ${MAX_DEPTH} deep`);
  const { vmsd, bytes, rows } = describe(json, name, depth + 1);
  const state = struct(vmsd);
  const codec: Codec<object> = {
    type: 'subsection',
    read(file, into, place) {
      const at = file.offset;
      const found = file.u8() === 0x05 ? file.countedString() : undefined;
      if (found !== name) throw new BadField(at, `subsection '${name}' is not where the vmdescription has it`);
      file.be32();
      return state.read(file, into, place);
    },
    write(file, written) {
      file.u8(0x05);
      file.countedString(name);
      file.be32(vmsd.version);
      state.write(file, written);
    }
  };
  return part(codec, 2 + name.length + 4 + bytes, 1 + rows);
}

/**
 * What the JSON says, checked and bounded; undefined when it describes no devices. Nothing in it can make a reader
 * loop or allocate beyond the bytes of the section and `MAX_ROWS` rows.
 * @param json as parsed; any value
 */
export function parseVmDescription(json: unknown): VmDescriptions | undefined {
  if (!isObject(json) || !Array.isArray(json.devices)) return undefined;
  const problems: string[] = [];
  const pageSize = countOf(json.page_size);
  const isPageSize =
    pageSize !== undefined && pageSize >= 1024 && pageSize <= 2 ** 30 && Number.isInteger(Math.log2(pageSize));
  if (!isPageSize) problems.push(`page_size ${pageSize ?? ''} is no page size`);

  const devices: { name: string; instance: number }[] = [];
  const byKey = new Map<string, Json[]>();
  let nameless = 0;
  const key = (idstr: string, instance: number): string => `${instance}/${idstr}`;
  for (const device of json.devices as readonly unknown[]) {
    const instance = isObject(device) ? countOf(device.instance_id) : undefined;
    if (
      !isObject(device) ||
      typeof device.name !== 'string' ||
      instance === undefined ||
      !Array.isArray(device.fields)
    ) {
      nameless++;
      continue;
    }
    devices.push({ name: device.name, instance });
    const alike = byKey.get(key(device.name, instance));
    if (alike) alike.push(device);
    else byKey.set(key(device.name, instance), [device]);
  }
  if (nameless > 0) problems.push(`${nameless} devices of the vmdescription have no name, instance_id or fields`);
  const made = new Map<Json, VMStateDescription<object>>();
  const make = (device: Json): VMStateDescription<object> => {
    let vmsd = made.get(device);
    if (!vmsd) made.set(device, (vmsd = describe(device, textOf(device.name, '?'), 0).vmsd));
    return vmsd;
  };
  return {
    pageSize: isPageSize ? pageSize : undefined,
    problems,
    devices,
    configuration: isObject(json.configuration) ? make(json.configuration) : undefined,
    find(idstr, instance, occurrence = 0) {
      const alike = byKey.get(key(idstr, instance));
      const device = alike?.[Math.min(occurrence, alike.length - 1)];
      return device && make(device);
    }
  };
}
