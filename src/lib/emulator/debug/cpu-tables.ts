/** The tables that CPU registers point to, decoded: GDT, LDT, IDT, TSS. SDM 3A 3.5, 6.11, 8.2. */
import { hex } from '../../vmstate/hex.ts';
import type { Sheet, SheetRow } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import type { Symbols } from '../symbols.ts';
import { DESC, Descriptor, TYPE } from '../target/i386/descriptors.ts';
import { EXCP, HF } from '../target/i386/env.ts';
import { readMemory } from './guest-memory.ts';

const MOST_DESCRIPTORS = 8192;
const TYPE_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(TYPE).map(([name, type]) => [type, name.toLowerCase().replaceAll('_', ' ')])
);
/** In long mode the 32-bit kinds are 64-bit ones. SDM 3A 3.5, table 3-2. */
const typeName = (type: number, long: boolean): string => {
  const name = TYPE_NAMES[type] ?? `type ${type}`;
  return long ? name.replace('32', '64') : name;
};
const EXCEPTIONS: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(EXCP).map(([name, vector]) => [vector, `#${name}`])
);

/** `code, readable, 64-bit` */
function segmentText({ e2, isCode }: Descriptor): string {
  const has = (bit: number): boolean => (e2 & bit) !== 0;
  const size = has(DESC.L) ? '64-bit' : has(DESC.B) ? '32-bit' : '16-bit';
  const rights = isCode
    ? ['code', has(DESC.R) && 'readable', has(DESC.C) && 'conforming']
    : ['data', has(DESC.W) && 'writable', has(DESC.C) && 'expand-down'];
  return [...rights, size, has(DESC.A) && 'accessed'].filter(Boolean).join(', ');
}

/** One of GDT and LDT. In long mode a system descriptor takes two places. */
function descriptorTable(machine: Machine, title: string, base: bigint, limit: number, local: boolean): Sheet {
  const bytes = readMemory(machine, 'virtual', base, Math.min(limit + 1, MOST_DESCRIPTORS * 8));
  const view = new DataView(bytes.buffer);
  const long = (machine.cpu.env.get('hflags') & HF.LMA) !== 0;
  const rows: SheetRow[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const d = new Descriptor(view.getUint32(at, true), view.getUint32(at + 4, true));
    if (d.e1 === 0 && d.e2 === 0) continue;
    const selector = hex(at | (local ? 4 : 0), 4);
    const present = d.present ? 'present' : 'not present';
    if (d.e2 & DESC.S) {
      rows.push({ cells: [selector, segmentText(d), hex(d.base, 8), hex(d.limit, 8), String(d.dpl), present] });
      continue;
    }
    const wide = long && at + 16 <= bytes.length;
    const address = wide ? (BigInt(view.getUint32(at + 8, true)) << 32n) | BigInt(d.base) : BigInt(d.base);
    const name = typeName(d.type, long);
    rows.push({ cells: [selector, name, hex(address, 8), hex(d.limit, 8), String(d.dpl), present] });
    if (wide) at += 8;
  }
  const columns = ['selector', 'what', 'base', 'limit', 'DPL', ''];
  return {
    title,
    columns,
    rows,
    none: limit === 0 ? 'It has no limit: there is none.' : 'It is empty, or not mapped.'
  };
}

function idt(machine: Machine, symbols: Symbols | undefined): Sheet {
  const { env } = machine.cpu;
  const [base, limit] = [env.get64('idt_base'), env.get('idt_limit')];
  const title = `IDT at ${hex(base)}, limit ${hex(limit)}`;
  const long = (env.get('hflags') & HF.LMA) !== 0;
  const size = long ? 16 : env.get('hflags') & HF.PE ? 8 : 4;
  const bytes = readMemory(machine, 'virtual', base, Math.min(limit + 1, 256 * size));
  const view = new DataView(bytes.buffer);
  const rows: SheetRow[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    const vector = at / size;
    const number = `${hex(vector, 2)}${EXCEPTIONS[vector] === undefined ? '' : ` ${EXCEPTIONS[vector]}`}`;
    if (size === 4) {
      const [offset, segment] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
      const code = BigInt(segment * 16 + offset);
      rows.push({ cells: [number, `${hex(segment, 4)}:${hex(offset, 4)}`, 'real mode', '', ''], code });
      continue;
    }
    const d = new Descriptor(view.getUint32(at, true), view.getUint32(at + 4, true));
    if (d.e1 === 0 && d.e2 === 0) continue;
    const high = long ? BigInt(view.getUint32(at + 8, true)) << 32n : 0n;
    const offset = high | BigInt(((d.e2 & 0xffff_0000) | (d.e1 & 0xffff)) >>> 0);
    const target = `${hex(d.e1 >>> 16, 4)}:${hex(offset, 8)}`;
    const ist = long && view.getUint8(at + 4) & 7 ? `, IST ${view.getUint8(at + 4) & 7}` : '';
    const kind = `${typeName(d.type, long)}, DPL ${d.dpl}${ist}${d.present ? '' : ', not present'}`;
    rows.push({ cells: [number, target, kind, symbols?.nameOf(offset) ?? ''], code: offset });
  }
  return { title, columns: ['vector', 'handler', 'gate', 'name'], rows, none: 'It is empty, or not mapped.' };
}

/** SDM 3A figures 8-2, 8-11: name, offset, bytes. */
const TSS64: readonly (readonly [string, number, number])[] = [
  ...[0, 1, 2].map((n) => [`RSP${n}`, 4 + 8 * n, 8] as const),
  ...[1, 2, 3, 4, 5, 6, 7].map((n) => [`IST${n}`, 36 + 8 * (n - 1), 8] as const),
  ['I/O map base', 102, 2]
];
const TSS32: readonly (readonly [string, number, number])[] = [
  ['previous task', 0, 2],
  ...[0, 1, 2].flatMap((n) => [[`ESP${n}`, 4 + 8 * n, 4] as const, [`SS${n}`, 8 + 8 * n, 2] as const]),
  ['CR3', 28, 4],
  ['EIP', 32, 4],
  ['EFLAGS', 36, 4],
  ...['EAX', 'ECX', 'EDX', 'EBX', 'ESP', 'EBP', 'ESI', 'EDI'].map((name, n) => [name, 40 + 4 * n, 4] as const),
  ...['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDT'].map((name, n) => [name, 72 + 4 * n, 2] as const),
  ['I/O map base', 102, 2]
];

function tss(machine: Machine): Sheet {
  const { env } = machine.cpu;
  const [base, limit] = [env.get64('tr_base'), env.get('tr_limit')];
  const bytes = readMemory(machine, 'virtual', base, Math.min(limit + 1, 104));
  const view = new DataView(bytes.buffer);
  const fields = env.get('hflags') & HF.LMA ? TSS64 : TSS32;
  const rows = fields
    .filter(([, at, size]) => at + size <= bytes.length)
    .map(([name, at, size]) => {
      const value =
        size === 8 ? view.getBigUint64(at, true) : size === 4 ? view.getUint32(at, true) : view.getUint16(at, true);
      return { cells: [name, hex(value, size * 2)] };
    });
  const title = `TSS ${hex(env.get('tr_selector'), 4)} at ${hex(base)}, limit ${hex(limit)}`;
  return { title, columns: ['field', 'value'], rows, none: 'No task register is loaded, or it is not mapped.' };
}

export function cpuTables(machine: Machine, symbols: Symbols | undefined): readonly Sheet[] {
  const { env } = machine.cpu;
  const table = (name: 'gdt' | 'ldt', local: boolean): Sheet => {
    const [base, limit] = [env.get64(`${name}_base`), env.get(`${name}_limit`)];
    const title = `${name.toUpperCase()} at ${hex(base)}, limit ${hex(limit)}`;
    return descriptorTable(machine, title, base, local && env.get('ldt_selector') === 0 ? 0 : limit, local);
  };
  return [idt(machine, symbols), table('gdt', false), table('ldt', true), tss(machine)];
}
