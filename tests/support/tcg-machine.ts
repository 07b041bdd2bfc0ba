/** A CPU with RAM and nothing else, put into a mode by hand: for tests of the engine. */
import { CPU_BYTES, TcgCpu } from '../../src/lib/emulator/accel/tcg/cpu-exec.ts';
import { type CPUException, HF, R_CS, R_SS } from '../../src/lib/emulator/target/i386/env.ts';
import { cpu_x86_load_seg_cache } from '../../src/lib/emulator/target/i386/hflags.ts';
import { cpu_reset } from '../../src/lib/emulator/target/i386/reset.ts';
import type { CpuModel, CpuOutside } from '../../src/lib/emulator/target/i386/x86-cpu.ts';

const BASE = 0x10000;
const PAGE_FLAGS = BASE + Math.ceil(CPU_BYTES / 0x10000) * 0x10000;
const PAGE_MAP = PAGE_FLAGS + (1 << 20);
/** Where RAM begins in WebAssembly's memory. */
export const RAM = PAGE_MAP + (4 << 20);
export const RAM_BYTES = 16 << 20;
/** Guest-physical addresses of the page tables: a level each of 4 KiB, then what maps the first 16 MiB. */
export const TABLES = 0x10_0000;

const ALL = -1;
export const MODEL: CpuModel = {
  name: 'test',
  level: 13,
  xlevel: 0x8000_0008,
  vendor: 'AuthenticAMD',
  family: 15,
  model: 107,
  stepping: 1,
  modelId: 'test',
  features: Object.fromEntries(
    ['1_EDX', '1_ECX', '7_0_EBX', '7_0_ECX', '7_1_EAX', '8000_0001_EDX', '8000_0001_ECX', 'XSAVE'].map((word) => [
      word,
      ALL
    ])
  )
};

export interface PhysicalDevice {
  read(address: number, size: number): number;
  write(address: number, value: number, size: number): void;
}

export class TcgMachine {
  readonly cpu: TcgCpu;
  readonly memory: WebAssembly.Memory;
  readonly ports: [port: number, value: number, size: number][] = [];
  tripleFaults = 0;
  /** The last exception, which stops `run` when `catching` is set. */
  exception: CPUException | undefined;
  catching = false;

  constructor(device?: PhysicalDevice) {
    const wasmPages = (RAM + RAM_BYTES) / 0x10000;
    this.memory = new WebAssembly.Memory({ initial: wasmPages, maximum: 65536, shared: true });
    const outside: CpuOutside = {
      tsc: () => 0n,
      ioRead: () => 0xff,
      ioWrite: (port, value, size) => void this.ports.push([port, value, size]),
      interruptVector: () => 0x20,
      apicBase: () => 0xfee0_0900n,
      setApicBase: () => true,
      apicTpr: () => 0,
      setApicTpr: () => {},
      apicMsrRead: () => undefined,
      apicMsrWrite: () => false,
      tscDeadline: () => {},
      ferr: () => {},
      tripleFault: () => {
        this.tripleFaults++;
        this.cpu.requestExit();
      },
      log: () => {}
    };
    this.cpu = new TcgCpu({
      memory: this.memory,
      base: BASE,
      pageFlags: PAGE_FLAGS,
      pageMap: PAGE_MAP,
      physical: device ?? { read: () => 0, write: () => {} },
      model: MODEL,
      outside,
      intercept: (exception) => {
        this.exception = exception;
        return this.catching;
      }
    });
    const { u8, u32 } = this.cpu.env;
    u8.fill(62, PAGE_FLAGS + (RAM >> 12), PAGE_FLAGS + ((RAM + RAM_BYTES) >> 12));
    for (let at = 0; at < RAM_BYTES; at += 4096) u32[(PAGE_MAP >> 2) + (at >> 12)] = (RAM + at) | 3;
    cpu_reset(this.cpu);
  }

  /** Guest-physical memory. */
  bytes(address: number, length: number): Uint8Array {
    return this.cpu.env.u8.subarray(RAM + address, RAM + address + length);
  }
  load(address: number, ...bytes: readonly number[]): void {
    this.bytes(address, bytes.length).set(bytes);
  }
  read64(address: number): bigint {
    return new DataView(this.memory.buffer).getBigUint64(RAM + address, true);
  }
  write64(address: number, value: bigint): void {
    new DataView(this.memory.buffer).setBigUint64(RAM + address, BigInt.asUintN(64, value), true);
  }
  pageFlags(address: number): number {
    return this.cpu.env.u8[PAGE_FLAGS + ((RAM + address) >> 12)]!;
  }
  setPageFlags(address: number, flags: number): void {
    this.cpu.env.u8[PAGE_FLAGS + ((RAM + address) >> 12)] = flags;
  }
  /** As a device writes: what PhysMem.setDirty does. */
  dma(address: number, ...bytes: readonly number[]): void {
    if (this.pageFlags(address) & 1) this.cpu.codeWritten((RAM + address) >>> 12);
    this.load(address, ...bytes);
  }

  /** 64-bit mode at CPL 0, or 3, with the first 16 MiB mapped 1:1 by 4 KiB pages that all may use. */
  longMode(eip: bigint, cpl: 0 | 3 = 0): void {
    const { env } = this.cpu;
    const flags = 7n;
    this.write64(TABLES, BigInt(TABLES + 0x1000) | flags);
    this.write64(TABLES + 0x1000, BigInt(TABLES + 0x2000) | flags);
    for (let i = 0; i < 8; i++) this.write64(TABLES + 0x2000 + 8 * i, BigInt(TABLES + 0x3000 + 0x1000 * i) | flags);
    for (let page = 0; page < 4096; page++) this.write64(TABLES + 0x3000 + 8 * page, (BigInt(page) << 12n) | flags);
    env.set64('cr', 0x8001_0033n, 0);
    env.set64('cr', BigInt(TABLES), 3);
    env.set64('cr', 0x620n, 4);
    env.set64('efer', 0xd01n);
    env.set('hflags', HF.PE | HF.LMA | HF.OSFXSR | HF.MP);
    env.set64('eip', eip);
    const dpl = cpl << 13;
    cpu_x86_load_seg_cache(env, R_CS, 8 | cpl, 0, 0xffff_ffff, 0xa09b00 | dpl);
    cpu_x86_load_seg_cache(env, R_SS, 16 | cpl, 0, 0xffff_ffff, 0xc09300 | dpl);
    for (const seg of [0, 3, 4, 5]) cpu_x86_load_seg_cache(env, seg, 16 | cpl, 0, 0xffff_ffff, 0xc09300 | dpl);
    this.cpu.flushAll();
  }
  /** Code of ring 3 with 64 or 32 bits in long mode, flat segments. */
  userCode(size: 32 | 64): void {
    const { env } = this.cpu;
    cpu_x86_load_seg_cache(env, R_SS, 0x2b, 0, 0xffff_ffff, 0xc0f300);
    cpu_x86_load_seg_cache(env, R_CS, size === 64 ? 0x33 : 0x23, 0, 0xffff_ffff, size === 64 ? 0xa0fb00 : 0xc0fb00);
  }
  /** 32-bit protected mode without paging, flat segments. */
  protectedMode(eip: bigint): void {
    const { env } = this.cpu;
    env.set64('cr', 0x11n, 0);
    env.set('hflags', HF.PE);
    env.set64('eip', eip);
    cpu_x86_load_seg_cache(env, R_CS, 8, 0, 0xffff_ffff, 0xc09b00);
    for (const seg of [0, 2, 3, 4, 5]) cpu_x86_load_seg_cache(env, seg, 16, 0, 0xffff_ffff, 0xc09300);
    this.cpu.flushAll();
  }
  /** Real mode at segment:offset. */
  realMode(segment: number, eip: bigint): void {
    const { env } = this.cpu;
    cpu_x86_load_seg_cache(env, R_CS, segment, segment << 4, 0xffff, 0x9b00);
    env.set64('eip', eip);
  }

  reg(index: number): bigint {
    return this.cpu.env.get64('regs', index);
  }
  setReg(index: number, value: bigint): void {
    this.cpu.env.set64('regs', BigInt.asUintN(64, value), index);
  }
  get eip(): bigint {
    return this.cpu.env.get64('eip');
  }
  get flags(): number {
    return this.cpu.env.get('cc_src') & 0x8d5;
  }
}
