import { describe, expect, test } from 'vitest';
import {
  MBI,
  MultibootError,
  multibootHeader,
  multibootImage,
  multibootMemory
} from '../../../../../src/lib/emulator/hw/i386/multiboot.ts';

const MAGIC = 0x1bad_b002;
const ADDRESSES = 0x1_0000;
const LIMIT = 64 * 2 ** 20;

interface Header {
  readonly at?: number;
  readonly header?: number;
  readonly load?: number;
  readonly loadEnd?: number;
  readonly bssEnd?: number;
  readonly entry?: number;
  readonly bytes?: number;
}

/** A file of `aa`s with a header that has addresses. */
function flat({ at = 16, header = 0x10_0010, load = 0x10_0000, bytes = 0x300, ...rest }: Header = {}): Uint8Array {
  const { loadEnd = 0, bssEnd = 0, entry = 0x10_0040 } = rest;
  const kernel = new Uint8Array(bytes).fill(0xaa);
  const words = [MAGIC, ADDRESSES, -(MAGIC + ADDRESSES), header, load, loadEnd, bssEnd, entry];
  words.forEach((word, i) => new DataView(kernel.buffer).setUint32(at + 4 * i, word >>> 0, true));
  return kernel;
}
const imageOf = (kernel: Uint8Array, modules: Parameters<typeof multibootImage>[0]['modules'] = []) =>
  multibootImage({ kernel, name: 'k', append: 'a b', modules }, LIMIT)!;
const text = (bytes: Uint8Array, at: number): string =>
  Buffer.from(bytes).toString('latin1', at, Buffer.from(bytes).indexOf(0, at));

describe('the header', () => {
  test('is found where its three words add up to zero', () => {
    expect(multibootHeader(flat({ at: 0x200 }))).toBe(0x200);
    const wrong = flat();
    wrong[20]! ^= 1;
    expect(multibootHeader(wrong)).toBeUndefined();
  });
  test('counts only in the first 8 KiB', () => {
    expect(multibootHeader(flat({ at: 8192 - 52, bytes: 9000 }))).toBe(8192 - 52);
    expect(multibootHeader(flat({ at: 8192 - 48, bytes: 9000 }))).toBeUndefined();
  });
  test('a file without one is no multiboot kernel', () => {
    expect(multibootImage({ kernel: new Uint8Array(100), name: '', append: '', modules: [] }, LIMIT)).toBeUndefined();
  });
});

describe('a kernel whose header has addresses', () => {
  test('goes there, with zeros behind it', () => {
    const { entry, address, image } = imageOf(flat({ loadEnd: 0x10_0200, bssEnd: 0x10_0280 }));
    expect([entry, address]).toEqual([0x10_0040, 0x10_0000]);
    expect([image[0x1ff], image[0x200], image[0x27f]]).toEqual([0xaa, 0, 0]);
  });
  test('may begin before the header', () => {
    const { address, image } = imageOf(flat({ at: 0x40, header: 0x10_0010 }));
    expect(address).toBe(0x10_0000);
    expect(Buffer.from(image).readUInt32LE(0x10)).toBe(MAGIC);
  });
  test.each<[string, Header, string]>([
    ['a header before the kernel', { header: 0xf_0000 }, 'invalid load_addr'],
    ['a kernel before the file', { header: 0x10_1000 }, 'invalid header_addr'],
    ['an end before the beginning', { loadEnd: 0x0f_ffff }, 'invalid load_end_addr'],
    ['more than the file has', { loadEnd: 0x10_1000 }, 'ends before load_end_addr'],
    ['zeros that end before the kernel', { bssEnd: 0x10_0100 }, 'invalid bss_end_addr'],
    ['more than memory', { bssEnd: 0xffff_ffff }, 'does not fit']
  ])('%s is refused', (_, header, why) => {
    expect(() => imageOf(flat(header))).toThrow(MultibootError);
    expect(() => imageOf(flat(header))).toThrow(why);
  });
});

test('modules lie behind it on pages of their own, their names and the command line before them', () => {
  const modules = [
    { commandLine: 'first x', bytes: Uint8Array.of(1, 2, 3) },
    { commandLine: 'second', bytes: new Uint8Array(5000).fill(7) }
  ];
  const { image, info, address } = imageOf(flat(), modules);
  const word = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32LE(at);
  expect([word(info, MBI.flags), word(info, MBI.modsCount)]).toEqual([0x24f, 2]);
  expect(text(image, word(info, MBI.cmdline) - address)).toBe('k a b');
  expect(text(image, word(info, MBI.bootloader) - address)).toBe('qemu');
  const table = word(info, MBI.modsAddr) - address;
  const entries = [0, 16].map((at) => [0, 4, 8].map((n) => word(image, table + at + n) - address));
  expect(entries.map(([, , line]) => text(image, line!))).toEqual(['first x', 'second']);
  expect(entries.map(([from, to]) => [from! % 4096, to! - from!])).toEqual([
    [0, 3],
    [0, 5000]
  ]);
  expect([...image.subarray(entries[0]![0]!, entries[0]![1])]).toEqual([1, 2, 3]);
});

test('modules that do not fit into memory are refused', () => {
  const modules = [{ commandLine: 'm', bytes: new Uint8Array(2 ** 20) }];
  expect(() => multibootImage({ kernel: flat(), name: '', append: '', modules }, 2 ** 21 - 4096)).toThrow(/do not fit/);
});

test('the memory map is put behind sizes of low and high memory', () => {
  const { info, mmap } = multibootMemory(new Uint8Array(MBI.size), [
    { address: 0, length: 639 * 1024, type: 1 },
    { address: 0x10_0000, length: 15 * 2 ** 20, type: 1 }
  ]);
  const word = (bytes: Uint8Array, at: number): number => Buffer.from(bytes).readUInt32LE(at);
  expect([MBI.memLower, MBI.memUpper, MBI.mmapLength].map((at) => word(info, at))).toEqual([639, 15 * 1024, 48]);
  expect([24, 28, 36, 44].map((at) => word(mmap, at))).toEqual([20, 0x10_0000, 15 * 2 ** 20, 1]);
});
