import { expect, test } from 'vitest';
import { readReturnPath } from '../../../src/lib/vmstate/return-path.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';

const message = (type: number, ...data: number[]): number[] => [0, type, data.length >> 8, data.length & 255, ...data];
const PONG = message(2, 0, 0, 0, 1);
const REQ_PAGES_ID = message(3, 0, 0, 0, 0, 1, 0x15, 0x50, 0, 0, 0, 0x10, 0, 6, ...Buffer.from('pc.ram'));
const REQ_PAGES = message(4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 0);
const BITMAP = [
  ...message(5, 6, ...Buffer.from('pc.ram')),
  ...[0, 0, 0, 0, 0, 0, 0, 8, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]
];
const read = (...bytes: number[]): ReturnType<typeof readReturnPath> =>
  readReturnPath(bytesSource(Uint8Array.from(bytes)));

test('messages become rows with their spans', async () => {
  const { messages, problems } = await read(
    ...PONG,
    ...message(7),
    ...message(6, 0, 0, 0, 1),
    ...message(1, 0, 0, 0, 0)
  );
  expect(problems).toEqual([]);
  expect(messages.map((m) => [m.name, m.start, m.end])).toEqual([
    ['PONG', 0, 8],
    ['SWITCHOVER_ACK', 8, 12],
    ['RESUME_ACK', 12, 20],
    ['SHUT', 20, 28]
  ]);
  expect(messages[0]?.children).toMatchObject([
    { name: 'type', value: 2 },
    { name: 'length', value: 4 },
    { name: 'value', start: 4, end: 8, value: 1 }
  ]);
});

test('a request without a block is for the block of the one before', async () => {
  const { requests } = await read(...REQ_PAGES_ID, ...REQ_PAGES);
  expect(requests).toEqual([
    { at: 0, block: 'pc.ram', offset: 0x1155000, length: 4096 },
    { at: 23, block: 'pc.ram', offset: 0x1_0000_0000, length: 4096 }
  ]);
});

test('a bitmap follows RECV_BITMAP', async () => {
  const { messages, problems } = await read(...BITMAP, ...PONG);
  expect(problems).toEqual([]);
  expect(messages.map((m) => [m.name, m.start, m.end])).toEqual([
    ['RECV_BITMAP', 0, 35],
    ['PONG', 35, 43]
  ]);
});

test('what QEMU refuses ends it, with what was read before', async () => {
  const cases: [number[], string][] = [
    [[0, 0, 0, 0], 'Received invalid message 0x0'],
    [[0, 8, 0, 0], 'Received invalid message 0x8'],
    [message(2, 1, 2, 3), "Received 'PONG' message with incorrect length 3 expecting 4"],
    [[0, 3, 0xff, 0xff], "'REQ_PAGES_ID' message with incorrect length 65535"],
    [message(3, ...new Array<number>(20).fill(0)), 'REQ_PAGES_ID'],
    [[...BITMAP.slice(0, -1), 0], 'end mark incorrect']
  ];
  for (const [bytes, text] of cases) {
    const { messages, problems } = await read(...PONG, ...bytes);
    expect(problems).toMatchObject([{ code: 'return-path-message', at: 8 }]);
    expect(problems[0]?.message).toContain(text);
    expect(messages[0]?.name).toBe('PONG');
    expect(messages.length).toBe(2);
  }
});

test('cut anywhere, it says where it ends', async () => {
  const all = [...PONG, ...REQ_PAGES_ID, ...BITMAP];
  const ends = [0, 8, 8 + 23, all.length];
  for (let n = 0; n <= all.length; n++) {
    const { problems } = await read(...all.slice(0, n));
    expect(problems.map((p) => p.code)).toEqual(ends.includes(n) ? [] : ['truncated']);
  }
  const huge = [...message(5, 1, 97), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3];
  expect((await read(...huge)).problems).toMatchObject([{ code: 'truncated' }]);
});
