/**
 * Guest memory and registers as an ELF core file, as QEMU's dump-guest-memory makes it, so that `crash` and gdb open it.
 * Source: QEMU dump/dump.c, target/i386/arch_dump.c. Always 64-bit, as QEMU's is for every PC: firmware ends at 4 GiB.
 *
 *   core ::= Elf64_Ehdr Elf64_Phdr(PT_NOTE) Elf64_Phdr(PT_LOAD)* note* memory*
 *   note ::= CORE NT_PRSTATUS for each vCPU, then QEMU 0 for each vCPU
 *
 * Little-endian. Virtual addresses are the physical ones. QEMU adds a section table that only counts headers beyond
 * 65,534 of them; there are never so many here.
 */
import { memoryMap, physicalSource, type MemoryMap } from './memory-map.ts';
import { vcpuSections } from './page-walk.ts';
import type { Snapshot } from './snapshot.ts';
import { placedAt, type Placed } from './vmstate.ts';

const EHDR = 64;
const PHDR = 56;
const ET_CORE = 4;
const EM_386 = 3;
const EM_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
const NT_PRSTATUS = 1;
const EFER_LMA = 1n << 10n;
const CHUNK = 1 << 20;

/** Little-endian values, one behind the other. */
class Bytes {
  readonly #list: number[] = [];
  uint(value: number | bigint, size: 2 | 4 | 8): this {
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = 0; i < size; i++, rest >>= 8n) this.#list.push(Number(rest & 0xffn));
    return this;
  }
  u16 = (...values: (number | bigint)[]): this => this.#all(values, 2);
  u32 = (...values: (number | bigint)[]): this => this.#all(values, 4);
  u64 = (...values: (number | bigint)[]): this => this.#all(values, 8);
  zeros(n: number): this {
    for (let i = 0; i < n; i++) this.#list.push(0);
    return this;
  }
  add(bytes: Iterable<number>): this {
    for (const b of bytes) this.#list.push(b);
    return this;
  }
  get length(): number {
    return this.#list.length;
  }
  finish = (): Uint8Array<ArrayBuffer> => Uint8Array.from(this.#list);
  #all(values: readonly (number | bigint)[], size: 2 | 4 | 8): this {
    for (const v of values) this.uint(v, size);
    return this;
  }
}

/** A vCPU's registers out of its decoded section; what is not there reads as 0. */
class Registers {
  readonly #fields: readonly Placed[];
  constructor(fields: readonly Placed[]) {
    this.#fields = fields;
  }
  get(path: string): bigint {
    const value = placedAt(this.#fields, `env.${path}`)?.value;
    return typeof value === 'bigint' || typeof value === 'number' ? BigInt.asUintN(64, BigInt(value)) : 0n;
  }
  /** By number: RAX RCX RDX RBX RSP RBP RSI RDI R8 … */
  gpr = (n: number): bigint => this.get(`regs[${n}]`);
  /** By number: ES CS SS DS FS GS. */
  selector = (n: number): bigint => this.get(`segs[${n}].selector`);
}
const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 2, 3, 4, 5, 6, 7];
const [ES, CS, SS, DS, FS, GS] = [0, 1, 2, 3, 4, 5];

function note(name: string, type: number, desc: Bytes): Uint8Array {
  const out = new Bytes().u32(name.length + 1, desc.length, type).add(new TextEncoder().encode(name));
  out.zeros(4 - (name.length % 4)).add(desc.finish());
  return out.zeros((4 - (out.length % 4)) % 4).finish();
}

/** x86_64_elf_prstatus: only the process id and the registers are filled in. */
function prstatus64(r: Registers, id: number): Bytes {
  const out = new Bytes().zeros(32).u32(id).zeros(76);
  for (let n = 15; n >= 12; n--) out.u64(r.gpr(n));
  out.u64(r.gpr(RBP), r.gpr(RBX));
  for (let n = 11; n >= 8; n--) out.u64(r.gpr(n));
  out.u64(r.gpr(RAX), r.gpr(RCX), r.gpr(RDX), r.gpr(RSI), r.gpr(RDI), 0, r.get('eip'), r.selector(CS));
  out.u64(r.get('eflags'), r.gpr(RSP), r.selector(SS), r.get(`segs[${FS}].base`), r.get(`segs[${GS}].base`));
  return out.u64(r.selector(DS), r.selector(ES), r.selector(FS), r.selector(GS)).zeros(8);
}

/** x86_elf_prstatus: for a first vCPU that is not in long mode. */
function prstatus32(r: Registers, id: number): Bytes {
  const out = new Bytes().zeros(24).u32(id).zeros(44);
  out.u32(r.gpr(RBX), r.gpr(RCX), r.gpr(RDX), r.gpr(RSI), r.gpr(RDI), r.gpr(RBP), r.gpr(RAX));
  for (const n of [DS, ES, FS, GS]) out.u16(r.selector(n), 0);
  out.u32(0, r.get('eip')).u16(r.selector(CS), 0).u32(r.get('eflags'), r.gpr(RSP));
  return out.u16(r.selector(SS), 0).zeros(4);
}

const QEMUCPUSTATE_VERSION = 1;
const QEMUCPUSTATE_SIZE = 440;

/** QEMUCPUState: what prstatus has no room for. */
function qemuCpuState(r: Registers): Bytes {
  const out = new Bytes().u32(QEMUCPUSTATE_VERSION, QEMUCPUSTATE_SIZE);
  out.u64(r.gpr(RAX), r.gpr(RBX), r.gpr(RCX), r.gpr(RDX), r.gpr(RSI), r.gpr(RDI), r.gpr(RSP), r.gpr(RBP));
  for (let n = 8; n <= 15; n++) out.u64(r.gpr(n));
  out.u64(r.get('eip'), r.get('eflags'));
  for (const s of [...[CS, DS, ES, FS, GS, SS].map((n) => `segs[${n}]`), 'ldt', 'tr', 'gdt', 'idt']) {
    out.u32(r.get(`${s}.selector`), r.get(`${s}.limit`), r.get(`${s}.flags`), 0).u64(r.get(`${s}.base`));
  }
  return out.u64(r.get('cr[0]'), 0, r.get('cr[2]'), r.get('cr[3]'), r.get('cr[4]'), r.get('kernelgsbase'));
}

interface Load {
  readonly gpa: number;
  readonly bytes: number;
}

/** Runs of one block, whatever the guest may do with them (QEMU: guest_phys_block_add_section). */
function loads(map: MemoryMap): Load[] {
  const out: (Load & { readonly block: string; readonly offset: number })[] = [];
  for (const r of map.ranges) {
    const last = out.at(-1);
    const joins = last?.block === r.block && last.gpa + last.bytes === r.gpa && last.offset + last.bytes === r.offset;
    if (last && joins) out[out.length - 1] = { ...last, bytes: last.bytes + r.bytes };
    else out.push(r);
  }
  return out;
}

/** The core file in pieces of at most 1 MiB. Without a decoded cpu section it has no notes. */
export async function* elfCore(snapshot: Snapshot, map = memoryMap(snapshot)): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const cpus = [...vcpuSections(snapshot)].map(([id, { fields }]) => ({ id, registers: new Registers(fields) }));
  const longMode = cpus[0] ? (cpus[0].registers.get('efer') & EFER_LMA) !== 0n : false;
  const prstatus = longMode ? prstatus64 : prstatus32;
  const notes = new Bytes();
  for (const { id, registers } of cpus) notes.add(note('CORE', NT_PRSTATUS, prstatus(registers, id + 1)));
  for (const { registers } of cpus) notes.add(note('QEMU', 0, qemuCpuState(registers)));

  const memory = loads(map);
  const noteOffset = EHDR + PHDR * (1 + memory.length);
  const head = new Bytes().add([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).zeros(9);
  head
    .u16(ET_CORE, longMode ? EM_X86_64 : EM_386)
    .u32(1)
    .u64(0, EHDR, 0)
    .u32(0);
  head.u16(EHDR, PHDR, 1 + memory.length, 0, 0, 0);
  head.u32(PT_NOTE, 0).u64(noteOffset, 0, 0, notes.length, notes.length, 0);
  let offset = noteOffset + notes.length;
  for (const { gpa, bytes } of memory) {
    head.u32(PT_LOAD, 0).u64(offset, gpa, gpa, bytes, bytes, 0);
    offset += bytes;
  }
  yield head.finish();
  yield notes.finish();
  const source = physicalSource(snapshot, map);
  for (const { gpa, bytes } of memory) {
    for (let at = 0; at < bytes; at += CHUNK) {
      const chunk = new Uint8Array(Math.min(CHUNK, bytes - at));
      await source.read(gpa + at, chunk);
      yield chunk;
    }
  }
}
