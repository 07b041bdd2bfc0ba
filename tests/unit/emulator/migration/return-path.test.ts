import { expect, test } from 'vitest';
import { link, type ByteDuplex } from '../../../../src/lib/emulator/migration/channel.ts';
import { Answers, ReturnPath } from '../../../../src/lib/emulator/migration/return-path.ts';
import type { Section } from '../../../../src/lib/vmstate/snapshot.ts';

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const SHUT = [0, 1, 0, 4, 0, 0, 0];
const PONG = [0, 2, 0, 4, 0, 0, 0, 1];

/** A source that has heard these pieces, and then the end. */
async function heard(...pieces: readonly (readonly number[])[]): Promise<string> {
  const [source, destination] = link().ends;
  let told = 0;
  const rp = new ReturnPath(source, () => told++);
  for (const piece of pieces) {
    destination.write(bytes(...piece));
    await new Promise((resolve) => setTimeout(resolve));
  }
  void destination.end().catch(() => undefined);
  const why = await rp.shut.then(
    () => 'shut',
    (error: Error) => error.message
  );
  expect([rp.error?.message, told]).toEqual(why === 'shut' ? [undefined, 0] : [why, 1]);
  return why;
}

test('the source hears that its guest arrived, in whatever pieces', async () => {
  expect(await heard([...SHUT, 0])).toBe('shut');
  expect(await heard([...PONG, ...SHUT, 0])).toBe('shut');
  expect(await heard([...PONG.slice(0, 3)], [...PONG.slice(3), ...SHUT], [0])).toBe('shut');
});

test('and that it did not: an error, nonsense, or nothing at all', async () => {
  expect(await heard([...PONG, ...SHUT, 1])).toBe('Sibling indicated error 1');
  expect(await heard([0, 9, 0, 4, 0, 0, 0, 0])).toBe('Received invalid message 0x0009 length 0x0004');
  expect(await heard([0, 1, 255, 255])).toBe('Received invalid message 0x0001 length 0xffff');
  const silence = 'The destination closed the return path without a word that it has the guest';
  expect(await heard()).toBe(silence);
  expect(await heard(SHUT)).toBe(silence);
});

test('a link that breaks is told at once', async () => {
  const wire = link();
  const broken = new Promise<void>((resolve) => {
    const rp = new ReturnPath(wire.ends[0], () => resolve());
    rp.shut.catch(() => undefined);
  });
  wire.cut();
  await broken;
});

const item = (kind: Section['kind'], name: string, value?: number): Section => ({
  ...{ index: 0, kind, name, instance: 0, sectionId: 0, version: 0, start: 0, end: 0, bodyStart: 0, bodyEnd: 0 },
  ...{ phase: 'setup', fields: [{ name: 'value', type: 'uint32', start: 0, end: 4, value: value ?? 0 }] }
});

/** What a destination says, and how much it takes of pieces that no end follows. */
async function answered(items: readonly Section[], pieces: readonly Uint8Array<ArrayBuffer>[]) {
  const said: number[] = [];
  const more = [...pieces];
  let waits = false;
  const channel: ByteDuplex = {
    write: (bytes) => void said.push(...bytes),
    read() {
      const piece = more.shift();
      if (piece) return Promise.resolve(piece);
      waits = true;
      return new Promise(() => undefined);
    },
    end: () => Promise.resolve(),
    destroy: () => undefined
  };
  const answers = new Answers(channel);
  const stream = answers.stream();
  let ended = false;
  const reading = (async () => {
    let first = true;
    for await (const _ of stream) {
      if (first) for (const i of items) answers.item(i);
      first = false;
    }
    ended = true;
  })();
  await expect.poll(() => ended || waits).toBe(true);
  if (ended) await reading;
  return { said, ended, answers };
}
const opened = [item('command', 'OPEN_RETURN_PATH'), item('command', 'PING', 7)];
const sent = [item('start', 'ram'), item('end', 'ram')];
const json = [...new TextEncoder().encode('{"devices":[{}]}')];
const ending = [0, 6, 0, 0, 0, json.length, ...json];

test('a destination answers PING and says at the end how it went, where it was asked to', async () => {
  const { said, answers } = await answered(opened, [bytes(1)]);
  await answers.shut(false);
  await answers.shut(true);
  expect(said).toEqual([0, 2, 0, 4, 0, 0, 0, 7, ...SHUT, 0, ...SHUT, 1]);
  const silent = await answered([item('command', 'PING', 7)], [bytes(1)]);
  await silent.answers.shut(false);
  expect(silent.said).toEqual([]);
});

test('the stream is at its end with its JSON, behind the RAM, where the source waits for an answer', async () => {
  const all = [...opened, ...sent];
  expect((await answered(all, [bytes(9, 9, ...ending)])).ended).toBe(true);
  expect((await answered(all, [bytes(9), bytes(...ending.slice(0, 3)), bytes(...ending.slice(3))])).ended).toBe(true);
  // Not there yet, not behind the RAM, not asked for an answer.
  expect((await answered(all, [bytes(9, ...ending.slice(0, -1))])).ended).toBe(false);
  expect((await answered(all, [bytes(9, ...ending, 125)])).ended).toBe(false);
  expect((await answered([...opened, item('start', 'ram')], [bytes(9, ...ending)])).ended).toBe(false);
  expect((await answered(sent, [bytes(9, ...ending)])).ended).toBe(false);
});
