import { expect, test } from 'vitest';
import { parseQuery, QueryError } from '../../../src/lib/vmstate/search-query.ts';

const bytes = (query: string) => {
  const q = parseQuery(query);
  if (q.kind !== 'bytes') throw new Error(`${query} is ${q.kind}`);
  return { value: [...q.pattern.value], mask: [...q.pattern.mask], alignment: q.pattern.alignment };
};

test('words stand alone, prefixes name what they look for', () => {
  expect(parseQuery('  I8254  Count ')).toEqual({ kind: 'words', words: ['i8254', 'count'] });
  expect(parseQuery('field:env.cr[3]')).toEqual({ kind: 'field', name: 'env.cr[3]', value: undefined });
  expect(parseQuery('field:halted = 1')).toEqual({ kind: 'field', name: 'halted', value: '1' });
  expect(parseQuery('section:virtio')).toEqual({ kind: 'section', name: 'virtio' });
});

test('addresses are virtual unless they say otherwise', () => {
  expect(parseQuery('0xffff_ffff_8100_0000')).toEqual({ kind: 'gva', address: 0xffffffff81000000n });
  expect(parseQuery('gpa:0x7c00')).toEqual({ kind: 'gpa', address: 0x7c00n });
  expect(parseQuery('file:1234')).toEqual({ kind: 'file', address: 1234n });
});

test('hex takes a ? for any digit', () => {
  expect(bytes('hex:de ad ?? e?')).toEqual({ value: [0xde, 0xad, 0, 0xe0], mask: [255, 255, 0, 0xf0], alignment: 1 });
  expect(bytes('hex:0x7f,0x45')).toMatchObject({ value: [0x7f, 0x45] });
});

test('text is UTF-8, utf16 little-endian, quotes may be left out', () => {
  expect(bytes('text:"aé"').value).toEqual([0x61, 0xc3, 0xa9]);
  expect(bytes('text:login:').value).toEqual([...new TextEncoder().encode('login:')]);
  expect(bytes('utf16:"aé"').value).toEqual([0x61, 0, 0xe9, 0]);
});

test('a pointer is 8 little-endian bytes at its alignment, 4 when it fits', () => {
  expect(bytes('ptr:0xffffffff81000000')).toMatchObject({ value: [0, 0, 0, 0x81, 255, 255, 255, 255], alignment: 8 });
  expect(bytes('ptr:0x7c00')).toMatchObject({ value: [0, 0x7c, 0, 0], alignment: 4 });
});

test.each([
  ['', 'nothing to search for'],
  ['hex:de a', 'two digits'],
  ['hex:xyz', 'hex digits'],
  ['hex:????', 'everywhere'],
  [`hex:${'00'.repeat(257)}`, 'more than 256 bytes'],
  ['text:""', 'no text'],
  ['gpa:12345678901234567890123', 'no address'],
  ['ptr:0x10000000000000000', 'no address'],
  ['field:', 'wants a name'],
  ['section: ', 'wants a name']
])('%j is refused with a reason', (query, reason) => {
  expect(() => parseQuery(query)).toThrow(QueryError);
  expect(() => parseQuery(query)).toThrow(reason);
});
