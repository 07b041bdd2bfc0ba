/**
 * Registers at fixed places of a block of bytes that QEMU sends as one opaque buffer (a PCI configuration space, a
 * virtio device's config): each gets its row and its meaning, and the bytes stay as they are.
 * In the place of QEMU hw/core/register.c; little-endian, as the guest sees such blocks.
 */
import type { Codec, Meaning } from '../../../vmstate/vmstate.ts';
import { buffer } from '../../../vmstate/vmstate-types.ts';

/** Little-endian values of guest-visible structures, named as the virtio specification does. */
const le16: Codec<number> = {
  type: 'le16',
  read(file) {
    const low = file.u8();
    return low | (file.u8() << 8);
  },
  write(file, value) {
    file.u8(value & 0xff);
    file.u8((value >> 8) & 0xff);
  }
};
export const le32: Codec<number> = {
  type: 'le32',
  read: (file) => swap32(file.be32()),
  write: (file, value) => file.be32(swap32(value))
};
export const le64: Codec<bigint> = {
  type: 'le64',
  read(file) {
    const low = BigInt(swap32(file.be32()));
    return (BigInt(swap32(file.be32())) << 32n) | low;
  },
  write(file, value) {
    file.be32(swap32(Number(value & 0xffff_ffffn)));
    file.be32(swap32(Number((value >> 32n) & 0xffff_ffffn)));
  }
};

const swap32 = (v: number): number =>
  (((v & 0xff) << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;

/** A register, or a nested block of them, at an offset of its block. */
export interface RegisterInfo {
  readonly addr: number;
  readonly name: string;
  readonly size: number;
  readonly codec: Codec<never>;
  readonly about?: Meaning;
}

/** A register with a codec of its own. */
export const reg =
  <T>(size: number, codec: Codec<T>) =>
  (addr: number, name: string, about: Meaning = {}): RegisterInfo => ({
    addr,
    name,
    size,
    codec: codec as unknown as Codec<never>,
    about
  });

const byte: Codec<number> = { type: 'uint8', read: (file) => file.u8(), write: (file, value) => file.u8(value) };

export const reg8 = reg(1, byte);
export const reg16 = reg(2, le16);
export const reg32 = reg(4, le32);
export const reg64 = reg(8, le64);
/** Raw bytes with a name. */
export const regBytes = (addr: number, size: number, name: string, about: Meaning = {}): RegisterInfo =>
  reg(size, buffer(size))(addr, name, about);
/** A nested block. */
export const regBlock = (
  addr: number,
  size: number,
  name: string,
  registers: readonly RegisterInfo[],
  about: Meaning = {}
): RegisterInfo => reg(size, registerBlock(size, registers, 'struct'))(addr, name, about);

/**
 * `size` bytes of which some are registers, in the order of their places; the rest is shown as unnamed ranges.
 * A register that begins inside another one or ends behind the block is left out.
 * @param registers the table, or what makes it from the bytes
 */
export const registerBlock = (
  size: number,
  registers: readonly RegisterInfo[] | ((bytes: Uint8Array) => readonly RegisterInfo[]),
  type = 'buffer'
): Codec<Uint8Array> => {
  const whole = buffer(size, type);
  return {
    type,
    read(file, into, place) {
      const start = file.pos;
      const bytes = whole.read(file, into, place);
      file.pos = start;
      const table = typeof registers === 'function' ? registers(bytes) : registers;
      const gapBefore = (addr: number): void => {
        const at = file.pos - start;
        const name = addr - at === 1 ? hex(at) : `${hex(at)}..${hex(addr - 1)}`;
        if (addr > at) place.read(file, `[${name}]`, buffer(addr - at), undefined, {});
      };
      for (const { addr, name, size: width, codec, about } of table) {
        if (addr < file.pos - start || addr + width > size) continue;
        gapBefore(addr);
        place.read(file, name, codec, undefined, about ?? {});
      }
      gapBefore(size);
      return bytes;
    },
    write: (file, value) => whole.write(file, value)
  };
};

const hex = (n: number): string => `0x${n.toString(16)}`;
