/**
 * The wire types, one codec each. All integers are big-endian.
 * Source: QEMU migration/vmstate-types.c, include/migration/vmstate.h.
 */
import { BadField } from './qemu-file.ts';
import type { Codec, Meaning } from './vmstate.ts';

const codec = <T>(type: string, read: Codec<T>['read'], write: Codec<T>['write']): Codec<T> => ({ type, read, write });

export const bool = codec<boolean>(
  'bool',
  (f) => f.u8() !== 0,
  (f, v) => f.u8(v ? 1 : 0)
);
export const u8 = codec<number>(
  'uint8',
  (f) => f.u8(),
  (f, v) => f.u8(v)
);
export const u16 = codec<number>(
  'uint16',
  (f) => f.be16(),
  (f, v) => f.be16(v)
);
export const u32 = codec<number>(
  'uint32',
  (f) => f.be32(),
  (f, v) => f.be32(v)
);
export const u64 = codec<bigint>(
  'uint64',
  (f) => f.be64(),
  (f, v) => f.be64(v)
);
export const i8 = codec<number>(
  'int8',
  (f) => f.i8(),
  (f, v) => f.u8(v & 0xff)
);
export const i16 = codec<number>(
  'int16',
  (f) => f.i16(),
  (f, v) => f.be16(v & 0xffff)
);
export const i32 = codec<number>(
  'int32',
  (f) => f.i32(),
  (f, v) => f.be32(v >>> 0)
);
export const i64 = codec<bigint>(
  'int64',
  (f) => f.i64(),
  (f, v) => f.be64(v)
);

/** Expiry of a timer in ns of its clock; all ones = not armed (QEMU: timer_put). */
export const timer = codec<bigint>(
  'timer',
  (f) => f.be64(),
  (f, v) => f.be64(v)
);
export const TIMER_NOT_ARMED = 0xffff_ffff_ffff_ffffn;

/** n raw bytes (VMSTATE_BUFFER, VMSTATE_UINT8_ARRAY). */
export const buffer = (n: number, type = 'buffer'): Codec<Uint8Array> =>
  codec(
    type,
    (f) => f.buffer(n).slice(),
    (f, v) => {
      if (v.length !== n) throw new RangeError(`${type} of ${v.length} bytes where ${n} belong`);
      f.buffer(v);
    }
  );

export interface ArrayOptions {
  /** The array's element that is read first (VMSTATE_SUB_ARRAY). Names count from 0 all the same, as in the JSON. */
  readonly from?: number;
  /** What each element means where they differ: the first one read first. */
  readonly abouts?: readonly (Meaning | undefined)[];
}

/** n elements, flat. Elements are read in place, as QEMU's are. */
export const arrayOf = <T>(element: Codec<T>, n: number, { from = 0, abouts }: ArrayOptions = {}): Codec<T[]> =>
  codec(
    element.type,
    (file, into, place) => {
      const out = into ?? [];
      // An element takes a byte at least: a hostile count ends at the end of the bytes, not of the memory.
      for (let i = 0; i < n; i++) {
        const before = file.pos;
        out[from + i] = place.read(file, `[${i}]`, element, out[from + i], abouts?.[i]);
        if (file.pos === before && i > 4096) throw new BadField(file.offset, `${n} elements without bytes`);
      }
      return out;
    },
    (file, value) => {
      for (let i = 0; i < n; i++) element.write(file, value[from + i]!);
    }
  );

/** n raw bytes of which each has its meaning: one value, and a row for each byte below it. */
export const namedBytes = (n: number, abouts: readonly (Meaning | undefined)[], type = 'buffer'): Codec<Uint8Array> =>
  codec(
    type,
    (file, _into, place) => {
      const at = file.pos;
      for (let i = 0; i < n; i++) place.read(file, `[${i}]`, u8, undefined, abouts[i] ?? {});
      return file.bytes.slice(at, at + n);
    },
    (f, v) => buffer(n, type).write(f, v)
  );

/** u8 1 before each element, u8 0 at the end (VMSTATE_QTAILQ_V, VMSTATE_QLIST_V). */
export const qtailq = <T>(element: Codec<T>, type = 'qtailq'): Codec<T[]> =>
  codec(
    type,
    (file, _into, place) => {
      const out: T[] = [];
      for (;;) {
        const at = file.offset;
        const more = file.u8();
        if (more === 0) return out;
        if (more !== 1) throw new BadField(at, `list marker ${more} is neither 0 nor 1`);
        out.push(place.read(file, `[${out.length}]`, element));
      }
    },
    (file, value) => {
      for (const v of value) {
        file.u8(1);
        element.write(file, v);
      }
      file.u8(0);
    }
  );

/** be32 size, then that many 64-bit words (VMSTATE_BITMAP). Bits count from 0. */
export const bitmap = (maxBits: number): Codec<bigint[]> =>
  codec(
    'bitmap',
    (f) => {
      const at = f.offset;
      const bits = f.be32();
      if (bits > maxBits) throw new BadField(at, `bitmap of ${bits} bits where at most ${maxBits} fit`);
      return Array.from({ length: Math.ceil(bits / 64) }, () => f.be64());
    },
    (f, v) => {
      f.be32(v.length * 64);
      for (const word of v) f.be64(word);
    }
  );

/** Text in a fixed buffer, ended by NUL. */
export const fixedText = (n: number, type = 'buffer'): Codec<string> =>
  codec(
    type,
    (f) => f.text(n).replace(/\0.*$/s, ''),
    (f, v) => {
      f.text(v.slice(0, n));
      f.zeros(n - Math.min(v.length, n));
    }
  );
