/** The bytes at a place as every type: integers of both byte orders, floats, times, text. */
export interface Interpretation {
  readonly name: string;
  /** Bytes it takes. */
  readonly bytes: number;
  /** QEMU's streams are big-endian, guest memory is little-endian. */
  readonly big: string;
  readonly little: string;
}

const float = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : `${value}`;

const rows: readonly (readonly [name: string, bytes: number, read: (view: DataView, little: boolean) => string])[] = [
  ['int8', 1, (v) => `${v.getInt8(0)}`],
  ['uint8', 1, (v) => `${v.getUint8(0)}`],
  ['int16', 2, (v, le) => `${v.getInt16(0, le)}`],
  ['uint16', 2, (v, le) => `${v.getUint16(0, le)}`],
  ['int32', 4, (v, le) => `${v.getInt32(0, le)}`],
  ['uint32', 4, (v, le) => `${v.getUint32(0, le)}`],
  ['int64', 8, (v, le) => `${v.getBigInt64(0, le)}`],
  ['uint64', 8, (v, le) => `${v.getBigUint64(0, le)}`],
  ['hex64', 8, (v, le) => `0x${v.getBigUint64(0, le).toString(16)}`],
  ['float32', 4, (v, le) => float(v.getFloat32(0, le))],
  ['float64', 8, (v, le) => float(v.getFloat64(0, le))],
  ['Unix time', 4, (v, le) => unixTime(v.getUint32(0, le))],
  ['bits', 1, (v) => v.getUint8(0).toString(2).padStart(8, '0')]
];

const unixTime = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');

/** At most as many as fit into the bytes that are there. */
export function interpret(bytes: Uint8Array): readonly Interpretation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return rows
    .filter(([, size]) => size <= bytes.length)
    .map(([name, size, read]) => ({ name, bytes: size, big: read(view, false), little: read(view, true) }));
}

/** Printable text that begins here, or an empty string. */
export function textAt(bytes: Uint8Array): string {
  let end = 0;
  while (end < bytes.length && bytes[end]! >= 0x20 && bytes[end]! < 0x7f) end++;
  return String.fromCharCode(...bytes.subarray(0, end));
}
