import { expect, test } from 'vitest';
import { readUndoLog, UndoLog } from '../../../../src/lib/emulator/replay/undo-log.ts';

const PAGE = 4096;
const page = (value: number): Uint8Array => new Uint8Array(PAGE).fill(value);
const read = (log: UndoLog) => {
  const { generation, pages } = readUndoLog(log.shared)!;
  return { generation, pages: pages.map(([n, bytes]) => [n, bytes && [bytes.length, bytes[0], bytes[PAGE - 1]]]) };
};

test('pages are kept as they were first, zeros without their bytes', () => {
  const log = new UndoLog(8, 1 << 20);
  log.begin(1);
  log.add(7, page(3));
  log.add(0xf_ffff, undefined);
  log.add(7, page(4));
  expect(read(log)).toEqual({
    generation: 1,
    pages: [
      [7, [PAGE, 3, 3]],
      [0xf_ffff, undefined]
    ]
  });
  log.begin(2);
  expect(read(log)).toEqual({ generation: 2, pages: [] });
  log.add(7, page(4));
  expect(read(log).pages).toEqual([[7, [PAGE, 4, 4]]]);
});

test('it grows, and says when it cannot keep all, until it begins anew', () => {
  const log = new UndoLog(1000, 300 * PAGE);
  log.begin(1);
  for (let n = 0; n < 300; n++) log.add(n, page(n & 0xff));
  expect(read(log).pages[299]).toEqual([299, [PAGE, 43, 43]]);
  log.add(300, undefined);
  expect(read(log).pages).toHaveLength(301);
  log.add(301, page(1));
  expect(readUndoLog(log.shared)).toBeUndefined();
  log.add(302, undefined);
  expect(readUndoLog(log.shared)).toBeUndefined();
  log.begin(2);
  expect(read(log)).toEqual({ generation: 2, pages: [] });
});

test('more pages than the table has room for are not kept in part', () => {
  const log = new UndoLog(2, 1 << 20);
  log.begin(1);
  for (const n of [1, 2]) log.add(n, undefined);
  expect(read(log).pages).toHaveLength(2);
  log.add(3, undefined);
  expect(readUndoLog(log.shared)).toBeUndefined();
});
