import { expect, test } from 'vitest';
import { le64, reg16, reg32, reg8, regBlock, registerBlock } from '../../../../../src/lib/emulator/hw/core/register.ts';
import { QemuFileReader, QemuFileWriter } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { Placer } from '../../../../../src/lib/vmstate/vmstate.ts';
import { hex } from '../../../../support/sections.ts';

const rowsOf = (codec: ReturnType<typeof registerBlock>, bytes: Uint8Array) => {
  const place = new Placer();
  place.read(new QemuFileReader(bytes, 100), 'block', codec);
  return place.rows[0]!;
};

test('registers are little-endian rows, and what lies between them is shown as ranges', () => {
  const block = registerBlock(10, [reg16(2, 'a'), reg32(5, 'b')]);
  const row = rowsOf(block, hex('0000 3412 ff 78563412 00'));
  expect(row.children?.map(({ name, start, end, value }) => [name, start, end, value])).toEqual([
    ['[0x0..0x1]', 100, 102, new Uint8Array(2)],
    ['a', 102, 104, 0x1234],
    ['[0x4]', 104, 105, new Uint8Array([0xff])],
    ['b', 105, 109, 0x12345678],
    ['[0x9]', 109, 110, new Uint8Array(1)]
  ]);
  expect(row.value).toEqual(hex('0000 3412 ff 78563412 00'));
});

test('a register inside another one, or behind the end, is left out', () => {
  const row = rowsOf(registerBlock(4, [reg32(0, 'whole'), reg8(2, 'inside'), reg16(3, 'behind')]), hex('01000000'));
  expect(row.children?.map(({ name }) => name)).toEqual(['whole']);
});

test('a block may hold blocks', () => {
  const row = rowsOf(registerBlock(4, [regBlock(1, 2, 'inner', [reg8(1, 'x')])]), hex('00 00 07 00'));
  expect(row.children?.find(({ name }) => name === 'inner')?.children?.[1]).toMatchObject({ name: 'x', value: 7 });
});

test('64 bits survive, the highest one too', () => {
  const bytes = hex('01 00 00 00 00 00 00 80');
  expect(le64.read(new QemuFileReader(bytes), undefined, new Placer())).toBe(0x8000000000000001n);
  const out = new QemuFileWriter();
  le64.write(out, 0x8000000000000001n);
  expect(out.finish()).toEqual(bytes);
});
