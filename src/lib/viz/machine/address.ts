/** Addresses as a person types them: hexadecimal with `0x`, digits grouped by `_` or `` ` ``; else the name of a symbol. */

/** @param lookUp the address of a symbol @throws where it is neither */
export async function addressFrom(
  text: string,
  lookUp: (name: string) => Promise<bigint | undefined>
): Promise<bigint> {
  const trimmed = text.trim();
  const [, digits] = /^0x([\da-f]{1,16})$/i.exec(trimmed.replace(/[_`]/g, '')) ?? [];
  if (digits !== undefined) return BigInt(`0x${digits}`);
  const address = await lookUp(trimmed);
  if (address === undefined) throw new Error(`'${trimmed}' is no address (0x…) and no symbol that is known`);
  return address;
}
