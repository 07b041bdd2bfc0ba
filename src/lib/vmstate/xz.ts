/** xz, through the package xz-decompress (XZ Embedded as WebAssembly), loaded when it is first needed. */
import { Damage, type PeekStream } from './peek-stream.ts';

/** enum xz_ret of XZ Embedded. */
const ERRORS: Readonly<Record<string, string>> = {
  3: 'there is not enough memory for its dictionary',
  4: 'its dictionary is larger than 64 MiB',
  5: 'this is not the xz format',
  6: 'it uses a filter or a checksum that is not supported (only LZMA2 with CRC32, CRC64 or none)',
  7: 'the compressed data are damaged',
  8: 'the file ends inside the compressed data'
};

/**
 * The contents of all streams of a file.
 * @throws Damage where the input is cut or broken; its position is up to 64 KiB late
 */
export async function* unxz(input: PeekStream): AsyncGenerator<Uint8Array, void, undefined> {
  const module = await import('xz-decompress');
  // A CommonJS package: Node puts its exports under `default`, a bundler need not.
  const { XzReadableStream } = module.default ?? module;
  const packed = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await input.chunk();
        if (chunk.length === 0) controller.close();
        else controller.enqueue(chunk);
      }
    },
    { highWaterMark: 0 }
  );
  const reader = new XzReadableStream(packed).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value.length > 0) yield value;
    }
  } catch (error) {
    const code = /error code (\d+)/.exec(String(error))?.[1] ?? '';
    throw new Damage(input.position, `xz: ${ERRORS[code] ?? String(error)}`);
  } finally {
    // Only one decoder runs at a time in that package: one left open would block the next.
    await reader.cancel().catch(() => undefined);
  }
}
