/**
 * The software TLB: filling, flushing, and every access that the one test in line does not cover: unaligned ones, those
 * that cross pages, devices, pages whose first write or whose code matters. After QEMU accel/tcg/cputlb.c.
 */
import { i32, op, type Term, type Value } from '../isa/value.ts';
import type { CoreBuilder, StateEmitter } from './core-builder.ts';
import {
  CODE_TLB_ENTRIES,
  EMPTY_PREFIX,
  envAt,
  FILLED_ENTRIES,
  LARGE_CLASSES,
  type Layout,
  PAGE_SIZE,
  RECORD,
  TLB_INDEX_BITS,
  TLB_MODE_BITS,
  TLB_TABLE_BYTES,
  TLB_WRITE,
  WATCHING
} from './layout.ts';
import { ACCESS, mapEntry, PROT_GLOBAL } from './page-walk.ts';

/** What `fill` returns for what is not RAM; no host address is that low. */
export const NOT_RAM = 1;
const PAGE_CODE = 1;
/** All of DIRTY_* and PAGE_WRITTEN. */
const PAGE_DIRTY = 62;
const DIRTY_CHECKPOINT = 8;
const MAP_WRITE = 2;

/** Offset in a table of the entry for a linear address. */
export const entryOffset = (linear: Value): Value =>
  linear
    .shrU(9)
    .i32()
    .and(((1 << TLB_INDEX_BITS) - 1) * 8);

const pageOf = (host: Value): Value => host.and(-PAGE_SIZE);
const flagsOf = (e: StateEmitter, host: Value): Value => e.lazyPeek('i32.load8_u', host.shrU(12), e.layout.pageFlags);

/** Remembers who writes to a host page that was clean in some sense. Those who write to dirty pages are not seen. */
function rememberWriter(e: StateEmitter, host: Value): void {
  const record = e.env('record');
  const eip = e.lazyEnv('eip_page').add(e.lazyPeek('i64.load16_u', record, RECORD.offset));
  e.poke('i64.store', host.shrU(12).shl(3), record.eqz().select(e.lazyEnv('eip'), eip), e.layout.pageWriters);
}

/** What an empty entry holds, from its own address. */
function emptyEntry(layout: Layout, address: Value): Value {
  const linear = address
    .sub(layout.tlb)
    .and(TLB_TABLE_BYTES - 1)
    .shl(9);
  return linear
    .xor(layout.guardPage)
    .i64()
    .or(EMPTY_PREFIX << 32n);
}

export function defineTlb(core: CoreBuilder): void {
  const { layout } = core;
  const call = (e: StateEmitter, name: string, ...args: readonly Term[]): Value => e.invoke(core.callee(name), ...args);
  /** Tells of an access that will not fault any more, page by page. */
  const watch = (e: StateEmitter, access: number, ...pieces: readonly (readonly [Value, Value, Value])[]): void =>
    e.when(e.lazyEnv('watching'), () => {
      for (const [linear, bytes, gpa] of pieces) call(e, 'watch', linear, bytes, access, gpa);
    });
  const bounce = envAt(layout, 'bounce');

  core.define('tlb_reset', [], undefined, (e) => {
    const at = e.variable('i32', layout.tlb);
    e.loop((_again, leave) => {
      e.when(at.value.geU(layout.tlb + (3 << TLB_MODE_BITS)), leave);
      e.poke('i64.store', at.value, emptyEntry(layout, at.value));
      at.set(at.value.add(8));
    });
    e.poke('i32.store', i32(0), 0, layout.filled);
    e.poke('i32.store', i32(0), 0, layout.filledGlobal);
    call(e, 'flush_code');
  });

  core.define('flush_code', [], undefined, (e) => {
    i32(layout.codeTlb).emit(e.f);
    i32(0xff).emit(e.f);
    i32(16 * CODE_TLB_ENTRIES).emit(e.f);
    e.f.memoryFill();
  });

  core.define('flush_list', ['i32'], undefined, (e, list) => {
    const count = e.peek('i32.load', list);
    const at = e.variable('i32', list);
    e.loop((_again, leave) => {
      e.when(at.value.eq(list.add(count.shl(2))), leave);
      at.set(at.value.add(4));
      const entry = e.peek('i32.load', at.value);
      e.poke('i64.store', entry, emptyEntry(layout, entry));
    });
    e.poke('i32.store', list, 0);
  });

  // QEMU tlb_flush: global pages too, or not.
  core.define('flush', ['i32'], undefined, (e, global) => {
    call(e, 'flush_list', layout.filled);
    e.when(global, () => {
      call(e, 'flush_list', layout.filledGlobal);
      i32(layout.large).emit(e.f);
      i32(0).emit(e.f);
      i32(2 * LARGE_CLASSES).emit(e.f);
      e.f.memoryFill();
    });
    call(e, 'flush_code');
  });

  // QEMU tlb_flush_page. An address in what may be a large page flushes all.
  core.define('flush_page', ['i64'], undefined, (e, linear) => {
    const [middle, giant] = largeClasses(linear);
    const large = e
      .lazyPeek('i32.load8_u', middle, layout.large)
      .or(e.lazyPeek('i32.load8_u', giant, layout.large + LARGE_CLASSES));
    e.when(
      large,
      () => {
        call(e, 'flush', 1);
      },
      () => {
        const at = e.variable('i32', entryOffset(linear).add(layout.tlb));
        e.loop((_again, leave) => {
          e.when(at.value.geU(layout.tlb + (3 << TLB_MODE_BITS)), leave);
          e.poke('i64.store', at.value, emptyEntry(layout, at.value));
          at.set(at.value.add(TLB_TABLE_BYTES));
        });
        call(e, 'flush_code');
      }
    );
  });

  core.define('fill_entry', ['i32', 'i64', 'i32'], undefined, (e, entry, contents, global) => {
    e.poke('i64.store', entry, contents);
    const list = e.let(global.select(i32(layout.filledGlobal), layout.filled));
    const count = e.peek('i32.load', list);
    e.poke('i32.store', list.add(count.shl(2)), entry, 4);
    e.poke('i32.store', list, count.add(1));
  });

  // (linear, access, TLB of the mode) → host address; 0 with an exception; NOT_RAM with walk_gpa.
  core.define('fill', ['i64', 'i32', 'i32'], 'i32', (e, linear, access, tlb) => {
    e.when(call(e, 'walk', linear, access, tlb.sub(layout.tlb).shrU(TLB_MODE_BITS)).eqz(), () => e.return(0));
    const gpa = e.env('walk_gpa');
    const prot = e.env('walk_prot');
    const map = e.let(mapEntry(e, gpa));
    const writing = access.eq(ACCESS.WRITE);
    e.when(map.and(MAP_WRITE).eqz().and(writing).or(map.eqz()), () => e.return(NOT_RAM));
    const page = e.let(pageOf(map));
    const host = e.let(page.or(linear.i32().and(PAGE_SIZE - 1)));

    const level = e.env('walk_level');
    e.when(level.ne(12), () => {
      const [middle, giant] = largeClasses(linear);
      e.when(
        level.eq(30),
        () => e.poke('i32.store8', giant, 1, layout.large + LARGE_CLASSES),
        () => e.poke('i32.store8', middle, 1, layout.large)
      );
    });
    // Room for two entries.
    for (const list of [layout.filled, layout.filledGlobal])
      e.when(e.lazyPeek('i32.load', i32(list)).geU(FILLED_ENTRIES - 2), () => {
        call(e, 'flush', 1);
      });

    const watching = e.env('watching');
    e.when(watching, () => {
      e.when(watching.and(WATCHING.DR), () => e.return(host));
      e.when(call(e, 'watched', linear, gpa), () => e.return(host));
    });
    const entry = e.let(entryOffset(linear).add(tlb));
    const contents = e.let(linear.and(-PAGE_SIZE).xor(page.i64()));
    const global = e.let(prot.and(PROT_GLOBAL));
    const flags = e.variable('i32', flagsOf(e, host));
    e.when(writing.and(flags.value.and(PAGE_DIRTY).ne(PAGE_DIRTY)), () => {
      rememberWriter(e, host);
      e.when(flags.value.and(DIRTY_CHECKPOINT).eqz(), () => {
        call(e, 'first_write', host);
      });
      flags.set(flags.value.or(PAGE_DIRTY));
      e.poke('i32.store8', host.shrU(12), flags.value, layout.pageFlags);
    });
    // Entries for writing are for pages that are dirty in every sense and hold no code.
    const writable = prot.shrU(ACCESS.WRITE).and(1).and(map.shrU(1)).and(flags.value.eq(PAGE_DIRTY));
    e.when(writable, () => {
      call(e, 'fill_entry', entry.add(TLB_WRITE), contents, global);
    });
    e.when(prot.and(1 << ACCESS.READ), () => {
      call(e, 'fill_entry', entry, contents, global);
    });
    e.return(host);
  });

  // Before RAM is written at a place for which there is no entry for writing.
  core.define('notdirty', ['i32', 'i32'], undefined, (e, host, bytes) => {
    const flags = e.let(flagsOf(e, host));
    e.when(flags.eq(PAGE_DIRTY), () => e.return());
    rememberWriter(e, host);
    e.when(flags.and(DIRTY_CHECKPOINT).eqz(), () => {
      call(e, 'first_write', host);
    });
    e.poke('i32.store8', host.shrU(12), flags.or(PAGE_DIRTY), layout.pageFlags);
    e.when(flags.and(PAGE_CODE), () => {
      call(e, 'code_write', host, bytes);
    });
  });

  // Forgets entries for writing to a host page: it holds code from now on.
  core.define('protect', ['i32'], undefined, (e, page) => {
    for (const list of [layout.filled, layout.filledGlobal]) {
      const at = e.variable('i32', list);
      const end = e.let(e.lazyPeek('i32.load', i32(list)).shl(2).add(list));
      e.loop((_again, leave) => {
        e.when(at.value.eq(end), leave);
        at.set(at.value.add(4));
        const entry = e.peek('i32.load', at.value);
        const linear = entry
          .sub(layout.tlb)
          .and(TLB_TABLE_BYTES - 1)
          .shl(9);
        const mapped = e.lazyPeek('i64.load', entry).i32().xor(linear);
        const forWriting = entry.sub(layout.tlb).and(TLB_WRITE);
        e.when(forWriting.ne(0).and(mapped.eq(page)), () => e.poke('i64.store', entry, emptyEntry(layout, entry)));
      });
    }
  });

  // Dirty bits were cleared somewhere: forgets all entries for writing.
  core.define('protect_all', [], undefined, (e) => {
    for (const list of [layout.filled, layout.filledGlobal]) {
      const at = e.variable('i32', list);
      const end = e.let(e.lazyPeek('i32.load', i32(list)).shl(2).add(list));
      e.loop((_again, leave) => {
        e.when(at.value.eq(end), leave);
        at.set(at.value.add(4));
        const entry = e.peek('i32.load', at.value);
        e.when(entry.sub(layout.tlb).and(TLB_WRITE), () => e.poke('i64.store', entry, emptyEntry(layout, entry)));
      });
    }
  });

  // Reads one piece into the bounce buffer, at `to`.
  core.define('bounce_in', ['i32', 'i64', 'i32', 'i32'], undefined, (e, host, gpa, bytes, to) => {
    e.when(host.ne(NOT_RAM), () => {
      for (const value of [to, host, bytes]) value.emit(e.f);
      e.f.memoryCopy();
      e.return();
    });
    eachUnit(e, gpa, bytes, (address, done, unit) => {
      const value = call(e, 'mmio_read', address, unit);
      for (const [size, store] of [
        [1, 'i32.store8'],
        [2, 'i32.store16'],
        [4, 'i32.store']
      ] as const)
        e.when(unit.eq(size), () => e.poke(store, to.add(done), value));
    });
  });

  core.define('bounce_out', ['i32', 'i64', 'i32', 'i32'], undefined, (e, host, gpa, bytes, from) => {
    e.when(bytes.eqz(), () => e.return());
    e.when(host.ne(NOT_RAM), () => {
      for (const value of [host, from, bytes]) value.emit(e.f);
      e.f.memoryCopy();
      e.return();
    });
    eachUnit(e, gpa, bytes, (address, done, unit) => {
      const value = e.variable('i32', e.lazyPeek('i32.load8_u', from.add(done)));
      e.when(unit.eq(2), () => value.set(e.lazyPeek('i32.load16_u', from.add(done))));
      e.when(unit.eq(4), () => value.set(e.lazyPeek('i32.load', from.add(done))));
      call(e, 'mmio_write', address, value.value, unit);
    });
  });

  // (linear, bytes, TLB) → where the bytes are, or a copy of them; 0 with an exception.
  core.define('slow_load', ['i64', 'i32', 'i32'], 'i32', (e, linear, bytes, tlb) => {
    hitInPage(e, linear, bytes, entryOffset(linear).add(tlb), 0);
    const first = firstPiece(e, linear, bytes);
    const host = call(e, 'fill', linear, ACCESS.READ, tlb);
    e.when(host.eqz(), () => e.return(0));
    const crosses = first.ltU(bytes);
    e.when(crosses.eqz(), () => watch(e, ACCESS.READ, [linear, bytes, e.lazyEnv('walk_gpa')]));
    e.when(host.ne(NOT_RAM).and(crosses.eqz()), () => e.return(host));
    const gpa = e.env('walk_gpa');
    e.when(crosses, () => {
      const next = call(e, 'fill', nextPage(e, linear), ACCESS.READ, tlb);
      e.when(next.eqz(), () => e.return(0));
      const nextGpa = e.env('walk_gpa');
      watch(e, ACCESS.READ, [linear, first, gpa], [nextPage(e, linear), bytes.sub(first), nextGpa]);
      call(e, 'bounce_in', next, nextGpa, bytes.sub(first), first.add(bounce));
    });
    call(e, 'bounce_in', host, gpa, first, bounce);
    e.return(bounce);
  });

  // (linear, bytes, TLB) → where to store; after storing at `bounce`, `commit` is to be called. 0 with an exception.
  core.define('slow_store', ['i64', 'i32', 'i32'], 'i32', (e, linear, bytes, tlb) => {
    hitInPage(e, linear, bytes, entryOffset(linear).add(tlb), TLB_WRITE);
    const first = firstPiece(e, linear, bytes);
    const host = call(e, 'fill', linear, ACCESS.WRITE, tlb);
    e.when(host.eqz(), () => e.return(0));
    const crosses = first.ltU(bytes);
    e.when(crosses.eqz(), () => watch(e, ACCESS.WRITE, [linear, bytes, e.lazyEnv('walk_gpa')]));
    e.when(host.ne(NOT_RAM).and(crosses.eqz()), () => {
      call(e, 'notdirty', host, bytes);
      e.return(host);
    });
    const gpa = e.env('walk_gpa');
    e.setEnv('bounce_bytes', 0, 1);
    e.when(crosses, () => {
      const next = call(e, 'fill', nextPage(e, linear), ACCESS.WRITE, tlb);
      e.when(next.eqz(), () => e.return(0));
      const nextGpa = e.env('walk_gpa');
      watch(e, ACCESS.WRITE, [linear, first, gpa], [nextPage(e, linear), bytes.sub(first), nextGpa]);
      e.setEnv('bounce_gpa', nextGpa, 1);
      e.setEnv('bounce_host', next, 1);
      e.setEnv('bounce_bytes', bytes.sub(first), 1);
      e.when(next.ne(NOT_RAM), () => {
        call(e, 'notdirty', next, bytes.sub(first));
      });
    });
    e.when(host.ne(NOT_RAM), () => {
      call(e, 'notdirty', host, first);
    });
    e.setEnv('bounce_gpa', gpa, 0);
    e.setEnv('bounce_host', host, 0);
    e.setEnv('bounce_bytes', first, 0);
    e.return(bounce);
  });

  // The same for what is read first.
  core.define('slow_rmw', ['i64', 'i32', 'i32'], 'i32', (e, linear, bytes, tlb) => {
    const host = call(e, 'slow_store', linear, bytes, tlb);
    e.when(host.ne(bounce), () => e.return(host));
    const first = e.env('bounce_bytes', 0);
    for (const piece of [0, 1])
      call(
        e,
        'bounce_in',
        e.lazyEnv('bounce_host', piece),
        e.lazyEnv('bounce_gpa', piece),
        e.lazyEnv('bounce_bytes', piece),
        piece === 0 ? bounce : first.add(bounce)
      );
    e.return(bounce);
  });

  core.define('commit', [], undefined, (e) => {
    for (const piece of [0, 1])
      call(
        e,
        'bounce_out',
        e.lazyEnv('bounce_host', piece),
        e.lazyEnv('bounce_gpa', piece),
        e.lazyEnv('bounce_bytes', piece),
        piece === 0 ? bounce : e.lazyEnv('bounce_bytes', 0).add(bounce)
      );
  });
}

function largeClasses(linear: Value): [Value, Value] {
  const mask = LARGE_CLASSES - 1;
  return [linear.shrU(21).i32().and(mask), linear.shrU(30).i32().and(mask)];
}

/** Returns the host address where the entry is that of the page and the access stays inside. */
function hitInPage(e: StateEmitter, linear: Value, bytes: Value, entry: Value, table: number): void {
  const host = e.let(e.lazyPeek('i64.load', entry, table).xor(linear));
  const inside = linear
    .i32()
    .and(PAGE_SIZE - 1)
    .add(bytes)
    .leU(PAGE_SIZE);
  e.when(host.shrU(32).eqz().and(inside), () => e.return(host.i32()));
}

/** Bytes of an access up to the end of its page. */
function firstPiece(e: StateEmitter, linear: Value, bytes: Value): Value {
  const room = e.let(i32(PAGE_SIZE).sub(linear.i32().and(PAGE_SIZE - 1)));
  return e.let(room.ltU(bytes).select(room, bytes));
}

const nextPage = (e: StateEmitter, linear: Value): Value =>
  linear
    .or(PAGE_SIZE - 1)
    .add(1)
    .and(e.lazyEnv('code_mask'));

/** Splits an access to a device into units of at most four bytes; addresses as f64, which holds all 52 bits. */
function eachUnit(
  e: StateEmitter,
  gpa: Value,
  bytes: Value,
  body: (address: Value, done: Value, unit: Value) => void
): void {
  const done = e.variable('i32', 0);
  e.loop((_again, leave) => {
    e.when(done.value.geU(bytes), leave);
    const rest = e.let(bytes.sub(done.value));
    const unit = e.let(rest.geU(4).select(i32(4), rest.geU(2).select(i32(2), 1)));
    body(op('f64.convert_i64_u', gpa.add(done.value.i64())), done.value, unit);
    done.set(done.value.add(unit));
  });
}
