/** gzip (RFC 1952): members one after the other, checksums compared. */
import { crc32 } from './checksum.ts';
import { DEFLATE_WINDOW, Inflate } from './inflate.ts';
import { Damage, type PeekStream } from './peek-stream.ts';

const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
/** Longest file name or comment that is believed. */
const MAX_TEXT = 65536;
/** Bytes decoded between two looks at the consumer. */
const OUTPUT = 262144;

async function skipText(input: PeekStream): Promise<void> {
  for (let n = 0; n < MAX_TEXT; n++) if ((await input.take(1))[0] === 0) return;
  throw new Damage(input.position, 'gzip: a file name without end');
}

async function skipHeader(input: PeekStream): Promise<void> {
  const header = await input.take(10);
  const flags = header[3]!;
  if (header[2] !== 8 || flags & 0xe0) throw new Damage(input.position - 8, 'gzip: unknown method or flags');
  if (flags & FEXTRA) {
    const length = await input.take(2);
    await input.skip(length[0]! | (length[1]! << 8));
  }
  if (flags & FNAME) await skipText(input);
  if (flags & FCOMMENT) await skipText(input);
  if (flags & FHCRC) await input.take(2);
}

/**
 * The contents of all members. A chunk is good until the next one is asked for.
 * @throws Damage where the input is cut or broken, or does not give the checksum it says
 */
export async function* gunzip(input: PeekStream): AsyncGenerator<Uint8Array, void, undefined> {
  const out = new Uint8Array(DEFLATE_WINDOW + OUTPUT);
  for (let member = 0; ; member++) {
    const magic = await input.peek(2);
    if (magic[0] !== 0x1f || magic[1] !== 0x8b) {
      // gzip itself passes over what follows; tapes pad with zeros.
      if (magic.length > 0 && magic.some((b) => b !== 0)) {
        throw new Damage(input.position, 'gzip: bytes behind the end are ignored', 'note');
      }
      return;
    }
    await skipHeader(input);
    const inflate = new Inflate();
    let at = 0;
    let crc = 0;
    let length = 0;
    while (!inflate.ended) {
      const from = at;
      at = inflate.run(out, at, out.length);
      if (at > from) {
        const bytes = out.subarray(from, at);
        crc = crc32(bytes, crc);
        length = (length + bytes.length) >>> 0;
        yield bytes;
      }
      if (inflate.failure !== undefined) {
        throw new Damage(input.position - inflate.rest.length, `gzip: ${inflate.failure}`);
      }
      if (at === out.length) {
        out.copyWithin(0, at - DEFLATE_WINDOW);
        at = DEFLATE_WINDOW;
      } else if (!inflate.ended) {
        const more = await input.chunk();
        if (more.length === 0) throw new Damage(input.position, 'gzip: the file ends inside the compressed data');
        inflate.feed(more);
      }
    }
    input.unread(inflate.rest);
    const at8 = input.position;
    const trailer = await input.take(8);
    const view = new DataView(trailer.buffer, trailer.byteOffset);
    if (view.getUint32(0, true) !== crc || view.getUint32(4, true) !== length) {
      throw new Damage(at8, 'gzip: the contents do not have the checksum and length that they should', 'warning');
    }
  }
}
