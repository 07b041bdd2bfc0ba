/** Reads PNG files of 8 bits a channel, red, green, blue, not interlaced (PNG specification, sections 5 and 9). */
import { crc32, inflateSync } from 'node:zlib';

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Three bytes a pixel, rows from the top. */
  readonly rgb: Uint8Array;
}

function chunksOf(file: Buffer): readonly { readonly type: string; readonly data: Buffer }[] {
  if (file.subarray(0, 8).toString('latin1') !== '\x89PNG\r\n\x1a\n') throw new Error('not a PNG file');
  const chunks = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    if (file.readUInt32BE(end) !== crc32(file.subarray(at + 4, end))) throw new Error(`bad checksum at ${at}`);
    chunks.push({ type: file.toString('latin1', at + 4, at + 8), data: file.subarray(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

/** What the filter of a row adds to a byte, given those to its left, above, and above to the left. */
const FILTERS: readonly ((a: number, b: number, c: number) => number)[] = [
  () => 0,
  (a) => a,
  (_a, b) => b,
  (a, b) => (a + b) >> 1,
  (a, b, c) => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
  }
];

/** @throws where it is not such a file, cut, or a checksum is wrong */
export function pixelsOfPng(bytes: Uint8Array): Pixels {
  const chunks = chunksOf(Buffer.from(bytes));
  const [header, last] = [chunks[0], chunks.at(-1)];
  if (header?.type !== 'IHDR' || last?.type !== 'IEND') throw new Error('no header or no end');
  const [width, height] = [header.data.readUInt32BE(0), header.data.readUInt32BE(4)];
  if (header.data.toString('hex', 8) !== '0802000000') throw new Error('another kind of pixel');
  const rows = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  const row = 3 * width;
  if (rows.length !== height * (row + 1)) throw new Error('the rows do not have their length');
  const rgb = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) {
    const filter = FILTERS[rows[y * (row + 1)]!]!;
    for (let x = 0; x < row; x++) {
      const at = y * row + x;
      const left = x < 3 ? 0 : rgb[at - 3]!;
      const above = y === 0 ? 0 : rgb[at - row]!;
      const corner = x < 3 || y === 0 ? 0 : rgb[at - row - 3]!;
      rgb[at] = rows[y * (row + 1) + 1 + x]! + filter(left, above, corner);
    }
  }
  return { width, height, rgb };
}
