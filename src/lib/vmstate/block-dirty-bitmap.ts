/**
 * The "dirty-bitmap" section, version 1: block dirty bitmaps of named nodes.
 * Source: QEMU migration/block-dirty-bitmap.c (format at its top; dirty_bitmap_load_header, _start, _bits).
 *
 *   body   ::= chunk* with EOS in the flags of the last
 *   chunk  ::= flags [node:counted] [bitmap:counted] ( START: granularity:u32 bitmap_flags:u8
 *            | BITS: start_sector:u64 nr_sectors:u32 [buf_size:u64 buffer unless ZEROES] | COMPLETE )
 *   flags  ::= u8, continued by one more and then two more while bit 7 is set
 */
import { BadField, type QemuFileReader } from './qemu-file.ts';
import { fieldsOf, type Codec, type Placer, type VMStateDescription } from './vmstate.ts';
import { buffer, u32, u64, u8 } from './vmstate-types.ts';

const Flag = {
  EOS: 1,
  ZEROES: 2,
  BITMAP_NAME: 4,
  DEVICE_NAME: 8,
  START: 0x10,
  COMPLETE: 0x20,
  BITS: 0x40,
  EXTRA: 0x80
};
/** QEMU refuses more than ten times its CHUNK_SIZE of 1 KiB. */
const MAX_BUFFER = 10 * 1024;

const flagBits = Object.entries(Flag).map(([name, value]) => ({ name, bit: Math.log2(value) }));

const flags: Codec<number> = {
  type: 'flags',
  read(file) {
    let value = file.u8();
    if (value & Flag.EXTRA) {
      value = ((value << 8) | file.u8()) >>> 0;
      if (value & Flag.EXTRA) value = value * 0x1_0000 + file.be16();
    }
    return value;
  },
  write: (file, value) => file.u8(value)
};
const name: Codec<string> = {
  type: 'counted string',
  read: (file) => file.countedString(),
  write: (file, value) => file.countedString(value)
};

function readChunk(file: QemuFileReader, place: Placer): number {
  const bits = place.read(file, 'flags', flags, undefined, { bits: flagBits, radix: 16 });
  if (bits & Flag.DEVICE_NAME) place.read(file, 'node_alias', name);
  if (bits & Flag.BITMAP_NAME) place.read(file, 'bitmap_alias', name);
  if (bits & Flag.START) {
    place.read(file, 'granularity', u32, undefined, { unit: 'bytes' });
    place.read(file, 'bitmap_flags', u8, undefined, {
      bits: ['enabled', 'persistent', 'autoload'].map((n, bit) => ({ name: n, bit }))
    });
  } else if (bits & Flag.BITS) {
    place.read(file, 'first_sector', u64, undefined, { unit: 'sectors' });
    place.read(file, 'nr_sectors', u32, undefined, { unit: 'sectors' });
    if ((bits & Flag.ZEROES) === 0) {
      const size = place.read(file, 'buf_size', u64, undefined, { unit: 'bytes' });
      if (size > MAX_BUFFER) {
        throw new BadField(file.offset - 8, 'Bitmap migration stream buffer allocation request is too large');
      }
      place.read(file, 'buf', buffer(Number(size)));
    }
  }
  return bits;
}

/** Chunks until one says EOS. They are for looking at: bitmaps are not kept as state. */
const chunks: Codec<number> = {
  type: 'chunks',
  read(file, _into, place) {
    for (let n = 0; ; n++) {
      let bits = 0;
      const chunk: Codec<number> = {
        type: 'chunk',
        read: (f, _, inner) => (bits = readChunk(f, inner)),
        write: nothing
      };
      place.read(file, `[${n}]`, chunk);
      if (bits & Flag.EOS) return n + 1;
    }
  },
  write: nothing
};
function nothing(): never {
  throw new Error('dirty bitmaps are shown, not saved');
}

const section = fieldsOf<{ chunks: number }>();
export const vmstate_dirty_bitmap: VMStateDescription<{ chunks: number }> = {
  name: 'dirty-bitmap',
  version: 1,
  minimumVersion: 1,
  fields: [section('chunks', chunks)]
};
