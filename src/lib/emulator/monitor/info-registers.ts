/** `info registers`, as QEMU prints it. Source: QEMU target/i386/cpu-dump.c x86_cpu_dump_state. */
import type { TcgCpu } from '../accel/tcg/cpu-exec.ts';
import { DESC } from '../target/i386/descriptors.ts';
import { cpu_compute_eflags } from '../target/i386/eflags.ts';
import { HF, type Env } from '../target/i386/env.ts';
import { hexDigits } from '../../vmstate/hex.ts';

/** In QEMU's order, which is not that of their numbers. */
const GENERAL = [
  ['AX', 0],
  ['BX', 3],
  ['CX', 1],
  ['DX', 2],
  ['SI', 6],
  ['DI', 7],
  ['BP', 5],
  ['SP', 4]
] as const;
const SEGMENTS = ['ES', 'CS', 'SS', 'DS', 'FS', 'GS'] as const;
const FLAGS = [
  [0x400, 'D'],
  [0x800, 'O'],
  [0x80, 'S'],
  [0x40, 'Z'],
  [0x10, 'A'],
  [0x4, 'P'],
  [0x1, 'C']
] as const;
/** Types of system segments outside and inside of long mode. */
const SYSTEM_TYPES = [
  (
    'Reserved TSS16-avl LDT TSS16-busy CallGate16 TaskGate IntGate16 TrapGate16 ' +
    'Reserved TSS32-avl Reserved TSS32-busy CallGate32 Reserved IntGate32 TrapGate32'
  ).split(' '),
  (
    '<hiword> Reserved LDT Reserved Reserved Reserved Reserved Reserved ' +
    'Reserved TSS64-avl Reserved TSS64-busy CallGate64 Reserved IntGate64 TrapGate64'
  ).split(' ')
] as const;
const XCR0_SSE_AVX = 6n;

const q = (value: bigint): string => hexDigits(value, 16);
const d = (value: number): string => hexDigits(value >>> 0, 8);
const low = (value: bigint): string => hexDigits(BigInt.asUintN(32, value), 8);

/** @returns lines as of `info registers` for CPU 0, the empty first one included */
export function infoRegisters({ env }: TcgCpu): string {
  const hflags = env.get('hflags');
  const code64 = (hflags & HF.CS64) !== 0;
  const long = (hflags & HF.LMA) !== 0;
  return [
    ...['', 'CPU#0'],
    ...generalRegisters(env, code64),
    ...segmentRegisters(env, hflags),
    ...tablesAndControl(env, long ? q : low),
    `EFER=${q(env.get64('efer'))}`,
    ...fpu(env),
    ...vectors(env, code64 ? 16 : 8)
  ].join('\n');
}

/** Words in rows of so many. */
function rows(words: readonly string[], perRow: number): string[] {
  return words.flatMap((_, i) => (i % perRow === 0 ? [words.slice(i, i + perRow).join(' ')] : []));
}

function generalRegisters(env: Env, code64: boolean): string[] {
  const [letter, show] = code64 ? (['R', q] as const) : (['E', low] as const);
  const words = GENERAL.map(([name, n]) => `${letter}${name}=${show(env.get64('regs', n))}`);
  if (code64) for (let n = 8; n < 16; n++) words.push(`${`R${n}`.padEnd(3)}=${q(env.get64('regs', n))}`);
  const eflags = cpu_compute_eflags(env);
  const hflags = env.get('hflags');
  const flags = FLAGS.map(([bit, name]) => (eflags & bit ? name : '-')).join('');
  const state =
    `${letter}IP=${show(env.get64('eip'))} ${letter}FL=${d(eflags)} [${flags}] CPL=${hflags & HF.CPL} ` +
    `II=${env.get('inhibit_irq') === 0 ? 0 : 1} A20=${(env.get('a20_mask') >>> 20) & 1} SMM=${hflags & HF.SMM ? 1 : 0} ` +
    `HLT=${env.get('halted')}`;
  return [...rows(words, 4), state];
}

/** Source: cpu_x86_dump_seg_cache. */
function segmentRegisters(env: Env, hflags: number): string[] {
  const line = (name: string, selector: number, base: bigint, limit: number, flags: number): string => {
    const cache =
      `${name.padEnd(3)}=${hexDigits(selector, 4)} ${hflags & HF.CS64 ? q(base) : low(base)} ${d(limit)} ` +
      d(flags & 0x00ffff00);
    const valid = hflags & HF.PE && flags & DESC.P;
    return valid ? `${cache} DPL=${(flags >> DESC.DPL_SHIFT) & 3} ${kindOf(flags, (hflags & HF.LMA) !== 0)}` : cache;
  };
  return [
    ...SEGMENTS.map((name, i) =>
      line(name, env.get('seg_selector', i), env.get64('seg_base', i), env.get('seg_limit', i), env.get('seg_flags', i))
    ),
    line('LDT', env.get('ldt_selector'), env.get64('ldt_base'), env.get('ldt_limit'), env.get('ldt_flags')),
    line('TR', env.get('tr_selector'), env.get64('tr_base'), env.get('tr_limit'), env.get('tr_flags'))
  ];
}

function kindOf(flags: number, long: boolean): string {
  if (!(flags & DESC.S)) return SYSTEM_TYPES[long ? 1 : 0][(flags >> 8) & 15]!;
  const accessed = flags & DESC.A ? 'A' : '-';
  if (flags & DESC.CS) {
    const size = flags & DESC.L ? 'CS64' : flags & DESC.B ? 'CS32' : 'CS16';
    return `${size} [${flags & DESC.C ? 'C' : '-'}${flags & DESC.R ? 'R' : '-'}${accessed}]`;
  }
  const size = flags & DESC.B || long ? 'DS  ' : 'DS16';
  return `${size} [${flags & DESC.C ? 'E' : '-'}${flags & DESC.W ? 'W' : '-'}${accessed}]`;
}

function tablesAndControl(env: Env, show: (value: bigint) => string): string[] {
  const cr = (n: number): bigint => env.get64('cr', n);
  return [
    `GDT=     ${show(env.get64('gdt_base'))} ${d(env.get('gdt_limit'))}`,
    `IDT=     ${show(env.get64('idt_base'))} ${d(env.get('idt_limit'))}`,
    `CR0=${low(cr(0))} CR2=${show(cr(2))} CR3=${show(cr(3))} CR4=${low(cr(4))}`,
    [0, 1, 2, 3].map((n) => `DR${n}=${q(env.get64('dr', n))} `).join(''),
    `DR6=${q(env.get64('dr', 6))} DR7=${q(env.get64('dr', 7))}`
  ];
}

function fpu(env: Env): string[] {
  const top = env.get('fpstt');
  const status = (env.get('fpus') & 0xc7ff) | ((top & 7) << 11);
  const tagsAt = env.base + env.offsetOf('fptags');
  const valid = [0, 1, 2, 3, 4, 5, 6, 7].reduce((bits, i) => bits | (env.u8[tagsAt + i] === 0 ? 1 << i : 0), 0);
  const at = (env.base + env.offsetOf('fpregs')) / 8;
  const registers = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => {
    return `FPR${i}=${q(env.u64[at + 2 * i]!)} ${hexDigits(env.u64[at + 2 * i + 1]! & 0xffffn, 4)}`;
  });
  return [
    `FCW=${hexDigits(env.get('fpuc'), 4)} FSW=${hexDigits(status, 4)} [ST=${top}] FTW=${hexDigits(valid, 2)} MXCSR=${d(env.get('mxcsr'))}`,
    ...rows(registers, 2)
  ];
}

/** YMM where the guest has switched it on, else XMM. */
function vectors(env: Env, count: number): string[] {
  const at = (env.base + env.offsetOf('xmm')) / 8;
  const avx = (env.get64('xcr0') & XCR0_SSE_AVX) === XCR0_SSE_AVX;
  const words = Array.from({ length: count }, (_, n) => {
    const quads = Array.from(env.u64.subarray(at + 4 * n, at + 4 * n + (avx ? 4 : 2)), q).reverse();
    return `${avx ? 'Y' : 'X'}MM${String(n).padStart(2, '0')}=${quads.join(' ')}`;
  });
  return avx ? words : rows(words, 2);
}
