/** Streams built by hand, byte by byte, as the grammar at the top of savevm.ts and ram.ts has them. */
export type Piece = number | string | Uint8Array | readonly Piece[];

/** Numbers are bytes, strings Latin-1. */
export function bytes(...pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const put = (piece: Piece): void => {
    if (typeof piece === 'number') out.push(piece & 0xff);
    else if (typeof piece === 'string') for (const c of piece) out.push(c.charCodeAt(0) & 0xff);
    else for (const p of piece) put(p);
  };
  put(pieces);
  return Uint8Array.from(out);
}

const be = (size: number, value: number | bigint): number[] =>
  Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(8 * (size - 1 - i))) & 0xffn));
export const u16be = (value: number): number[] => be(2, value);
export const u32be = (value: number): number[] => be(4, value);
export const u64be = (value: number | bigint): number[] => be(8, value);
export const counted = (text: string): Piece => [text.length, text];
export const zeros = (n: number): number[] => new Array<number>(n).fill(0);

export const HEADER = bytes('QEVM', u32be(3));
export const EOF = 0x00;

/** The configuration section with subsections as given. */
export const configuration = (machine: string, ...subsections: Piece[]): Piece => [
  0x07,
  u32be(machine.length),
  machine,
  ...subsections
];
export const subsection = (name: string, version: number, ...body: Piece[]): Piece => [
  0x05,
  counted(name),
  u32be(version),
  ...body
];
export const capabilities = (...names: string[]): Piece =>
  subsection('configuration/capabilities', 1, u32be(names.length), names.map(counted));

const head = (type: number, id: number, name: string, version: number, instance: number): Piece => [
  type,
  u32be(id),
  counted(name),
  u32be(instance),
  u32be(version)
];
export const footer = (id: number): Piece => [0x7e, u32be(id)];

export const start = (id: number, name: string, version: number, ...body: Piece[]): Piece => [
  head(1, id, name, version, 0),
  ...body,
  footer(id)
];
export const full = (id: number, name: string, version: number, ...body: Piece[]): Piece => [
  head(4, id, name, version, 0),
  ...body,
  footer(id)
];
export const part = (id: number, ...body: Piece[]): Piece => [2, u32be(id), ...body, footer(id)];
export const end = (id: number, ...body: Piece[]): Piece => [3, u32be(id), ...body, footer(id)];
export const command = (number: number, ...payload: Piece[]): Piece => [
  8,
  u16be(number),
  u16be(bytes(...payload).length),
  ...payload
];

/** The block list and the end of the START section of "ram". */
export const ramStart = (blocks: readonly (readonly [name: string, length: number, ...more: Piece[]])[]): Piece => [
  u64be(blocks.reduce((sum, [, length]) => sum + length, 0) + 4),
  blocks.map(([name, length, ...more]) => [counted(name), u64be(length), ...more]),
  EOS
];
export const EOS: Piece = u64be(0x10);
export const zeroPage = (offset: number, block?: string): Piece => [
  u64be(offset + 2 + (block === undefined ? 0x20 : 0)),
  block === undefined ? [] : counted(block),
  0
];
export const page = (offset: number, fill: number, block?: string): Piece => [
  u64be(offset + 8 + (block === undefined ? 0x20 : 0)),
  block === undefined ? [] : counted(block),
  new Array<number>(4096).fill(fill)
];
