import { describe, expect, test } from 'vitest';
import { BlockError, type BlockDriver } from '../../../../src/lib/emulator/block/block-driver.ts';
import { CowOverlay } from '../../../../src/lib/emulator/block/cow.ts';
import { guessGeometry } from '../../../../src/lib/emulator/block/hd-geometry.ts';
import { RawImage } from '../../../../src/lib/emulator/block/raw.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';
import { randomly } from '../../../support/compressed.ts';
import { deferred } from '../../../support/deferred.ts';

const disk = (sectors: number, fill = 0): Uint8Array => new Uint8Array(sectors * 512).fill(fill);
const raw = (bytes: Uint8Array): RawImage => new RawImage(bytesSource(bytes));

async function read(image: BlockDriver, at: number, length: number): Promise<Buffer> {
  const bytes = new Uint8Array(length).fill(0xee);
  await image.read(at, bytes);
  return Buffer.from(bytes);
}

describe('a raw image', () => {
  test('that ends inside a sector goes on with zeros', async () => {
    const image = raw(new Uint8Array(700).fill(7));
    expect(image.size).toBe(1024);
    const bytes = await read(image, 512, 512);
    expect(bytes.subarray(0, 188).every((b) => b === 7)).toBe(true);
    expect(bytes.subarray(188).every((b) => b === 0)).toBe(true);
  });

  test('is read in as many pieces as the source gives', async () => {
    const bytes = Uint8Array.from({ length: 4096 }, (_, i) => i >> 3);
    const source = bytesSource(bytes);
    const image = new RawImage({ size: 4096, read: (at, target) => source.read(at, target.subarray(0, 100)) });
    expect((await read(image, 512, 2048)).equals(Buffer.from(bytes.subarray(512, 2560)))).toBe(true);
  });

  test('is read-only without a place to write to', async () => {
    const image = raw(disk(2));
    expect(image.readOnly).toBe(true);
    await expect(image.write(0, disk(1))).rejects.toMatchObject({ errno: 'EROFS' });
  });

  test('writes what was given, not what it became', async () => {
    const bytes = disk(200);
    const gate = deferred<void>();
    const image = new RawImage(bytesSource(bytes), {
      write: async (at, what) => {
        await gate.promise;
        bytes.set(what, at);
      },
      flush: () => Promise.resolve()
    });
    const given = disk(1, 3);
    const writing = image.write(512, given);
    given.fill(4);
    gate.resolve();
    await writing;
    expect((await read(image, 512, 512)).every((b) => b === 3)).toBe(true);
    bytes.fill(9);
    await image.writeZeroes(1024, 150 * 512);
    expect(bytes.subarray(1024, 152 * 512).every((b) => b === 0)).toBe(true);
    expect(bytes[1023]).toBe(9);
    expect(bytes[152 * 512]).toBe(9);
  });
});

describe('an overlay', () => {
  test('is the disk that was written to, whatever is written where', async () => {
    const SECTORS = 64;
    const base = Uint8Array.from({ length: SECTORS * 512 }, (_, i) => i >> 6);
    const untouched = base.slice();
    const model = Buffer.from(base);
    const overlay = new CowOverlay(raw(base));
    const random = randomly(11);
    for (let i = 0; i < 300; i++) {
      const at = random(SECTORS);
      const count = Math.min(SECTORS - at, 1 + random(12));
      const [from, to] = [at * 512, (at + count) * 512];
      const kind = random(4);
      if (kind === 0) {
        await overlay.writeZeroes(from, to - from);
        model.fill(0, from, to);
      } else if (kind === 1) {
        const bytes = disk(count, random(256));
        await overlay.write(from, bytes);
        model.set(bytes, from);
      } else expect((await read(overlay, from, to - from)).equals(model.subarray(from, to))).toBe(true);
    }
    expect((await read(overlay, 0, SECTORS * 512)).equals(model)).toBe(true);
    expect(base).toEqual(untouched);
  });

  test('goes back to what it was, as often as is wanted', async () => {
    const overlay = new CowOverlay(raw(disk(16, 1)));
    await overlay.write(512, disk(1, 2));
    const before = overlay.snapshot();
    await overlay.write(512, disk(2, 3));
    const later = overlay.snapshot();
    for (let i = 0; i < 2; i++) {
      overlay.restore(before);
      expect((await read(overlay, 0, 2048))[512]).toBe(2);
      expect((await read(overlay, 0, 2048))[1024]).toBe(1);
      await overlay.write(512, disk(2, 4));
      overlay.restore(later);
      expect((await read(overlay, 0, 2048))[512]).toBe(3);
      expect((await read(overlay, 0, 2048))[1024]).toBe(3);
    }
  });

  test('has a bound and says that the disk is full', async () => {
    const overlay = new CowOverlay(raw(disk(64)), 8192);
    await overlay.write(0, disk(16, 1));
    expect(overlay.used).toBe(8192);
    await expect(overlay.write(4096, disk(16, 2))).rejects.toMatchObject({ errno: 'ENOSPC' });
    expect((await read(overlay, 4096, 512))[0]).toBe(1);
    await overlay.write(512, disk(2, 3));
    expect(overlay.used).toBe(8192);
  });

  test('does not show a read what was written after it', async () => {
    const gate = deferred<void>();
    const base = raw(disk(16, 1));
    const slow: BlockDriver = {
      ...{ format: 'raw', size: base.size, readOnly: true },
      read: async (at, target) => {
        await gate.promise;
        await base.read(at, target);
      },
      write: () => Promise.reject(new BlockError('EROFS', '')),
      flush: () => Promise.resolve(),
      writeZeroes: () => Promise.resolve(),
      discard: () => Promise.resolve()
    };
    const overlay = new CowOverlay(slow);
    await overlay.write(0, disk(1, 2));
    const reading = read(overlay, 0, 1024);
    await overlay.write(0, disk(2, 3));
    gate.resolve();
    const bytes = await reading;
    expect([bytes[0], bytes[512]]).toEqual([2, 1]);
  });
});

test('disks have 16 heads and 63 sectors, and at most 16383 cylinders', () => {
  expect(guessGeometry(20480)).toEqual({ cylinders: 20, heads: 16, sectors: 63 });
  expect(guessGeometry(1)).toMatchObject({ cylinders: 2 });
  expect(guessGeometry(2 ** 40)).toMatchObject({ cylinders: 16383 });
});
