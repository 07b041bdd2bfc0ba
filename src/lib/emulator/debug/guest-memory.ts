/**
 * Guest memory as a debugger sees it: through the tables in force, without leaving a mark in them, in the TLB or in a
 * device. Source: QEMU target/i386/helper.c x86_cpu_get_phys_page_attrs_debug, system/physmem.c cpu_memory_rw_debug.
 */
import { type Paging, pagingBy, walkNow, type Walk } from '../../vmstate/page-walk.ts';
import type { TcgCpu } from '../accel/tcg/cpu-exec.ts';
import { HOST_PAGE_SIZE } from '../host/memory.ts';
import type { Machine } from '../machine.ts';
import { MAP_READ } from '../system/physmem.ts';
import { HF } from '../target/i386/env.ts';

export type Space = 'virtual' | 'physical';

const PAGE = HOST_PAGE_SIZE;
/** Bytes that are read at once at most. */
const MAX_READ = 1 << 16;
const A20 = 1 << 20;
const NOTHING = new DataView(new ArrayBuffer(PAGE));

export function pagingNow({ env }: TcgCpu): Paging {
  const [cr0, cr3, cr4] = [env.get64('cr', 0), env.get64('cr', 3), env.get64('cr', 4)];
  return pagingBy({ cr0, cr3, cr4, efer: env.get64('efer'), a20Low: (env.get('a20_mask') & A20) === 0 });
}

/** Where a page of RAM or ROM lies in the host's memory; undefined where there is none. */
function hostPage({ board }: Machine, gpa: number): number | undefined {
  const entry = board.pc.pages.hostPage(Math.floor(gpa / PAGE));
  return entry & MAP_READ ? (entry & -PAGE) >>> 0 : undefined;
}

/** How a virtual address is translated now. @param root instead of CR3: another process's tables */
export function walkAddress(machine: Machine, gva: bigint, root?: Paging): Walk {
  const { u8 } = machine.physmem.host.views;
  const page = (gpa: number): DataView => {
    const host = hostPage(machine, gpa);
    return host === undefined ? NOTHING : new DataView(u8.buffer, host, PAGE);
  };
  return walkNow(page, root ?? pagingNow(machine.cpu), gva);
}

/** RAM at a physical address; undefined where it is not all RAM. At most two pages. */
export function readRam(machine: Machine, gpa: bigint, bytes: number): Uint8Array | undefined {
  const read = readMemory(machine, 'physical', gpa, bytes);
  return read.length === bytes ? read : undefined;
}

/** The pieces of a range that lie in one page each, as host addresses, until something is not there. */
function* pieces(machine: Machine, space: Space, address: bigint, bytes: number): Generator<readonly [number, number]> {
  const long = (machine.cpu.env.get('hflags') & HF.LMA) !== 0;
  for (let done = 0; done < bytes;) {
    const at = BigInt.asUintN(space === 'virtual' && !long ? 32 : 64, address + BigInt(done));
    const gpa = space === 'physical' ? Number(at) : walkAddress(machine, at).gpa;
    const host = gpa === undefined ? undefined : hostPage(machine, gpa);
    if (gpa === undefined || host === undefined) return;
    const length = Math.min(bytes - done, PAGE - (gpa % PAGE));
    yield [host + (gpa % PAGE), length];
    done += length;
  }
}

/** As far as it is mapped to RAM, at most 64 KiB. */
export function readMemory(machine: Machine, space: Space, address: bigint, bytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.max(0, Math.min(bytes, MAX_READ)));
  let done = 0;
  for (const [host, length] of pieces(machine, space, address, out.length)) {
    out.set(machine.physmem.host.views.u8.subarray(host, host + length), done);
    done += length;
  }
  return done === out.length ? out : out.slice(0, done);
}

/** Writes all of it, into ROM too, or nothing: whether all of it is RAM. */
export function writeMemory(machine: Machine, space: Space, address: bigint, bytes: Uint8Array): boolean {
  const places = [...pieces(machine, space, address, Math.min(bytes.length, MAX_READ))];
  if (places.reduce((sum, [, length]) => sum + length, 0) !== bytes.length) return false;
  let done = 0;
  for (const [host, length] of places) {
    machine.physmem.setDirty(host, length);
    machine.physmem.host.views.u8.set(bytes.subarray(done, done + length), host);
    done += length;
  }
  return true;
}
