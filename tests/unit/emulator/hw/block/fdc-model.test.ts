/** The floppy controller alone, and against native QEMU's. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BlockBackend } from '../../../../../src/lib/emulator/block/block-backend.ts';
import { Completions } from '../../../../../src/lib/emulator/block/completions.ts';
import { RawImage } from '../../../../../src/lib/emulator/block/raw.ts';
import { CowOverlay } from '../../../../../src/lib/emulator/block/cow.ts';
import { descriptions } from '../../../../../src/lib/emulator/descriptions.ts';
import { ISAFdc } from '../../../../../src/lib/emulator/hw/block/fdc-controller.ts';
import { FloppyDrive } from '../../../../../src/lib/emulator/hw/block/fdc-drive.ts';
import { saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { I8257 } from '../../../../../src/lib/emulator/hw/dma/i8257.ts';
import { readSnapshot } from '../../../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../../../src/lib/vmstate/source.ts';
import { pcBoard, type PCBoard } from '../../../../support/pc-board.ts';
import { nativeQemus, qtest, takesQtest } from '../../../../support/qtest.ts';
import { inb, outb, randomOf, runCommand, type Random } from '../../../../support/qtest-commands.ts';

const KB = 1024;
const image = (bytes: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: bytes }, (_, i) => (i >> 9) ^ (i * 7) ^ (i >> 13));

interface Floppy {
  readonly board: PCBoard;
  readonly fdc: ISAFdc;
  readonly completions: Completions;
  readonly disk: CowOverlay;
}
function floppy(bytes = 1440 * KB, readOnly = false): Floppy {
  const board = pcBoard(2 ** 20);
  const completions = new Completions();
  const blk = new BlockBackend('floppy0', completions, undefined, { removable: true, readOnly });
  const dma = new I8257(board.host, 0);
  const fdc = new ISAFdc({ host: board.host, irq: board.isaIrqs[6]!, dma, drives: [{ blk }] });
  const disk = new CowOverlay(new RawImage(bytesSource(image(bytes))));
  blk.insert(disk);
  fdc.reset();
  return { board, fdc, completions, disk };
}

const DATA = 0x3f5;
const command = (...bytes: readonly number[]): string[] => bytes.map((byte) => outb(DATA, byte));
const results = (n: number): string[] => Array.from({ length: n }, () => inb(DATA));
/** Channel 2 from an address on. @param mode 0x46 to memory, 0x4a from it */
const dmaFor = (mode: number, at: number, bytes: number): string[] => [
  outb(0x0a, 6),
  outb(0x0c, 0),
  outb(0x0b, mode),
  ...[at & 0xff, (at >> 8) & 0xff].map((byte) => outb(4, byte)),
  outb(0x81, at >> 16),
  ...[(bytes - 1) & 0xff, (bytes - 1) >> 8].map((byte) => outb(5, byte)),
  outb(0x0a, 2)
];

async function run({ board, completions }: Floppy, commands: readonly string[]): Promise<number[]> {
  const values: number[] = [];
  for (const line of commands) {
    const value = runCommand(board, line);
    await completions.drain();
    if (value !== undefined) values.push(Number(value));
  }
  return values;
}

test('A sector read by DMA lies in memory, with an interrupt and seven bytes of result', async () => {
  const f = floppy();
  await run(f, [...dmaFor(0x46, 0x8000, 1024), ...command(0xe6, 0x04, 3, 1, 5, 2, 18, 0x1b, 0xff)]);
  expect(f.board.irqs[6]).toBe(1);
  expect(await run(f, results(7))).toEqual([0x24, 0, 0, 3, 1, 7, 2]);
  expect(f.board.irqs[6]).toBe(0);
  const at = ((3 * 2 + 1) * 18 + 4) * 512;
  expect([...f.board.ram.bytes(0x8000, 1024)]).toEqual([...image(1440 * KB).subarray(at, at + 1024)]);
});

test('A sector written by DMA is on the disk when the interrupt comes', async () => {
  const f = floppy();
  f.board.ram.bytes(0x8000, 512).fill(0x5a);
  await run(f, [...dmaFor(0x4a, 0x8000, 512), ...command(0x45, 0, 0, 0, 2, 2, 18, 0x1b, 0xff), ...results(7)]);
  const sector = new Uint8Array(512);
  await f.disk.read(512, sector);
  expect(new Set(sector)).toEqual(new Set([0x5a]));
});

test('A disk that is write-protected says so', async () => {
  const f = floppy(1440 * KB, true);
  await run(f, [...dmaFor(0x4a, 0x8000, 512), ...command(0x45, 0, 0, 0, 2, 2, 18, 0x1b, 0xff)]);
  expect(await run(f, results(7))).toEqual([0x60, 0x02, 0, 0, 0, 2, 2]);
  expect(await run(f, [...command(4, 0), ...results(1)])).toEqual([0x78]);
});

test('Without DMA the guest takes each byte', async () => {
  const f = floppy();
  await run(f, [...command(3, 0xaf, 3), ...command(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)]);
  const bytes = await run(f, results(512));
  expect(bytes).toEqual([...image(512)]);
});

test.each([
  [1440, '144', 18, 80],
  [2880, '288', 36, 80],
  [1200, '120', 15, 80],
  [720, '144', 9, 80],
  [360, '120', 9, 40],
  // No floppy has so much: what the drive takes.
  [100_000, '288', 36, 80]
] as const)('%i KB make a drive of type %s: %i sectors, %i tracks', (size, type, sectors, tracks) => {
  const blk = new BlockBackend('a', new Completions(), undefined, { removable: true });
  const drive = new FloppyDrive(blk);
  blk.insert(new RawImage({ size: size * KB, read: () => Promise.resolve(new Uint8Array(0)) } as never));
  expect([drive.type, drive.last_sect, drive.max_track]).toEqual([type, sectors, tracks]);
});

test('An empty drive is one of 2.88 MB, and can be seeked all over', async () => {
  const blk = new BlockBackend('a', new Completions(), undefined, { removable: true });
  const drive = new FloppyDrive(blk);
  expect(drive.type).toBe('288');
  expect(drive.seek(0, 200, 1)).toBe(2);
  expect(drive.track).toBe(200);
});

// Against native QEMU.

const native = nativeQemus.findLast(takesQtest);
if (!native) console.warn('SKIPPED: no native QEMU with -accel qtest; install it with: node scripts/qemu/install.mjs');

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!;

/** A command, and all that it says. */
const COMMANDS: Readonly<Record<string, (random: Random) => string[]>> = {
  dma(random) {
    const write = random(3) === 0;
    const bytes = 512 * (1 + random(20)) - (random(4) ? 0 : random(512));
    const op = write ? 0x45 : pick(random, [0x46, 0x46, 0x42, 0x51, 0x59, 0x5d, 0x56]);
    return [
      ...dmaFor(write || op >= 0x51 ? 0x4a : 0x46, 0x1000 * (1 + random(15)), bytes),
      ...command(op | (random(2) << 7), (random(2) << 2) | (random(8) === 0 ? 1 : 0), random(random(8) ? 80 : 256)),
      ...command(random(2), 1 + random(19), pick(random, [2, 2, 2, 2, 0, 3, 7]), pick(random, [18, 18, 9, 5]), 27, 255),
      'clock_step 1000',
      ...results(8)
    ];
  },
  pio(random) {
    const sectors = random(2) + 1;
    const start = random(17) + 1;
    return [
      ...command(3, 0xaf, 3),
      ...command(pick(random, [0x46, 0xc6]), 0, random(80), random(2), start, 2, start + sectors - 1, 27, 255),
      'clock_step 1000',
      ...results(512 * sectors + 8),
      ...command(3, 0xaf, 2)
    ];
  },
  'pio write'(random) {
    return [
      ...command(3, 0xaf, 3),
      ...command(0x45, 0, random(80), random(2), 1 + random(18), 2, 18, 27, 255),
      ...command(...Array.from({ length: 512 }, () => random(256))),
      outb(0x3f2, 0),
      outb(0x3f2, 0x1c),
      ...command(3, 0xaf, 2)
    ];
  },
  seek: (random) => [...command(pick(random, [0x0f, 0x8f, 0xcf]), random(2), random(90)), ...command(8), ...results(2)],
  recalibrate: (random) => [...command(7, random(2)), ...command(8), ...results(3)],
  sense: (random) => [...command(4, random(8)), ...results(1), ...command(8), ...results(2)],
  'read id': (random) => [...command(0x4a, random(2) << 2), 'clock_step 20000000', ...results(8)],
  format: (random) => [...command(0x4d, random(2) << 2, 2, pick(random, [18, 18, 9]), 0x54, 0xf6), ...results(7)],
  configure: (random) => [...command(0x13, 0, random(256), random(256)), ...command(0x12, random(256))],
  registers: (random) => [
    ...command(pick(random, [0x0e, 0x10, 0x18, 0x14, 0x94, 0x2e])),
    ...results(15),
    ...command(0x17, random(8), 0),
    ...results(1)
  ],
  restore: (random) => [
    ...command(
      0x4e,
      0,
      0,
      random(80),
      random(80),
      0,
      0,
      random(256),
      random(256),
      18,
      random(256),
      0x60,
      0,
      0,
      0,
      0,
      0,
      0
    ),
    ...results(1)
  ],
  unknown: (random) => [
    ...command(pick(random, [0x00, 0x1f, 0x9f, 0x33, 0xcd])),
    ...command(0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    ...results(3)
  ],
  ports: (random) => [
    pick(random, [
      outb(0x3f2, 0),
      outb(0x3f2, 0x1c),
      outb(0x3f2, 0x3d),
      outb(0x3f3, random(8)),
      outb(0x3f4, pick(random, [0, 0x80, 0x40])),
      outb(0x3f7, random(4))
    ]),
    ...[1, 2, 3, 4, 7].map((n) => inb(0x3f0 + n)),
    outb(0x3f7, 0),
    outb(0x3f2, 0x1c),
    ...command(8),
    ...results(2)
  ]
};

/** After anything, the main status, and what an interrupt was for. */
function commandsOf(random: Random): string[] {
  const out = [outb(0x3f2, 0x1c), outb(0x0a, 2)];
  for (let i = 0; i < 120; i++)
    out.push(...COMMANDS[pick(random, Object.keys(COMMANDS))]!(random), inb(0x3f4), inb(0x3f1));
  return out;
}

const seeds = Array.from({ length: Number(process.env.MIGRASCOPE_SEEDS ?? 4) }, (_, i) => i + 1);

describe.skipIf(!native)('answers as native QEMU', () => {
  test.each(seeds)('to random commands, seed %i', async (seed) => {
    const folder = mkdtempSync(join(tmpdir(), 'migrascope-fdc-'));
    try {
      const file = join(folder, 'a.img');
      writeFileSync(file, image(1440 * KB));
      const commands = commandsOf(randomOf(seed));
      const drive = ['-drive', `file=${file},if=floppy,format=raw`];
      const { values, state } = await qtest(native!, ['-m', '1', '-vga', 'none', ...drive], commands);
      const f = floppy();
      for (const [i, line] of commands.entries()) {
        const step = /^clock_step (\d+)/.exec(line)?.[1];
        if (step !== undefined) f.board.pass(BigInt(step));
        const value = step === undefined ? runCommand(f.board, line) : values[i];
        await f.completions.drain();
        if (value !== values[i]) {
          const before = commands.slice(Math.max(0, i - 40), i).join('\n');
          throw new Error(`${line}: ours ${value?.toString(16)}, QEMU's ${values[i]?.toString(16)}, after\n${before}`);
        }
      }
      const snapshot = await readSnapshot(bytesSource(state), { descriptions });
      const section = snapshot.sections.find(({ name }) => name === 'fdc')!;
      expect(Buffer.from(saveDevice(f.fdc).finish()).toString('hex')).toBe(
        Buffer.from(state.subarray(section.bodyStart, section.bodyEnd)).toString('hex')
      );
      const ours = new Uint8Array(1440 * KB);
      await f.disk.read(0, ours);
      expect(Buffer.compare(ours, readFileSync(file))).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
