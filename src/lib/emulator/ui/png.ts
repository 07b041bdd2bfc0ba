/**
 * A picture as a Portable Network Graphics file: what `screendump -f png` writes. Eight bits of red, green and blue a
 * pixel, not interlaced, as QEMU's; deflate is the host's.
 * Source: QEMU ui/ui-qmp-cmds.c png_save; PNG specification, third edition, sections 5, 9, 10 and 11.2.
 */
import { crc32 } from '../../vmstate/checksum.ts';
import type { DisplaySurface } from './console.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const BITS = 8;
const TRUECOLOUR = 2;
/** Each byte less the one above it: lines of text and of one colour become zeros. */
const UP = 2;

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function header({ width, height }: DisplaySurface): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  data.set([BITS, TRUECOLOUR], 8);
  return data;
}

/** Rows as they are compressed: the filter's number, then the bytes. */
function filtered({ width, height, pixels }: DisplaySurface): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(height * (1 + 3 * width));
  let at = 0;
  for (let y = 0; y < height; y++) {
    out[at++] = UP;
    for (let x = y * width; x < (y + 1) * width; x++) {
      const pixel = pixels[x]!;
      const above = y === 0 ? 0 : pixels[x - width]!;
      for (let shift = 0; shift < 24; shift += 8) out[at++] = (pixel >>> shift) - (above >>> shift);
    }
  }
  return out;
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export async function png(surface: DisplaySurface): Promise<Uint8Array<ArrayBuffer>> {
  const rows = await deflated(filtered(surface));
  const chunks = [chunk('IHDR', header(surface)), chunk('IDAT', rows), chunk('IEND', new Uint8Array(0))];
  const out = new Uint8Array(chunks.reduce((length, { length: more }) => length + more, SIGNATURE.length));
  out.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const one of chunks) {
    out.set(one, at);
    at += one.length;
  }
  return out;
}
