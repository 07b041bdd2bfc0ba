import { expect, test } from 'vitest';
import { link } from '../../../src/lib/emulator/migration/channel.ts';
import { StreamRecorder } from '../../../src/lib/emulator/stream-recorder.ts';

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test('keeps what goes out, with its times, and nothing that comes in', async () => {
  let now = 1;
  const wire = link();
  const recorder = new StreamRecorder(() => now++);
  const end = recorder.tap(wire.ends[0], 'out');
  expect(recorder.notes).toBeUndefined();
  await end.write(bytes('QE'));
  await wire.ends[1].write(bytes('back'));
  expect(new TextDecoder().decode(await end.read())).toBe('back');
  await end.write(bytes('VM'));
  expect(await recorder.notes!.text()).toBe(
    '{"kind":"bytes","at":1,"length":2}\nQE\n{"kind":"bytes","at":2,"length":2}\nVM\n'
  );
  const read = new StreamRecorder(() => 5);
  expect(new TextDecoder().decode(await read.tap(wire.ends[1], 'in').read())).toBe('QE');
  expect(await read.notes!.text()).toBe('{"kind":"bytes","at":5,"length":2}\nQE\n');
});

test('what is too much becomes a gap, and goes through all the same', async () => {
  const wire = link();
  const recorder = new StreamRecorder(() => 7, 4);
  const end = recorder.tap(wire.ends[0], 'out');
  for (const text of ['QEVM', 'more', 'and more']) await end.write(bytes(text));
  expect(await recorder.notes!.text()).toBe(
    '{"kind":"bytes","at":7,"length":4}\nQEVM\n{"kind":"gap","at":7,"why":"the page keeps 4 bytes of a stream"}\n'
  );
  let heard = '';
  while (heard.length < 16) heard += new TextDecoder().decode(await wire.ends[1].read());
  expect(heard).toBe('QEVMmoreand more');
});
