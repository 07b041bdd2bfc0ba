import { expect, test } from 'vitest';
import { decodeXbzrle, encodeXbzrle } from '../../../src/lib/vmstate/xbzrle.ts';
import { randomly } from '../../support/compressed.ts';

const page = (fill = 7): Uint8Array<ArrayBuffer> => new Uint8Array(4096).fill(fill);
const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex');

test('runs of zeros and of data alternate, lengths in one or two bytes', () => {
  const to = page();
  to.set([1, 2, 3], 5);
  to.set([9], 200);
  const delta = encodeXbzrle(page(), to);
  // 5 stay, 3 new; 192 stay (c0 01), 1 new; the rest stays and is not sent.
  expect(hex(delta)).toBe('0503010203c0010109');
  const got = page();
  expect(decodeXbzrle(got, delta!)).toBeUndefined();
  expect(hex(got)).toBe(hex(to));
});

test('a change in the first byte begins with a run of no zeros', () => {
  const to = page();
  to[0] = 1;
  expect(hex(encodeXbzrle(page(), to))).toBe('000101');
});

test('equal pages give an empty delta, which changes nothing', () => {
  expect(encodeXbzrle(page(), page())?.length).toBe(0);
  const got = page();
  expect(decodeXbzrle(got, new Uint8Array(0))).toBeUndefined();
  expect(hex(got)).toBe(hex(page()));
});

test('a page that changed everywhere does not fit', () => {
  expect(encodeXbzrle(page(7), page(8))).toBeUndefined();
  expect(encodeXbzrle(page(7), page(8), 5000)?.length).toBe(4099);
});

test('what is encoded decodes to the page', () => {
  const random = randomly(11);
  for (let i = 0; i < 300; i++) {
    const from = Uint8Array.from({ length: 4096 }, () => random(256));
    const to = from.slice();
    for (let k = random(60); k > 0; k--) to.fill(random(256), random(4096), random(4096));
    const delta = encodeXbzrle(from, to);
    if (!delta) continue;
    expect(decodeXbzrle(from, delta)).toBeUndefined();
    expect(hex(from)).toBe(hex(to));
  }
});

test('deltas that QEMU refuses are refused; what came before has been applied', () => {
  const cases: [string, number[], RegExp][] = [
    ['only zeros', [5], /^byte 0: the delta ends in a run of zeros/],
    ['no length of data', [5, 1], /^byte 1: the delta ends before its data/],
    ['no data', [5, 0, 1, 1, 1], /^byte 1: bad length of a run of data/],
    ['an empty run of zeros in the middle', [5, 1, 9, 0, 1, 8], /^byte 3: bad length of a run of zeros/],
    ['three bytes of length', [0x80, 0x80, 1, 1, 1], /^byte 0: bad length/],
    ['zeros beyond the page', [0x81, 0x20, 1, 1], /^byte 0: a run of zeros beyond/],
    ['data beyond the page', [0xff, 0x1f, 2, 1, 1], /^byte 2: data beyond/],
    ['data beyond the delta', [5, 4, 1, 1, 1], /^byte 1: data beyond/]
  ];
  for (const [name, delta, message] of cases) {
    expect(decodeXbzrle(page(), Uint8Array.from(delta)), name).toMatch(message);
  }
  const got = page();
  decodeXbzrle(got, Uint8Array.of(5, 1, 9, 0, 1, 8));
  expect(got[5]).toBe(9);
});
