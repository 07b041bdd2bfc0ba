/** The assembler, judged by WebAssembly itself: what it writes validates, and computes what it should. */
import { describe, expect, test } from 'vitest';
import {
  FunctionBuilder,
  ModuleBuilder,
  signatureOf,
  typeOfLoad,
  typeOfStore,
  type ValType
} from '../../../../src/lib/emulator/wasm/asm.ts';
import {
  LANE_OPERATORS,
  LOADS,
  OPERATORS,
  STORES,
  type LaneOperator,
  type Load,
  type Operator,
  type Store
} from '../../../../src/lib/emulator/wasm/opcodes.ts';

type Run = (...args: (number | bigint)[]) => number | bigint | undefined;

function instantiate(module: ModuleBuilder, env: WebAssembly.ModuleImports = {}): Record<string, Run> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env });
  return exports as unknown as Record<string, Run>;
}
function run(params: readonly ValType[], result: ValType, write: (f: FunctionBuilder) => void): Run {
  const module = new ModuleBuilder();
  const f = new FunctionBuilder(params, [result]);
  write(f);
  module.export('f', module.add(f));
  return instantiate(module).f!;
}
const memory = (): WebAssembly.Memory => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const constant: Readonly<Record<ValType, (f: FunctionBuilder) => void>> = {
  i32: (f) => f.i32(1),
  i64: (f) => f.i64(1n),
  f32: (f) => f.f32(1),
  f64: (f) => f.f64(1),
  v128: (f) => f.v128(1n, 2n)
};

describe('every instruction has the types that WebAssembly gives it', () => {
  test.each(Object.keys(OPERATORS) as Operator[])('%s', (name) => {
    const { params, result } = signatureOf(name);
    const module = new ModuleBuilder();
    const f = new FunctionBuilder([], [result]);
    for (const type of params) constant[type](f);
    f.op(name);
    module.add(f);
    expect(WebAssembly.validate(module.build())).toBe(true);
  });
  test.each(Object.keys(LANE_OPERATORS) as LaneOperator[])('%s', (name) => {
    const { params, result } = signatureOf(name);
    const module = new ModuleBuilder();
    const f = new FunctionBuilder([], [result]);
    for (const type of params) constant[type](f);
    f.lane(name, 1);
    module.add(f);
    expect(WebAssembly.validate(module.build())).toBe(true);
  });
  test.each(Object.keys(LOADS) as Load[])('%s', (name) => {
    const module = new ModuleBuilder();
    module.importMemory('memory', { initial: 1, maximum: 1, shared: true });
    const f = new FunctionBuilder([], [typeOfLoad(name)]);
    f.i32(0);
    f.load(name, 300);
    module.add(f);
    expect(WebAssembly.validate(module.build())).toBe(true);
  });
  test.each(Object.keys(STORES) as Store[])('%s', (name) => {
    const module = new ModuleBuilder();
    module.importMemory('memory', { initial: 1, maximum: 1, shared: true });
    const f = new FunctionBuilder([], []);
    f.i32(0);
    constant[typeOfStore(name)](f);
    f.store(name, 300);
    module.add(f);
    expect(WebAssembly.validate(module.build())).toBe(true);
  });
});

describe('constants', () => {
  test.each([0, 1, -1, 63, 64, -64, -65, 127, 128, 0x7fff_ffff, -0x8000_0000])('i32 %i', (value) => {
    expect(run([], 'i32', (f) => f.i32(value))()).toBe(value);
  });
  test.each([0n, -1n, 63n, 64n, -65n, 1n << 31n, -(1n << 31n) - 1n, (1n << 63n) - 1n, -(1n << 63n)])(
    'i64 %i',
    (value) => {
      expect(run([], 'i64', (f) => f.i64(value))()).toBe(value);
    }
  );
  test('f64 and the halves of v128', () => {
    expect(run([], 'f64', (f) => f.f64(Math.PI))()).toBe(Math.PI);
    const half = (lane: number): Run =>
      run([], 'i64', (f) => {
        f.v128(0x0102n, 0xfedcn);
        f.lane('i64x2.extract_lane', lane);
      });
    expect([half(0)(), half(1)()]).toEqual([0x0102n, 0xfedcn]);
  });
});

test('loops, conditions and branches by label', () => {
  // Sum of 1 to n, without the multiples of 3.
  const sum = run(['i32'], 'i32', (f) => {
    const total = f.local('i32');
    const out = f.block();
    const head = f.loop();
    f.get(0);
    f.op('i32.eqz');
    f.brIf(out);
    f.get(0);
    f.i32(3);
    f.op('i32.rem_u');
    f.if();
    f.get(total);
    f.get(0);
    f.op('i32.add');
    f.set(total);
    f.end();
    f.get(0);
    f.i32(1);
    f.op('i32.sub');
    f.set(0);
    f.br(head);
    f.end();
    f.end();
    f.get(total);
  });
  expect(sum(10)).toBe(55 - 18);
});

test('a branch table goes where its index says, and to the default beyond', () => {
  const pick = run(['i32'], 'i32', (f) => {
    const labels = [f.block(), f.block(), f.block()].reverse();
    f.get(0);
    f.brTable(labels.slice(0, 2), labels[2]!);
    for (const value of [10, 20, 30]) {
      f.end();
      f.i32(value);
      f.return();
    }
    f.unreachable();
  });
  expect([0, 1, 2, 99].map((index) => pick(index))).toEqual([10, 20, 30, 30]);
});

test('functions, imports and tables find each other', () => {
  const module = new ModuleBuilder();
  const twice = module.importFunction('twice', ['i32'], ['i32']);
  module.importTable('table', 1);
  const later = module.declare(['i32'], ['i32']);
  const first = new FunctionBuilder(['i32'], ['i32']);
  first.get(0);
  first.call(later);
  first.i32(0);
  first.callIndirect(module.type(['i32'], ['i32']));
  module.export('f', module.add(first));
  const second = new FunctionBuilder(['i32'], ['i32']);
  second.get(0);
  second.call(twice);
  module.define(later, second);
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
  table.set(
    0,
    run(['i32'], 'i32', (f) => {
      f.get(0);
      f.i32(1);
      f.op('i32.add');
    })
  );
  expect(instantiate(module, { table, twice: (n: number) => 2 * n }).f!(21)).toBe(43);
});

test('memory is copied and filled', () => {
  const module = new ModuleBuilder();
  module.importMemory('memory', { initial: 1, maximum: 1, shared: true });
  const f = new FunctionBuilder([], []);
  for (const value of [8, 0x5a, 4]) f.i32(value);
  f.memoryFill();
  for (const value of [20, 7, 6]) f.i32(value);
  f.memoryCopy();
  module.export('f', module.add(f));
  const shared = memory();
  instantiate(module, { memory: shared }).f!();
  expect([...new Uint8Array(shared.buffer, 20, 7)]).toEqual([0, 0x5a, 0x5a, 0x5a, 0x5a, 0, 0]);
});

test('temporaries are used again after they were given back', () => {
  const f = new FunctionBuilder(['i32'], []);
  const mark = f.borrowed;
  const [first, second] = [f.temporary('i32'), f.temporary('i64')];
  f.releaseTo(mark);
  expect([f.temporary('i64'), f.temporary('i32'), f.temporary('i32')]).toEqual([second, first, 3]);
});

test('open blocks and undefined functions are found before WebAssembly sees them', () => {
  const f = new FunctionBuilder([], []);
  f.block();
  expect(() => f.finish()).toThrow('1 blocks are still open');
  const module = new ModuleBuilder();
  module.declare([], []);
  expect(() => module.build()).toThrow('function 0 was declared and never defined');
});
