/** Addresses as a person types them: hexadecimal, with or without `0x`, digits grouped by `_` or `` ` ``. */
export function parseAddress(text: string): bigint | undefined {
  const digits = text.trim().replace(/[_`]/g, '').replace(/^0x/i, '');
  return /^[\da-f]{1,16}$/i.test(digits) ? BigInt(`0x${digits}`) : undefined;
}
