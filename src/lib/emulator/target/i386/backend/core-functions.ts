/** Functions of the core module that semantics call where code in line would be long: flags, conditions, addresses. */
import { ENV } from '../env.ts';
import {
  CONDITION_RULES,
  DERIVATIONS,
  packFlags,
  parityFlag,
  RULE_NAMES,
  shiftOf,
  signFlag,
  unpackFlag,
  zeroFlag,
  type FlagState
} from '../isa/flags.ts';
import { i32, type Value } from '../isa/value.ts';
import type { CoreBuilder, StateEmitter } from './core-builder.ts';
import { KIND, RECORD } from './layout.ts';

export function flagState(e: StateEmitter): FlagState {
  return {
    dst: e.lazyEnv('cc_dst'),
    src: e.lazyEnv('cc_src'),
    src2: e.lazyEnv('cc_src2'),
    shift: shiftOf(e.lazyEnv('cc_op'))
  };
}

/** Returns a value by the rule in `cc_op`. */
function byRule(e: StateEmitter, derive: (rule: (typeof RULE_NAMES)[number], state: FlagState) => Value): void {
  dispatch(
    e,
    e.lazyEnv('cc_op').shrU(2),
    RULE_NAMES.map((rule) => () => e.return(derive(rule, flagState(e))))
  );
}

/** Runs one of several bodies, none of which comes to its end. */
export function dispatch(e: StateEmitter, selector: Value, bodies: readonly (() => void)[]): void {
  const labels = bodies.map(() => e.f.block()).reverse();
  selector.emit(e.f);
  e.f.brTable(labels, labels[0]!);
  for (const body of bodies) {
    e.f.end();
    body();
  }
}

export function defineFlagFunctions(core: CoreBuilder): void {
  const word = (e: StateEmitter): Value => e.lazyEnv('cc_src').i32();
  for (const name of ['C', 'O', 'A'] as const)
    core.define(`cc_${name.toLowerCase()}`, [], 'i32', (e) =>
      byRule(e, (rule, state) =>
        rule === 'EFLAGS' ? unpackFlag(word(e), name) : (DERIVATIONS[rule][name]?.(state) ?? i32(0))
      )
    );
  const ofResult = { Z: zeroFlag, S: signFlag, P: parityFlag };
  for (const name of ['Z', 'S', 'P'] as const)
    core.define(`cc_${name.toLowerCase()}`, [], 'i32', (e) => {
      e.when(e.lazyEnv('cc_op').eqz(), () => e.return(unpackFlag(word(e), name)));
      e.return(ofResult[name](e.lazyEnv('cc_dst')));
    });
  const flag = (e: StateEmitter, name: string): Value => e.invoke(core.callee(`cc_${name}`));

  core.define('cc_all', [], 'i32', (e) => {
    e.when(e.lazyEnv('cc_op').eqz(), () => e.return(word(e)));
    const dst = e.lazyEnv('cc_dst');
    e.return(
      packFlags({
        C: flag(e, 'c'),
        O: flag(e, 'o'),
        A: flag(e, 'a'),
        Z: zeroFlag(dst),
        S: signFlag(dst),
        P: parityFlag(dst)
      })
    );
  });

  // See `cc_op` in env.ts.
  core.define('cc_materialise', [], undefined, (e) => {
    e.when(e.lazyEnv('cc_op'), () => {
      e.setEnv('cc_src', e.invoke(core.callee('cc_all')).i64());
      e.setEnv('cc_op', 0);
    });
  });

  // (condition) → 0 or 1.
  core.define('cond', ['i32'], 'i32', (e, condition) => {
    const opposite = condition.and(1);
    const half = e.let(condition.shrU(1));
    const give = (value: Value) => (): void => e.return(value.xor(opposite));
    const state = flagState(e);
    const slow: (() => void)[] = [
      () => give(flag(e, 'o'))(),
      () => give(flag(e, 'c'))(),
      () => give(flag(e, 'z'))(),
      () => give(flag(e, 'c').or(flag(e, 'z')))(),
      () => give(flag(e, 's'))(),
      () => give(flag(e, 'p'))(),
      () => give(flag(e, 's').xor(flag(e, 'o')))(),
      () => give(flag(e, 's').xor(flag(e, 'o')).or(flag(e, 'z')))()
    ];
    const rule = e.let(e.lazyEnv('cc_op').shrU(2));
    for (const fast of ['sub', 'logic'] as const)
      e.when(rule.eq(RULE_NAMES.indexOf(fast === 'sub' ? 'SUB' : 'LOGIC')), () =>
        dispatch(
          e,
          half,
          CONDITION_RULES[fast].map((derive, at) => (derive ? give(derive(state)) : slow[at]!))
        )
      );
    dispatch(e, half, slow);
  });
}

/** Addresses that are not just base + index + displacement in 64 bits. */
export function defineAddressFunctions(core: CoreBuilder): void {
  const field = (e: StateEmitter, record: Value, offset: number): Value =>
    e.lazyPeek('i64.load', e.lazyPeek('i32.load16_u', record, offset), core.layout.env);

  // (record, displacement) → offset in the segment, cut to the address size.
  core.define('ea_offset', ['i32', 'i64'], 'i64', (e, record, displacement) => {
    const kind = e.let(e.lazyPeek('i32.load8_u', record, RECORD.kind));
    const disp = e.variable('i64', e.lazyPeek('i64.load32_s', record, RECORD.disp));
    e.when(kind.and(KIND.WIDE), () =>
      e.when(
        e.lazyPeek('i32.load16_u', record, RECORD.base).eq(ENV.eip_page),
        () =>
          disp.set(
            disp.value
              .add(e.lazyPeek('i64.load16_u', record, RECORD.offset))
              .add(e.lazyPeek('i64.load8_u', record, RECORD.length))
          ),
        () => disp.set(e.lazyPeek('i64.load', record, RECORD.imm))
      )
    );
    const scaled = field(e, record, RECORD.index).shl(kind.and(KIND.SCALE).i64());
    const sum = e.let(field(e, record, RECORD.base).add(scaled).add(disp.value).add(displacement));
    e.when(kind.and(KIND.ADDRESS32), () => e.return(sum.and(0xffff_ffff)));
    e.when(kind.and(KIND.ADDRESS16), () => e.return(sum.and(0xffff)));
    e.return(sum);
  });

  // The same plus segment base, cut to 32 bits outside of 64-bit mode.
  core.define('ea_linear', ['i32', 'i64'], 'i64', (e, record, displacement) => {
    const offset = e.invoke(core.callee('ea_offset'), record, displacement);
    const segment = e.let(e.lazyPeek('i32.load8_u', record, RECORD.kind).and(KIND.SEGMENT).shrU(KIND.SEGMENT_SHIFT));
    e.return(offset.add(e.lazyEnv('seg_none', segment)).and(e.lazyEnv('code_mask')));
  });
}
