/** What goes wrong on the way: the guest is never lost, the reason is told as QEMU tells it, and both sides try again. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect as connectSocket, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { connect } from '../../../../src/bridge/migration-uri.ts';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { waitForGuest } from '../../../../src/lib/emulator/machine-incoming.ts';
import type { MigrationObservation, MigrationStatus } from '../../../../src/lib/emulator/migration-api.ts';
import { BROKEN_PIPE, link, sink, type ByteDuplex } from '../../../../src/lib/emulator/migration/channel.ts';
import { differences, send, waitAt } from '../../../support/live-migration.ts';
import { runningWorkload, workloadMachine, type Workload } from '../../../support/workload.ts';

const host = new HostMemory();
const TYPE = 'pc-i440fx-10.0';
const here: Workload[] = [];
const kept = (guest: Workload): Workload => {
  here.push(guest);
  return guest;
};
/** One that writes, and is large enough to be met on its way. */
async function guest(): Promise<Workload> {
  const made = kept(await runningWorkload(TYPE, 16, host));
  await made.ask('fill 6M noise');
  await made.ask('dirty 2000 1M xor');
  return made;
}
const room = (type = TYPE, memory = 16): Workload => kept(workloadMachine(type, memory, host));
afterEach(async () => {
  for (const one of here.splice(0)) await one.end();
});
const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const reaches = ({ machine }: Workload, status: MigrationStatus): Promise<void> =>
  expect.poll(() => machine.migration.status, { timeout: 30_000, interval: 5 }).toBe(status);

/** The guest runs, and answers. */
async function lives({ machine, ask }: Workload): Promise<void> {
  expect(machine.runstate.state).toBe('running');
  expect(await ask('ticks')).toMatch(/^ticks \d+/);
  expect(await ask('dirty')).toMatch(/^dirty: .*, \d+ written/);
}

/** The same two once more, without trouble. */
async function again(from: Workload, to: Workload): Promise<void> {
  from.machine.migration.options.setParameters({ 'max-bandwidth': 0, 'downtime-limit': 100_000 });
  const passage = send(from, to);
  await passage.over;
  expect([from.machine.migration.error, passage.why()]).toEqual([undefined, undefined]);
  expect(differences(from.machine, to.machine)).toEqual([]);
  to.machine.start();
  await lives(to);
}

/** Where a link is cut: what has just been told. */
const PHASES: readonly (readonly [name: string, when: (o: MigrationObservation) => boolean])[] = [
  ['before the first byte', (o) => o.kind === 'status' && o.status === 'setup'],
  ['behind the block list', (o) => o.kind === 'status' && o.status === 'active'],
  ['in the bulk round', (o) => o.kind === 'sample'],
  ['between two rounds', (o) => o.kind === 'round' && o.phase === 'bulk'],
  ['when the guest has just been stopped', (o) => o.kind === 'guest' && !o.running],
  ['in the last round', (o) => o.kind === 'sync' && o.number > 2],
  ['among the devices', (o) => o.kind === 'section' && o.name === 'cpu']
];

describe('A link that is cut', () => {
  test.each(PHASES)('%s leaves the guest where it was', { timeout: 60_000 }, async (_name, when) => {
    const [a, b] = [await guest(), room()];
    a.machine.migration.options.setParameters({ 'max-bandwidth': 24 << 20, 'downtime-limit': 50 });
    let met = false;
    const passage = send(a, b, {
      observe(o, wire) {
        if (met || !when(o)) return;
        met = true;
        wire.cut();
      }
    });
    await passage.over;
    expect(met).toBe(true);
    expect(a.machine.migration.info()).toEqual({ status: 'failed', 'error-desc': BROKEN_PIPE });
    expect(passage.why()).toMatch(/^load of migration failed: .*Connection reset by peer/);
    expect(b.machine.runstate.state).toBe('inmigrate');
    await lives(a);
    await again(a, b);
  });

  test('when all has been read and nothing acknowledged leaves it there too', { timeout: 60_000 }, async () => {
    const [a, b] = [await guest(), room()];
    const passage = send(a, b, {
      end: (end, wire) => ({
        ...end,
        end() {
          wire.cut();
          return end.end();
        }
      })
    });
    await passage.over;
    expect(a.machine.migration.info()).toEqual({ status: 'failed', 'error-desc': BROKEN_PIPE });
    expect(passage.arrived()).toBe(false);
    await lives(a);
    await again(a, room());
  });
});

describe('A peer that stalls', () => {
  /** Reads until it is told to stop, and then hangs until the link breaks. */
  const stalling =
    (stalls: () => boolean) =>
    (end: ByteDuplex): ByteDuplex => ({
      ...end,
      read: async () => (stalls() ? sleep(600_000).then(() => undefined) : end.read())
    });

  test('in the bulk round holds nobody up: the guest runs on until somebody cancels', { timeout: 60_000 }, async () => {
    const [a, b] = [await guest(), room()];
    let read = 0;
    const passage = send(a, b, { buffer: 1 << 16, end: stalling(() => ++read > 3) });
    await reaches(a, 'active');
    const transferred = (): number => a.machine.migration.info().ram!.transferred;
    /** Whether the guest answered while nothing was sent, as the link is full. */
    const stands = async (): Promise<boolean> => {
      const before = transferred();
      await lives(a);
      return transferred() === before;
    };
    await expect.poll(async () => [await stands(), read]).toEqual([true, 4]);
    expect(await stands()).toBe(true);
    a.machine.migration.cancel();
    await reaches(a, 'cancelled');
    expect(passage.arrived()).toBe(false);
    await lives(a);
    await again(a, room());
  });

  test('while the guest stands is cancelled, and the guest goes on', { timeout: 60_000 }, async () => {
    const [a, b] = [await guest(), room()];
    let standing = false;
    const passage = send(a, b, {
      ...{ buffer: 1 << 12, end: stalling(() => standing) },
      observe: (o) => (standing ||= o.kind === 'guest' && !o.running)
    });
    await reaches(a, 'device');
    await sleep(200);
    expect([a.machine.migration.status, a.machine.runstate.state]).toEqual(['device', 'finish-migrate']);
    a.machine.migration.cancel();
    await reaches(a, 'cancelled');
    expect(passage.arrived()).toBe(false);
    await lives(a);
    await again(a, room());
  });
});

describe('A destination', () => {
  test.each([
    [
      'of another machine type',
      () => room('pc-i440fx-7.2'),
      `Machine type received is '${TYPE}' and local is 'pc-i440fx-7.2'`
    ],
    ['of another size', () => room(TYPE, 32), 'Size mismatch: pc.ram: 0x1000000 != 0x2000000: Invalid argument']
  ])('%s refuses before the guest is stopped', { timeout: 60_000 }, async (_name, other, why) => {
    const [a, b] = [await guest(), other()];
    a.machine.migration.options.setParameters({ 'max-bandwidth': 24 << 20 });
    const passage = send(a, b);
    await passage.over;
    expect(passage.why()).toBe(`load of migration failed: ${why}`);
    expect(a.machine.migration.info()).toEqual({ status: 'failed', 'error-desc': BROKEN_PIPE });
    expect(passage.seen.some((o) => o.kind === 'guest')).toBe(false);
    await lives(a);
    await again(a, room());
  });

  const words = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  const header = Buffer.from('51455645000000', 'hex');
  test.each([
    ['a web browser', words(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${'x'.repeat(65536)}`)],
    ['zeros', new Uint8Array(1 << 16)],
    ['half a header', new Uint8Array(header)],
    [
      'a header and noise',
      new Uint8Array([...Buffer.from('5145564d00000003', 'hex'), ...words('noise'.repeat(20_000))])
    ]
  ])('hangs up on %s that goes on and on, and takes a guest afterwards', { timeout: 60_000 }, async (_name, piece) => {
    const b = room();
    const incoming = waitForGuest(b.machine, false);
    const { ends } = link();
    const loaded = incoming.start(() => Promise.resolve(ends[1]));
    let sent = 0;
    const sending = async (): Promise<void> => {
      for (; sent < 512 << 20; sent += piece.length) {
        await ends[0].write(piece);
        await Promise.resolve();
      }
    };
    await expect(sending()).rejects.toThrow(BROKEN_PIPE);
    await loaded;
    expect(incoming.info().status).toBe('failed');
    expect(incoming.info()['error-desc']).toMatch(/^load of migration failed: ./);
    expect(sent).toBeLessThan(128 << 20);
    await again(await guest(), b);
  });
});

describe('Sockets and files', () => {
  /** Somebody who is no machine. */
  async function peer(use: Parameters<typeof createServer>[1]): Promise<{ uri: string; server: Server }> {
    const server = createServer({}, use);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { uri: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`, server };
  }
  const SOCKET_BROKEN = /^Unable to write to socket: (Broken pipe|Connection reset by peer)$/;

  test(
    'a peer that closes at once, or in the middle, is told of and the guest stays',
    { timeout: 60_000 },
    async () => {
      const a = await guest();
      const { migration } = a.machine;
      for (const most of [0, 2 << 20]) {
        let got = 0;
        const { uri, server } = await peer((socket) => {
          socket.on('error', () => undefined);
          if (most === 0) socket.destroy();
          socket.on('data', (piece) => (got += piece.length) > most && socket.destroy());
        });
        migration.options.setParameters({ 'max-bandwidth': 24 << 20 });
        await migration.start(() => connect(uri));
        server.close();
        expect(migration.status).toBe('failed');
        expect(migration.error).toMatch(SOCKET_BROKEN);
        await lives(a);
      }
      await again(a, room());
    }
  );

  test('a peer that talks back is not listened to', { timeout: 60_000 }, async () => {
    const a = await guest();
    const { migration } = a.machine;
    const { uri, server } = await peer((socket) => {
      socket.on('error', () => undefined).on('data', () => socket.write('noise'.repeat(1000)));
    });
    await migration.start(() => connect(uri));
    server.close();
    expect([migration.status, migration.error]).toEqual(['completed', undefined]);
  });

  test('a peer that nobody is, and one that comes later', { timeout: 60_000 }, async () => {
    const [a, b] = [await guest(), room()];
    const { migration } = a.machine;
    const path = join(folder, 'later');
    await migration.start(() => connect(`unix:${path}`));
    expect(migration.info()['error-desc']).toBe(`Failed to connect to '${path}': No such file or directory`);
    await lives(a);
    const incoming = waitForGuest(b.machine, true);
    const { uri, loaded } = await waitAt(`unix:${path}`, incoming);
    await migration.start(() => connect(uri));
    await loaded;
    expect([migration.status, incoming.status]).toEqual(['completed', 'completed']);
    await lives(b);
  });

  test(
    'a connection that is reset half way fails the destination, which waits again',
    { timeout: 60_000 },
    async () => {
      const [a, b] = [await guest(), room()];
      const path = join(folder, 'reset');
      const incoming = waitForGuest(b.machine, true);
      const first = await waitAt(`unix:${path}`, incoming);
      const socket = connectSocket(path);
      await new Promise((written) => socket.write(Buffer.from('5145564d00000003', 'hex'), written));
      socket.destroy();
      await first.loaded;
      expect(incoming.status).toBe('failed');
      expect(b.machine.runstate.state).toBe('inmigrate');
      const second = await waitAt(`unix:${path}`, incoming);
      await a.machine.migration.start(() => connect(second.uri));
      await second.loaded;
      expect([a.machine.migration.status, incoming.info()]).toEqual(['completed', { status: 'completed' }]);
      await lives(b);
    }
  );

  test.skipIf(!existsSync('/dev/full'))(
    'a disk that is full is named, and another one tried',
    { timeout: 60_000 },
    async () => {
      const a = await guest();
      const { migration } = a.machine;
      await migration.start(() => connect('file:/dev/full'));
      expect(migration.info()).toEqual({
        status: 'failed',
        'error-desc': 'Unable to write to file: No space left on device'
      });
      await lives(a);
      await migration.start(() => connect('exec:cat > /dev/full'));
      expect(migration.status).toBe('failed');
      expect(migration.error).toMatch(/^(Unable to write to command: Broken pipe|the command ended with status 1)$/);
      await lives(a);
      await migration.start(() => connect(`file:${join(folder, 'state')}`));
      expect([migration.status, migration.error]).toEqual(['completed', undefined]);
      expect(statSync(join(folder, 'state')).size).toBeGreaterThan(6 << 20);
    }
  );

  test('a page that may keep no more says so', { timeout: 60_000 }, async () => {
    const a = await guest();
    const { migration } = a.machine;
    let kept = 0;
    const quota = sink((piece) => {
      kept += piece.length;
      if (kept > 4 << 20) throw new Error('The current transaction exceeded its quota limitations.');
    });
    await migration.start(() => Promise.resolve(quota));
    expect(migration.info()).toEqual({
      status: 'failed',
      'error-desc': 'The current transaction exceeded its quota limitations.'
    });
    await lives(a);
    await again(a, room());
  });
});

test(
  'on the return path a destination says that it has no place for the guest, and one that it has it',
  { timeout: 60_000 },
  async () => {
    const [a, other, b] = [await guest(), room(TYPE, 32), room()];
    const { migration } = a.machine;
    migration.options.setCapabilities([{ capability: 'return-path', state: true }]);
    const refused = send(a, other);
    await refused.over;
    expect([migration.status, refused.arrived()]).toEqual(['failed', false]);
    expect(refused.why()).toMatch(/Size mismatch: pc.ram/);
    await lives(a);
    await again(a, b);
  }
);
