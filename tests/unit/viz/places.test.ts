import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pageAtGpa, parseNumber, parsePlace } from '../../../src/lib/viz/places.ts';

describe('a place as people write it', () => {
  test('is an offset, an address of the machine, an address of the guest', () => {
    expect(parsePlace('0x1a2b')).toEqual({ kind: 'file', offset: 0x1a2b });
    expect(parsePlace('file:0x1A2B')).toEqual({ kind: 'file', offset: 0x1a2b });
    expect(parsePlace('1,000')).toEqual({ kind: 'file', offset: 1000 });
    expect(parsePlace(' gpa : 0x7c00 ')).toEqual({ kind: 'gpa', gpa: 0x7c00 });
    expect(parsePlace('gva:0xffffffff81000000')).toEqual({ kind: 'gva', gva: 0xffffffff81000000n });
  });

  test('counts from the cursor with a sign', () => {
    expect(parsePlace('+0x10', 100)).toEqual({ kind: 'file', offset: 116 });
    expect(parsePlace('-10', 100)).toEqual({ kind: 'file', offset: 90 });
    expect(parsePlace('-101', 100)).toBeUndefined();
    expect(parsePlace('gpa:+1', 100)).toBeUndefined();
  });

  test('behind the end of the stream is an address of the guest', () => {
    expect(parsePlace('0xffffffff81000000', 0, 5000)).toEqual({ kind: 'gva', gva: 0xffffffff81000000n });
    expect(parsePlace('file:9999', 0, 5000)).toBeUndefined();
  });

  test('that is none is none', () => {
    for (const text of ['', 'cpu', '0x', '12z', 'gpa:', 'gva:0x1ffffffffffffffff', '0x_']) {
      expect(parsePlace(text), text).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => void parsePlace(text)));
  });

  test('may have its digits parted', () => {
    expect(parseNumber('0xffff_ffff')).toBe(0xffffffffn);
    expect(parseNumber('1_000')).toBe(1000n);
    expect(parseNumber('ffff')).toBeUndefined();
  });
});

describe('a guest-physical address', () => {
  const map = [
    { gpa: 0, bytes: 0xa0000, block: 'pc.ram', offset: 0 },
    { gpa: 0x1_0000_0000, bytes: 0x1000_0000, block: 'pc.ram', offset: 0xc000_0000 }
  ];
  const block = {
    index: 0,
    idstr: 'pc.ram',
    usedLength: 0xd000_0000,
    pageSize: 4096,
    pages: 0xd0000,
    start: 0,
    end: 0
  };
  const blocks = [{ ...block, firstPage: 16 }];

  test('is a page and an offset in it, above the hole too', () => {
    expect(pageAtGpa(0x7c05, map, blocks)).toEqual({ kind: 'page', page: 16 + 7, offset: 0xc05 });
    expect(pageAtGpa(0x1_0000_1000, map, blocks)).toEqual({ kind: 'page', page: 16 + 0xc0001, offset: 0 });
  });

  test('where there is no RAM is nothing', () => {
    expect(pageAtGpa(0xb8000, map, blocks)).toBeUndefined();
    expect(pageAtGpa(0, map, [])).toBeUndefined();
  });
});
