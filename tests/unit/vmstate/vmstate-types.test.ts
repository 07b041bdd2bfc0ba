import { expect, test } from 'vitest';
import { QemuFileReader, QemuFileWriter } from '../../../src/lib/vmstate/qemu-file.ts';
import { arrayOf, namedBytes, u8 } from '../../../src/lib/vmstate/vmstate-types.ts';
import { fieldsOf, load, placedAt, save, type VMStateDescription } from '../../../src/lib/vmstate/vmstate.ts';

interface Regs {
  regs: number[];
  nvram: Uint8Array;
}
const field = fieldsOf<Regs>();
const vmstate_regs: VMStateDescription<Regs> = {
  name: 'regs',
  version: 1,
  minimumVersion: 1,
  fields: [
    field('regs', arrayOf(u8, 2, { abouts: [{ doc: 'first' }, undefined] }), { unit: 'ns' }),
    field('regs', arrayOf(u8, 2, { from: 2 }), { name: 'regs[1]' }),
    field('nvram', namedBytes(3, [undefined, { doc: 'second' }]))
  ]
};
const sample = new Uint8Array([1, 2, 3, 4, 5, 6, 7]);

test('a part of an array is read to its place and named from 0', () => {
  const { state, fields } = load(new QemuFileReader(sample), vmstate_regs, 1);
  expect(state.regs).toEqual([1, 2, 3, 4]);
  expect(placedAt(fields, 'regs[1][0]')).toMatchObject({ start: 2, end: 3, value: 3 });
});

test('an element means what its place says, else what the array says', () => {
  const { fields } = load(new QemuFileReader(sample), vmstate_regs, 1);
  expect(placedAt(fields, 'regs[0]')?.about).toEqual({ doc: 'first' });
  expect(placedAt(fields, 'regs[1]')?.about).toMatchObject({ unit: 'ns' });
});

test('bytes with meanings are one value and a row each', () => {
  const { fields } = load(new QemuFileReader(sample), vmstate_regs, 1);
  expect(placedAt(fields, 'nvram')).toMatchObject({ type: 'buffer', value: new Uint8Array([5, 6, 7]) });
  expect(placedAt(fields, 'nvram[1]')).toMatchObject({ start: 5, end: 6, value: 6, about: { doc: 'second' } });
});

test('parts of arrays and named bytes save as they were loaded', () => {
  const { state } = load(new QemuFileReader(sample), vmstate_regs, 1);
  const out = new QemuFileWriter();
  save(out, vmstate_regs, state);
  expect(out.finish()).toEqual(sample);
});
