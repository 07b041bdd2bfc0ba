import { describe, expect, test } from 'vitest';
import { Qcow2Image, probeFormat, type Qcow2ImageOptions } from '../../../../src/lib/emulator/block/qcow2.ts';
import { RawImage } from '../../../../src/lib/emulator/block/raw.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';
import { qcow2, type Qcow2Options } from '../../../support/qcow2.ts';

const DISK = 32768;
const contents = Uint8Array.from({ length: 5120 }, (_, i) => (i * 37) >> 4);

const open = (options: Qcow2Options, image?: Qcow2ImageOptions): Promise<Qcow2Image> =>
  Qcow2Image.open(bytesSource(qcow2(contents, options)), image);

async function whole(image: Qcow2Image): Promise<Buffer> {
  const bytes = new Uint8Array(image.size).fill(0xee);
  await image.read(0, bytes);
  return Buffer.from(bytes);
}

/** The disk with `missing` where the image has no cluster. */
function expected(clusters: NonNullable<Qcow2Options['clusters']>, missing = new Uint8Array(DISK)): Buffer {
  const disk = Buffer.from(missing);
  for (let at = 0; at < contents.length; at += 512) {
    const kind = clusters[at / 512] ?? 'standard';
    if (kind === 'zero') disk.fill(0, at, at + 512);
    else if (kind !== 'none') disk.set(contents.subarray(at, at + 512), at);
  }
  return disk;
}

describe('a qcow2 image', () => {
  const clusters = ['standard', 'zero', 'compressed', 'none', 'standard'] as const;

  test('is read whatever its clusters are', async () => {
    const image = await open({ clusters });
    expect(image.size).toBe(DISK);
    expect((await whole(image)).equals(expected(clusters))).toBe(true);
    const part = new Uint8Array(1536);
    await image.read(1024, part);
    expect(Buffer.from(part).equals(expected(clusters).subarray(1024, 2560))).toBe(true);
  });

  test('has what its backing file has where nothing was written over it', async () => {
    const below = new Uint8Array(DISK - 4096).fill(0x55);
    const backing = new RawImage(bytesSource(below));
    const image = await open({ clusters, backing: 'below.raw' }, { backing });
    const missing = Buffer.alloc(DISK);
    missing.set(below);
    expect((await whole(image)).equals(expected(clusters, missing))).toBe(true);
  });

  test('with a backing file needs it', async () => {
    await expect(open({ backing: 'below.raw' })).rejects.toThrow('backing file below.raw');
  });

  test('shows the disk of a snapshot', async () => {
    const image = await open({ names: ['first'] }, { snapshot: 'first' });
    expect((await whole(image)).every((b) => b === 0)).toBe(true);
    await expect(open({}, { snapshot: 'second' })).rejects.toThrow('no snapshot second');
  });

  test('with an L1 table too small for its disk is refused', async () => {
    await expect(open({ change: (v) => v.setUint32(36, 0) })).rejects.toThrow('L1 table');
    await expect(open({ change: (v) => v.setUint32(24, 0xffff_ffff) })).rejects.toThrow('disk of');
  });

  test('is not written to', async () => {
    const image = await open({});
    expect(image.readOnly).toBe(true);
    await expect(image.write()).rejects.toThrow('read-only');
  });
});

test('a format is known by its first bytes', async () => {
  expect(await probeFormat(bytesSource(qcow2(contents)))).toBe('qcow2');
  expect(await probeFormat(bytesSource(new Uint8Array(512)))).toBe('raw');
  expect(await probeFormat(bytesSource(new Uint8Array(3)))).toBe('raw');
});
