/** `x` and `xp`. Source: QEMU monitor/hmp-cmds-target.c memory_dump. */
import { CPUException } from '../target/i386/env.ts';
import type { Machine } from '../machine.ts';
import { MonitorError } from './monitor-error.ts';

/** `/8xg` before the address. */
export const FORMAT = /^\s*(?:\/(\w*)\s+)?(.*)$/s;

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const MAX_BYTES = 1 << 20;

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
  if (letter === 'i') throw new MonitorError('instructions are shown by the disassembly of the page, not here yet');
  last.set(machine, { letter, size });
  const times = count === '' ? 1 : Number(count);
  // Characters take every byte of what was asked for.
  const line = size === 1 ? 8 : 16;
  const wanted = letter === 'c' ? { count: times * size, letter, size: 1, line } : { count: times, letter, size, line };
  if (wanted.count * wanted.size > MAX_BYTES) throw new MonitorError(`at most ${MAX_BYTES} bytes at a time`);
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
      return BigInt.asIntN(64, value).toString();
    case 'c':
      return character(Number(value & 0xffn));
    default:
      return `0x${value.toString(16)}`;
  }
}

/** Guest memory; undefined where nothing is mapped. Little-endian. */
export function readGuest(
  { cpu, memory }: Machine,
  space: 'virtual' | 'physical',
  address: bigint,
  size: number
): bigint | undefined {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) {
    const at = BigInt.asUintN(64, address + BigInt(i));
    if (space === 'physical' && !memory.find(Number(at))) return undefined;
    if (space === 'physical') value = (value << 8n) | BigInt(memory.read(Number(at), 1) & 0xff);
    else {
      try {
        value = (value << 8n) | BigInt(cpu.mmu.load8(at, 'kernel'));
      } catch (error) {
        if (error instanceof CPUException) return undefined;
        throw error;
      }
    }
  }
  return value;
}

export function examine(machine: Machine, space: 'virtual' | 'physical', format: string, start: bigint): string {
  const wanted = formatOf(machine, format);
  // Physical addresses have their own width from QEMU 11 on.
  const shown = (address: bigint): string => address.toString(16).padStart(space === 'physical' ? 8 : 16, '0');
  const lines: string[] = [];
  const perLine = wanted.line / wanted.size;
  for (let i = 0; i < wanted.count; i += perLine) {
    const address = BigInt.asUintN(64, start + BigInt(i * wanted.size));
    const values: string[] = [];
    for (let j = i; j < Math.min(i + perLine, wanted.count); j++) {
      const value = readGuest(machine, space, start + BigInt(j * wanted.size), wanted.size);
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
