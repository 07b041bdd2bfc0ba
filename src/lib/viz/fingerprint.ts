/**
 * Names a file's content without reading all of it: length, and a 64-bit hash of its first and last 64 KiB. Not
 * `crypto.subtle`: plain http from a LAN address is no secure context. Not for security.
 * @param part which of several states in the file is meant
 */
const EDGE = 0x10000;

export async function fingerprint(file: Blob, part?: string): Promise<string> {
  const head = await file.slice(0, EDGE).arrayBuffer();
  const tail = file.size > EDGE ? await file.slice(Math.max(EDGE, file.size - EDGE)).arrayBuffer() : new ArrayBuffer(0);
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const part of [head, tail]) {
    for (const byte of new Uint8Array(part)) {
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ byte, 0x5bd1e995);
      b ^= b >>> 15;
    }
  }
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0');
  return `${file.size.toString(16)}-${hex(a)}${hex(b)}${part === undefined ? '' : `-${part}`}`;
}
