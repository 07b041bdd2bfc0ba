/** A CPU for unit tests: linear addresses are offsets in an array, some of which may fault, and what is outside remembers. */
import { cpuModel, supportedFeatures } from '../../src/lib/emulator/target/i386/cpu-models.ts';
import { CPUException, ENV_SIZE, Env, EXCP, HF, R_CS, R_SS } from '../../src/lib/emulator/target/i386/env.ts';
import { CR0, CR4, EFER } from '../../src/lib/emulator/target/i386/control-registers.ts';
import { recomputeHflags } from '../../src/lib/emulator/target/i386/hflags.ts';
import { TABLE } from '../../src/lib/emulator/target/i386/isa/table.ts';
import { cpu_realize, cpu_reset } from '../../src/lib/emulator/target/i386/reset.ts';
import type { AccessMode, CpuModel, CpuOutside, Mmu, X86Cpu } from '../../src/lib/emulator/target/i386/x86-cpu.ts';

/** 1 MiB that repeats: addresses are taken modulo its size, so that kernel addresses work too. */
export class FlatMmu implements Mmu {
  readonly bytes = new Uint8Array(1 << 20);
  readonly #view = new DataView(this.bytes.buffer);
  readonly #env: Env;
  /** Pages that fault: page number modulo 256 and whether stores alone do. */
  readonly faults = new Map<number, 'all' | 'stores'>();
  readonly flushes: string[] = [];

  constructor(env: Env) {
    this.#env = env;
  }
  at(linear: bigint | number): number {
    return Number(BigInt(linear) & 0xf_ffffn);
  }
  #check(linear: bigint, bytes: number, write: boolean): number {
    for (const byte of [linear, linear + BigInt(bytes - 1)]) {
      const fault = this.faults.get(this.at(byte) >> 12);
      if (fault === 'all' || (fault === 'stores' && write)) {
        this.#env.set64('fault_linear', byte);
        throw new CPUException(EXCP.PF, (write ? 2 : 0) | ((this.#env.get('hflags') & HF.CPL) === 3 ? 4 : 0));
      }
    }
    return this.at(linear);
  }
  load8(linear: bigint): number {
    return this.bytes[this.#check(linear, 1, false)]!;
  }
  load16(linear: bigint): number {
    return this.#view.getUint16(this.#check(linear, 2, false), true);
  }
  load32(linear: bigint): number {
    return this.#view.getUint32(this.#check(linear, 4, false), true);
  }
  load64(linear: bigint): bigint {
    return this.#view.getBigUint64(this.#check(linear, 8, false), true);
  }
  store8(linear: bigint, value: number): void {
    this.bytes[this.#check(linear, 1, true)] = value;
  }
  store16(linear: bigint, value: number): void {
    this.#view.setUint16(this.#check(linear, 2, true), value, true);
  }
  store32(linear: bigint, value: number): void {
    this.#view.setUint32(this.#check(linear, 4, true), value, true);
  }
  store64(linear: bigint, value: bigint): void {
    this.#view.setBigUint64(this.#check(linear, 8, true), value, true);
  }
  probeWrite(linear: bigint, bytes: number, _mode?: AccessMode): void {
    this.#check(linear, bytes, true);
  }
  loadPhysical(address: number, size: 1 | 2 | 4): number {
    if (size === 1) return this.bytes[this.at(address)]!;
    return size === 2 ? this.#view.getUint16(this.at(address), true) : this.#view.getUint32(this.at(address), true);
  }
  storePhysical(address: number, value: number, size: 1 | 2 | 4): void {
    if (size === 1) this.bytes[this.at(address)] = value;
    else if (size === 2) this.#view.setUint16(this.at(address), value, true);
    else this.#view.setUint32(this.at(address), value, true);
  }
  flush(global: boolean): void {
    this.flushes.push(global ? 'global' : 'all');
  }
  flushPage(linear: bigint): void {
    this.flushes.push(linear.toString(16));
  }
}

export class FakeOutside implements CpuOutside {
  ticks = 0n;
  tpr = 0;
  base = 0xfee0_0900n;
  vector = -1;
  deadline = 0n;
  tripleFaults = 0;
  readonly ports: (readonly [port: number, size: number, written?: number])[] = [];
  input = 0;
  readonly messages: string[] = [];
  readonly apic = new Map<number, bigint>();

  tsc = (): bigint => this.ticks;
  ioRead(port: number, size: 1 | 2 | 4): number {
    this.ports.push([port, size]);
    return this.input;
  }
  ioWrite(port: number, value: number, size: 1 | 2 | 4): void {
    this.ports.push([port, size, value]);
  }
  interruptVector = (): number => this.vector;
  apicBase = (): bigint => this.base;
  /** Has no x2APIC. */
  setApicBase(value: bigint): boolean {
    if (value & 0x400n) return false;
    this.base = value;
    return true;
  }
  apicTpr = (): number => this.tpr;
  setApicTpr(value: number): void {
    this.tpr = value;
  }
  apicMsrRead = (index: number): bigint | undefined => this.apic.get(index);
  apicMsrWrite(index: number, value: bigint): boolean {
    if (!this.apic.has(index)) return false;
    this.apic.set(index, value);
    return true;
  }
  tscDeadline(value: bigint): void {
    this.deadline = value;
  }
  ferr(): void {}
  readonly smms: boolean[] = [];
  smm(on: boolean): void {
    this.smms.push(on);
  }
  tripleFault(): void {
    this.tripleFaults++;
  }
  log(message: string): void {
    this.messages.push(message);
  }
}

export interface FlatCpu extends X86Cpu {
  readonly mmu: FlatMmu;
  readonly outside: FakeOutside;
  model: CpuModel;
  singleStep: boolean;
}

/** Everything that the table knows works. */
export const allFeatures = supportedFeatures(TABLE, () => true);

/** After a reset. */
export function flatCpu(model = 'max'): FlatCpu {
  const env = new Env(new WebAssembly.Memory({ initial: Math.ceil((ENV_SIZE + 4096) / 65536) }), 4096);
  const mmu = new FlatMmu(env);
  const cpu = { env, mmu, outside: new FakeOutside(), model: cpuModel(model, allFeatures)!, singleStep: false };
  cpu_realize(cpu);
  cpu_reset(cpu);
  mmu.flushes.length = 0;
  return cpu;
}

/** Where the tables lie in protected and long mode. */
export const GDT = 0x1000;
export const IDT = 0x2000;
export const LDT = 0x3000;
export const TSS = 0x4000;

/** Selectors of the descriptors that every test CPU has. */
export const SEL = {
  code0: 0x08,
  data0: 0x10,
  code3: 0x18 | 3,
  data3: 0x20 | 3,
  code64: 0x28,
  code64user: 0x30 | 3,
  tss: 0x40
} as const;

/** First word, second word. */
export const FLAT = {
  code: [0x0000_ffff, 0x00cf_9b00],
  data: [0x0000_ffff, 0x00cf_9300],
  code3: [0x0000_ffff, 0x00cf_fb00],
  data3: [0x0000_ffff, 0x00cf_f300],
  code64: [0, 0x0020_9b00],
  code64user: [0, 0x0020_fb00]
} as const;

export function setDescriptor({ mmu }: FlatCpu, selector: number, e1: number, e2: number): void {
  const at = (selector & 4 ? LDT : GDT) + (selector & 0xfff8);
  mmu.storePhysical(at, e1, 4);
  mmu.storePhysical(at + 4, e2, 4);
}

/** A segment register as a load of that descriptor leaves it. */
export function setSegment({ env }: FlatCpu, seg: number, selector: number, e1: number, e2: number): void {
  env.set('seg_selector', selector, seg);
  env.set64('seg_base', BigInt(((e1 >>> 16) | ((e2 & 0xff) << 16) | (e2 & 0xff00_0000)) >>> 0), seg);
  const limit = (e1 & 0xffff) | (e2 & 0xf_0000);
  env.set('seg_limit', e2 & 0x80_0000 ? (limit << 12) | 0xfff : limit, seg);
  env.set('seg_flags', e2, seg);
}

function tables(cpu: FlatCpu): void {
  const { env } = cpu;
  env.set64('gdt_base', BigInt(GDT));
  env.set('gdt_limit', 0xff);
  env.set64('idt_base', BigInt(IDT));
  env.set('idt_limit', 0xfff);
  env.set64('ldt_base', BigInt(LDT));
  env.set('ldt_limit', 0x3f);
  env.set('ldt_selector', 0x50);
  env.set64('tr_base', BigInt(TSS));
  env.set('tr_limit', 0x3ff);
  env.set('tr_selector', SEL.tss);
  env.set('tr_flags', 0x8900);
  setDescriptor(cpu, SEL.code0, ...FLAT.code);
  setDescriptor(cpu, SEL.data0, ...FLAT.data);
  setDescriptor(cpu, SEL.code3, ...FLAT.code3);
  setDescriptor(cpu, SEL.data3, ...FLAT.data3);
  setDescriptor(cpu, SEL.code64, ...FLAT.code64);
  setDescriptor(cpu, SEL.code64user, ...FLAT.code64user);
  setDescriptor(cpu, SEL.tss, (TSS << 16) | 0x3ff, 0x8b00);
}

/** Protected mode with flat segments at `cpl`, 32 bits. */
export function protectedCpu(cpl: 0 | 3 = 0, model = 'max'): FlatCpu {
  const cpu = flatCpu(model);
  const { env } = cpu;
  env.set64('cr', BigInt(CR0.PE | CR0.ET), 0);
  tables(cpu);
  for (let seg = 0; seg < 6; seg++) {
    if (cpl === 0) setSegment(cpu, seg, SEL.data0, ...FLAT.data);
    else setSegment(cpu, seg, SEL.data3, ...FLAT.data3);
  }
  if (cpl === 0) setSegment(cpu, R_CS, SEL.code0, ...FLAT.code);
  else setSegment(cpu, R_CS, SEL.code3, ...FLAT.code3);
  recomputeHflags(env);
  env.set64('eip', 0x1_1234n);
  return cpu;
}

/** Long mode, 64-bit code at `cpl`. */
export function longCpu(cpl: 0 | 3 = 0, model = 'max'): FlatCpu {
  const cpu = protectedCpu(cpl, model);
  const { env } = cpu;
  env.set64('cr', BigInt(CR0.PG | CR0.PE | CR0.ET), 0);
  env.set64('cr', BigInt(CR4.PAE), 4);
  env.set64('efer', BigInt(EFER.LMA | EFER.LME | EFER.SCE));
  if (cpl === 0) setSegment(cpu, R_CS, SEL.code64, ...FLAT.code64);
  else setSegment(cpu, R_CS, SEL.code64user, ...FLAT.code64user);
  recomputeHflags(env);
  return cpu;
}

/** The exception that `run` raises, as vector and error code. Fails the test if it raises none. */
export function raised(run: () => void): readonly [vector: number, error: number | undefined] {
  try {
    run();
  } catch (met) {
    if (met instanceof CPUException) return [met.vector, met.error];
    throw met;
  }
  throw new Error('nothing was raised');
}

export const cplOf = ({ env }: X86Cpu): number => env.get('hflags') & HF.CPL;
export const ssSelector = ({ env }: X86Cpu): number => env.get('seg_selector', R_SS);
export const csSelector = ({ env }: X86Cpu): number => env.get('seg_selector', R_CS);
