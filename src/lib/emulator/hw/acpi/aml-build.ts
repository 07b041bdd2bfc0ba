/**
 * ACPI machine language, piece by piece: each function gives the bytes of one term. Names are at most four characters
 * a part; `\` and `.` as in ASL.
 * Source: ACPI 6.5 chapter 20; QEMU hw/acpi/aml-build.c.
 */

export type Aml = readonly number[];

const join = (parts: readonly Aml[]): number[] => parts.flat();
const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const dword = (value: number): number[] => [...word(value), ...word(value >>> 16)];
const ascii = (text: string): number[] => [...text].map((c) => c.charCodeAt(0));

/** What follows behind a length that counts itself. Source: build_prepend_package_length. */
function sized(body: Aml): number[] {
  if (body.length + 1 < 0x40) return [body.length + 1, ...body];
  const bytes = body.length + 2 < 0x1000 ? 1 : body.length + 3 < 0x10_0000 ? 2 : 3;
  const length = body.length + 1 + bytes;
  const rest = Array.from({ length: bytes }, (_, i) => (length >>> (4 + 8 * i)) & 0xff);
  return [(bytes << 6) | (length & 0xf), ...rest, ...body];
}

/** A name, such as `\_SB.PCI0`. */
export function name(path: string): Aml {
  const root = path.startsWith('\\') ? [0x5c] : [];
  const parts = path
    .replace(/^\\/, '')
    .split('.')
    .filter((part) => part !== '')
    .map((part) => ascii(part.padEnd(4, '_')));
  if (parts.length === 0) return [...root, 0];
  if (parts.length === 1) return [...root, ...parts[0]!];
  return [...root, ...(parts.length === 2 ? [0x2e] : [0x2f, parts.length]), ...join(parts)];
}

/** The shortest form of a number of at most 32 bits. */
export function int(value: number): Aml {
  if (value === 0 || value === 1) return [value];
  if (value <= 0xff) return [0x0a, value];
  return value <= 0xffff ? [0x0b, ...word(value)] : [0x0c, ...dword(value)];
}
export const string = (text: string): Aml => [0x0d, ...ascii(text), 0];

/** `PNP0A03` as a number. */
export function eisaid(id: string): Aml {
  const letters = [0, 1, 2].reduce((bits, i) => (bits << 5) | (id.charCodeAt(i) - 0x40), 0);
  const number = Number.parseInt(id.slice(3), 16);
  return [0x0c, letters >> 8, letters & 0xff, number >> 8, number & 0xff];
}

export const nameDecl = (path: string, value: Aml): Aml => [0x08, ...name(path), ...value];
export const scope = (path: string, ...body: Aml[]): Aml => [0x10, ...sized([...name(path), ...join(body)])];
export const device = (path: string, ...body: Aml[]): Aml => [0x5b, 0x82, ...sized([...name(path), ...join(body)])];
export const method = (path: string, args: number, serialized: boolean, ...body: Aml[]): Aml => [
  0x14,
  ...sized([...name(path), args | (serialized ? 8 : 0), ...join(body)])
];
export const packageOf = (...elements: Aml[]): Aml => [0x12, ...sized([elements.length, ...join(elements)])];
/** A processor without power states of its own. */
export const processor = (path: string, id: number): Aml => [
  ...[0x5b, 0x83],
  ...sized([...name(path), id, 0, 0, 0, 0, 0])
];

export const arg = (n: number): Aml => [0x68 + n];
export const returns = (value: Aml): Aml => [0xa4, ...value];
export const store = (value: Aml, target: Aml): Aml => [0x70, ...value, ...target];
/** `and` without a target gives the value alone. */
export const and = (a: Aml, b: Aml): Aml => [0x7b, ...a, ...b, 0];
export const or = (a: Aml, b: Aml, target: Aml): Aml => [0x7d, ...a, ...b, ...target];
export const less = (a: Aml, b: Aml): Aml => [0x95, ...a, ...b];
export const ifThen = (condition: Aml, ...body: Aml[]): Aml => [0xa0, ...sized([...condition, ...join(body)])];
export const call = (path: string, ...args: Aml[]): Aml => [...name(path), ...join(args)];
export const createDwordField = (buffer: Aml, at: number, path: string): Aml => [
  0x8a,
  ...buffer,
  ...int(at),
  ...name(path)
];

/** Spaces of an operation region. */
export const SPACE = { systemIo: 1, pciConfig: 2 } as const;
export const operationRegion = (path: string, space: number, at: number, length: number): Aml => [
  ...[0x5b, 0x80],
  ...name(path),
  space,
  ...int(at),
  ...int(length)
];
/** Bytes of a region by name, accessed one by one and kept apart. */
export const byteField = (region: string, names: readonly string[]): Aml => [
  ...[0x5b, 0x81],
  ...sized([...name(region), 0x01, ...names.flatMap((n) => [...ascii(n), 8])])
];

/** Resources, as `_CRS` and `_PRS` give them. Source: ACPI 6.5 chapter 6.4. */
export function resourceTemplate(...resources: Aml[]): Aml {
  const bytes = [...join(resources), 0x79, 0];
  return [0x11, ...sized([...int(bytes.length), ...bytes])];
}
/** Ports, decoded by 16 address bits. */
export const io = (from: number, to: number, align: number, length: number): Aml => [
  ...[0x47, 1],
  ...word(from),
  ...word(to),
  ...[align, length]
];
/** An ISA interrupt: edge-triggered, active high, not shared. */
export const irqNoFlags = (irq: number): Aml => [0x22, ...word(1 << irq)];
/** Interrupts of which one is chosen: level-triggered, active high, shared. */
export const interrupt = (irqs: readonly number[]): Aml => {
  const body = [0x09, irqs.length, ...irqs.flatMap(dword)];
  return [0x89, ...word(body.length), ...body];
};
export const memory32Fixed = (at: number, length: number): Aml => [0x86, ...word(9), 0, ...dword(at), ...dword(length)];

/** What a bridge passes on, from the first to the last one. */
export const wordBusNumber = (first: number, last: number): Aml => wordSpace(2, 0x0c, 0, first, last);
export const wordIo = (first: number, last: number): Aml => wordSpace(1, 0x0c, 3, first, last);
const wordSpace = (type: number, flags: number, typeFlags: number, first: number, last: number): Aml => [
  ...[0x88, ...word(13), type, flags, typeFlags],
  ...[0, first, last, 0, last - first + 1].flatMap(word)
];
export const dwordMemory = (first: number, last: number, cacheable: boolean): Aml => [
  ...[0x87, ...word(23), 0, 0x0c, cacheable ? 3 : 1],
  ...[0, first, last, 0, last - first + 1].flatMap(dword)
];
