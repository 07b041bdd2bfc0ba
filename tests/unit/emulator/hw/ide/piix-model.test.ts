/** Disks and CDs on PIIX3 as SeaBIOS and Linux drive them: ATA8-ACS, MMC-5, QEMU tests/qtest/ide-test.c. */
import { describe, expect, test } from 'vitest';
import { BlockBackend } from '../../../../../src/lib/emulator/block/block-backend.ts';
import { Completions } from '../../../../../src/lib/emulator/block/completions.ts';
import { CowOverlay } from '../../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../../src/lib/emulator/block/raw.ts';
import { descriptions } from '../../../../../src/lib/emulator/descriptions.ts';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { PIIX3IDE } from '../../../../../src/lib/emulator/hw/ide/piix.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { readSnapshot } from '../../../../../src/lib/vmstate/savevm.ts';
import { bytesSource, readRange } from '../../../../../src/lib/vmstate/source.ts';
import { load } from '../../../../../src/lib/vmstate/vmstate.ts';
import { goldens, withState } from '../../../../support/golden.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

const DEVFN = 0x09;
const HD = 0x1f0;
const CD = 0x170;
const BM = 0xc040;
const SECTORS = 2048;
const DISK = Uint8Array.from({ length: SECTORS * 512 }, (_, i) => (i >> 9) * 3 + i);
const DISC = Uint8Array.from({ length: 100 * 2048 }, (_, i) => (i >> 11) * 5 + i);

function controller({ disk = DISK, empty = false, missing = false } = {}) {
  const board = pcBoard();
  const completions = new Completions();
  const image = new CowOverlay(new RawImage(bytesSource(disk)));
  const hd = new BlockBackend('ide0-hd0', completions, missing ? undefined : image);
  const disc = empty ? undefined : new RawImage(bytesSource(DISC));
  const cd = new BlockBackend('ide1-cd0', completions, disc, { removable: true });
  const drives = [{ kind: 'hd', blk: hd } as const, undefined, { kind: 'cd', blk: cd } as const];
  const device = new PIIX3IDE(board.bus, DEVFN, { host: board.host, isaIrqs: board.isaIrqs, drives });
  device.reset();
  board.setConfig(DEVFN, 0x20, BM | 1);
  board.setConfig(DEVFN, 4, 5, 2);
  const { in: inp, out } = board;
  const all = {
    ...board,
    ...{ board, completions, hd, cd, device, image },
    status: (base: number) => inp(base + 7),
    /** Registers from 1 on, then the command; what the image has to do is done. */
    async command(base: number, registers: readonly number[], command: number) {
      registers.forEach((value, i) => out(base + 1 + i, value));
      out(base + 7, command);
      await completions.drain();
    },
    lba28(sector: number, count: number) {
      return [
        0,
        count & 0xff,
        sector & 0xff,
        (sector >> 8) & 0xff,
        (sector >> 16) & 0xff,
        0xe0 | ((sector >> 24) & 15)
      ];
    },
    data: (base: number, length: number) =>
      Uint8Array.from(Array.from({ length: length / 2 }, () => inp(base, 2)).flatMap((w) => [w & 0xff, w >> 8])),
    sendData(base: number, bytes: Uint8Array) {
      for (let i = 0; i < bytes.length; i += 2) out(base, bytes[i]! | (bytes[i + 1]! << 8), 2);
    },
    memory: (addr: number, length: number) => {
      const into = new Uint8Array(length);
      board.host.memory.readBytes(addr, into);
      return into;
    },
    /** A table of [address, length] at 0x1000. */
    regions(channel: number, regions: readonly (readonly [addr: number, length: number])[]) {
      regions.forEach(([addr, length], i) => {
        board.host.memory.write(0x1000 + 8 * i, addr, 4);
        board.host.memory.write(0x1004 + 8 * i, (length & 0xffff) + (i + 1 === regions.length ? 0x80000000 : 0), 4);
      });
      out(BM + 8 * channel + 4, 0x1000, 4);
      out(BM + 8 * channel + 2, 6);
    },
    /** One ATAPI command by PIO, with all of its data. */
    async packet(bytes: readonly number[], limit = 0xfffe, feature = 0) {
      await all.command(CD, [feature, 0, 0, limit & 0xff, limit >> 8, 0xa0], 0xa0);
      all.sendData(CD, Uint8Array.from([...bytes, ...new Array<number>(12 - bytes.length).fill(0)]));
      await completions.drain();
      const answer: number[] = [];
      while (inp(CD + 7) & 8) {
        answer.push(...all.data(CD, (inp(CD + 4) | (inp(CD + 5) << 8)) & ~1));
        await completions.drain();
      }
      return { answer: Uint8Array.from(answer), status: inp(CD + 7), error: inp(CD + 1) };
    }
  };
  return all;
}

test('identification and the ports of the bus master', () => {
  const { config, in: inp, out } = controller();
  expect(config(DEVFN, 0)).toBe(0x70108086);
  expect(config(DEVFN, 8)).toBe(0x01018000);
  out(BM + 4, 0x12345677, 4);
  expect(inp(BM + 4, 4)).toBe(0x12345674);
  out(BM + 6, 0xabcd, 2);
  expect(inp(BM + 4, 4)).toBe(0xabcd5674);
});

test('signatures tell disk, nothing and CD after a reset', () => {
  const { out, in: inp, pass } = controller();
  out(0x3f6, 4);
  expect(inp(HD + 7) & 0x80).toBe(0x80);
  pass(1n);
  out(0x3f6, 0);
  expect([inp(HD + 2), inp(HD + 3), inp(HD + 4), inp(HD + 5), inp(HD + 7)]).toEqual([1, 1, 0, 0, 0x50]);
  expect([inp(CD + 4), inp(CD + 5)]).toEqual([0x14, 0xeb]);
  out(HD + 6, 0xb0);
  expect(inp(HD + 7)).toBe(0);
});

test('identify: model, geometry and size, with an interrupt that reading the status takes away', async () => {
  const { command, data, irqs, in: inp } = controller();
  await command(HD, [0, 0, 0, 0, 0, 0xa0], 0xec);
  expect([irqs[14], inp(HD + 7)]).toEqual([1, 0x58]);
  expect(irqs[14]).toBe(0);
  const id = data(HD, 512);
  const words = new Uint16Array(id.buffer);
  const text = (at: number, n: number) =>
    Buffer.from(id.subarray(2 * at, 2 * at + n))
      .swap16()
      .toString()
      .trim();
  expect([text(27, 40), text(10, 20), text(23, 8)]).toEqual(['QEMU HARDDISK', 'QM00001', '2.5+']);
  expect([words[1], words[3], words[6], words[60], words[100], words[83]! & 0x400]).toEqual([
    2,
    16,
    63,
    SECTORS,
    SECTORS,
    0x400
  ]);
  expect(inp(HD + 7)).toBe(0x50);
});

test('a CD does not identify as a disk, but leaves its signature', async () => {
  const { command, in: inp, data } = controller();
  await command(CD, [0, 0, 0, 0, 0, 0xa0], 0xec);
  expect([inp(CD + 7), inp(CD + 1), inp(CD + 4), inp(CD + 5)]).toEqual([0x41, 4, 0x14, 0xeb]);
  await command(CD, [0, 0, 0, 0, 0, 0xa0], 0xa1);
  expect(new Uint16Array(data(CD, 512).buffer)[0]).toBe(0x85c0);
});

test('reads sectors one at a time, and several at a time in multiple mode', async () => {
  const { command, lba28, data, irqs, completions, in: inp } = controller();
  await command(HD, lba28(5, 2), 0x20);
  expect(irqs[14]).toBe(1);
  expect(data(HD, 512)).toEqual(DISK.subarray(5 * 512, 6 * 512));
  expect(inp(HD + 7)).toBe(0xd0);
  await completions.drain();
  expect(data(HD, 512)).toEqual(DISK.subarray(6 * 512, 7 * 512));
  expect(inp(HD + 7)).toBe(0x50);
  await command(HD, [0, 8, 0, 0, 0, 0xe0], 0xc6);
  await command(HD, lba28(100, 8), 0xc4);
  expect(data(HD, 8 * 512)).toEqual(DISK.subarray(100 * 512, 108 * 512));
  expect(inp(HD + 7)).toBe(0x50);
});

test('cylinders, heads and sectors lead to the same place', async () => {
  const { command, data } = controller();
  await command(HD, [0, 1, 2, 1, 0, 0xa1], 0x20);
  const sector = (1 * 16 + 1) * 63 + 1;
  expect(data(HD, 512)).toEqual(DISK.subarray(sector * 512, (sector + 1) * 512));
});

test('48-bit addresses: the high-order bytes are written first', async () => {
  const { out, in: inp, data, completions } = controller();
  for (const value of [0, 1]) {
    out(HD + 2, value);
    out(HD + 3, value === 0 ? 0 : 0x34);
    out(HD + 4, value === 0 ? 0 : 0x02);
    out(HD + 5, 0);
  }
  out(HD + 6, 0x40);
  out(0x3f6, 0x80);
  expect(inp(HD + 2)).toBe(0);
  out(HD + 7, 0x24);
  await completions.drain();
  expect(data(HD, 512)).toEqual(DISK.subarray(0x234 * 512, 0x235 * 512));
});

test('writes by PIO, and what was written is read back', async () => {
  const { command, lba28, sendData, data, completions, in: inp, image } = controller();
  const bytes = Uint8Array.from({ length: 1024 }, (_, i) => 255 - i);
  await command(HD, lba28(10, 2), 0x30);
  expect(inp(HD + 7)).toBe(0x58);
  sendData(HD, bytes.subarray(0, 512));
  await completions.drain();
  sendData(HD, bytes.subarray(512));
  await completions.drain();
  expect(inp(HD + 7)).toBe(0x50);
  await command(HD, [0, 0, 0, 0, 0, 0xe0], 0xe7);
  expect(inp(HD + 7)).toBe(0x50);
  await command(HD, lba28(10, 1), 0x20);
  expect(data(HD, 512)).toEqual(bytes.subarray(0, 512));
  expect(image.used).toBe(4096);
});

test('a sector behind the end, and a command that there is not, are errors', async () => {
  const { command, lba28, in: inp, irqs } = controller();
  await command(HD, lba28(SECTORS, 1), 0x20);
  expect([irqs[14], inp(HD + 7), inp(HD + 1)]).toEqual([1, 0x41, 4]);
  await command(HD, [], 0xff);
  expect([inp(HD + 7), inp(HD + 1)]).toEqual([0x41, 4]);
  await command(HD, [0, 5, 0, 0, 0, 0xe0], 0xc6);
  expect(inp(HD + 7)).toBe(0x41);
});

test('DMA scatters sectors over memory', async () => {
  const { command, lba28, out, in: inp, regions, memory, irqs, completions } = controller();
  regions(0, [
    [0x20000, 512],
    [0x30000, 1024],
    [0x40000, 512]
  ]);
  await command(HD, lba28(7, 4), 0xc8);
  expect([inp(BM + 2) & 7, irqs[14]]).toEqual([0, 0]);
  out(BM, 9);
  expect(inp(BM + 2) & 1).toBe(1);
  await completions.drain();
  expect([inp(BM + 2) & 7, irqs[14], inp(HD + 7)]).toEqual([4, 1, 0x50]);
  expect(memory(0x20000, 512)).toEqual(DISK.subarray(7 * 512, 8 * 512));
  expect(memory(0x30000, 1024)).toEqual(DISK.subarray(8 * 512, 10 * 512));
  expect(memory(0x40000, 512)).toEqual(DISK.subarray(10 * 512, 11 * 512));
});

test('DMA writes, and a table that is too long leaves the bus master active', async () => {
  const { command, lba28, out, in: inp, regions, host, data, completions } = controller();
  host.memory.writeBytes(0x20000, new Uint8Array(512).fill(0x5a));
  regions(0, [
    [0x20000, 512],
    [0x30000, 512]
  ]);
  await command(HD, lba28(3, 1), 0xca);
  out(BM, 1);
  await completions.drain();
  expect([inp(BM + 2) & 7, inp(HD + 7)]).toEqual([5, 0x50]);
  out(BM, 0);
  expect(inp(BM + 2) & 1).toBe(0);
  await command(HD, lba28(3, 1), 0x20);
  expect(data(HD, 512).every((b) => b === 0x5a)).toBe(true);
});

test('a table that is too short ends the transfer without an interrupt', async () => {
  const { command, lba28, out, in: inp, regions, irqs, completions } = controller();
  regions(0, [[0x20000, 512]]);
  await command(HD, lba28(0, 2), 0xc8);
  out(BM, 9);
  await completions.drain();
  expect([inp(BM + 2) & 7, irqs[14]]).toEqual([0, 0]);
});

test('stopping the bus master in the middle fails the command, and nothing is written to memory after it', async () => {
  const { command, lba28, out, in: inp, regions, memory, completions } = controller();
  regions(0, [[0x20000, 512]]);
  await command(HD, lba28(1, 1), 0xc8);
  out(BM, 9);
  out(BM, 8);
  expect([inp(BM + 2) & 1, inp(HD + 7)]).toEqual([0, 0x41]);
  await completions.drain();
  expect(memory(0x20000, 512).every((b) => b === 0)).toBe(true);
});

test('TRIM goes through its list', async () => {
  const { command, out, in: inp, regions, host, completions } = controller();
  host.memory.write(0x20000, 8, 4);
  host.memory.write(0x20004, 4 << 16, 4);
  regions(0, [[0x20000, 512]]);
  await command(HD, [1, 1, 0, 0, 0, 0xe0], 0x06);
  out(BM, 1);
  await completions.drain();
  expect([inp(BM + 2) & 7, inp(HD + 7)]).toEqual([4, 0x50]);
  host.memory.write(0x20000, SECTORS, 4);
  regions(0, [[0x20000, 512]]);
  out(BM, 0);
  await command(HD, [1, 1, 0, 0, 0, 0xe0], 0x06);
  out(BM, 1);
  await completions.drain();
  expect(inp(HD + 7)).toBe(0x41);
});

test('SMART: good health, thresholds, and a log of tests', async () => {
  const { command, in: inp, data } = controller();
  const smart = (feature: number, sector = 0) => command(HD, [feature, 1, sector, 0x4f, 0xc2, 0xa0], 0xb0);
  await smart(0xda);
  expect([inp(HD + 7), inp(HD + 4), inp(HD + 5)]).toEqual([0x50, 0x4f, 0xc2]);
  await smart(0xd0);
  const table = data(HD, 512);
  expect(table.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
  expect([table[2], table[367], table[372]]).toEqual([1, 0x19, 2]);
  await smart(0xd4, 1);
  await smart(0xd5, 6);
  expect(data(HD, 512)[508]).toBe(1);
  await command(HD, [0xd0, 1, 0, 0, 0, 0xa0], 0xb0);
  expect(inp(HD + 7)).toBe(0x41);
});

describe('packets', () => {
  const sense = async ({ packet }: ReturnType<typeof controller>) => {
    const { answer } = await packet([0x03, 0, 0, 0, 18]);
    return [answer[2], answer[12]];
  };

  test('inquiry, and the serial number as vital product data', async () => {
    const all = controller();
    const { answer } = await all.packet([0x12, 0, 0, 0, 36]);
    expect([answer[0], answer[1], answer[4]]).toEqual([5, 0x80, 31]);
    expect(Buffer.from(answer.subarray(8, 36)).toString()).toBe('QEMU    QEMU DVD-ROM    2.5+');
    const { answer: page } = await all.packet([0x12, 1, 0x83, 0, 255]);
    expect(Buffer.from(page.subarray(8, 15)).toString()).toBe('QM00003');
  });

  test('size of the disc, and its contents by READ(10) and READ(12)', async () => {
    const all = controller();
    const capacity = await all.packet([0x25]);
    expect([...capacity.answer]).toEqual([0, 0, 0, 99, 0, 0, 8, 0]);
    const one = await all.packet([0x28, 0, 0, 0, 0, 16, 0, 0, 1]);
    expect(one.answer).toEqual(DISC.subarray(16 * 2048, 17 * 2048));
    const many = await all.packet([0xa8, 0, 0, 0, 0, 20, 0, 0, 0, 40]);
    expect(many.answer).toEqual(DISC.subarray(20 * 2048, 60 * 2048));
    expect([many.status, all.in(CD + 2) & 7]).toEqual([0x50, 3]);
  });

  test('blocks that are smaller than a sector, and odd ones', async () => {
    const all = controller();
    const { answer } = await all.packet([0x28, 0, 0, 0, 0, 3, 0, 0, 2], 1501);
    expect(answer).toEqual(DISC.subarray(3 * 2048, 5 * 2048));
    const none = await all.packet([0x28, 0, 0, 0, 0, 3, 0, 0, 2], 0);
    expect([none.status, none.error]).toEqual([0x41, 4]);
  });

  test('a sector with its frame by READ CD', async () => {
    const all = controller();
    const { answer } = await all.packet([0xbe, 0, 0, 0, 0, 2, 0, 0, 1, 0xf8]);
    expect(answer.length).toBe(2352);
    expect([...answer.subarray(0, 16)]).toEqual([0, ...new Array<number>(10).fill(0xff), 0, 0, 2, 2, 1]);
    expect(answer.subarray(16, 16 + 2048)).toEqual(DISC.subarray(2 * 2048, 3 * 2048));
  });

  test('data by DMA', async () => {
    const all = controller();
    all.regions(1, [
      [0x20000, 2048],
      [0x30000, 4096]
    ]);
    await all.command(CD, [1, 0, 0, 0, 0, 0xa0], 0xa0);
    all.sendData(CD, Uint8Array.of(0x28, 0, 0, 0, 0, 50, 0, 0, 3, 0, 0, 0));
    all.out(BM + 8, 9);
    await all.completions.drain();
    expect([all.in(BM + 10) & 7, all.irqs[15], all.in(CD + 7)]).toEqual([4, 1, 0x50]);
    expect(all.memory(0x20000, 2048)).toEqual(DISC.subarray(50 * 2048, 51 * 2048));
    expect(all.memory(0x30000, 4096)).toEqual(DISC.subarray(51 * 2048, 53 * 2048));
  });

  test('what lies behind the end, and what there is not, are errors with their sense', async () => {
    const all = controller();
    expect((await all.packet([0x28, 0, 0, 0, 0, 99, 0, 0, 2])).status).toBe(0x41);
    expect(await sense(all)).toEqual([5, 0x21]);
    expect((await all.packet([0xff])).error).toBe(0x50);
    expect(await sense(all)).toEqual([5, 0x20]);
  });

  test('table of contents in both kinds of address', async () => {
    const all = controller();
    const lba = await all.packet([0x43, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect([...lba.answer]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x16, 0xaa, 0, 0, 0, 0, 100]);
    const msf = await all.packet([0x43, 2, 0, 0, 0, 0, 0xaa, 1, 0]);
    expect([...msf.answer]).toEqual([0, 10, 1, 1, 0, 0x16, 0xaa, 0, 0, 0, 3, 25]);
    const raw = await all.packet([0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x80]);
    expect(raw.answer.length).toBe(48);
  });

  test('configuration, mode page, disc information, events', async () => {
    const all = controller();
    const configuration = await all.packet([0x46, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect([...configuration.answer]).toEqual([0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 3, 8, 0, 16, 0, 0, 0, 8, 1, 0]);
    const mode = await all.packet([0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0]);
    expect([mode.answer.length, mode.answer[1], mode.answer[8], mode.answer[14]]).toEqual([30, 28, 0x2a, 0x29]);
    const disc = await all.packet([0x51, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect([...disc.answer.subarray(0, 4)]).toEqual([0, 32, 0x0e, 1]);
    const event = await all.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8]);
    expect([...event.answer]).toEqual([0, 4, 4, 0x10, 0, 2, 0, 0]);
  });

  test('an empty drive says so', async () => {
    const all = controller({ empty: true });
    expect((await all.packet([0x00])).status).toBe(0x41);
    expect(await sense(all)).toEqual([2, 0x3a]);
    expect((await all.packet([0x12, 0, 0, 0, 36])).answer.length).toBe(36);
  });

  test('a new disc: first no medium, then a change, then it is ready', async () => {
    const all = controller();
    all.cd.eject();
    all.cd.insert(new RawImage(bytesSource(DISC.subarray(0, 10 * 2048))));
    expect((await all.packet([0x00])).status).toBe(0x41);
    expect(await sense(all)).toEqual([2, 0x3a]);
    expect((await all.packet([0x00])).status).toBe(0x41);
    expect(await sense(all)).toEqual([6, 0x28]);
    expect((await all.packet([0x00])).status).toBe(0x50);
    expect([...(await all.packet([0x25])).answer]).toEqual([0, 0, 0, 9, 0, 0, 8, 0]);
  });

  test('the tray opens unless it is locked', async () => {
    const all = controller();
    await all.packet([0x1e, 0, 0, 0, 1]);
    expect((await all.packet([0x1b, 0, 0, 0, 2])).status).toBe(0x41);
    expect(await sense(all)).toEqual([2, 0x53]);
    await all.packet([0x1e]);
    expect((await all.packet([0x1b, 0, 0, 0, 2])).status).toBe(0x50);
    expect((await all.packet([0x00])).status).toBe(0x41);
    await all.packet([0x1b, 0, 0, 0, 3]);
    expect((await all.packet([0x00])).status).toBe(0x50);
  });
});

test('a PIO transfer goes on in another machine', async () => {
  const one = controller();
  await one.command(HD, one.lba28(42, 1), 0x20);
  const first = one.data(HD, 100);
  const body = saveDevice(one.device).finish();
  const other = controller();
  const loaded = loadDevice(other.device, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 3);
  expect(loaded.failure).toBeUndefined();
  expect(saveDevice(other.device).finish()).toEqual(body);
  expect([...first, ...other.data(HD, 412)]).toEqual([...DISK.subarray(42 * 512, 43 * 512)]);
});

test('requests that wait for a missing disk are in the state, and done by who has it', async () => {
  const one = controller({ missing: true });
  one.hd.expectSize(DISK.length);
  one.regions(0, [[0x20000, 1024]]);
  await one.command(HD, one.lba28(12, 2), 0xc8);
  one.out(BM, 9);
  await one.completions.drain();
  expect(one.hd.waiting).toBe(1);
  const body = saveDevice(one.device).finish();
  const other = controller();
  other.ram.bytes().set(one.ram.bytes());
  expect(
    loadDevice(other.device, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 3).failure
  ).toBeUndefined();
  other.device.vmStateChange(true);
  await other.completions.drain();
  expect(other.memory(0x20000, 1024)).toEqual(DISK.subarray(12 * 512, 14 * 512));
  expect([other.irqs[14], other.in(BM + 2) & 7]).toEqual([1, 4]);
});

const storage = goldens().filter(({ name }) => /\/pc-storage$/.test(name));
describe.skipIf(storage.length === 0)('drives identify as those of native QEMU', () => {
  test.each(storage)('$name', async (golden) => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source);
      const section = snapshot.sections.find(({ name }) => name.endsWith('/ide'))!;
      const bytes = await readRange(snapshot.bytes, section.bodyStart, section.end);
      type Drive = { identify_set: number; identify_data: Uint8Array };
      const { state } = load(new QemuFileReader(bytes), descriptions.find(section.name)!, section.version);
      const { bus } = state as { bus: { ifs: Drive[] }[] };
      const theirs = [bus[0]!.ifs[0]!, bus[1]!.ifs[0]!];
      expect(theirs.map((d) => d.identify_set)).toEqual([1, 1]);
      const sectors = new DataView(theirs[0]!.identify_data.buffer).getUint32(200, true);
      const all = controller({ disk: new Uint8Array(sectors * 512) });
      await all.command(HD, [0, 0, 0, 0, 0, 0xa0], 0xec);
      const disk = all.data(HD, 512);
      await all.command(CD, [0, 0, 0, 0, 0, 0xa0], 0xa1);
      const cd = all.data(CD, 512);
      expect(differing(disk, theirs[0]!.identify_data)).toEqual([]);
      expect(differing(cd, theirs[1]!.identify_data)).toEqual([]);
    });
  });
});

/** Words that are not the same; serial numbers (10 to 19) depend on the order on the command line. */
function differing(ours: Uint8Array, theirs: Uint8Array): string[] {
  const [a, b] = [ours, theirs].map((bytes) => new Uint16Array(bytes.slice().buffer)) as [Uint16Array, Uint16Array];
  return [...a].flatMap((word, i) =>
    word === b[i] || (i >= 10 && i < 20) ? [] : [`word ${i}: ${word.toString(16)} not ${b[i]!.toString(16)}`]
  );
}
