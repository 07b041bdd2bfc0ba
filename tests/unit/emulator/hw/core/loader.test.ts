import { describe, expect, test } from 'vitest';
import { ElfError, elfImage, loadElf, Roms } from '../../../../../src/lib/emulator/hw/core/loader.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

interface Segment {
  readonly type?: number;
  readonly flags?: number;
  readonly vaddr?: number;
  readonly paddr: number;
  readonly bytes: readonly number[];
  readonly memsz?: number;
}
const LIMIT = 0x10_0000;

/** A 32-bit ELF file. */
function elf32(entry: number, segments: readonly Segment[]): Uint8Array {
  const contents = 52 + 32 * segments.length;
  const file = new Uint8Array(contents + segments.reduce((sum, { bytes }) => sum + bytes.length, 0) + 64);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(18, 3, true);
  [entry, 52].forEach((value, i) => view.setUint32(24 + 4 * i, value, true));
  view.setUint16(44, segments.length, true);
  let at = contents;
  segments.forEach(({ type = 1, flags = 5, vaddr, paddr, bytes, memsz }, i) => {
    const words = [type, at, vaddr ?? paddr, paddr, bytes.length, memsz ?? bytes.length, flags, 4];
    words.forEach((word, n) => view.setUint32(52 + 32 * i + 4 * n, word, true));
    file.set(bytes, at);
    at += bytes.length;
  });
  return file;
}

describe('an ELF file', () => {
  test('is laid out by its physical addresses', () => {
    const elf = loadElf(
      elf32(0x1000, [
        { paddr: 0x1000, bytes: [1, 2], memsz: 4 },
        { paddr: 0x1010, bytes: [3] }
      ]),
      LIMIT
    );
    expect([elf.low, elf.high, elf.entry, elf.is64]).toEqual([0x1000, 0x1011, 0x1000n, false]);
    expect([...elfImage(elf)]).toEqual([1, 2, ...new Array<number>(14).fill(0), 3]);
  });

  test('starts where its entry lies in physical memory', () => {
    const { entry } = loadElf(
      elf32(0xc000_1004, [{ vaddr: 0xc000_1000, paddr: 0x2000, bytes: [1, 2, 3, 4, 5] }]),
      LIMIT
    );
    expect(entry).toBe(0x2004n);
  });

  test('zeros that would lie on another segment are left out', () => {
    const { segments } = loadElf(
      elf32(0, [
        { paddr: 0x1000, bytes: [1], memsz: 0x100 },
        { paddr: 0x1080, bytes: [2] }
      ]),
      LIMIT
    );
    expect(segments.map(({ size }) => size)).toEqual([1, 1]);
  });

  test('tells its notes by their type', () => {
    const note = (type: number, value: number): number[] => [
      4,
      0,
      0,
      0,
      4,
      0,
      0,
      0,
      type,
      0,
      0,
      0,
      88,
      0,
      0,
      0,
      value,
      0,
      0,
      0
    ];
    const elf = loadElf(
      elf32(0, [
        { paddr: 0x1000, bytes: [1] },
        { type: 4, paddr: 0, bytes: [...note(5, 1), ...note(18, 0x42)] }
      ]),
      LIMIT
    );
    expect([...elf.note(18)!]).toEqual([0x42, 0, 0, 0]);
    expect(elf.note(19)).toBeUndefined();
  });

  const good = elf32(0, [{ paddr: 0x1000, bytes: [1, 2, 3, 4] }]);
  const patched = (at: number, value: number): Uint8Array => {
    const copy = good.slice();
    new DataView(copy.buffer).setUint32(at, value, true);
    return copy;
  };
  test.each([
    ['something else', new Uint8Array(100), 'no ELF file'],
    ['program headers outside', patched(28, 0xffff_fff0), 'outside of the file'],
    ['a segment outside', patched(52 + 4, 0xffff_0000), 'outside of the file'],
    ['a length beyond the file', patched(52 + 16, 0xffff_ffff), 'outside of the file'],
    ['a place beyond memory', patched(52 + 12, LIMIT - 2), 'does not fit'],
    ['a size beyond memory', patched(52 + 20, 0xffff_ffff), 'does not fit'],
    ['nothing to load', patched(52, 6), 'nothing to load']
  ])('with %s is refused', (_, file, why) => {
    expect(() => loadElf(file, LIMIT)).toThrow(ElfError);
    expect(() => loadElf(file, LIMIT)).toThrow(why);
  });
});

test('ROMs are in memory again after each reset, zeros too', () => {
  const { host, ram } = pcBoard();
  const roms = new Roms(host.memory, [{ address: 0x2000, bytes: Uint8Array.of(1, 2), size: 4 }]);
  ram.write(0x2000, new Uint8Array(6).fill(9));
  roms.reset();
  expect([...ram.bytes(0x2000, 6)]).toEqual([1, 2, 0, 0, 9, 9]);
});
