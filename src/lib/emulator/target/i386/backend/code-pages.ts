/**
 * From an address to the record of the instruction there: code TLB, decoded pages, and what becomes of them when their
 * bytes are written to. Decoding itself is TypeScript (`accel/tcg/tb-maint.ts`), called once for each instruction.
 * In the place of QEMU accel/tcg/tb-maint.c and the lookups of cpu-exec.c.
 */
import { CPU_INTERRUPT, EXCP, FLAG, HF } from '../env.ts';
import { i32, i64, type Term, type Value } from '../isa/value.ts';
import type { CoreBuilder, StateEmitter } from './core-builder.ts';
import {
  CODE_KEY,
  CODE_TLB_ENTRIES,
  DECODED,
  HANDLER,
  type Layout,
  MMU_MODES,
  PAGE_SIZE,
  RECORD,
  TLB_MODE_BITS
} from './layout.ts';
import { ACCESS, fail, mapEntry } from './page-walk.ts';

/** The longest instruction, less one. */
const REACH = 14;
/** After so many stores beside its instructions, what was decoded of a page is given up and stores are fast again. */
const MAX_MISSES = 64;
const PAGE_CODE = 1;
/** L0 to G3: while one is set, each instruction is run by itself. */
const DR7_ENABLED = 0xff;

/** Address of the code TLB's entry for a linear address. */
export const codeEntry = (layout: Layout, linear: Value): Value =>
  linear
    .shrU(8)
    .i32()
    .and((CODE_TLB_ENTRIES - 1) << 4)
    .add(layout.codeTlb);

const headOf = (host: Value): Value => host.shrU(12).shl(2);

export function defineCodePages(core: CoreBuilder): void {
  const { layout } = core;
  const call = (e: StateEmitter, name: string, ...args: readonly Term[]): Value => e.invoke(core.callee(name), ...args);
  const eachDecoded = (e: StateEmitter, host: Value, body: (page: Value) => void): void => {
    const page = e.variable('i32', e.lazyPeek('i32.load', headOf(host), layout.decodedPages));
    e.loop((_again, leave) => {
      e.when(page.value.eqz(), leave);
      body(page.value);
      page.set(e.lazyPeek('i32.load', page.value, DECODED.next));
    });
  };
  const bump = (e: StateEmitter, page: Value): void =>
    e.poke('i32.store', page, e.lazyPeek('i32.load', page, DECODED.generation).add(1), DECODED.generation);
  /** Links and neighbours lead to a record for good, so it stays and looks its instruction up anew. */
  const forget = (e: StateEmitter, slot: Value, record: Value): void => {
    e.poke('i32.store16', record, HANDLER.LOOKUP, RECORD.handler);
    e.poke('i32.store', slot, 0, DECODED.records);
  };

  // Bytes are about to be written to a page that holds code. QEMU tb_invalidate_phys_page_fast.
  core.define('code_write', ['i32', 'i32'], undefined, (e, host, bytes) => {
    const start = e.let(host.and(PAGE_SIZE - 1));
    const end = e.let(start.add(bytes));
    eachDecoded(e, host, (page) => {
      const at = e.variable('i32', start.gtU(REACH).select(start.sub(REACH), 0));
      const hit = e.variable('i32', start.leU(REACH));
      e.loop((_again, leave) => {
        e.when(at.value.geU(end).or(at.value.geU(PAGE_SIZE)), leave);
        const slot = e.let(at.value.shl(2).add(page));
        const record = e.peek('i32.load', slot, DECODED.records);
        e.when(record, () => {
          const length = e.variable('i32', e.lazyPeek('i32.load8_u', record, RECORD.length));
          e.when(at.value.add(length.value).gtU(start), () => {
            forget(e, slot, record);
            hit.set(1);
          });
        });
        at.set(at.value.add(1));
      });
      e.when(hit.value, () => bump(e, page));
      e.poke('i32.store', page, e.lazyPeek('i32.load', page, DECODED.misses).add(1), DECODED.misses);
      e.when(e.lazyPeek('i32.load', page, DECODED.misses).gtU(MAX_MISSES), () => {
        call(e, 'code_discard', host);
        e.return();
      });
    });
  });

  // Gives up all that was decoded of a host page.
  core.define('code_discard', ['i32'], undefined, (e, host) => {
    eachDecoded(e, host, (page) => {
      const at = e.variable('i32', page);
      e.loop((_again, leave) => {
        e.when(at.value.eq(page.add(4 * PAGE_SIZE)), leave);
        const record = e.peek('i32.load', at.value, DECODED.records);
        e.when(record, () => forget(e, at.value, record));
        at.set(at.value.add(4));
      });
      e.poke('i32.store', page, 0, DECODED.misses);
      bump(e, page);
    });
    const flags = e.lazyPeek('i32.load8_u', host.shrU(12), layout.pageFlags);
    e.poke('i32.store8', host.shrU(12), flags.and(~PAGE_CODE), layout.pageFlags);
  });

  // (linear) → its decoded page, through the code TLB; 0 with an exception.
  core.define('code_page', ['i64'], 'i32', (e, linear) => {
    const key = e.env('code_key');
    const tag = e.let(linear.and(-PAGE_SIZE).or(key));
    const entry = e.let(codeEntry(layout, linear));
    e.when(e.lazyPeek('i64.load', entry).eq(tag), () => e.return(e.lazyPeek('i32.load', entry, 8)));
    const mode = key.i32().and(CODE_KEY.USER).select(i32(MMU_MODES.user), MMU_MODES.kernel);
    e.when(call(e, 'walk', linear, ACCESS.FETCH, mode).eqz(), () => e.return(0));
    const host = e.let(mapEntry(e, e.lazyEnv('walk_gpa')).and(-PAGE_SIZE));
    // QEMU reads instructions out of devices one by one; nobody runs code there on purpose.
    e.when(host.eqz(), () => fail(e, EXCP.UD, i32(0)));
    const wanted = e.let(key.i32().and(~CODE_KEY.USER));
    const page = e.variable('i32', e.lazyPeek('i32.load', headOf(host), layout.decodedPages));
    e.loop((again, leave) => {
      e.when(page.value.eqz(), leave);
      e.when(e.lazyPeek('i32.load', page.value, DECODED.key).eq(wanted), leave);
      page.set(e.lazyPeek('i32.load', page.value, DECODED.next));
      again();
    });
    e.when(page.value.eqz(), () => page.set(call(e, 'new_page', host, wanted)));
    e.poke('i64.store', entry, tag);
    e.poke('i32.store', entry, page.value, 8);
    e.return(page.value);
  });

  // (eip) → the record there, with eip_page and code_page set; 0 with an exception, eip set.
  core.define('code_lookup', ['i64'], 'i32', (e, eip) => {
    e.setEnv('eip', eip);
    const linear = e.let(eip.add(e.lazyEnv('code_base')).and(e.lazyEnv('code_mask')));
    const page = call(e, 'code_page', linear);
    e.when(page.eqz(), () => e.return(0));
    const offset = e.let(linear.and(PAGE_SIZE - 1));
    e.setEnv('eip_page', eip.sub(offset));
    e.setEnv('code_page', page);
    const record = e.peek('i32.load', page.add(offset.i32().shl(2)), DECODED.records);
    e.when(record, () => e.return(record));
    e.return(call(e, 'decode', page, offset.i32()));
  });

  // (record with HANDLER.CROSS) → where to go on; 0 with an exception.
  core.define('code_cross', ['i32'], 'i32', (e, record) => {
    const eip = e.env('eip_page');
    const linear = e.let(eip.add(PAGE_SIZE).add(e.lazyEnv('code_base')).and(e.lazyEnv('code_mask')));
    const flushes = e.env('code_flushes');
    const page = call(e, 'code_page', linear);
    e.when(page.eqz(), () => e.return(0));
    const here = eip.add(e.lazyPeek('i64.load16_u', record, RECORD.offset));
    e.when(flushes.ne(e.lazyEnv('code_flushes')), () => e.return(call(e, 'code_lookup', here)));
    const fine = e
      .lazyPeek('i32.load', record, RECORD.imm)
      .eq(page)
      .and(e.lazyPeek('i32.load', record, RECORD.link).eq(e.lazyPeek('i32.load', page, DECODED.generation)));
    e.when(fine.eqz(), () => {
      call(e, 'decode_cross', record, page);
    });
    e.return(record.add(RECORD.size));
  });

  // Works out what follows from the mode. Returns whether the loop is to be left.
  core.define('resume', [], 'i32', (e) => {
    const hflags = e.env('hflags');
    const long = e.let(hflags.and(HF.CS64));
    e.setEnv('code_base', long.select(i64(0), e.lazyEnv('seg_base', 1)));
    e.setEnv('code_mask', long.select(i64(-1), 0xffff_ffff));
    const user = e.let(hflags.and(HF.CPL).eq(HF.CPL));
    const size = long.select(i32(CODE_KEY.CS64), hflags.and(HF.CS32).select(i32(CODE_KEY.CS32), 0));
    const stack = hflags.and(HF.SS32).select(i32(CODE_KEY.SS32), 0);
    e.setEnv(
      'code_key',
      size
        .or(stack)
        .or(user.select(i32(CODE_KEY.USER), 0))
        .i64()
    );
    const smap = hflags.and(HF.SMAP).ne(0).and(e.lazyEnv('eflags').and(FLAG.AC).eqz());
    const kernel = smap.select(i32(MMU_MODES.ksmap), MMU_MODES.kernel);
    e.setEnv('mmu', user.select(i32(MMU_MODES.user), kernel).shl(TLB_MODE_BITS).add(layout.tlb));
    const flags = e.env('eflags');
    const requests = e.env('interrupt_request');
    const open = flags.and(FLAG.IF).select(requests, requests.and(~CPU_INTERRUPT.HARD));
    const leave = e
      .lazyEnv('exit_request')
      .or(e.lazyEnv('inhibit_irq'))
      .or(e.lazyEnv('halted'))
      .or(flags.and(FLAG.TF | FLAG.RF))
      .or(e.lazyEnv('dr', 7).i32().and(DR7_ENABLED))
      .or(open);
    e.return(leave.ne(0));
  });
}
