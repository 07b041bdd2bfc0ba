/**
 * Which functions were called, found on the stack without the program's help: by frame pointers where they are kept, else
 * by values that a CALL stands in front of. Names say which of those called the function that was found before.
 */
import type { TcgCpu } from '../accel/tcg/cpu-exec.ts';
import { pcOf, stackOf } from '../cpu-view.ts';
import type { Frame } from '../machine-api.ts';
import type { Machine } from '../machine.ts';
import type { Symbols } from '../symbols.ts';
import { HF, R_EBP } from '../target/i386/env.ts';
import { decode } from '../target/i386/isa/decode.ts';
import type { CodeSize } from '../target/i386/isa/insn.ts';
import { readMemory, walkAddress } from './guest-memory.ts';

/** Bytes of stack that are looked at, and frames that are told, at most. */
const DEPTH = 8192;
const MOST_FRAMES = 64;
/** Lengths of a near CALL; the frequent first. */
const CALL_LENGTHS = [5, 2, 3, 6, 7, 4, 8];
const LONGEST_CALL = 8;

const modeOf = ({ env }: TcgCpu): CodeSize => {
  const hflags = env.get('hflags');
  return hflags & HF.CS64 ? 64 : hflags & HF.CS32 ? 32 : 16;
};

/** The near CALL in front of an address: where it goes, as far as it says so. */
export function callBefore(bytes: Uint8Array, address: bigint, mode: CodeSize): { target?: bigint } | undefined {
  for (const length of CALL_LENGTHS) {
    if (length > bytes.length) continue;
    const insn = decode(bytes, bytes.length - length, mode, bytes.length);
    if (typeof insn === 'string' || insn.length !== length || !/^call/.test(insn.row.name)) continue;
    const [operand] = insn.operands;
    if (operand?.kind !== 'rel') return {};
    return { target: BigInt.asUintN(mode === 64 ? 64 : 32, address + BigInt(operand.value)) };
  }
  return undefined;
}

/** The innermost function first. Real mode's far calls are not found. */
export function callChain(machine: Machine, symbols: Symbols | undefined): readonly Frame[] {
  const { cpu } = machine;
  const mode = modeOf(cpu);
  const width = mode === 64 ? 8 : mode === 32 ? 4 : 2;
  const top = stackOf(cpu);
  const bytes = readMemory(machine, 'virtual', top, DEPTH);
  const view = new DataView(bytes.buffer);
  const valueAt = (at: number): bigint =>
    width === 8
      ? view.getBigUint64(at, true)
      : BigInt(width === 4 ? view.getUint32(at, true) : view.getUint16(at, true));
  const frame = (address: bigint, stack: bigint, how: Frame['how']): Frame => ({
    ...{ address, stack, how },
    name: symbols?.nameOf(address)
  });
  const frames: Frame[] = [frame(pcOf(cpu), top, 'runs')];
  /** Offset on the stack of the frame pointer that is next in the chain. */
  let pointer = Number(BigInt.asIntN(64, cpu.env.get64('regs', R_EBP) - top));
  for (let at = 0; at + width <= bytes.length && frames.length < MOST_FRAMES; at += width) {
    const value = valueAt(at);
    const call = codeBefore(machine, value, mode);
    if (at > pointer + width || pointer % width !== 0) pointer = -1;
    if (!call) continue;
    const stack = top + BigInt(at);
    if (pointer >= 0 && at === pointer + width) {
      pointer = Number(BigInt.asIntN(64, valueAt(at - width) - top));
      frames.push(frame(value, stack, 'frame pointer'));
      continue;
    }
    const callee = call.target === undefined ? undefined : symbols?.functionOf(call.target);
    const calls = callee !== undefined && callee === symbols?.functionOf(frames.at(-1)!.address);
    frames.push(frame(value, stack, calls ? 'calls' : 'guess'));
  }
  return frames;
}

function codeBefore(machine: Machine, address: bigint, mode: CodeSize): { target?: bigint } | undefined {
  // Small numbers and flags are no addresses of code; most of a stack is sorted out here.
  if (address < 0x1000n && mode !== 16) return undefined;
  const walk = walkAddress(machine, address - 1n);
  if (walk.gpa === undefined || walk.steps.some(({ flags }) => flags.includes('XD'))) return undefined;
  const bytes = readMemory(machine, 'virtual', address - BigInt(LONGEST_CALL), LONGEST_CALL);
  return bytes.length === LONGEST_CALL ? callBefore(bytes, address, mode) : undefined;
}
