import { expect, test } from 'vitest';
import { QemuFileReader, QemuFileWriter } from '../../../src/lib/vmstate/qemu-file.ts';
import { parseVmDescription } from '../../../src/lib/vmstate/vmdesc.ts';
import { load, placedAt, save, type Placed } from '../../../src/lib/vmstate/vmstate.ts';
import { processorTime } from '../../support/processor-time.ts';

type Json = Record<string, unknown>;
const field = (name: string, type: string, size: number, more: Json = {}): Json => ({ name, type, size, ...more });

/** Reads bytes that begin at stream offset 100 with one device's description. */
function read(bytes: readonly number[], fields: readonly unknown[], more: Json = {}) {
  const device = { name: 'dev', instance_id: 0, vmsd_name: 'dev', version: 1, fields, ...more };
  const vmsd = parseVmDescription({ page_size: 4096, devices: [device] })!.find('dev', 0)!;
  const file = new QemuFileReader(Uint8Array.from(bytes), 100);
  return { ...load(file, vmsd, 1), vmsd, left: file.left };
}
const values = (rows: readonly Placed[] | undefined): unknown[] =>
  (rows ?? []).map((r) => (r.children ? values(r.children) : r.value));

test('values of every integer type carry their span', () => {
  const bytes = [0xff, 0xff, 0xff, 0xfe, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 1];
  const { fields, left } = read(bytes, [
    field('a', 'uint8', 1),
    field('b', 'int8', 1),
    field('c', 'int16', 2),
    field('d', 'int32 le', 4),
    field('e', 'timer', 8),
    field('f', 'bool', 1)
  ]);
  expect(values(fields)).toEqual([255, -1, -2, -0x7fffffff, 5n, true]);
  expect(fields[3]).toMatchObject({ name: 'd', type: 'int32 le', start: 104, end: 108 });
  expect(left).toBe(0);
});

test('an unknown type is bytes of the stated size', () => {
  const { fields } = read([1, 2, 3], [field('x', 'virtio', 2), field('y', 'uint64', 1)]);
  expect(values(fields)).toEqual([Uint8Array.of(1, 2), 3]);
  expect(fields[0]).toMatchObject({ type: 'virtio', start: 100, end: 102 });
});

test('an array with array_len, one with indices, and one in unnamed groups make the same rows', () => {
  const word = (more: Json) => field('a', 'uint16', 2, more);
  const forms = [
    [word({ array_len: 3 })],
    [word({ index: 0 }), word({ index: 1 }), word({})],
    [word({ array_len: 2 }), word({})]
  ];
  for (const form of forms) {
    const { fields } = read([0, 1, 0, 2, 0, 3], form);
    expect(fields).toHaveLength(1);
    expect(fields[0]).toMatchObject({ name: 'a', type: 'uint16', start: 100, end: 106 });
    expect(values(fields)).toEqual([[1, 2, 3]]);
    expect(placedAt(fields, 'a[2]')).toMatchObject({ start: 104, end: 106 });
  }
});

test('null pointers between the elements of an array keep their places', () => {
  const one = { vmsd_name: 'one', version: 1, fields: [field('v', 'uint8', 1)] };
  const { fields } = read(
    [0x30, 0x30, 7],
    [field('p', 'nullptr', 1, { array_len: 2 }), field('p', 'struct', 1, { struct: one, index: 2 })]
  );
  expect(values(fields)).toEqual([['nullptr', 'nullptr', [7]]]);
  expect(fields[0]!.type).toBe('struct');
  expect(read([0x31], [field('p', 'nullptr', 1)]).failure?.message).toContain('marker');
});

test('structs, temporaries and subsections nest, and save to the same bytes', () => {
  const sub = { vmsd_name: 'in/s', version: 2, fields: [field('z', 'uint8', 1)] };
  const inner = { vmsd_name: 'in', version: 1, fields: [field('x', 'uint8', 1)], subsections: [sub] };
  const bytes = [1, 5, 4, 0x69, 0x6e, 0x2f, 0x73, 0, 0, 0, 2, 9, 3, 4];
  const { fields, state, vmsd, left } = read(bytes, [
    field('s', 'struct', 12, { struct: inner }),
    field('t', 'tmp', 2, { vmsd_name: 't', version: 0, fields: [field('u', 'uint16', 2)] })
  ]);
  expect(left).toBe(0);
  expect(placedAt(fields, 's.in/s.z')).toMatchObject({ value: 9, start: 111, end: 112 });
  expect(placedAt(fields, 's.in/s')).toMatchObject({ type: 'subsection', start: 101, end: 112 });
  expect(placedAt(fields, 't.u')).toMatchObject({ value: 0x304 });
  const out = new QemuFileWriter();
  save(out, vmsd, state);
  expect([...out.finish()]).toEqual(bytes);
});

test('a subsection that is not where the JSON has it ends the reading there', () => {
  const sub = { vmsd_name: 'dev/s', version: 2, fields: [] };
  const { failure, fields } = read([1, 6], [field('x', 'uint8', 1)], { subsections: [sub] });
  expect(failure).toMatchObject({ at: 101, message: expect.stringContaining("'dev/s'") });
  expect(fields[0]).toMatchObject({ value: 1 });
});

test('a list whose elements fill its size is taken apart, any other one stays bytes', () => {
  const one = { vmsd_name: 'one', version: 1, fields: [field('v', 'uint8', 1)] };
  const list = (size: number) => [field('q', 'qtailq', size, one)];
  const good = read([1, 7, 1, 8, 0], list(5));
  expect(values(good.fields)).toEqual([[[7], [8]]]);
  const out = new QemuFileWriter();
  save(out, good.vmsd, good.state);
  expect([...out.finish()]).toEqual([1, 7, 1, 8, 0]);
  expect(values(read([1, 7, 0, 8, 0], list(5)).fields)).toEqual([Uint8Array.of(1, 7, 0, 8, 0)]);
  expect(values(read([0], [field('q', 'qtailq', 1)]).fields)).toEqual([Uint8Array.of(0)]);
});

test('a struct whose parts do not add up to its size is bytes of that size, with a complaint', () => {
  const inner = { vmsd_name: 'in', version: 1, fields: [field('x', 'uint8', 1)] };
  const { fields, complaints } = read([1, 2, 3], [field('s', 'struct', 2, { struct: inner }), field('t', 'uint8', 1)]);
  expect(values(fields)).toEqual([Uint8Array.of(1, 2), 3]);
  expect(complaints).toMatchObject([{ at: 100, message: "'s' takes 2 bytes, its parts 1: shown as bytes" }]);
});

test('a legacy device without a version or vmsd_name is one buffer', () => {
  const json = { devices: [{ name: 'old', instance_id: 3, size: 2, fields: [field('data', 'buffer', 2)] }] };
  const vmsd = parseVmDescription(json)!.find('old', 3)!;
  const { fields, complaints } = load(new QemuFileReader(Uint8Array.of(1, 2)), vmsd, 7);
  expect(values(fields)).toEqual([Uint8Array.of(1, 2)]);
  expect(complaints).toEqual([]);
});

test('devices are found by idstr and instance, and the configuration where it is described', () => {
  const devices = [0, 1].map((i) => ({ name: 'cpu', instance_id: i, vmsd_name: `cpu${i}`, fields: [] }));
  const configuration = { vmsd_name: 'configuration', version: 1, fields: [field('len', 'uint32', 4)] };
  const found = parseVmDescription({ page_size: 4096, devices, configuration })!;
  expect(found.find('cpu', 1)?.name).toBe('cpu1');
  expect(found.find('cpu', 2)).toBeUndefined();
  expect(found.find('__proto__', 0)).toBeUndefined();
  expect(found.configuration?.fields).toHaveLength(1);
  expect(found.pageSize).toBe(4096);
  expect(found.problems).toEqual([]);
});

test('sections of the same name and instance are described in their order', () => {
  const devices = ['first', 'second'].map((vmsd_name) => ({ name: 'isa-ide', instance_id: 0, vmsd_name, fields: [] }));
  const found = parseVmDescription({ page_size: 4096, devices })!;
  expect([0, 1, 2].map((n) => found.find('isa-ide', 0, n)?.name)).toEqual(['first', 'second', 'second']);
});

test.each([0, 1, 4095, -4096, 1e300, '4096', undefined])('page_size %s is refused', (page_size) => {
  const found = parseVmDescription({ page_size, devices: [{}, 5] })!;
  expect(found.pageSize).toBeUndefined();
  expect(found.problems).toHaveLength(2);
});

test.each([undefined, null, 5, 'x', [], {}, { devices: {} }])('%j describes nothing', (json) => {
  expect(parseVmDescription(json)).toBeUndefined();
});

test('names cannot reach outside of the state', () => {
  const names = ['__proto__', '__proto__.polluted', 'a', 'a.b', 'a[0]', 'constructor.prototype'];
  const { fields } = read(
    [1, 2, 3, 4, 5, 6],
    names.map((name) => field(name, 'uint8', 1))
  );
  expect(fields.map((f) => f.name)).toEqual(names);
  expect(({} as Json).polluted).toBeUndefined();
});

test('sizes that are no sizes end the reading with a reason', () => {
  for (const size of [-1, 0.5, 1e300, null, '4', Number.MAX_SAFE_INTEGER + 1]) {
    const { failure } = read([1, 2], [field('ok', 'uint8', 1), { name: 'x', type: 'uint8', size }]);
    expect(failure).toMatchObject({ at: 101 });
  }
  expect(read([1, 2], [field('x', 'buffer', 2 ** 50)]).failure).toMatchObject({ at: 100 });
  expect(read([1], [5, null, 'x']).failure?.message).toContain('not described');
});

test('hostile counts and depths cost neither time nor memory', () => {
  const started = processorTime();
  const huge = 2 ** 52;
  const failures = [
    [field('a', 'uint8', 1, { array_len: huge })],
    [field('a', 'buffer', 0, { array_len: huge })],
    [field('a', 'uint64', 8, { array_len: huge })],
    [field('a', 'struct', 0, { array_len: 1e6, struct: { fields: [field('b', 'x', 0, { array_len: 1e6 })] } })]
  ].map((fields) => read(new Array(1000).fill(1), fields));
  for (const { fields } of failures) expect(fields.length).toBeLessThan(5);

  let deep: Json = { fields: [field('leaf', 'uint8', 1)] };
  for (let i = 0; i < 400; i++) deep = { fields: [field('s', 'struct', 1, { struct: deep })] };
  expect(read([7], [field('s', 'struct', 1, { struct: deep })]).left).toBe(0);

  // Each level multiplies: 4000 to the power of 8 rows without a byte.
  let wide: Json = { fields: [field('leaf', 'x', 0)] };
  for (let i = 0; i < 8; i++) wide = { fields: [field('s', 'struct', 0, { struct: wide, array_len: 4000 })] };
  expect(read([7], wide.fields as Json[]).fields.length).toBeLessThan(2);

  const many = Array.from({ length: 300_000 }, (_, i) => field(`f${i}`, 'x', 0));
  expect(read([7], many).failure?.message).toContain('more fields');
  expect(processorTime() - started).toBeLessThan(5000);
});
