/** A File or Blob as a source. */
import { fromChunks, type ByteSource, type ByteStream } from '../../vmstate/source.ts';

/** In a worker reads can be had without going through the event loop each time. */
declare const FileReaderSync: { new (): { readAsArrayBuffer(blob: Blob): ArrayBuffer } } | undefined;
const sync = typeof FileReaderSync === 'undefined' ? undefined : new FileReaderSync();

/** Small reads come through FileReaderSync where there is one: an awaited slice costs ten times as much. */
const SMALL = 1 << 18;

export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(at, target) {
      const part = blob.slice(at, at + target.length);
      const bytes = sync && part.size <= SMALL ? sync.readAsArrayBuffer(part) : await part.arrayBuffer();
      target.set(new Uint8Array(bytes));
      return bytes.byteLength;
    },
    stream: (start, end) => chunksOf(blob.slice(start, end))
  };
}

/**
 * In Chromium a stream is four times as fast as slices of a mebibyte. Not with a BYOB reader, which would be faster
 * still: there one read in some thousands is never answered (Chromium 156, found by reading 32 MiB again and again).
 */
function chunksOf(blob: Blob): ByteStream {
  const reader = blob.stream().getReader();
  return fromChunks({
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const { done, value } = await reader.read();
        return done ? { done: true, value: undefined } : { done: false, value };
      }
    })
  });
}
