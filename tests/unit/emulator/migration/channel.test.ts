import { expect, test } from 'vitest';
import { BROKEN_PIPE, link, sink, type ByteDuplex } from '../../../../src/lib/emulator/migration/channel.ts';

const piece = (n: number, byte = 1): Uint8Array<ArrayBuffer> => new Uint8Array(n).fill(byte);

async function all(channel: ByteDuplex): Promise<number> {
  let bytes = 0;
  for (let got; (got = await channel.read());) bytes += got.length;
  return bytes;
}

test('What one end sends the other reads, in order, and then the end', async () => {
  const { ends } = link();
  const [a, b] = ends;
  void a.write(Uint8Array.of(1, 2));
  void a.write(Uint8Array.of(3));
  void b.write(Uint8Array.of(9));
  const ended = a.end();
  expect([...(await b.read())!]).toEqual([1, 2]);
  expect([...(await b.read())!]).toEqual([3]);
  expect(await b.read()).toBeUndefined();
  expect([...(await a.read())!]).toEqual([9]);
  await b.end();
  await ended;
});

test('A piece may change when all of it has been read and the next is asked for', async () => {
  const { ends } = link({ bandwidth: 1 << 20 });
  const [a, b] = ends;
  const sent: string[] = [];
  void a.write(piece(20_000), () => sent.push('first'));
  void a.write(piece(10), () => sent.push('second'));
  let read = 0;
  while (read < 20_000) {
    expect(sent).toEqual([]);
    read += (await b.read())!.length;
  }
  expect(sent).toEqual([]);
  await b.read();
  expect(sent).toEqual(['first']);
});

test('A writer waits when it is a buffer ahead', async () => {
  const { ends } = link({ buffer: 1000 });
  const [a, b] = ends;
  expect(a.write(piece(1000))).toBeUndefined();
  let free = false;
  const waiting = a.write(piece(1))!.then(() => (free = true));
  await Promise.resolve();
  expect(free).toBe(false);
  await b.read();
  await waiting;
  expect(free).toBe(true);
});

test('Bandwidth and latency take their time', async () => {
  const { ends } = link({ bandwidth: 1 << 20, latency: 50 });
  const [a, b] = ends;
  const start = performance.now();
  void a.write(piece(1 << 18));
  void a.end();
  void b.end();
  expect((await b.read())!.length).toBeGreaterThan(0);
  expect(performance.now() - start).toBeGreaterThanOrEqual(49);
  await all(b);
  // A quarter of a second on the link.
  expect(performance.now() - start).toBeGreaterThanOrEqual(240);
});

test('A cut breaks both ends, whatever they wait for', async () => {
  const { ends, cut } = link({ buffer: 10 });
  const [a, b] = ends;
  const writing = a.write(piece(100))!;
  const reading = a.read();
  cut();
  await expect(writing).rejects.toThrow(BROKEN_PIPE);
  await expect(reading).rejects.toThrow('Unable to read from socket: Connection reset by peer');
  await expect(b.read()).rejects.toThrow();
  expect(() => a.write(piece(1))).toThrow(BROKEN_PIPE);
  await expect(a.end()).rejects.toThrow(BROKEN_PIPE);
});

test('Cut when the other end has ended too, both are done', async () => {
  const { ends, cut } = link();
  const [a, b] = ends;
  void a.write(piece(5));
  expect((await b.read())!.length).toBe(5);
  const ended = a.end();
  const answered = b.end();
  cut();
  await ended;
  await answered;
  expect(await b.read()).toBeUndefined();
});

test('Cut before the other end has ended, neither is done, though all was read', async () => {
  const { ends, cut } = link();
  const [a, b] = ends;
  void a.write(piece(5));
  expect((await b.read())!.length).toBe(5);
  const ended = a.end();
  cut();
  await expect(ended).rejects.toThrow(BROKEN_PIPE);
  await expect(b.end()).rejects.toThrow(BROKEN_PIPE);
});

test('Cut before the last byte was read, neither is done', async () => {
  const { ends, cut } = link();
  const [a, b] = ends;
  void a.write(piece(5));
  const ended = a.end();
  cut();
  await expect(ended).rejects.toThrow(BROKEN_PIPE);
  await expect(b.read()).rejects.toThrow();
});

test('A sink takes until it is destroyed', async () => {
  let bytes = 0;
  let ended = false;
  const into = sink(
    (got) => (bytes += got.length),
    () => (ended = true)
  );
  expect(into.write(piece(7))).toBeUndefined();
  await into.end();
  expect([bytes, ended]).toEqual([7, true]);
  into.destroy();
  expect(() => into.write(piece(1))).toThrow(BROKEN_PIPE);
});
