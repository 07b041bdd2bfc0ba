import { expect, test } from 'vitest';
import {
  arrayOfUnsentCount,
  sectionEndsAt,
  subsectionAt,
  type Behind
} from '../../../../../src/lib/emulator/hw/core/section-end.ts';
import { BadField, QemuFileReader, ShortRead } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { arrayOf, u8 } from '../../../../../src/lib/vmstate/vmstate-types.ts';
import { Placer } from '../../../../../src/lib/vmstate/vmstate.ts';
import { hex, subsection } from '../../../../support/sections.ts';

const file = (...parts: string[]): QemuFileReader => new QemuFileReader(hex(...parts));

test('a section ends at its footer, at the next section, at the end of the stream', () => {
  expect(sectionEndsAt(file('7e 00000012 04 00000013'), 0)).toBe(true);
  expect(sectionEndsAt(file('7e 00000012'), 0)).toBe(true);
  expect(sectionEndsAt(file('04 00000013 03 616263'), 0)).toBe(true);
  expect(sectionEndsAt(file('00 06 00000002'), 0)).toBe(true);
});

test('bytes that only look like a footer do not end a section', () => {
  expect(sectionEndsAt(file('7e 7e7e7e7e 04'), 0)).toBe(false);
  expect(sectionEndsAt(file('7e 00000012 55'), 0)).toBe(false);
  expect(sectionEndsAt(file('00 00 00000000'), 0)).toBe(false);
});

test('a subsection is told by its name', () => {
  expect(subsectionAt(file('ff', subsection('ich9_pm/tco', 1, '')), 1, 'ich9_pm/')).toBe(true);
  expect(subsectionAt(file('ff', subsection('ich9_pm/tco', 1, '')), 1, 'piix4_pm/')).toBe(false);
});

const pairs = (behind: Partial<Behind>) =>
  arrayOfUnsentCount(
    arrayOf(u8, 3),
    { size: 3, least: 1, most: 4 },
    { sibling: 'a/', rest: 0, parent: 'a/', ...behind }
  );

test('elements are counted up to the footer', () => {
  const reader = file('010005 000107 7e 00000012 04');
  expect(pairs({}).read(reader, undefined, new Placer())).toEqual([
    [1, 0, 5],
    [0, 1, 7]
  ]);
});

test('elements are counted so that the rest of the section fits, though it looks like elements', () => {
  const reader = file('010005 000107 00 00 00 00 7e 00000012 04');
  expect(pairs({ rest: 4 }).read(reader, undefined, new Placer())).toHaveLength(2);
});

test('a subsection of the same description behind elements is the stronger sign', () => {
  const reader = file('010005 000107', subsection('a/b', 1, '00000000'), '7e 00000012 04');
  expect(pairs({ rest: 4 }).read(reader, undefined, new Placer())).toHaveLength(2);
});

test('elements whose end is not at hand ask for more bytes', () => {
  expect(() => pairs({}).read(file('010005 000107'), undefined, new Placer())).toThrow(ShortRead);
});

test('elements that lead nowhere are refused', () => {
  expect(() => pairs({}).read(file('010005 550007 55'), undefined, new Placer())).toThrow(BadField);
  expect(() => pairs({}).read(file('000000'.repeat(9)), undefined, new Placer())).toThrow(BadField);
});
