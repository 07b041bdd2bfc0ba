import { expect, test } from 'vitest';
import { QemuFileReader, QemuFileWriter, ShortRead } from '../../../src/lib/vmstate/qemu-file.ts';
import { arrayOf, i32, i64, u32, u8 } from '../../../src/lib/vmstate/vmstate-types.ts';
import {
  fieldsOf,
  load,
  loadOwn,
  placedAt,
  save,
  struct,
  type VMStateDescription
} from '../../../src/lib/vmstate/vmstate.ts';

interface Channel {
  count: number;
  next_transition_time: bigint;
  irq_disabled: number;
}
interface Pit {
  channels: Channel[];
}
const channel = fieldsOf<Channel>();
const pit = fieldsOf<Pit>();
const vmstate_channel: VMStateDescription<Channel> = {
  name: 'pit channel',
  version: 2,
  minimumVersion: 2,
  fields: [channel('count', i32), channel('next_transition_time', i64)]
};
const vmstate_pit: VMStateDescription<Pit> = {
  name: 'i8254',
  version: 3,
  minimumVersion: 2,
  fields: [
    pit('channels[0].irq_disabled', u32, 3),
    pit('channels', arrayOf(struct(vmstate_channel), 3)),
    pit('channels[0].next_transition_time', i64)
  ]
};
// @ts-expect-error there is no such place
pit('channels[0].irq_disable', u32);
// @ts-expect-error the place holds a bigint
pit('channels[0].next_transition_time', u8);

interface Nested {
  data: { vmx: { revision: number }[] };
}
const nested = fieldsOf<Nested>();
nested('data.vmx[0].revision', u32);
// @ts-expect-error the place holds a number
nested('data.vmx[0].revision', i64);

const sample = new Uint8Array(4 + 3 * 12 + 8);
sample[3] = 7;
sample[7] = 9;

test('a field read before its array keeps its value: QEMU loads in place', () => {
  const loaded = load(new QemuFileReader(sample), vmstate_pit, 3);
  expect(loaded.state.channels[0]).toEqual({ irq_disabled: 7, count: 9, next_transition_time: 0n });
});

test('a state saves to the bytes it was loaded from', () => {
  const { state } = load(new QemuFileReader(sample), vmstate_pit, 3);
  const out = new QemuFileWriter();
  save(out, vmstate_pit, state);
  expect(out.finish()).toEqual(sample);
});

test('every value carries its span in the stream', () => {
  const { fields } = load(new QemuFileReader(sample, 100), vmstate_pit, 3);
  expect(placedAt(fields, 'channels[1].count')).toMatchObject({ start: 116, end: 120, value: 0, type: 'int32' });
});

test('a field of a later version is not read from an older state', () => {
  const { fields } = load(new QemuFileReader(sample.subarray(4)), vmstate_pit, 2);
  expect(fields.map((f) => f.name)).toEqual(['channels', 'channels[0].next_transition_time']);
});

test('a state that ends early keeps what came before and says where', () => {
  const loaded = load(new QemuFileReader(sample.subarray(0, 18), 50), vmstate_pit, 3);
  expect(loaded.failure).toBeInstanceOf(ShortRead);
  expect(loaded.failure?.at).toBe(66);
  expect(placedAt(loaded.fields, 'channels[0].count')?.value).toBe(9);
});

test('what a row means is plain data, without the functions of its field', () => {
  const vmstate_checked: VMStateDescription<Channel> = {
    name: 'checked',
    version: 1,
    minimumVersion: 1,
    fields: [channel('count', i32, { unit: 'ticks', check: (s) => (s.count === 9 ? 'nine' : undefined) })]
  };
  const { fields, complaints } = load(new QemuFileReader(new Uint8Array([0, 0, 0, 9])), vmstate_checked, 1);
  expect(structuredClone(fields[0]!.about)).toMatchObject({ unit: 'ticks' });
  expect(complaints).toEqual([{ at: 0, message: 'nine', path: 'count' }]);
});

test('what was just written is read back without rows', () => {
  const one = (count: number): Channel => ({ count, next_transition_time: BigInt(count), irq_disabled: 0 });
  const state: Pit = { channels: [one(1), one(2), one(3)] };
  const file = new QemuFileWriter();
  save(file, vmstate_pit, state);
  const body = file.finish();
  const [first] = state.channels;
  for (const c of state.channels) c.count = 9;
  loadOwn(new QemuFileReader(body), vmstate_pit, state);
  expect(state.channels.map((c) => c.count)).toEqual([1, 2, 3]);
  expect(state.channels[0]).toBe(first);
  expect(() => loadOwn(new QemuFileReader(body.subarray(0, 9)), vmstate_pit, state)).toThrow(ShortRead);
});
