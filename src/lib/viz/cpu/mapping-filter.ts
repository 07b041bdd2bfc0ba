/** Narrows a list of mappings: by rights (`x`, `w`, `u`, with `!` before them), or by an address they hold. */
import type { Mapping } from '../../emulator/api.ts';
import { parseNumber } from '../places.ts';

/** `rwx` of ls, with `u` for what user mode may touch. */
export const rightsText = ({ flags }: Pick<Mapping, 'flags'>): string =>
  `r${flags.includes('R/W') ? 'w' : '-'}${flags.includes('XD') ? '-' : 'x'}${flags.includes('U/S') ? 'u' : '-'}`;

/** Words are joined by and. A word is rights, `gpa:` and an address, or a virtual address; anything else finds none. */
export function filterMappings(mappings: readonly Mapping[], query: string): readonly Mapping[] {
  const tests = query.trim().toLowerCase().split(/\s+/).filter(Boolean).map(testOf);
  return tests.length === 0 ? mappings : mappings.filter((m) => tests.every((test) => test(m)));
}

function testOf(word: string): (mapping: Mapping) => boolean {
  const rights = /^(!?)([wxu])$/.exec(word);
  if (rights) return (m) => rightsText(m).includes(rights[2]!) === (rights[1] === '');
  const gpa = /^gpa:(.+)$/.exec(word);
  const address = parseNumber(gpa ? gpa[1]! : word);
  if (address === undefined) return () => false;
  if (gpa) return (m) => address >= BigInt(m.gpa) && address < BigInt(m.gpa) + BigInt(m.bytes);
  return (m) => address >= m.gva && address < m.gva + BigInt(m.bytes);
}
