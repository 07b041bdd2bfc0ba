/**
 * The "block" section, version 1: block migration, until QEMU 9.0.
 * Source: QEMU 7.2 migration/block.c (blk_send, block_load).
 *
 *   body   ::= record* with EOS in the flags of the last
 *   record ::= word:u64 [name:counted data unless ZERO_BLOCK if DEVICE_BLOCK]     word = sector * 512 | flags
 *   data   ::= 1 MiB
 */
import { BadField, type QemuFileReader } from './qemu-file.ts';
import { fieldsOf, type Codec, type Placer, type VMStateDescription } from './vmstate.ts';
import { u64 } from './vmstate-types.ts';

const Flag = { DEVICE_BLOCK: 1, EOS: 2, PROGRESS: 4, ZERO_BLOCK: 8 };
/** BLK_MIG_BLOCK_SIZE */
const BLOCK = 1 << 20;

const flagBits = [
  ...Object.entries(Flag).map(([name, value]) => ({ name, bit: Math.log2(value) })),
  { name: 'sector', bit: 9, width: 55, doc: 'first sector; with PROGRESS the percentage' }
];

const name: Codec<string> = {
  type: 'counted string',
  read: (file) => file.countedString(),
  write: (file, value) => file.countedString(value)
};
/** The contents stay in the stream: only their place is of interest. */
const data: Codec<undefined> = { type: 'data', read: (file) => file.skip(BLOCK) as undefined, write: nothing };

function readRecord(file: QemuFileReader, place: Placer): number {
  const at = file.offset;
  const flags = Number(place.read(file, 'word', u64, undefined, { bits: flagBits, radix: 16 }) & 0x1ffn);
  if (flags & Flag.DEVICE_BLOCK) {
    place.read(file, 'device_name', name);
    if ((flags & Flag.ZERO_BLOCK) === 0) place.read(file, 'data', data);
  } else if ((flags & (Flag.PROGRESS | Flag.EOS)) === 0) {
    throw new BadField(at, `Unknown block migration flags: 0x${flags.toString(16)}`);
  }
  return flags;
}

const records: Codec<number> = {
  type: 'records',
  read(file, _into, place) {
    for (let n = 0; ; n++) {
      let flags = 0;
      const record: Codec<number> = {
        type: 'record',
        read: (f, _, inner) => (flags = readRecord(f, inner)),
        write: nothing
      };
      place.read(file, `[${n}]`, record);
      if (flags & Flag.EOS) return n + 1;
    }
  },
  write: nothing
};
function nothing(): never {
  throw new Error('disk contents are shown, not saved');
}

const section = fieldsOf<{ records: number }>();
export const vmstate_block: VMStateDescription<{ records: number }> = {
  name: 'block',
  version: 1,
  minimumVersion: 1,
  fields: [section('records', records)]
};
