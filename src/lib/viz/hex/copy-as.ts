/** Bytes as text, in the forms that people paste. */
export const copyForms = {
  hex: (bytes: Uint8Array) => digits(bytes).join(' '),
  text: (bytes: Uint8Array) => Array.from(bytes, (b) => String.fromCharCode(b)).join(''),
  c: (bytes: Uint8Array) => `{ ${Array.from(bytes, (b) => `0x${two(b)}`).join(', ')} }`,
  dump: (bytes: Uint8Array, start: number) => dump(bytes, start)
} as const;
export type CopyForm = keyof typeof copyForms;

const two = (byte: number): string => byte.toString(16).padStart(2, '0');
const digits = (bytes: Uint8Array): string[] => Array.from(bytes, two);

/** As `hexdump -C` prints it. */
function dump(bytes: Uint8Array, start: number): string {
  const lines: string[] = [];
  for (let i = 0; i < bytes.length; i += 16) {
    const row = bytes.subarray(i, i + 16);
    const cells = digits(row);
    const halves = [cells.slice(0, 8).join(' '), cells.slice(8).join(' ')];
    const text = Array.from(row, (b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : '.')).join('');
    const offset = (start + i).toString(16).padStart(8, '0');
    lines.push(`${offset}  ${halves[0]!.padEnd(23)}  ${halves[1]!.padEnd(23)}  |${text}|`);
  }
  return lines.join('\n');
}
