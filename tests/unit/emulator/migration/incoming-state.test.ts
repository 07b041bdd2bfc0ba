/** A machine that waits for a guest, and what may come instead of one. */
import { expect, test } from 'vitest';
import { waitForGuest } from '../../../../src/lib/emulator/machine-incoming.ts';
import { link } from '../../../../src/lib/emulator/migration/channel.ts';
import type { IncomingMigration } from '../../../../src/lib/emulator/migration/incoming-state.ts';
import { saveVmState } from '../../../../src/lib/emulator/migration/outgoing.ts';
import { smallMachine } from '../../../support/small-machine.ts';

/** The stream of a machine of this kind. */
const stream = ((): Buffer<ArrayBuffer> => {
  const machine = smallMachine();
  machine.physmem.block('pc.ram')!.write(0x1234, new TextEncoder().encode('here I was'));
  const bytes = Buffer.concat([...saveVmState(machine)]);
  machine.destroy();
  return bytes;
})();

/** What becomes of a machine that gets these bytes. */
async function receives(bytes: Uint8Array<ArrayBuffer>, use: (incoming: IncomingMigration, text: string) => void) {
  const machine = smallMachine();
  const incoming = waitForGuest(machine, false);
  const { ends } = link({ buffer: 1 << 26 });
  const loaded = incoming.start(() => Promise.resolve(ends[1]));
  void ends[0].write(bytes);
  ends[0].end().catch(() => undefined);
  await loaded;
  use(incoming, Buffer.from(machine.physmem.block('pc.ram')!.bytes(0x1234, 10)).toString('latin1'));
  const { state } = machine.runstate;
  machine.destroy();
  return state;
}

test('A guest comes in and stands until it is told to go on', async () => {
  const state = await receives(stream, (incoming, text) => {
    expect(incoming.info()).toEqual({ status: 'completed' });
    expect(text).toBe('here I was');
    expect(() => incoming.start(() => Promise.reject(new Error()))).toThrow(
      'The incoming migration has already been started'
    );
  });
  expect(state).toBe('paused');
});

test.each([
  ['nothing', 0, 'the stream has 0 bytes, its header 8'],
  ['half of it', 20_000, 'the stream ends in'],
  ['not all devices', stream.indexOf('i8259'), 'the stream ends']
])('What ends early is refused: %s', async (_what, length, why) => {
  const state = await receives(stream.subarray(0, length), (incoming) => {
    expect(incoming.info().status).toBe('failed');
    expect(incoming.info()['error-desc']).toMatch(`load of migration failed: ${why}`);
  });
  expect(state).toBe('inmigrate');
});

test('The description of itself at the end of a stream may be cut: nothing needs it', async () => {
  const state = await receives(stream.subarray(0, stream.length - 1000), (incoming) => {
    expect(incoming.info()).toEqual({ status: 'completed' });
  });
  expect(state).toBe('paused');
});

test('One that failed can be tried again', async () => {
  const machine = smallMachine();
  const incoming = waitForGuest(machine, false);
  await incoming.start(() => Promise.reject(new Error('nobody came')));
  expect(incoming.info()).toEqual({ status: 'failed', 'error-desc': 'load of migration failed: nobody came' });
  const { ends } = link({ buffer: 1 << 26 });
  const loaded = incoming.start(() => Promise.resolve(ends[1]));
  void ends[0].write(stream);
  const sent = ends[0].end();
  await loaded;
  await sent;
  expect(incoming.status).toBe('completed');
  machine.destroy();
});

test('Damaged streams are refused or load, and never throw', { timeout: 120_000 }, async () => {
  let state = 1;
  const draw = (n: number): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n;
  const outcomes = new Set<string | undefined>();
  for (let run = 0; run < 25; run++) {
    const bytes = Buffer.from(stream);
    // Half of the damage lies in the devices, at the end.
    for (let hits = 1 + draw(8); hits > 0; hits--) {
      const at = draw(2) === 0 ? draw(bytes.length) : bytes.length - 1 - draw(Math.min(60_000, bytes.length));
      bytes[at] = draw(256);
    }
    await receives(bytes, (incoming) => outcomes.add(incoming.status));
  }
  expect([...outcomes].every((status) => status === 'failed' || status === 'completed')).toBe(true);
  expect(outcomes.has('failed')).toBe(true);
});
