/** `x` and `xp`. Source: QEMU monitor/hmp-cmds-target.c memory_dump. */
import { CPUException } from '../target/i386/env.ts';
import type { Machine } from '../machine.ts';
import { MonitorError } from './monitor-error.ts';

/** `/8xg` before the address. */
export const FORMAT = /^\s*(?:\/(\w*)\s+)?(.*)$/s;

const SIZES: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };
const LINE_BYTES = 16;
const MAX_BYTES = 1 << 20;

interface Format {
  readonly count: number;
  readonly letter: string;
  readonly size: number;
}

function formatOf(text: string): Format {
  const [, count = '', letters = ''] = /^(\d*)(\w*)$/.exec(text) ?? [];
  let letter = 'x';
  let size = 0;
  for (const c of letters) {
    if (c in SIZES) size = SIZES[c]!;
    else if ('xduotci'.includes(c)) letter = c;
    else throw new MonitorError(`invalid char in format: '${c}'`);
  }
  if (letter === 'i') throw new MonitorError('instructions are shown by the disassembly of the page, not here yet');
  const wanted = { count: count === '' ? 1 : Number(count), letter, size: size || (letter === 'c' ? 1 : 4) };
  if (wanted.count * wanted.size > MAX_BYTES) throw new MonitorError(`at most ${MAX_BYTES} bytes at a time`);
  return wanted;
}

const BASES: Readonly<Record<string, readonly [radix: number, prefix: string, bitsADigit: number]>> = {
  x: [16, '0x', 4],
  o: [8, '0', 3],
  t: [2, '0b', 1]
};

function show(value: bigint, { letter, size }: Format): string {
  const base = BASES[letter];
  if (base) {
    const [radix, prefix, bits] = base;
    return prefix + value.toString(radix).padStart(Math.ceil((size * 8) / bits), '0');
  }
  if (letter === 'd') return BigInt.asIntN(size * 8, value).toString();
  if (letter === 'u') return value.toString();
  const code = Number(value & 0xffn);
  const char = code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : `\\x${code.toString(16).padStart(2, '0')}`;
  return `'${char}'`;
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
  const wanted = formatOf(format);
  const lines: string[] = [];
  const perLine = Math.max(1, LINE_BYTES / wanted.size);
  for (let i = 0; i < wanted.count; i += perLine) {
    const address = BigInt.asUintN(64, start + BigInt(i * wanted.size));
    const values: string[] = [];
    for (let j = i; j < Math.min(i + perLine, wanted.count); j++) {
      const value = readGuest(machine, space, start + BigInt(j * wanted.size), wanted.size);
      if (value === undefined) {
        lines.push(`${address.toString(16).padStart(16, '0')}: Cannot access memory`);
        return lines.join('\n');
      }
      values.push(show(value, wanted));
    }
    lines.push(`${address.toString(16).padStart(16, '0')}: ${values.join(' ')}`);
  }
  return lines.join('\n');
}
