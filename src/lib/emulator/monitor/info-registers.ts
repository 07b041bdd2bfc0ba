/** `info registers`, as QEMU prints it. Source: QEMU target/i386/cpu-dump.c x86_cpu_dump_state. */
import type { TcgCpu } from '../accel/tcg/cpu-exec.ts';
import { cpu_compute_eflags } from '../target/i386/eflags.ts';
import { HF } from '../target/i386/env.ts';

const GENERAL = ['RAX', 'RBX', 'RCX', 'RDX', 'RSI', 'RDI', 'RBP', 'RSP'] as const;
const NUMBERS: Readonly<Record<(typeof GENERAL)[number], number>> = {
  ...{ RAX: 0, RCX: 1, RDX: 2, RBX: 3, RSP: 4, RBP: 5, RSI: 6, RDI: 7 }
};
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

const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, '0');
const q = (value: bigint): string => hex(value, 16);
const d = (value: number): string => hex(value >>> 0, 8);

export function infoRegisters(cpu: TcgCpu): string {
  const { env } = cpu;
  const lines: string[] = [];
  const row = (...parts: readonly string[]): void => void lines.push(parts.join(' '));
  for (let i = 0; i < 8; i += 4) {
    row(...GENERAL.slice(i, i + 4).map((name) => `${name}=${q(env.get64('regs', NUMBERS[name]))}`));
  }
  for (let i = 8; i < 16; i += 4) {
    row(...[0, 1, 2, 3].map((j) => `${`R${i + j}`.padEnd(3)}=${q(env.get64('regs', i + j))}`));
  }
  const eflags = cpu_compute_eflags(env);
  const hflags = env.get('hflags');
  const letters = FLAGS.map(([bit, letter]) => (eflags & bit ? letter : '-')).join('');
  row(
    ...[`RIP=${q(env.get64('eip'))}`, `RFL=${d(eflags)} [${letters}]`, `CPL=${hflags & HF.CPL}`],
    ...[`II=${env.get('inhibit_irq')}`, `A20=${(env.get('a20_mask') >>> 20) & 1}`],
    ...[`SMM=${hflags & HF.SMM ? 1 : 0}`, `HLT=${env.get('halted')}`]
  );
  SEGMENTS.forEach((name, i) => {
    row(
      ...[`${name} =${hex(env.get('seg_selector', i), 4)}`, q(env.get64('seg_base', i))],
      ...[d(env.get('seg_limit', i)), d(env.get('seg_flags', i))]
    );
  });
  for (const name of ['ldt', 'tr'] as const) {
    row(
      ...[`${name === 'ldt' ? 'LDT' : 'TR '}=${hex(env.get(`${name}_selector`), 4)}`, q(env.get64(`${name}_base`))],
      ...[d(env.get(`${name}_limit`)), d(env.get(`${name}_flags`))]
    );
  }
  for (const name of ['gdt', 'idt'] as const) {
    row(`${name.toUpperCase()}=     ${q(env.get64(`${name}_base`))} ${d(env.get(`${name}_limit`))}`);
  }
  const cr = (n: number): bigint => env.get64('cr', n);
  row(`CR0=${d(Number(cr(0)))} CR2=${q(cr(2))} CR3=${q(cr(3))} CR4=${d(Number(cr(4)))}`);
  row(...[0, 1, 2, 3].map((n) => `DR${n}=${q(env.get64('dr', n))}`));
  row(`DR6=${q(env.get64('dr', 6))} DR7=${q(env.get64('dr', 7))}`);
  row(`EFER=${q(env.get64('efer'))}`);
  row(
    ...[`FCW=${hex(env.get('fpuc') & 0xffff, 4)}`, `FSW=${hex(fpuStatus(cpu), 4)} [ST=${env.get('fpstt')}]`],
    ...[`FTW=${hex(tags(cpu), 2)}`, `MXCSR=${d(env.get('mxcsr'))}`]
  );
  const xmmAt = (env.base + env.offsetOf('xmm')) / 8;
  for (let i = 0; i < 16; i++) {
    const at = xmmAt + i * 4;
    row(`XMM${hex(i, 2)}=${q(env.u64[at + 1]!)} ${q(env.u64[at]!)}`);
  }
  return lines.join('\n');
}

const fpuStatus = ({ env }: TcgCpu): number => (env.get('fpus') & 0xc7ff) | ((env.get('fpstt') & 7) << 11);

function tags({ env }: TcgCpu): number {
  let valid = 0;
  const at = env.base + env.offsetOf('fptags');
  for (let i = 0; i < 8; i++) if (env.u8[at + i] === 0) valid |= 1 << i;
  return valid;
}
