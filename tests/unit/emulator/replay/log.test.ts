import { expect, test } from 'vitest';
import { BadLog, ReplayLog, type ReplayEvent } from '../../../../src/lib/emulator/replay/log.ts';

const EVENTS: readonly ReplayEvent[] = [
  { icount: 5, kind: 'checkpoint' },
  { icount: 5, kind: 'start' },
  { icount: 6, kind: 'adjust', added: 8_000_000n },
  { icount: 300_000_000, kind: 'complete', id: 17 },
  { icount: 300_000_000, kind: 'input', to: 'serial0', data: Uint8Array.of(0x6c, 0x73, 0x0a) },
  { icount: 2 ** 40, kind: 'stop-debug' },
  { icount: 2 ** 40, kind: 'stop' },
  { icount: 2 ** 40, kind: 'adjust', added: (1n << 62n) + 1n }
];

function recorded(events = EVENTS): ReplayLog {
  const log = new ReplayLog(5);
  for (const event of events) log.append(event);
  return log;
}
function all(log: ReplayLog): ReplayEvent[] {
  const events: ReplayEvent[] = [];
  for (let next = log.read(log.start); next; next = log.read(next.next)) events.push(next.event);
  return events;
}

test('events come back as they were', () => {
  const log = recorded();
  expect(all(log)).toEqual(EVENTS);
  expect(log.read(log.end)).toBeUndefined();
});

test('most events take a byte or a few', () => {
  const log = new ReplayLog();
  const sizes: number[] = [];
  log.sink = { append: (bytes) => sizes.push(bytes.length), truncate() {} };
  for (const event of EVENTS) log.append(event);
  expect(sizes.slice(0, 3)).toEqual([1, 1, 5]);
  expect(log.bytes).toBe(sizes.reduce((a, b) => a + b));
});

test('what was appended makes the same log', () => {
  const pieces: number[] = [];
  const log = new ReplayLog(5);
  log.sink = { append: (bytes) => pieces.push(...bytes), truncate: (to) => pieces.splice(to) };
  for (const event of EVENTS) log.append(event);
  const { end } = log;
  log.append({ icount: 2 ** 41, kind: 'stop' });
  log.truncate(end);
  expect(pieces.length).toBe(log.bytes);
  const again = ReplayLog.from(Uint8Array.from(pieces), 5);
  expect(all(again)).toEqual(EVENTS);
  expect(again.end).toEqual(log.end);
  expect(() => ReplayLog.from(Uint8Array.from(pieces.slice(0, -1)), 5)).toThrow('ends inside an event');
});

test('the future can be given up, and another one recorded', () => {
  const log = recorded();
  const third = log.read(log.read(log.start)!.next)!.next;
  log.truncate(third);
  log.append({ icount: 9, kind: 'stop' });
  expect(all(log)).toEqual([...EVENTS.slice(0, 2), { icount: 9, kind: 'stop' }]);
});

test('the past can be given up', () => {
  const log = new ReplayLog();
  for (let icount = 0; icount < 100_000; icount++) log.append({ icount, kind: 'complete', id: icount });
  const before = log.bytes;
  let at = log.start;
  for (let i = 0; i < 60_000; i++) at = log.read(at)!.next;
  log.forget(at);
  expect(log.bytes).toBeLessThan(before / 2);
  expect(() => log.read({ offset: 0, icount: 0 })).toThrow(BadLog);
  expect(log.read(at)?.event).toEqual({ icount: 60_000, kind: 'complete', id: 60_000 });
  expect(all(log).length).toBe(40_000);
});

test('time does not go back', () => {
  expect(() => recorded().append({ icount: 4, kind: 'stop' })).toThrow(BadLog);
});

test('a file may say anything', () => {
  const bad =
    (...bytes: number[]): (() => void) =>
    (): void =>
      void ReplayLog.from(Uint8Array.from(bytes), 0);
  expect(bad(7)).toThrow('no event of the kind');
  expect(bad(0x80)).toThrow('ends inside an event');
  expect(bad(...new Array<number>(20).fill(0xff))).toThrow('too large');
  // An input with a name, and with data, longer than there may be.
  expect(bad(2, 0x80, 0x10)).toThrow('too large');
  expect(bad(2, 1, 0x61, 0xff, 0xff, 0xff, 0xff, 0x0f)).toThrow('too large');
});
