/** Where bytes come from. The library knows no file system: the worker and the command line bring the adapters. */

/** Random access, for example a file. Offsets are bytes from 0; up to 2^53. */
export interface ByteSource {
  readonly size: number;
  /** Fills `target` from offset `at`. Returns the bytes read, fewer than asked only at the end. */
  read(at: number, target: Uint8Array): Promise<number>;
  /** Bytes [start, end) in order, where that is faster than `read` again and again (a browser's `Blob.stream()`). */
  stream?(start: number, end: number): ByteStream;
}

/** Bytes in order. */
export interface ByteStream {
  /** Fills at most the whole of `target`. Returns the bytes read, at least 1; 0 at the end. Throws where the input is broken. */
  read(target: Uint8Array): Promise<number>;
}

/** Bytes at hand. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    read: (at, target) => {
      const part = bytes.subarray(at, at + target.length);
      target.set(part);
      return Promise.resolve(part.length);
    }
  };
}

/** Shorter stretches are read at random: setting up a stream takes longer than they do. */
const WORTH_A_STREAM = 1 << 20;

/** A source read in order from `start` to `end`. */
export function sequential(source: ByteSource, start = 0, end = source.size): ByteStream {
  if (source.stream && Math.min(end, source.size) - start >= WORTH_A_STREAM) return source.stream(start, end);
  let at = start;
  return {
    async read(target) {
      const n = await source.read(at, target.subarray(0, Math.min(target.length, end - at)));
      at += n;
      return n;
    }
  };
}

/** What an async iterable of chunks (a ReadableStream, a pipe) gives, in order. */
export function fromChunks(chunks: AsyncIterable<Uint8Array>): ByteStream {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest = new Uint8Array(0);
  return {
    async read(target) {
      while (rest.length === 0) {
        const next = await iterator.next();
        if (next.done) return 0;
        rest = next.value as Uint8Array<ArrayBuffer>;
      }
      const n = Math.min(rest.length, target.length);
      target.set(rest.subarray(0, n));
      rest = rest.subarray(n);
      return n;
    }
  };
}

/** The bytes [start, end) of a source, as many as there are. */
export async function readRange(source: ByteSource, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(Math.max(0, Math.min(end, source.size) - start));
  let n = 0;
  while (n < out.length) {
    const got = await source.read(start + n, out.subarray(n));
    if (got === 0) return out.slice(0, n);
    n += got;
  }
  return out;
}

/** A part of a source, as a source. */
export function slice(source: ByteSource, start: number, end = source.size): ByteSource {
  const size = Math.max(0, Math.min(end, source.size) - start);
  return {
    size,
    read: (at, target) => source.read(start + at, target.subarray(0, Math.max(0, Math.min(target.length, size - at)))),
    ...(source.stream ? { stream: (from, to) => source.stream!(start + from, start + Math.min(to, size)) } : {})
  };
}

/**
 * The same source, ending where it cannot be read (a disk that was pulled out, a folder).
 * @param tell is called once, with the error and where it was met
 */
export function untilError(source: ByteSource, tell: (error: Error, at: number) => void): ByteSource {
  let end = Infinity;
  const guarded = async (at: number, read: () => Promise<number>): Promise<number> => {
    try {
      return at < end ? await read() : 0;
    } catch (error) {
      if (end === Infinity) tell(error instanceof Error ? error : new Error(String(error)), at);
      end = Math.min(end, at);
      return 0;
    }
  };
  const stream = (input: ByteStream, start: number): ByteStream => {
    let at = start;
    return {
      async read(target) {
        const got = await guarded(at, () => input.read(target));
        at += got;
        return got;
      }
    };
  };
  return {
    size: source.size,
    read: (at, target) => guarded(at, () => source.read(at, target)),
    ...(source.stream ? { stream: (from, to) => stream(source.stream!(from, to), from) } : {})
  };
}
