/** What the VGA shows: pixel by pixel what native QEMU's screendump does, in every kind of mode. */
import { describe, expect, test } from 'vitest';
import { PCIVGA } from '../../../../../src/lib/emulator/hw/display/vga-pci.ts';
import { modeOf } from '../../../../../src/lib/emulator/hw/display/vga-draw.ts';
import { VGAScreen } from '../../../../../src/lib/emulator/hw/display/vga-screen.ts';
import { ppm } from '../../../../../src/lib/emulator/ui/console.ts';
import { png } from '../../../../../src/lib/emulator/ui/png.ts';
import { pixelsOfPng } from '../../../../support/png.ts';
import { pcBoard } from '../../../../support/pc-board.ts';
import { nativeQemus, qtest, takesQtest } from '../../../../support/qtest.ts';
import { outb, outl, randomOf, runCommand, type Random } from '../../../../support/qtest-commands.ts';

const MIB = 2 ** 20;
const VRAM = 0xfc00_0000;

function card() {
  const board = pcBoard();
  const vga = new PCIVGA(board.host, board.bus, 0x10, {
    ...{ vramSize: MIB, romSize: 0x10000, edid: undefined, globalVmstate: false }
  });
  return { board, vga: vga.vga, screen: new VGAScreen(vga.vga, board.host.physmem, board.host.clocks.virtual) };
}

const hex = (n: number): string => `0x${n.toString(16)}`;
const word = (port: number, index: number, value: number): string => `outw ${hex(port)} ${hex(index | (value << 8))}`;
const bytes = (text: string): number[] => text.split(' ').map((byte) => parseInt(byte, 16));
const config = (at: number, value: number): string[] => [outl(0xcf8, 0x8000_1000 + at), outl(0xcfc, value)];

/** Registers of a VGA mode as the BIOS sets them: miscellaneous output, sequencer 1-4, CRTC, graphics 0-8, attributes 16-20. */
interface Mode {
  readonly misc: number;
  readonly seq: string;
  readonly crtc: string;
  readonly gfx: string;
  readonly attr: string;
}
const MODES: Readonly<Record<string, Mode>> = {
  'text of 80 by 25, nine dots': {
    ...{ misc: 0x67, seq: '00 03 00 02', gfx: '00 00 00 00 00 10 0e 0f ff', attr: '0c 00 0f 08 00' },
    crtc: '5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 05 9c 8e 8f 28 1f 96 b9 a3 ff'
  },
  'text of 40 by 25, dots of two': {
    ...{ misc: 0x67, seq: '08 03 00 02', gfx: '00 00 00 00 00 10 0e 0f ff', attr: '0c 00 0f 08 00' },
    crtc: '2d 27 28 90 2b a0 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 14 1f 96 b9 a3 ff'
  },
  'four colors of CGA': {
    ...{ misc: 0x63, seq: '09 03 00 02', gfx: '00 00 00 00 00 30 0f 0f ff', attr: '01 00 03 00 00' },
    crtc: '2d 27 28 90 2b 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 a2 ff'
  },
  'two colors of CGA': {
    ...{ misc: 0x63, seq: '01 01 00 06', gfx: '00 00 00 00 00 00 0d 0f ff', attr: '01 00 01 00 00' },
    crtc: '5f 4f 50 82 54 80 bf 1f 00 c1 00 00 00 00 00 00 9c 8e 8f 28 00 96 b9 c2 ff'
  },
  '320 by 200 of EGA': {
    ...{ misc: 0x63, seq: '09 0f 00 06', gfx: '00 00 00 00 00 00 05 0f ff', attr: '01 00 0f 00 00' },
    crtc: '2d 27 28 90 2b 80 bf 1f 00 c0 00 00 00 00 00 00 9c 8e 8f 14 00 96 b9 e3 ff'
  },
  '640 by 480 of VGA': {
    ...{ misc: 0xe3, seq: '01 0f 00 06', gfx: '00 00 00 00 00 00 05 0f ff', attr: '01 00 0f 00 00' },
    crtc: '5f 4f 50 82 54 80 0b 3e 00 40 00 00 00 00 00 00 ea 8c df 28 00 e7 04 e3 ff'
  },
  '256 colors of VGA': {
    ...{ misc: 0x63, seq: '01 0f 00 0e', gfx: '00 00 00 00 00 40 05 0f ff', attr: '41 00 0f 00 00' },
    crtc: '5f 4f 50 82 54 80 bf 1f 00 41 00 00 00 00 00 00 9c 8e 8f 28 40 96 b9 a3 ff'
  }
};

/** What a driver may do to a picture: registers of the CRTC and of the attribute controller. */
const CHANGES: readonly ((random: Random) => string[])[] = [
  () => [],
  // Pixel panning, with and without the split.
  (random) => [...attribute(0x13, random(16)), ...attribute(0x10, 0x20 | random(256))],
  // Start, offset, row scan.
  (random) => [word(0x3d4, 0x0c, random(256)), word(0x3d4, 0x0d, random(256)), word(0x3d4, 0x13, random(256))],
  // Line compare.
  (random) => [word(0x3d4, 0x18, random(256)), word(0x3d4, 0x09, 0x40 | random(64)), word(0x3d4, 0x07, 0x0f)],
  // Planes, color select, both fonts.
  (random) => [...attribute(0x12, random(16)), ...attribute(0x14, random(16)), word(0x3c4, 3, random(64))],
  // The way memory is addressed, and dots.
  (random) => [word(0x3d4, 0x17, random(256)), word(0x3c4, 1, random(64) & ~0x20), word(0x3d4, 9, random(256))],
  (random) => [word(0x3d4, 0x0a, random(64)), word(0x3d4, 0x0b, random(32))],
  // No blinking, all colors for the background.
  () => attribute(0x10, 4)
];

function attribute(index: number, value: number): string[] {
  return ['inb 0x3da', outb(0x3c0, index), outb(0x3c0, value), outb(0x3c0, 0x20)];
}

function setMode({ misc, seq, crtc, gfx, attr }: Mode): string[] {
  return [
    outb(0x3c2, misc),
    ...bytes(seq).map((value, i) => word(0x3c4, i + 1, value)),
    word(0x3d4, 0x11, 0),
    ...bytes(crtc).map((value, i) => word(0x3d4, i, value & (i === 0x11 ? 0x7f : 0xff))),
    ...bytes(gfx).map((value, i) => word(0x3ce, i, value)),
    ...bytes(attr).flatMap((value, i) => attribute(16 + i, value))
  ];
}

const vbe = (index: number, value: number): string[] => [`outw 0x1ce ${hex(index)}`, `outw 0x1cf ${hex(value)}`];

/** Memory and colors of noise; with few different characters the cursor is seen. */
function noise(random: Random): string[] {
  const fill = Array.from({ length: 16 }, (_, i) => {
    const piece = Buffer.from(Uint8Array.from({ length: 65536 }, () => random(256)));
    return `write ${hex(VRAM + i * 65536)} 65536 0x${piece.toString('hex')}`;
  });
  const colors = Array.from({ length: 768 }, () => outb(0x3c9, random(256)));
  const attributes = Array.from({ length: 16 }, (_, i) => attribute(i, random(64))).flat();
  return [...fill, outb(0x3c8, 0), ...colors, ...attributes];
}

const MAPPED = [...config(0x10, VRAM), ...config(4, 7)];
/** Text blinks from QEMU 11 on; before 7.3 planes were addressed in another way. */
const native = nativeQemus.findLast(takesQtest);
if (!native) console.warn('SKIPPED: no native QEMU with -accel qtest; install it with: node scripts/qemu/install.mjs');

const args = ['-m', '16', '-vga', 'none', '-device', 'VGA,addr=2,vgamem_mb=1'];

async function compare(commands: readonly string[]): Promise<void> {
  const { picture } = await qtest(native!, args, commands, { screendump: 'ppm' });
  const { board, screen, vga } = card();
  for (const command of commands) runCommand(board, command);
  screen.update();
  const ours = ppm(screen.surface);
  const header = (image: Uint8Array): string =>
    Buffer.from(image.subarray(0, 16)).toString('latin1').split('\n255')[0]!;
  expect(header(ours)).toBe(header(picture!));
  const at = ours.findIndex((byte, i) => byte !== picture![i]);
  expect({ mode: modeOf(vga).kind, at, length: ours.length }).toEqual({
    mode: modeOf(vga).kind,
    at: -1,
    length: picture!.length
  });
}

describe.skipIf(!native)("the picture is native QEMU's", () => {
  test.each(Object.entries(MODES).flatMap(([name, mode]) => CHANGES.map((change, n) => ({ name, mode, change, n }))))(
    '$name, change $n',
    async ({ mode, change, n }) => {
      const random = randomOf(n + 1);
      await compare([...MAPPED, ...setMode(mode), ...noise(random), ...change(random)]);
    }
  );

  test.each([
    ...[4, 8, 15, 16, 24, 32].map((bpp) => [bpp, 320, 200, 320, 0, 0, 0] as const),
    [8, 640, 480, 1024, 7, 30, 0],
    [8, 320, 240, 320, 0, 0, 0x20],
    [16, 400, 300, 640, 16, 40, 0],
    [15, 640, 480, 640, 0, 10, 0],
    [24, 648, 400, 648, 0, 1, 0],
    [32, 200, 100, 512, 3, 7, 0],
    [4, 640, 480, 800, 16, 5, 0]
  ] as const)('VBE: %i bits, %i by %i, virtual %i, from %i, %i, dac %i', async (bpp, x, y, width, left, top, dac) => {
    const enable = [...vbe(4, 0), ...vbe(1, x), ...vbe(2, y), ...vbe(3, bpp), ...vbe(4, 0xc1 | dac)];
    const view = [...vbe(6, width), ...vbe(8, left), ...vbe(9, top)];
    await compare([...MAPPED, outb(0x3c2, 1), ...enable, ...view, ...noise(randomOf(bpp + left))]);
  });

  test('as a PNG file, too', async () => {
    const commands = [...MAPPED, ...setMode(MODES['text of 80 by 25, nine dots']!), ...noise(randomOf(1))];
    const { picture } = await qtest(native!, args, commands, { screendump: 'png' });
    const { board, screen } = card();
    for (const command of commands) runCommand(board, command);
    screen.update();
    const [ours, theirs] = [pixelsOfPng(await png(screen.surface)), pixelsOfPng(picture!)];
    expect([ours.width, ours.height]).toEqual([720, 400]);
    expect({ ...ours, rgb: Buffer.compare(ours.rgb, theirs.rgb) }).toEqual({ ...theirs, rgb: 0 });
    expect(new Set(ours.rgb).size).toBeGreaterThan(8);
  });
});

describe('the screen', () => {
  const text = setMode(MODES['text of 80 by 25, nine dots']!);

  test('draws what has changed, and nothing twice', () => {
    const { board, screen } = card();
    for (const command of [...MAPPED, ...setMode(MODES['256 colors of VGA']!)]) runCommand(board, command);
    for (const command of [outb(0x3c8, 5), outb(0x3c9, 63), outb(0x3c9, 0), outb(0x3c9, 63)])
      runCommand(board, command);
    expect(screen.update()).toEqual({ first: 0, count: 400 });
    expect(screen.update()).toBeUndefined();
    board.host.memory.write(0xa0000 + 320 * 100, 5, 1);
    // The page of 4096 bytes shows on lines 89 to 102, two rows each.
    expect(screen.update()).toEqual({ first: 178, count: 28 });
    expect(screen.surface.pixels[640 * 200]! >>> 0).toBe(0xffff_00ff);
  });

  test('lets the cursor of text blink', () => {
    const { board, screen } = card();
    for (const command of [...MAPPED, ...text, ...noise(randomOf(1))]) runCommand(board, command);
    screen.update();
    const first = screen.surface.pixels.slice();
    board.pass(200_000_000n);
    expect(screen.update()).toBeUndefined();
    board.pass(100_000_000n);
    expect(screen.update()).toEqual({ first: 0, count: 400 });
    const changed = screen.surface.pixels.findIndex((pixel, i) => pixel !== first[i]);
    // The fifth character, from row 13 on.
    expect([changed % 720 >= 45 && changed % 720 < 54, Math.floor(changed / 720)]).toEqual([true, 13]);
  });

  test('goes black when the picture is switched off', () => {
    const { board, screen } = card();
    for (const command of [...MAPPED, ...text, ...noise(randomOf(1))]) runCommand(board, command);
    screen.update();
    runCommand(board, 'inb 0x3da');
    runCommand(board, outb(0x3c0, 0));
    expect(screen.update()).toEqual({ first: 0, count: 400 });
    expect(new Set(screen.surface.pixels)).toEqual(new Set([0xff00_0000]));
  });
});

test.each([
  ['lines of no length', { vbe_line_offset: 0, vbe_regs: [0, 16000, 12000, 32, 1, 0, 0, 0, 0, 0] }],
  ['a picture larger than any memory', { vbe_regs: [0, 65535, 65535, 32, 1, 0, 0, 0, 0, 0] }],
  ['no picture', { vbe_regs: [0, 0, 0, 8, 1, 0, 0, 0, 0, 0] }],
  [
    'a start beyond the end',
    { vbe_start_addr: 0xffff_ffff, vbe_line_offset: 0xffff_ffff, vbe_regs: [0, 640, 480, 24, 1, 0, 0, 0, 0, 0] }
  ]
])('%s in a loaded state: drawn or black', (_what, state) => {
  const { vga, screen } = card();
  Object.assign(vga, { ...state, ar_index: 0x20 });
  vga.gr[6] = 1;
  vga.gr[5] = 0x40;
  expect(screen.update()).toBeDefined();
});
