/** Bytes as hexadecimal digits. */

const digits: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Two digits. @param byte 0 to 255 */
export const hexByte = (byte: number): string => digits[byte]!;

/** Two digits a byte, in order, with a text between bytes. */
export function hexOf(bytes: Uint8Array, between = ''): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) text += i > 0 ? between + digits[bytes[i]!]! : digits[bytes[i]!]!;
  return text;
}

/** A number in hexadecimal, at least so many digits, without 0x before. Not negative. */
export const hexDigits = (value: number | bigint, digits = 1): string => value.toString(16).padStart(digits, '0');

/** `0x1f`. */
export const hex = (value: number | bigint, digits = 1): string => `0x${hexDigits(value, digits)}`;
