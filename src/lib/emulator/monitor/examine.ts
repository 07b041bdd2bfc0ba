/** `x` and `xp`. Source: QEMU monitor/hmp-cmds-target.c memory_dump, disas/disas-mon.c, disas/capstone.c. */
import { walkAddress, type Space } from '../debug/guest-memory.ts';
import type { Decoded } from '../disas/att.ts';
import { HF } from '../target/i386/env.ts';
import type { Machine } from '../machine.ts';
import { MonitorError } from './monitor-error.ts';

/** `/8xg` before the address. */
export const FORMAT = /^\s*(?:\/(\w*)\s+)?(.*)$/s;

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const MAX_BYTES = 1 << 20;
/** The longest instruction, in bytes. */
const LONGEST = 15;
/** Bytes of code in a line; what is longer goes on in the next. Source: x86_disas_set_info. */
const CODE_LINE = 8;

interface Format {
  readonly count: number;
  readonly letter: string;
  readonly size: number;
  /** Bytes of a line. */
  readonly line: number;
}

/** What is not said is as it was said last. Source: monitor_parse_arguments, default_fmt_format. */
const last = new WeakMap<Machine, Pick<Format, 'letter' | 'size'>>();

function formatOf(machine: Machine, text: string): Format {
  const [, count = '', letters = ''] = /^(\d*)(\w*)$/.exec(text) ?? [];
  let { letter, size } = last.get(machine) ?? { letter: 'x', size: 4 };
  for (const c of letters) {
    if (c in SIZES) size = SIZES[c]!;
    else if ('xduotci'.includes(c)) letter = c;
    else throw new MonitorError(`invalid char in format: '${c}'`);
  }
  last.set(machine, { letter, size });
  const times = count === '' ? 1 : Number(count);
  // Characters take every byte of what was asked for.
  const line = size === 1 ? 8 : 16;
  const wanted = letter === 'c' ? { count: times * size, letter, size: 1, line } : { count: times, letter, size, line };
  if (wanted.count * (letter === 'i' ? LONGEST : wanted.size) > MAX_BYTES)
    throw new MonitorError(`at most ${MAX_BYTES} bytes at a time`);
  return wanted;
}

const PREFIXED: Readonly<Record<string, readonly [radix: number, prefix: string, bitsADigit: number]>> = {
  x: [16, '0x', 4],
  t: [2, '0b', 1]
};

/** Source: memory_dump, monitor_printc. */
function show(value: bigint, { letter, size }: Format): string {
  const base = PREFIXED[letter];
  if (base) {
    const [radix, prefix, bits] = base;
    return prefix + value.toString(radix).padStart((size * 8) / bits, '0');
  }
  if (letter === 'o') return `0${value.toString(8).padStart(Math.ceil((size * 8) / 3))}`;
  const decimal = Math.ceil((size * 80) / 33);
  if (letter === 'd')
    return BigInt.asIntN(size * 8, value)
      .toString()
      .padStart(decimal);
  if (letter === 'u') return value.toString().padStart(decimal);
  return character(Number(value & 0xffn));
}

const octal = (value: bigint): string => (value === 0n ? '0' : `0${value.toString(8)}`);
const ESCAPES: Readonly<Record<number, string>> = { 10: '\\n', 13: '\\r', 39: "\\'", 92: '\\\\' };

function character(code: number): string {
  const plain = code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : `\\x${code.toString(16).padStart(2, '0')}`;
  return `'${ESCAPES[code] ?? plain}'`;
}

/** `print`: one value in a format. Source: do_print. */
export function printValue(machine: Machine, format: string, value: bigint): string {
  switch (formatOf(machine, format).letter) {
    case 'o':
      return octal(value);
    case 't':
      return `0b${value.toString(2)}`;
    case 'u':
      return value.toString();
    case 'd':
    case 'i':
      return BigInt.asIntN(64, value).toString();
    case 'c':
      return character(Number(value & 0xffn));
    default:
      return `0x${value.toString(16)}`;
  }
}

/** Reads a byte of guest memory; undefined where nothing is mapped. A page is translated once. */
function reader(machine: Machine, space: Space): (address: bigint) => number | undefined {
  const { cpu, memory } = machine;
  const long = (cpu.env.get('hflags') & HF.LMA) !== 0;
  let page: bigint | undefined;
  let there: number | undefined;
  return (address) => {
    const at = BigInt.asUintN(space === 'virtual' && !long ? 32 : 64, address);
    if (space === 'virtual' && at >> 12n !== page) {
      page = at >> 12n;
      there = walkAddress(machine, page << 12n).gpa;
    }
    const gpa = space === 'physical' ? Number(at) : there === undefined ? undefined : there + Number(at & 0xfffn);
    return gpa === undefined || !memory.find(gpa) ? undefined : memory.read(gpa, 1) & 0xff;
  };
}

/** Little-endian; undefined where not all of it is mapped. */
function valueAt(read: (address: bigint) => number | undefined, address: bigint, size: number): bigint | undefined {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) {
    const byte = read(address + BigInt(i));
    if (byte === undefined) return undefined;
    value = (value << 8n) | BigInt(byte);
  }
  return value;
}

/** Source: cap_dump_insn. */
function codeLines(address: bigint, bytes: readonly number[], { mnemonic, operands }: Decoded): string[] {
  const at = (offset: number): string => `0x${(address + BigInt(offset)).toString(16).padStart(8, '0')}: `;
  const hex = (from: number): string =>
    bytes
      .slice(from, from + CODE_LINE)
      .map((byte) => ` ${byte.toString(16).padStart(2, '0')}`)
      .join('');
  const first = `${at(0)}${hex(0).padEnd(3 * CODE_LINE)}  ${mnemonic.padEnd(8)} ${operands}`;
  const more = Array.from({ length: Math.ceil(bytes.length / CODE_LINE) - 1 }, (_, n) => (n + 1) * CODE_LINE);
  return [first, ...more.map((offset) => at(offset) + hex(offset))];
}

/** `x/4i $pc`: code, in the mode that the CPU is in. Source: monitor_disas, cap_disas_monitor. */
export async function examineCode(machine: Machine, space: Space, format: string, start: bigint): Promise<string> {
  const { disassembler } = await import('../disas/att.ts');
  const decode = await disassembler();
  const { count } = formatOf(machine, format);
  const hflags = machine.cpu.env.get('hflags');
  const bitness = hflags & HF.CS64 ? 64 : hflags & HF.CS32 ? 32 : 16;
  const read = reader(machine, space);
  const lines: string[] = [];
  let address = BigInt.asUintN(64, start);
  for (let n = 0; n < count; n++) {
    const bytes: number[] = [];
    for (let byte = read(address); byte !== undefined; byte = read(address + BigInt(bytes.length))) {
      bytes.push(byte);
      if (bytes.length === LONGEST) break;
    }
    const decoded = decode(Uint8Array.from(bytes), address, bitness);
    if (!decoded) {
      lines.push(`0x${address.toString(16).padStart(8, '0')}: unable to read memory`);
      break;
    }
    lines.push(...codeLines(address, bytes.slice(0, decoded.length), decoded));
    address = BigInt.asUintN(64, address + BigInt(decoded.length));
  }
  return lines.join('\n');
}

/** Whether a format asks for instructions. */
export const wantsCode = (machine: Machine, format: string): boolean => formatOf(machine, format).letter === 'i';

export function examine(machine: Machine, space: Space, format: string, start: bigint): string {
  const wanted = formatOf(machine, format);
  // Physical addresses have their own width from QEMU 11 on.
  const shown = (address: bigint): string => address.toString(16).padStart(space === 'physical' ? 8 : 16, '0');
  const read = reader(machine, space);
  const lines: string[] = [];
  const perLine = wanted.line / wanted.size;
  for (let i = 0; i < wanted.count; i += perLine) {
    const address = BigInt.asUintN(64, start + BigInt(i * wanted.size));
    const values: string[] = [];
    for (let j = i; j < Math.min(i + perLine, wanted.count); j++) {
      const value = valueAt(read, start + BigInt(j * wanted.size), wanted.size);
      if (value === undefined) {
        lines.push(`${shown(address)}: Cannot access memory`);
        return lines.join('\n');
      }
      values.push(show(value, wanted));
    }
    lines.push(`${shown(address)}: ${values.join(' ')}`);
  }
  return lines.join('\n');
}
