/** The VGA alone, against literal values and against native QEMU's. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_EDID, generateEdid } from '../../../../../src/lib/emulator/hw/display/edid-generate.ts';
import { PCIVGA } from '../../../../../src/lib/emulator/hw/display/vga-pci.ts';
import { saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { descriptions } from '../../../../../src/lib/emulator/descriptions.ts';
import { sentPages, visitPages } from '../../../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../../../src/lib/vmstate/source.ts';
import { pcBoard, type PCBoard } from '../../../../support/pc-board.ts';
import { nativeQemus, qtest, takesQtest } from '../../../../support/qtest.ts';
import { inl, outl, randomOf, runCommand, type Random } from '../../../../support/qtest-commands.ts';

const DEVFN = 0x10;
const VRAM = 0xfc00_0000;
const MMIO = 0xfebf_0000;
const MIB = 2 ** 20;

function boardWithVga(vramSize = MIB): { board: PCBoard; card: PCIVGA } {
  const board = pcBoard();
  const card = new PCIVGA(board.host, board.bus, DEVFN, {
    ...{ vramSize, romSize: 0x10000, edid: DEFAULT_EDID, globalVmstate: false }
  });
  return { board, card };
}

/** Registers by index: the port of the index, then pairs of index and value. */
const set = (board: PCBoard, port: number, ...pairs: readonly (readonly [number, number])[]): void => {
  for (const [index, value] of pairs) {
    board.out(port, index);
    board.out(port + 1, value);
  }
};

describe('memory between a0000 and bffff', () => {
  test('write mode 0 sets, rotates and masks on the planes that the map mask lets through', () => {
    const { board, card } = boardWithVga();
    set(board, 0x3ce, [5, 0], [6, 5], [8, 0xff]);
    set(board, 0x3c4, [2, 0b0101], [4, 0x04]);
    set(board, 0x3d4, [0x17, 0x40]);
    board.host.memory.write(0xa0003, 0x81, 1);
    expect([...card.vga.vram.bytes(12, 4)]).toEqual([0x81, 0, 0x81, 0]);
    // Rotated by one, plane 1 by set/reset, the upper half alone, or'ed with what was latched.
    set(board, 0x3ce, [0, 2], [1, 2], [3, 0b10_001], [8, 0xf0], [4, 2]);
    set(board, 0x3c4, [2, 0xf]);
    expect(board.host.memory.read(0xa0003, 1)).toBe(0x81);
    board.host.memory.write(0xa0003, 0x41, 1);
    expect([...card.vga.vram.bytes(12, 4)]).toEqual([0xa1, 0xf0, 0xa1, 0xa0]);
  });

  test('write mode 1 copies latches, 2 expands a color, 3 masks with what is written', () => {
    const { board, card } = boardWithVga();
    set(board, 0x3c4, [2, 0xf], [4, 0x04]);
    set(board, 0x3d4, [0x17, 0x40]);
    set(board, 0x3ce, [5, 2], [6, 5], [8, 0x0f]);
    const { memory } = board.host;
    memory.write(0xa0000, 0b1010, 1);
    expect([...card.vga.vram.bytes(0, 4)]).toEqual([0, 0x0f, 0, 0x0f]);
    set(board, 0x3ce, [5, 1]);
    memory.read(0xa0000, 1);
    memory.write(0xa0001, 0, 1);
    expect([...card.vga.vram.bytes(4, 4)]).toEqual([0, 0x0f, 0, 0x0f]);
    set(board, 0x3ce, [5, 3], [0, 0b0001], [8, 0x3c]);
    memory.write(0xa0001, 0xf0, 1);
    expect([...card.vga.vram.bytes(4, 4)]).toEqual([0x30, 0x0f, 0, 0x0f]);
  });

  test('read mode 1 says where the color is', () => {
    const { board, card } = boardWithVga();
    card.vga.vram.bytes(0, 4).set([0b1100, 0b1010, 0, 0]);
    set(board, 0x3ce, [5, 8], [6, 5], [2, 0b0011], [7, 0b0011]);
    set(board, 0x3d4, [0x17, 0x40]);
    expect(board.host.memory.read(0xa0000, 1)).toBe(0b1000);
  });

  test('text mode puts even bytes on plane 0 and odd ones on plane 1', () => {
    const { board, card } = boardWithVga();
    set(board, 0x3c4, [2, 3], [4, 2]);
    set(board, 0x3ce, [5, 0x10], [6, 0x0e], [8, 0xff]);
    board.host.memory.write(0xb8002, 0x0741, 2);
    expect([...card.vga.vram.bytes(4, 4)]).toEqual([0x41, 0x07, 0, 0]);
    expect(board.host.memory.read(0xb8002, 2)).toBe(0x0741);
    expect(board.host.memory.read(0xa0000, 1)).toBe(0xff);
  });

  test('with VBE the window shows a bank of 64 KiB, as RAM', () => {
    const { board, card } = boardWithVga();
    const vbe = (index: number, value: number): void => {
      board.out(0x1ce, index, 2);
      board.out(0x1cf, value, 2);
    };
    for (const [index, value] of [[1, 640] as const, [2, 480] as const, [3, 16] as const, [4, 1] as const])
      vbe(index, value);
    vbe(5, 3);
    board.host.memory.write(0xa0010, 0x1234_5678, 4);
    expect(card.vga.vram.load(0x30010, 4)).toBe(0x1234_5678);
    expect(board.host.memory.find(0xa0010)?.region.ram).toBe(card.vga.vram);
    // Banks that are not there are cut off: 1 MiB has 16.
    vbe(5, 0x12);
    expect(card.vga.bank_offset).toBe(0x20000);
    vbe(4, 0);
    expect(board.host.memory.find(0xa0010)?.region.ram).toBeUndefined();
  });
});

test('VBE brings what was asked for to what fits', () => {
  const { board, card } = boardWithVga();
  const { vga } = card;
  [1027, 20000, 7, 0].forEach((value, i) => {
    vga.vbe_index = i + 1;
    vga.vbeWrite(value);
  });
  vga.vbe_index = 4;
  vga.vbeWrite(1);
  expect(vga.vbe_regs).toEqual([0xb0c5, 1024, 1024, 8, 1, 0, 1024, 1024, 0, 0]);
  expect(vga.vbe_line_offset).toBe(1024);
  board.out(0x1ce, 9, 2);
  board.out(0x1cf, 1, 2);
  // No line more would fit.
  expect(vga.vbe_regs[9]).toBe(0);
});

test('The palette takes three components at a time, and gives them back', () => {
  const { board } = boardWithVga();
  for (const byte of [0xff, 1, 2, 3, 4, 5, 6]) board.out(byte === 0xff ? 0x3c8 : 0x3c9, byte);
  board.out(0x3c7, 0xff);
  expect([0, 1, 2, 3, 4, 5].map(() => board.in(0x3c9))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(board.in(0x3c7)).toBe(3);
});

test('CRTC registers 0 to 7 can be locked, line compare excepted', () => {
  const { board, card } = boardWithVga();
  set(board, 0x3b4, [0, 0x5f], [0x11, 0x80], [0, 0x11], [7, 0xff]);
  expect([card.vga.cr[0], card.vga.cr[7]]).toEqual([0x5f, 0x10]);
  // Of the color screen nothing answers until it is chosen.
  expect(board.in(0x3d4)).toBe(0xff);
  board.out(0x3c2, 1);
  expect(board.in(0x3d4)).toBe(7);
});

test('The EDID has valid checksums, the monitor name and the preferred mode', () => {
  const edid = generateEdid();
  const sum = (from: number): number => edid.subarray(from, from + 128).reduce((a, b) => a + b, 0) & 0xff;
  expect([sum(0), sum(128)]).toEqual([0, 0]);
  expect(Buffer.from(edid).toString('latin1')).toContain('QEMU Monitor\n');
  expect((edid[58]! >> 4) * 256 + edid[56]!).toBe(1280);
});

test.each([
  ['a bank beyond the memory', { bank_offset: 0x7fff_0000 }],
  ['a bank before it', { bank_offset: -0x10000 }],
  ['indexes that there are not', { sr_index: 200, gr_index: 200, ar_index: 255, dac_sub_index: 200 }],
  ['a VBE mode of no size', { vbe_regs: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0], vbe_line_offset: 0xffff_ffff }]
])('%s in a loaded state does no harm', (_what, state) => {
  const { board, card } = boardWithVga();
  Object.assign(card.vga, state);
  card.vga.sr.fill(0x0f);
  card.vga.postLoad();
  for (let port = 0x3b0; port < 0x3e0; port++) {
    board.in(port);
    board.out(port, 0xff);
  }
  for (let at = 0xa0000; at < 0xc0000; at += 0x1001) {
    board.host.memory.write(at, 0xff, 1);
    board.host.memory.read(at, 1);
  }
});

// Against native QEMU.

/** Text blinks from QEMU 11 on; before 7.3 planes were addressed in another way. */
const native = nativeQemus.findLast(takesQtest);
if (!native) console.warn('SKIPPED: no native QEMU with -accel qtest; install it with: node scripts/qemu/install.mjs');

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;
const hex = (n: number): string => `0x${n.toString(16)}`;
const config = (at: number, value: number): string[] => [
  outl(0xcf8, 0x8000_0000 + (DEVFN << 8) + at),
  outl(0xcfc, value)
];
const MAPPED = [...config(0x10, VRAM), ...config(0x18, MMIO), ...config(4, 7)];
const SIZES = { b: 1, w: 2, l: 4 } as const;

function access(random: Random, base: number, length: number): string {
  const letter = pick(random, ['b', 'w', 'l'] as const);
  const at = hex(base + Math.floor(random(length) / SIZES[letter]) * SIZES[letter]);
  return random(2) ? `read${letter} ${at}` : `write${letter} ${at} ${hex(random(2 ** (8 * SIZES[letter])))}`;
}

const KINDS: Readonly<Record<string, (random: Random) => string[]>> = {
  ports: (random) => [
    random(2) ? `inb ${hex(0x3b0 + random(0x30))}` : `outb ${hex(0x3b0 + random(0x30))} ${hex(random(256))}`
  ],
  registers: (random) => {
    const [port, count] = pick(random, [
      [0x3c4, 8] as const,
      [0x3ce, 16] as const,
      [0x3d4, 0x20] as const,
      [0x3b4, 0x20] as const
    ]);
    return [`outw ${hex(port)} ${hex(random(count) | (random(256) << 8))}`, `inb ${hex(port + 1)}`];
  },
  // Planar ones more often than by chance.
  mode: (random) => [
    `outw 0x3ce ${hex(5 | (pick(random, [0, 1, 2, 3, 8, 0x10, 0x40]) << 8))}`,
    `outw 0x3ce ${hex(6 | (random(16) << 8))}`,
    `outw 0x3c4 ${hex(4 | (pick(random, [0, 2, 4, 6, 8, 0xe]) << 8))}`,
    `outw 0x3c4 ${hex(2 | (pick(random, [0xf, 0xf, 3, random(16)]) << 8))}`
  ],
  memory: (random) =>
    Array.from({ length: 6 }, () =>
      access(random, pick(random, [0xa0000, 0xb0000, 0xb8000]), pick(random, [16, 0x8000]))
    ),
  vbe: (random) => {
    const index = random(12);
    const value =
      index === 4
        ? pick(random, [0, 1, 0x41, 0xc1, 3, 0x21])
        : pick(random, [0, 8, 15, 16, 24, 32, 640, 480, random(0x10000)]);
    const data = pick(random, [0x1cf, 0x1d0]);
    return [`outw 0x1ce ${hex(index)}`, random(2) ? `outw ${hex(data)} ${hex(value)}` : `inw ${hex(data)}`];
  },
  vram: (random) => [access(random, VRAM, pick(random, [64, MIB]))],
  mmio: (random) => [
    access(random, MMIO + pick(random, [0, 0x400, 0x500, 0x600]), 0x20),
    pick(random, ['readl', 'writel'] as const) === 'readl'
      ? `readl ${hex(MMIO + 0x604)}`
      : `writel ${hex(MMIO + 0x604)} ${hex(pick(random, [0x1e1e1e1e, 0xbebebebe]))}`
  ]
};

const seeds = Array.from({ length: Number(process.env.MIGRASCOPE_SEEDS ?? 4) }, (_, i) => i + 1);

describe.skipIf(!native)('answers as native QEMU', () => {
  test.each(seeds)('to random accesses, seed %i', async (seed) => {
    const random = randomOf(seed);
    const edid = Array.from({ length: 96 }, (_, i) => `readl ${hex(MMIO + 4 * i)}`);
    const commands = [...MAPPED, inl(0xcfc), ...edid];
    for (let i = 0; i < 1500; i++) commands.push(...KINDS[pick(random, Object.keys(KINDS))]!(random));
    const { values, state } = await qtest(
      native!,
      ['-m', '16', '-vga', 'none', '-device', 'VGA,addr=2,vgamem_mb=1'],
      commands
    );
    const { board, card } = boardWithVga();
    commands.forEach((command, i) => {
      const value = runCommand(board, command);
      if (value !== values[i]) {
        const before = commands.slice(Math.max(0, i - 30), i).join('\n');
        throw new Error(`${command}: ours ${value?.toString(16)}, QEMU's ${values[i]?.toString(16)}, after\n${before}`);
      }
    });
    const snapshot = await readSnapshot(bytesSource(state), { descriptions });
    const section = snapshot.sections.find(({ name }) => name === card.idstr)!;
    expect(Buffer.from(saveDevice(card).finish()).toString('hex')).toBe(
      Buffer.from(state.subarray(section.bodyStart, section.bodyEnd)).toString('hex')
    );
    const wrong: number[] = [];
    await visitPages(snapshot, sentPages(snapshot.ram), (page, bytes) => {
      const block = snapshot.ram.blockOf(page);
      if (block?.idstr !== card.vga.vram.idstr) return;
      const at = (page - block.firstPage) * snapshot.ram.pageSize;
      if (
        Buffer.compare(
          card.vga.vram.bytes(at, snapshot.ram.pageSize),
          bytes ?? new Uint8Array(snapshot.ram.pageSize)
        ) !== 0
      )
        wrong.push(at);
    });
    expect(wrong).toEqual([]);
  });
});
