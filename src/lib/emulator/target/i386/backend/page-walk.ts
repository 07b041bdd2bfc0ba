/**
 * Paging: linear to guest-physical addresses in every mode, with accessed and dirty bits, rights and error codes.
 * Source: QEMU target/i386/tcg/sysemu/excp_helper.c get_physical_address, mmu_translate; SDM 3A, chapter 4.
 */
import { EXCP, HF } from '../env.ts';
import { i32, i64, type Value } from '../isa/value.ts';
import type { CoreBuilder, StateEmitter } from './core-builder.ts';
import { MMU_MODES } from './layout.ts';

/** Numbers of QEMU's MMUAccessType; also bit numbers in `walk_prot`. */
export const ACCESS = { READ: 0, WRITE: 1, FETCH: 2 } as const;
/** `walk_prot`: bits by ACCESS, and this for global pages. */
export const PROT_GLOBAL = 8;

const CR0_WP = 1 << 16;
const CR0_PG = 1 << 31;
const CR4 = { PSE: 1 << 4, PAE: 1 << 5, PGE: 1 << 7, LA57: 1 << 12, SMEP: 1 << 20, PKE: 1 << 22, PKS: 1 << 24 };
const EFER_NXE = 1 << 11;

const PTE = {
  P: 1,
  RW: 2,
  US: 4,
  A: 0x20,
  D: 0x40,
  PS: 0x80,
  G: 0x100,
  PAT_LARGE: 0x1000,
  NX: 1n << 63n,
  ADDRESS: 0x000f_ffff_ffff_f000n,
  HIGH: 0x7ff0_0000_0000_0000n,
  KEY_SHIFT: 59
};
const ERROR = { P: 1, W: 2, U: 4, RSVD: 8, ID: 0x10, PK: 0x20 };

/** The entry of the physical page map for an address: host page and rights, 0 where there is no RAM. */
export function mapEntry(e: StateEmitter, gpa: Value): Value {
  return e.choose(
    gpa.shrU(32).eqz(),
    () => e.lazyPeek('i32.load', gpa.i32().shrU(12).shl(2), e.layout.pageMap),
    () => i32(0),
    'i32'
  );
}

/** Raises a fault out of a function that returns 0 for it. */
export function fail(e: StateEmitter, vector: number, error: Value): void {
  e.setEnv('exception_index', vector);
  e.setEnv('error_code', error);
  e.return(0);
}

export function definePageWalk(core: CoreBuilder): void {
  // One entry of a table: sets bits in it, as a write of the machine.
  core.define('pte_set', ['i64', 'i32', 'i32'], undefined, (e, gpa, pte, bits) => {
    e.when(bits.and(pte.not()).ne(0), () => {
      const entry = e.let(mapEntry(e, gpa));
      e.when(entry.and(2).ne(0), () => {
        const host = e.let(entry.and(-4096).or(gpa.i32().and(0xfff)));
        e.invoke(core.callee('notdirty'), host, 4);
        e.poke('i32.store', host, pte.or(bits));
      });
    });
  });

  core.define('pte_load', ['i64', 'i32'], 'i64', (e, gpa, wide) => {
    const entry = e.let(mapEntry(e, gpa));
    e.when(entry.and(1).eqz(), () => e.return(0));
    const host = e.let(entry.and(-4096).or(gpa.i32().and(0xfff)));
    e.when(wide, () => e.return(e.lazyPeek('i64.load', host)));
    e.return(e.lazyPeek('i64.load32_u', host));
  });

  // (linear, access, mode) → 1 with walk_gpa, walk_prot, walk_level (12, 21, 22 or 30); 0 with an exception.
  core.define('walk', ['i64', 'i32', 'i32'], 'i32', (e, linear, access, mode) => {
    const cr0 = e.let(e.lazyEnv('cr', 0).i32());
    const a20 = e.let(e.lazyEnv('a20_mask').i64().or(0xffff_ffff_0000_0000n));
    e.when(cr0.and(CR0_PG).eqz(), () => {
      e.setEnv('walk_gpa', linear.and(a20));
      e.setEnv('walk_prot', 7);
      e.setEnv('walk_level', 12);
      e.return(1);
    });
    const user = e.let(mode.eq(MMU_MODES.user));
    const cr3 = e.env('cr', 3);
    const cr4 = e.let(e.lazyEnv('cr', 4).i32());
    const nxe = e.let(e.lazyEnv('efer').i32().and(EFER_NXE));

    const fault = (error: Value): void => {
      const fetch = nxe.or(cr4.and(CR4.SMEP)).ne(0).select(i32(ERROR.ID), 0);
      const code = error
        .or(user.select(i32(ERROR.U), 0))
        .or(access.eq(ACCESS.WRITE).select(i32(ERROR.W), 0))
        .or(access.eq(ACCESS.FETCH).select(fetch, 0));
      e.setEnv('fault_linear', linear);
      fail(e, EXCP.PF, code);
    };
    const faultUnless = (fine: Value, error: number): void => e.when(fine.eqz(), () => fault(i32(error)));

    // The last entry read, where it lies, and how many bits of address it leaves.
    const pte = e.variable('i64', 0);
    const at = e.variable('i64', 0);
    const level = e.variable('i32', 12);
    const table = e.variable('i64', 0);
    /** Rights of all levels together; NX is inverted, so that AND combines it too. */
    const rights = e.variable('i64', PTE.NX | BigInt(PTE.US | PTE.RW));
    const reserved = e.variable('i64', 0);
    const has = (bit: number): Value => pte.value.i32().and(bit);
    const wide = e.let(cr4.and(CR4.PAE));
    const read = (address: Value): void => {
      at.set(address.and(a20));
      pte.set(e.invoke(core.callee('pte_load'), at.value, wide));
      faultUnless(has(PTE.P), 0);
    };
    const set = (bits: Value): void => {
      e.invoke(core.callee('pte_set'), at.value, pte.value.i32(), bits);
    };
    const combine = (): void => rights.set(rights.value.and(pte.value.xor(PTE.NX)));

    e.when(
      wide,
      () => {
        const beyond = PTE.ADDRESS & ~((1n << BigInt(e.layout.physBits)) - 1n);
        reserved.set(nxe.select(i64(beyond), i64(beyond | PTE.NX)));
        e.when(
          e.lazyEnv('hflags').and(HF.LMA),
          () => {
            const five = e.let(cr4.and(CR4.LA57));
            const sign = e.let(linear.shrS(five.select(i64(56), i64(47))));
            e.when(sign.add(1).gtU(1), () => fail(e, EXCP.GP, i32(0)));
            table.set(cr3.and(PTE.ADDRESS));
            level.set(five.select(i32(48), i32(39)));
          },
          () => {
            reserved.set(reserved.value.or(PTE.HIGH));
            read(cr3.and(0xffff_ffe0).add(linear.shrU(27).and(0x18)));
            faultUnless(pte.value.and(reserved.value.or(PTE.NX)).eqz(), ERROR.RSVD);
            set(i32(PTE.A));
            table.set(pte.value.and(PTE.ADDRESS));
            level.set(21);
          }
        );
        e.loop((_again, leave) => {
          read(table.value.add(linear.shrU(level.value.i64()).and(0x1ff).shl(3)));
          faultUnless(pte.value.and(reserved.value).eqz(), ERROR.RSVD);
          combine();
          e.when(level.value.eq(12), leave);
          e.when(has(PTE.PS), () => {
            faultUnless(level.value.leS(30), ERROR.RSVD);
            leave();
          });
          set(i32(PTE.A));
          table.set(pte.value.and(PTE.ADDRESS));
          level.set(level.value.sub(9));
        });
        // Low bits of a large page's address are reserved, but for PAT.
        const low = i64(1)
          .shl(level.value.i64())
          .sub(1)
          .and(PTE.ADDRESS & ~BigInt(PTE.PAT_LARGE));
        e.when(level.value.ne(12), () => faultUnless(pte.value.and(low).eqz(), ERROR.RSVD));
      },
      () => {
        read(cr3.and(0xffff_f000).add(linear.shrU(20).and(0xffc)));
        rights.set(pte.value.or(PTE.NX));
        e.when(
          has(PTE.PS).ne(0).and(cr4.and(CR4.PSE).ne(0)),
          () => {
            level.set(22);
            faultUnless(has(0x20_0000).eqz(), ERROR.RSVD);
            // PSE-36: bits 20 to 13 are bits 39 to 32 of the address.
            pte.set(pte.value.or(pte.value.and(0x1f_e000).shl(32 - 13)));
          },
          () => {
            set(i32(PTE.A));
            read(pte.value.and(0xffff_f000).add(linear.shrU(10).and(0xffc)));
            rights.set(rights.value.and(pte.value.or(PTE.NX)));
          }
        );
      }
    );

    // What the rights allow.
    const right = e.let(rights.value.i32());
    const execute = e.let(rights.value.shrU(63).i32());
    const userPage = e.let(right.and(PTE.US));
    faultUnless(user.eqz().or(userPage), ERROR.P);
    const prot = e.variable('i32', 0);
    e.when(mode.ne(MMU_MODES.ksmap).or(userPage.eqz()), () => {
      prot.set(1 << ACCESS.READ);
      const writable = right.and(PTE.RW).or(user.or(cr0.and(CR0_WP)).eqz());
      e.when(writable, () => prot.set((1 << ACCESS.READ) | (1 << ACCESS.WRITE)));
    });
    const smep = cr4.and(CR4.SMEP).ne(0).and(userPage.ne(0));
    e.when(execute.and(user.or(smep.eqz())), () => prot.set(prot.value.or(1 << ACCESS.FETCH)));

    const keyed = cr4.and(userPage.ne(0).select(i32(CR4.PKE), CR4.PKS)).ne(0);
    e.when(keyed.and(e.lazyEnv('hflags').and(HF.LMA).ne(0)), () => {
      const key = pte.value.shrU(PTE.KEY_SHIFT).i32().and(15);
      const keys = userPage.ne(0).select(e.lazyEnv('pkru'), e.lazyEnv('pkrs'));
      const denied = e.let(keys.shrU(key.shl(1)).and(3));
      const mask = e.variable('i32', -1);
      e.when(
        denied.and(1),
        () => mask.set(~((1 << ACCESS.READ) | (1 << ACCESS.WRITE))),
        () => e.when(denied.ne(0).and(user.or(cr0.and(CR0_WP)).ne(0)), () => mask.set(~(1 << ACCESS.WRITE)))
      );
      faultUnless(mask.value.shrU(access).and(1), ERROR.P | ERROR.PK);
      prot.set(prot.value.and(mask.value));
    });
    faultUnless(prot.value.shrU(access).and(1), ERROR.P);

    e.when(
      access.eq(ACCESS.WRITE),
      () => set(i32(PTE.A | PTE.D)),
      () => {
        // A clean page is not to be written to before a walk for writing made it dirty.
        e.when(has(PTE.D).eqz(), () => prot.set(prot.value.and(~(1 << ACCESS.WRITE))));
        set(i32(PTE.A));
      }
    );
    e.when(has(PTE.G).and(cr4.shl(1)), () => prot.set(prot.value.or(PROT_GLOBAL)));

    const offset = e.let(i64(1).shl(level.value.i64()).sub(1));
    e.setEnv('walk_gpa', pte.value.and(PTE.ADDRESS).and(offset.not()).or(linear.and(offset)).and(a20));
    e.setEnv('walk_prot', prot.value);
    e.setEnv('walk_level', level.value);
    e.return(1);
  });
}
