/** What the next instruction does to the flow of control: what stepping over and out has to know. */
import type { TcgCpu } from './accel/tcg/cpu-exec.ts';
import { pcOf } from './cpu-view.ts';
import { CPUException, HF } from './target/i386/env.ts';
import { decode } from './target/i386/isa/decode.ts';

export interface StepKind {
  /** It comes back behind itself: CALL, INT, SYSCALL, a repeated string instruction. */
  readonly calls: boolean;
  /** RET or IRET. */
  readonly returns: boolean;
  /** Bytes; 0 where it cannot be decoded. */
  readonly length: number;
}

const LONGEST = 15;
const CALLS = /^(call|int|syscall|sysenter|loop)/;
const RETURNS = /^(ret|iret|lret|sysret|sysexit)/;

export function stepKind(cpu: TcgCpu): StepKind {
  const bytes = new Uint8Array(LONGEST);
  const pc = pcOf(cpu);
  let read = 0;
  try {
    while (read < LONGEST) bytes[read] = cpu.mmu.load8(BigInt.asUintN(64, pc + BigInt(read++)), 'kernel');
  } catch (error) {
    if (!(error instanceof CPUException)) throw error;
    read--;
  }
  const hflags = cpu.env.get('hflags');
  const insn = decode(bytes, 0, hflags & HF.CS64 ? 64 : hflags & HF.CS32 ? 32 : 16, read);
  if (typeof insn === 'string') return { calls: false, returns: false, length: 0 };
  const { name } = insn.row;
  return { calls: CALLS.test(name) || insn.rep !== 'none', returns: RETURNS.test(name), length: insn.length };
}
