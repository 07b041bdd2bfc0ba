import { describe, expect, test } from 'vitest';
import { BlockBackend, type BlockBackendOptions } from '../../../../src/lib/emulator/block/block-backend.ts';
import type { BlockError } from '../../../../src/lib/emulator/block/block-driver.ts';
import { Completions } from '../../../../src/lib/emulator/block/completions.ts';
import { CowOverlay } from '../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../src/lib/emulator/block/raw.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';

const image = (sectors: number, fill: number): CowOverlay =>
  new CowOverlay(new RawImage(bytesSource(new Uint8Array(sectors * 512).fill(fill))), 8192);

function drive(driver?: CowOverlay, options?: BlockBackendOptions) {
  const completions = new Completions();
  const backend = new BlockBackend('virtio0', completions, driver, options);
  const results: (number | string)[] = [];
  const waits: (string | undefined)[] = [];
  backend.onWait = (reason) => waits.push(reason);
  const done = (error: BlockError | undefined): void => void results.push(error?.errno ?? 'done');
  const read = (at: number): void =>
    backend.read(at, 512, (r) => void results.push(r instanceof Uint8Array ? r[0]! : r.errno));
  return { completions, backend, results, waits, done, read };
}

describe('a drive', () => {
  test('serves requests between slices only', async () => {
    const { completions, backend, results, done, read } = drive(image(8, 5));
    read(0);
    backend.write(512, new Uint8Array(512).fill(6), done);
    backend.flush(done);
    expect(backend.inFlight).toBe(3);
    await new Promise((resolve) => setTimeout(resolve));
    expect(results).toEqual([]);
    completions.run();
    expect(results.map(String).sort()).toEqual(['5', 'done', 'done']);
    expect(backend.inFlight).toBe(0);
    read(512);
    await completions.drain();
    expect(results.at(-1)).toBe(6);
  });

  test('fails what lies outside of it', async () => {
    const { completions, backend, results, done, read } = drive(image(8, 5));
    read(8 * 512);
    read(-512);
    backend.discard(7 * 512, 1024, done);
    await completions.drain();
    expect(results).toEqual(['EIO', 'EIO', 'EIO']);
  });

  test('without its image makes requests wait, and says for what', async () => {
    const { completions, backend, results, waits, done, read } = drive();
    backend.expectSize(8 * 512);
    expect([backend.size, backend.sectors, backend.isInserted]).toEqual([4096, 8, false]);
    read(0);
    backend.flush(done);
    expect({ waiting: backend.waiting, pending: completions.pending }).toEqual({ waiting: 2, pending: 0 });
    expect(waits).toEqual(['virtio0 wants an image of 4096 bytes']);
    expect(backend.insert(image(9, 1))).toContain('4608');
    expect(backend.insert(image(8, 1))).toBeUndefined();
    expect(waits).toEqual(['virtio0 wants an image of 4096 bytes', undefined]);
    await completions.drain();
    expect(results.map(String).sort()).toEqual(['1', 'done']);
  });

  test('forgets what waits when its device is reset', async () => {
    const { completions, backend, results, waits, read } = drive();
    read(0);
    backend.cancelHeld();
    backend.cancelHeld();
    expect(waits).toHaveLength(2);
    backend.insert(image(8, 1));
    await completions.drain();
    expect(results).toEqual([]);
  });

  test('that can be emptied fails without a medium, and tells of a new one', async () => {
    const { completions, backend, results, read } = drive(undefined, { removable: true });
    let changes = 0;
    backend.onMediumChange = () => changes++;
    read(0);
    await completions.drain();
    expect(results).toEqual(['ENOMEDIUM']);
    backend.insert(image(4, 2));
    read(0);
    await completions.drain();
    backend.eject();
    expect({ results, changes }).toEqual({ results: ['ENOMEDIUM', 2], changes: 2 });
  });

  test('that is read-only fails writes', async () => {
    const { completions, backend, results, done } = drive(image(8, 0));
    backend.setReadOnly();
    backend.write(0, new Uint8Array(512), done);
    backend.writeZeroes(0, 512, done);
    await completions.drain();
    expect(results).toEqual(['EROFS', 'EROFS']);
  });

  test('that is full stops the machine for writes, not for reads', async () => {
    const { completions, backend, results } = drive(image(64, 0));
    const stops: string[] = [];
    backend.onStop = (reason) => stops.push(reason);
    backend.write(0, new Uint8Array(64 * 512), (error) => {
      results.push(error!.errno);
      expect(backend.stopsOn(error!, false)).toBe(true);
      expect(backend.stopsOn(error!, true)).toBe(false);
    });
    await completions.drain();
    expect(results).toEqual(['ENOSPC']);
    expect(stops).toHaveLength(1);
  });

  test('without a write cache flushes each write', async () => {
    const flushes: string[] = [];
    const driver = image(8, 0);
    driver.flush = () => Promise.resolve(void flushes.push('flush'));
    const { completions, backend, done } = drive(driver);
    backend.write(0, new Uint8Array(512), done);
    await completions.drain();
    expect(flushes).toHaveLength(0);
    backend.writeCache = false;
    backend.write(0, new Uint8Array(512), done);
    await completions.drain();
    expect(flushes).toHaveLength(1);
  });
});

test('what is written over an image is taken back; what goes into a file cannot be', async () => {
  const { completions, backend, results, done, read } = drive(image(8, 5));
  let swaps = 0;
  backend.onSwap = () => swaps++;
  backend.write(0, new Uint8Array(512).fill(6), done);
  await completions.drain();
  backend.writeCache = false;
  const moment = backend.capture();
  backend.writeCache = true;
  backend.write(0, new Uint8Array(512).fill(7), done);
  await completions.drain();
  backend.restore(moment);
  expect(backend.writeCache).toBe(false);
  read(0);
  await completions.drain();
  expect(results.at(-1)).toBe(6);
  expect(backend.canCapture).toBe(true);
  const sink = { write: async () => {}, flush: async () => {} };
  const file = new RawImage(bytesSource(new Uint8Array(512)), sink);
  const empty = new BlockBackend('cd', completions, undefined, { removable: true });
  empty.onSwap = () => swaps++;
  expect(empty.canCapture).toBe(true);
  empty.insert(file);
  expect([empty.canCapture, swaps]).toEqual([false, 1]);
});
