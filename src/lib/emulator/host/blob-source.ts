/** A File or Blob as a source. */
import type { ByteSource, ByteStream } from '../../vmstate/source.ts';

/** In a worker reads can be had without going through the event loop each time. */
declare const FileReaderSync: { new (): { readAsArrayBuffer(blob: Blob): ArrayBuffer } } | undefined;
const sync = typeof FileReaderSync === 'undefined' ? undefined : new FileReaderSync();

/** Small reads come through FileReaderSync where there is one: an awaited slice costs ten times as much. */
const SMALL = 1 << 18;
/** What a sequential read asks for at a time. */
const PIECE = 1 << 20;

export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(at, target) {
      const part = blob.slice(at, at + target.length);
      const bytes = sync && part.size <= SMALL ? sync.readAsArrayBuffer(part) : await part.arrayBuffer();
      target.set(new Uint8Array(bytes));
      return bytes.byteLength;
    },
    stream: (start, end) => inOrder(blob.slice(start, end))
  };
}

/** The next piece is asked for before the last one is taken: the browser reads while the caller works. */
function inOrder(blob: Blob): ByteStream {
  const next = pieces(blob.stream());
  let ahead: Promise<Uint8Array> | undefined;
  let piece = new Uint8Array(0);
  let taken = 0;
  /** Of the blob, behind `piece`. The end is known: nothing is asked for behind it. */
  let left = blob.size;
  return {
    async read(target) {
      if (taken === piece.length) {
        if (left === 0) return 0;
        const used = piece.buffer;
        piece = (await (ahead ?? next())) as Uint8Array<ArrayBuffer>;
        // A file that became shorter.
        left = piece.length === 0 ? 0 : left - piece.length;
        taken = 0;
        ahead = left > 0 ? next(used) : undefined;
        // Who reads no further is not told of an error.
        ahead?.catch(() => undefined);
      }
      const n = Math.min(piece.length - taken, target.length);
      target.set(piece.subarray(taken, taken + n));
      taken += n;
      return n;
    }
  };
}

/**
 * Gives a stream's pieces one by one, empty at the end. A buffer that is handed back is used again where the browser
 * fills buffers of the caller's (Safari does not for Blobs): allocating each piece costs half as much again.
 */
function pieces(stream: ReadableStream<Uint8Array>): (used?: ArrayBuffer) => Promise<Uint8Array> {
  try {
    const reader = stream.getReader({ mode: 'byob' });
    return async (used) => {
      const buffer = used && used.byteLength === PIECE ? used : new ArrayBuffer(PIECE);
      return (await reader.read(new Uint8Array(buffer))).value ?? new Uint8Array(0);
    };
  } catch {
    const reader = stream.getReader();
    return async () => (await reader.read()).value ?? new Uint8Array(0);
  }
}
