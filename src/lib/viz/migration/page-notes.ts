/**
 * What a recording says of single pages: arrays as base64, little-endian. `writers` of a synchronisation's block is
 * `{names, of}`, `of` with an u16 a dirty page; a block of `pages` is `{block, page, how, bytes}`, with an u32, an u8 and an
 * u16 a page. Of a file nothing is believed.
 */
import type { PageWriters, SentBlock } from '../../emulator/migration-api.ts';
import { isObject, type Json } from '../../vmstate/json.ts';

/** Bytes at a time: a call has only so many arguments. */
const PIECE = 0x8000;

export function base64Of({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return btoa(text);
}

/** Undefined where it is no base64. */
export function bytesOf(text: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

export const writersNote = ({ names, of }: PageWriters): Json => ({ names, of: base64Of(of) });
/** Undefined where it is not sound. */
export function readWriters(json: unknown): PageWriters | undefined {
  if (!isObject(json) || !Array.isArray(json.names)) return undefined;
  const names: readonly unknown[] = json.names;
  const bytes = bytesOf(json.of);
  if (!bytes || bytes.length % 2 !== 0 || !names.every((name) => typeof name === 'string')) return undefined;
  const of = new Uint16Array(bytes.buffer);
  return of.every((n) => n < names.length) ? { names: names as readonly string[], of } : undefined;
}

export const sentNote = ({ block, page, how, bytes }: SentBlock): Json => ({
  ...{ block, page: base64Of(page) },
  ...{ how: base64Of(how), bytes: base64Of(bytes) }
});
/** Undefined where it is not sound. */
export function readSent(json: unknown): SentBlock | undefined {
  if (!isObject(json) || typeof json.block !== 'string') return undefined;
  const [page, how, bytes] = [bytesOf(json.page), bytesOf(json.how), bytesOf(json.bytes)];
  if (!page || !how || !bytes) return undefined;
  if (page.length !== 4 * how.length || bytes.length !== 2 * how.length || how.some((kind) => kind > 3))
    return undefined;
  return { block: json.block, page: new Uint32Array(page.buffer), how, bytes: new Uint16Array(bytes.buffer) };
}
