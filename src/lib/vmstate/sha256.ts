/** SHA-256 of a source of any size, in pieces: `crypto.subtle` wants the whole at once. */
import { sha256 as incremental } from '@noble/hashes/sha2.js';
import { hexOf } from './hex.ts';
import type { ByteSource } from './source.ts';

const PIECE = 1 << 22;

/** Hex digits. */
export async function sha256(source: ByteSource): Promise<string> {
  const hash = incremental.create();
  const piece = new Uint8Array(PIECE);
  for (let at = 0; at < source.size;) {
    const n = await source.read(at, piece);
    if (n === 0) break;
    hash.update(piece.subarray(0, n));
    at += n;
  }
  return hexOf(hash.digest());
}
