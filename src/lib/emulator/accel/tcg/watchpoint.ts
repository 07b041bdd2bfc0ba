/**
 * Data that a debugger watches. A page that holds some of it gets no entries in the TLB, so that each access to it comes
 * by here, while all other pages are as fast as ever. In the place of QEMU system/watchpoint.c, accel/tcg/watchpoint.c.
 */

export interface Access {
  /** Linear and guest-physical address; an access that crosses pages comes in two pieces. */
  readonly linear: bigint;
  readonly gpa: bigint;
  readonly bytes: number;
  /** Also of what is read and then written by one instruction. */
  readonly write: boolean;
  /** eip of the instruction; of an interrupt's own accesses, where it came. */
  readonly eip: bigint;
}

export interface Watchpoint {
  readonly space: 'virtual' | 'physical';
  readonly address: bigint;
  readonly bytes: bigint;
  readonly read: boolean;
  readonly write: boolean;
  /** Called before the access is done. */
  hit(access: Access): void;
}

const PAGE_BITS = 12n;
const startOf = ({ space }: Watchpoint, linear: bigint, gpa: bigint): bigint => (space === 'virtual' ? linear : gpa);

export class Watchpoints {
  #list: readonly Watchpoint[] = [];

  get list(): readonly Watchpoint[] {
    return this.#list;
  }
  set list(list: readonly Watchpoint[]) {
    this.#list = list;
  }

  /** Whether anything of a page is watched. */
  inPage(linear: bigint, gpa: bigint): boolean {
    return this.#list.some((watch) => {
      const page = startOf(watch, linear, gpa) >> PAGE_BITS;
      return watch.address >> PAGE_BITS <= page && page <= (watch.address + watch.bytes - 1n) >> PAGE_BITS;
    });
  }

  access(access: Access): void {
    for (const watch of this.#list) {
      if (!(access.write ? watch.write : watch.read)) continue;
      const at = startOf(watch, access.linear, access.gpa);
      if (at < watch.address + watch.bytes && watch.address < at + BigInt(access.bytes)) watch.hit(access);
    }
  }
}
