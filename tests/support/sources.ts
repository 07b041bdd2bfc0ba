/** Inputs that are large without taking memory, and ways of reading them. */
import type { ByteSource, ByteStream } from '../../src/lib/vmstate/source.ts';

/** Bytes, or bytes again and again. */
export type Part = Uint8Array | { readonly unit: Uint8Array; readonly times: number };

const BLOCK = 1 << 16;

/** The parts one after another. */
export function parts(...list: readonly Part[]): ByteSource {
  let size = 0;
  const placed = list.map((part) => {
    const start = size;
    const { unit, times } = part instanceof Uint8Array ? { unit: part, times: 1 } : part;
    size += unit.length * times;
    // Copied in blocks of whole units: byte by byte would be what takes the time.
    const copies = Math.max(1, Math.min(times, Math.floor(BLOCK / Math.max(1, unit.length))));
    const block = new Uint8Array(unit.length * copies);
    for (let i = 0; i < copies; i++) block.set(unit, i * unit.length);
    return { start, end: size, block };
  });
  return {
    size,
    read(at, target) {
      const end = Math.min(size, at + target.length);
      let done = Math.min(at, end);
      for (const { start, end: partEnd, block } of placed) {
        while (done < end && done >= start && done < partEnd) {
          const within = (done - start) % block.length;
          const n = Math.min(block.length - within, partEnd - done, end - done);
          target.set(block.subarray(within, within + n), done - at);
          done += n;
        }
      }
      return Promise.resolve(Math.max(0, end - at));
    }
  };
}

/** The same bytes as a stream that comes once, in pieces of a size of its own. */
export function once(source: ByteSource, piece = 1 << 18): ByteStream {
  let at = 0;
  return {
    async read(target) {
      const got = await source.read(at, target.subarray(0, Math.min(piece, source.size - at)));
      at += got;
      return got;
    }
  };
}

/** A source that cannot be read from an offset on. */
export const brokenAt = (source: ByteSource, offset: number): ByteSource => ({
  size: source.size,
  read: (at, target) =>
    at + target.length > offset && at < source.size
      ? Promise.reject(new Error('EIO: i/o error, read'))
      : source.read(at, target)
});
