/** This machine's CPU as the oracle for integer instructions: registers, flags and memory in, one instruction, the same out. */
import { spawnSync } from 'node:child_process';
import { nativeProgram, noNativeProgram } from './native-program.ts';

export const CODE = 0x20_0000;
export const DATA = 0x30_0000;
export const DATA_BYTES = 8192;
const TEST_BYTES = 16 + 16 * 8 + 16;
const RESULT_BYTES = 16 * 8 + 3 * 8 + 8;

export interface InsnTest {
  readonly code: Uint8Array;
  readonly regs: readonly bigint[];
  readonly flags: number;
  /** Of the data pages: `fillData`. */
  readonly seed: number;
  /** Of the code in its page. */
  readonly offset: number;
  /** 32-bit code in compatibility mode. */
  readonly is32: boolean;
}
export interface InsnResult {
  readonly regs: readonly bigint[];
  readonly rip: bigint;
  readonly cr2: bigint;
  readonly hash: bigint;
  readonly flags: number;
  /** Vector: 3 after an instruction that ran. */
  readonly trap: number;
  readonly error: number;
}

/** The same bytes that the native program puts there. */
export function fillData(data: Uint8Array, seed: number): void {
  const words = new Uint32Array(data.buffer, data.byteOffset, DATA_BYTES / 4);
  let x = seed >>> 0;
  for (let i = 0; i < words.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    words[i] = x ^ (x >>> 16);
  }
}
export function hashData(data: Uint8Array): bigint {
  const words = new BigUint64Array(data.buffer, data.byteOffset, DATA_BYTES / 8);
  let hash = 0xcbf29ce484222325n;
  for (const word of words) hash = BigInt.asUintN(64, (hash ^ word) * 0x100000001b3n);
  return hash;
}

/** Why there is no such oracle here, undefined where there is. */
export const noNativeInsn = noNativeProgram;

export function runNatively(tests: readonly InsnTest[]): InsnResult[] {
  const input = Buffer.alloc(tests.length * TEST_BYTES);
  tests.forEach((test, index) => {
    const at = index * TEST_BYTES;
    input.set(test.code, at);
    test.regs.forEach((value, reg) => input.writeBigUInt64LE(value, at + 16 + 8 * reg));
    [test.flags, test.seed, test.offset, test.is32 ? 1 : 0].forEach((value, word) =>
      input.writeUInt32LE(value, at + 144 + 4 * word)
    );
  });
  const { status, signal, stdout } = spawnSync(nativeProgram('insn'), { input, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`the native program ended with ${status ?? signal}`);
  return tests.map((_, index) => {
    const at = index * RESULT_BYTES;
    return {
      regs: Array.from({ length: 16 }, (__, reg) => stdout.readBigUInt64LE(at + 8 * reg)),
      rip: stdout.readBigUInt64LE(at + 128),
      cr2: stdout.readBigUInt64LE(at + 136),
      hash: stdout.readBigUInt64LE(at + 144),
      flags: stdout.readUInt32LE(at + 152),
      trap: stdout.readUInt16LE(at + 156),
      error: stdout.readUInt16LE(at + 158)
    };
  });
}
