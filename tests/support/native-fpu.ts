/** This machine's CPU as the oracle for floating point: whole states in, one instruction each, whole states out. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { nativeProgram, noNativeProgram } from './native-program.ts';

/** Why there is no such oracle here, undefined where there is. */
export const noNativeFpu: string | undefined =
  noNativeProgram ??
  (readFileSync('/proc/cpuinfo', 'utf8').includes('AuthenticAMD')
    ? undefined
    : 'needs a CPU of AMD: ours follows AMD where it and Intel differ (pointers of FXSAVE, flags of FCOMI)');

/** Bytes of a record, and where in it things lie: see tests/native/fpu.c. */
const RECORD = 1024;
const AT = { fcw: 0, fsw: 2, ftw: 4, mxcsr: 24, st: 32, xmm: 160, features: 512, ymmh: 576, memory: 832, gpr: 960 };
const RFLAGS = 992;
const CODE = 1000;

/** A view of one record: the state before, or after. */
export class FpuRecord {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get fcw(): number {
    return this.#view.getUint16(AT.fcw, true);
  }
  set fcw(value: number) {
    this.#view.setUint16(AT.fcw, value, true);
  }
  get fsw(): number {
    return this.#view.getUint16(AT.fsw, true);
  }
  set fsw(value: number) {
    this.#view.setUint16(AT.fsw, value, true);
  }
  /** One bit a register in physical order: in use. */
  get ftw(): number {
    return this.#view.getUint8(AT.ftw);
  }
  set ftw(value: number) {
    this.#view.setUint8(AT.ftw, value);
  }
  get mxcsr(): number {
    return this.#view.getUint32(AT.mxcsr, true);
  }
  set mxcsr(value: number) {
    this.#view.setUint32(AT.mxcsr, value, true);
  }
  get rflags(): number {
    return this.#view.getUint32(RFLAGS, true);
  }
  set rflags(value: number) {
    this.#view.setBigUint64(RFLAGS, BigInt(value), true);
  }
  get memory(): Uint8Array {
    return this.bytes.subarray(AT.memory, AT.memory + 128);
  }
  /** ST(i): 80 bits. */
  st(i: number): bigint {
    const at = AT.st + i * 16;
    return this.#view.getBigUint64(at, true) | (BigInt(this.#view.getUint16(at + 8, true)) << 64n);
  }
  setSt(i: number, value: bigint): void {
    const at = AT.st + i * 16;
    this.#view.setBigUint64(at, value & 0xffff_ffff_ffff_ffffn, true);
    this.#view.setUint16(at + 8, Number(value >> 64n), true);
  }
  /** YMM register: 256 bits. */
  ymm(i: number): bigint {
    const word = (at: number): bigint => this.#view.getBigUint64(at, true);
    const [low, high] = [AT.xmm + i * 16, AT.ymmh + i * 16];
    return word(low) | (word(low + 8) << 64n) | (word(high) << 128n) | (word(high + 8) << 192n);
  }
  setYmm(i: number, value: bigint): void {
    for (let part = 0; part < 4; part++) {
      const at = (part < 2 ? AT.xmm : AT.ymmh) + i * 16 + (part & 1) * 8;
      this.#view.setBigUint64(at, (value >> BigInt(64 * part)) & 0xffff_ffff_ffff_ffffn, true);
    }
  }
  /** RAX, RCX, RDX, RBX. */
  gpr(i: number): bigint {
    return this.#view.getBigUint64(AT.gpr + i * 8, true);
  }
  setGpr(i: number, value: bigint): void {
    this.#view.setBigUint64(AT.gpr + i * 8, value, true);
  }
  /** After: number of the signal that the instruction raised, 0 if none. */
  get signal(): number {
    return Number(this.#view.getBigUint64(CODE, true));
  }
  set signal(value: number) {
    this.#view.setBigUint64(CODE, BigInt(value), true);
  }
  /** The instruction and NOPs: 16 bytes. */
  get code(): Uint8Array {
    return this.bytes.subarray(CODE, CODE + 16);
  }
  /** Before: the instruction. RDI points to the memory operand. */
  setCode(code: readonly number[]): void {
    this.bytes.fill(0x90, CODE, CODE + 16);
    this.bytes.set(code, CODE);
  }
}

/** A number of records; all begin with an empty x87, exceptions masked, zeros everywhere else. */
export class FpuBatch {
  readonly count: number;
  readonly #bytes: Uint8Array;
  constructor(count: number, bytes = new Uint8Array(count * RECORD)) {
    this.count = count;
    this.#bytes = bytes;
  }
  static fresh(count: number): FpuBatch {
    const batch = new FpuBatch(count);
    for (let i = 0; i < count; i++) {
      const record = batch.at(i);
      record.fcw = 0x37f;
      record.mxcsr = 0x1f80;
      record.rflags = 2;
      record.bytes[AT.features] = 7;
      record.setCode([]);
    }
    return batch;
  }
  at(i: number): FpuRecord {
    return new FpuRecord(this.#bytes.subarray(i * RECORD, (i + 1) * RECORD));
  }
  /** What this machine's CPU makes of them. */
  run(): FpuBatch {
    const program = nativeProgram('fpu');
    const { status, signal, stdout } = spawnSync(program, { input: this.#bytes, maxBuffer: 2 ** 31 - 1 });
    if (status !== 0 || stdout.length !== this.#bytes.length)
      throw new Error(`${program} ended with ${signal ?? status} after ${stdout.length} bytes`);
    return new FpuBatch(this.count, new Uint8Array(stdout.buffer, stdout.byteOffset, stdout.length));
  }
}
