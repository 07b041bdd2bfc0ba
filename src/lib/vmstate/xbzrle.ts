/**
 * XBZRLE: a page as its difference from what the receiver has. Source: QEMU migration/xbzrle.c.
 *
 *   delta  ::= { zeros:uleb128 count:uleb128 byte[count] }*     zeros: bytes that stay; both numbers in at most 2 bytes
 */
import { PAGE } from './page.ts';

/** uleb128_encode_small holds 14 bits. */
function small(delta: Uint8Array, at: number): { value: number; next: number } | undefined {
  const first = delta[at]!;
  if ((first & 0x80) === 0) return { value: first, next: at + 1 };
  const second = delta[at + 1];
  if (second === undefined || (second & 0x80) !== 0) return undefined;
  return { value: (first & 0x7f) | (second << 7), next: at + 2 };
}

/**
 * Applies a delta in place (QEMU: xbzrle_decode_buffer).
 * @param page the 4096 bytes that the receiver has
 * @returns what QEMU would refuse; what came before that has been applied
 */
export function decodeXbzrle(page: Uint8Array, delta: Uint8Array): string | undefined {
  let at = 0;
  for (let i = 0; i < delta.length;) {
    if (delta.length - i < 2) return `byte ${i}: the delta ends in a run of zeros`;
    const zeros = small(delta, i);
    if (!zeros || (i > 0 && zeros.value === 0)) return `byte ${i}: bad length of a run of zeros`;
    at += zeros.value;
    if (at > PAGE) return `byte ${i}: a run of zeros beyond the page`;
    i = zeros.next;
    if (delta.length - i < 2) return `byte ${i}: the delta ends before its data`;
    const data = small(delta, i);
    if (!data || data.value === 0) return `byte ${i}: bad length of a run of data`;
    if (at + data.value > PAGE || data.next + data.value > delta.length)
      return `byte ${i}: data beyond the page or the delta`;
    page.set(delta.subarray(data.next, data.next + data.value), at);
    at += data.value;
    i = data.next + data.value;
  }
  return undefined;
}

/**
 * The delta from one page to another (QEMU: xbzrle_encode_buffer).
 * @param most bytes that the delta may take; QEMU gives a page
 * @returns empty where the pages are equal (nothing is sent then), undefined where the delta takes more than `most`
 */
export function encodeXbzrle(from: Uint8Array, to: Uint8Array, most = PAGE): Uint8Array<ArrayBuffer> | undefined {
  const out = new Uint8Array(most);
  let length = 0;
  const put = (n: number): void => {
    if (n >= 0x80) out[length++] = (n & 0x7f) | 0x80;
    out[length++] = n >= 0x80 ? n >> 7 : n;
  };
  for (let i = 0; i < PAGE;) {
    if (length + 2 > most) return undefined;
    const zeros = i;
    while (i < PAGE && from[i] === to[i]) i++;
    if (i === PAGE) break;
    put(i - zeros);
    if (length + 2 > most) return undefined;
    const data = i;
    while (i < PAGE && from[i] !== to[i]) i++;
    put(i - data);
    if (length + i - data > most) return undefined;
    out.set(to.subarray(data, i), length);
    length += i - data;
  }
  return out.slice(0, length);
}
