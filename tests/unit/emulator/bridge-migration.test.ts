/** Guests of a page that go live to native QEMU and come back, by the calls that the page makes, through a real bridge. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ask as askNative, image } from '../../../guests/workload.mjs';
import { Machine as Native } from '../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { Bridge } from '../../../src/bridge/bridge.ts';
import { serveSite, type Site } from '../../../src/bridge/static-site.ts';
import type {
  MachineHost,
  MigrationNews,
  MigrationOutcome,
  MigrationRequest
} from '../../../src/lib/emulator/machine-api.ts';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { createMachineHost } from '../../../src/lib/emulator/machine-host.ts';
import { recordingHead } from '../../../src/lib/vmstate/recording.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { PageWebSocket } from '../../support/websocket.ts';

const sample = new URL('../../../static/samples/workload/idle.vmstate.gz', import.meta.url);
const request: MigrationRequest = { maxBandwidth: 0, downtimeLimit: 300, capabilities: [], stopFirst: false };
/** As the sample's machine. */
const args = ['-M', 'pc-i440fx-7.2', '-m', '16M', '-vga', 'none', '-nic', 'none', '-bios', image];
/** QEMU chooses a port, and tells it. */
const incoming = ['-incoming', 'tcp:127.0.0.1:0'];
const chosen = qemus().filter(({ suite }) => suite === 'bookworm' || suite === 'trixie');
if (chosen.length === 0) console.warn('SKIPPED: no native QEMU; get it with: node scripts/qemu/install.mjs');

let folder = '';
let site: Site;
const bridge = new Bridge();
let host: MachineHost;
let id: number;
const output = new Map<number, string>();

beforeAll(async () => {
  vi.stubGlobal('WebSocket', PageWebSocket);
  folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  writeFileSync(join(folder, 'index.html'), '');
  site = await serveSite(folder, 0, bridge);
});
afterAll(async () => {
  vi.unstubAllGlobals();
  bridge.close();
  await site.close();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  host = createMachineHost();
  await host.useBridge({ url: `${site.url.replace('http', 'ws')}bridge`, token: bridge.token });
  ({ id } = await host.create({ state: [new File([readFileSync(sample)], 'idle.vmstate.gz')] }));
  await listen(id);
  await host.resume(id);
});
afterEach(() => host.destroy(id));

const listen = (machine: number): Promise<void> =>
  host.serialOutput(machine, 0, (bytes) => {
    output.set(machine, (output.get(machine) ?? '') + new TextDecoder().decode(bytes));
  });
/** Types a line and waits for an answer that matches. */
async function ask(machine: number, line: string, answer: RegExp): Promise<string> {
  output.set(machine, '');
  await host.serialInput(machine, 0, new TextEncoder().encode(`${line}\r`));
  await expect.poll(() => output.get(machine), { timeout: 30_000 }).toMatch(answer);
  return answer.exec(output.get(machine)!)![0];
}

/** What was kept of a migration is a stream that reads to its end. */
async function expectWhole(stream: Blob, syncs = Infinity): Promise<void> {
  const head = recordingHead({ watcher: 'sender', machine: '', memory: 0 });
  const file = new Uint8Array(await new Blob([head, stream]).arrayBuffer());
  const { problems, rounds, vmdescription } = await readSnapshot(bytesSource(file), { descriptions });
  expect(problems.filter(({ severity }) => severity === 'fatal')).toEqual([]);
  expect(vmdescription).toBeDefined();
  expect(rounds.length).toBeLessThanOrEqual(syncs);
}

interface Watched {
  readonly news: MigrationNews[];
  /** Of what the monitor began. */
  readonly outcome: () => MigrationOutcome | undefined;
}
async function watch(machine: number): Promise<Watched> {
  const news: MigrationNews[] = [];
  let outcome: MigrationOutcome | undefined;
  await host.watchMigrations(machine, (some, over) => {
    news.push(some);
    outcome = over;
  });
  return { news, outcome: () => outcome };
}
const addressIn = (news: readonly MigrationNews[]): string | undefined =>
  news.flatMap(({ info }) => info['socket-address'] ?? []).at(-1) as string | undefined;

describe.each(chosen)('native QEMU $version', (qemu) => {
  test('takes the guest of a tab, answers, and sends it back', { timeout: 120_000 }, async () => {
    const native = await Native.start(qemu, [...args, ...incoming]);
    try {
      const uri = await native.incomingUri();
      await ask(id, 'note made in the tab', /workload> $/);
      const sum = await ask(id, 'sum', /sum \w{16}/);
      const { info, arrived, stream } = await host.migrate(id, { ...request, to: uri }, () => undefined);
      expect([info.status, info['error-desc'], arrived]).toEqual(['completed', undefined, undefined]);
      await expectWhole(stream!, info.ram!['dirty-sync-count']);
      expect((await host.status(id)).state).toBe('postmigrate');
      await native.resumed();
      expect(await askNative(native, 'note')).toMatch(/: made in the tab\n$/);
      expect(await askNative(native, 'sum')).toContain(sum);
      await askNative(native, 'note made natively');

      const watched = await watch(id);
      expect(await host.monitor(id, 'migrate_incoming tcp:127.0.0.1:0')).toEqual({ text: '' });
      expect((await host.monitor(id, 'migrate_incoming tcp:127.0.0.1:0')).text).toBe(
        'Error: The incoming migration has already been started'
      );
      await expect.poll(() => addressIn(watched.news)).toMatch(/^tcp:127\.0\.0\.1:\d+$/);
      await native.migrate(addressIn(watched.news)!);
      await expect.poll(() => watched.outcome()?.info.status, { timeout: 30_000 }).toBe('completed');
      await expectWhole(watched.outcome()!.stream!);
      const back = watched.outcome()!.arrived!.id;
      await listen(back);
      expect((await host.status(back)).state).toBe('running');
      expect(await ask(back, 'note', /made \w+/)).toBe('made natively');
      expect(await ask(back, 'sum', /sum \w{16}/)).toBe(sum);
      await host.destroy(back);
    } finally {
      native.kill();
    }
  });

  test('takes it over unix: by a line of the monitor while it writes', { timeout: 120_000 }, async () => {
    const path = join(folder, `${qemu.suite}.sock`);
    const native = await Native.start(qemu, [...args, '-incoming', `unix:${path}`]);
    try {
      await ask(id, 'dirty 2000 1M xor', /workload> $/);
      const watched = await watch(id);
      expect(await host.monitor(id, `migrate -d "unix:${path}"`)).toEqual({ text: '' });
      expect(watched.outcome()?.info.status).toBe('completed');
      const seen = watched.news.flatMap(({ observations }) => observations);
      expect(seen.filter((o) => o.kind === 'round').at(-1)).toMatchObject({ phase: 'switchover', remaining: 0 });
      await native.resumed();
      const [, before] = /ticks (\d+)/.exec(await askNative(native, 'ticks'))!;
      await expect
        .poll(async () => Number(/\d+/.exec(await askNative(native, 'ticks'))![0]))
        .toBeGreaterThan(Number(before));
    } finally {
      native.kill();
    }
  });

  test('of another size refuses the guest, which goes on in the tab', { timeout: 120_000 }, async () => {
    // More, and slower, than it could be sent before the receiver has looked at the list of blocks.
    await ask(id, 'fill 12M noise', /workload> $/);
    const native = await Native.start(qemu, [...args.with(3, '32M'), ...incoming]);
    try {
      const uri = await native.incomingUri();
      const { info } = await host.migrate(id, { ...request, maxBandwidth: 1 << 20, to: uri }, () => undefined);
      expect(info).toMatchObject({
        status: 'failed',
        // Which of the two is met first is the network's to say.
        'error-desc': expect.stringMatching(/^Unable to (write to|read from) socket: /)
      });
      expect((await host.status(id)).state).toBe('running');
      expect(await ask(id, 'ticks', /ticks \d+/)).toMatch(/\d/);
    } finally {
      native.kill();
    }
  });
});

test('nobody there, and no host that may be asked: QEMU’s words, and the guest stays', async () => {
  const refused = await host.monitor(id, 'migrate tcp:127.0.0.1:1');
  expect(refused.text).toBe("Failed to connect to '127.0.0.1:1': Connection refused");
  const { info } = await host.migrate(id, { ...request, to: 'tcp:192.0.2.1:1' }, () => undefined);
  expect(info['error-desc']).toContain('--allow 192.0.2.1');
  expect((await host.status(id)).state).toBe('running');
});

test('garbage, a sender that breaks off, and giving up: the machine that is there goes on', async () => {
  const waitFor = async (use: (port: number) => void): Promise<MigrationOutcome> => {
    let asked = false;
    return host.receive(id, 'tcp:127.0.0.1:0', (news) => {
      const address = addressIn([news]);
      if (address !== undefined && !asked) use(Number(/\d+$/.exec(address)![0]));
      asked ||= address !== undefined;
    });
  };
  /** Somebody who says something and is gone, however that is taken. */
  const say = (port: number, what: string | Uint8Array): void =>
    void connect(port, '127.0.0.1')
      .on('error', () => undefined)
      .end(what);
  const garbage = await waitFor((port) => say(port, 'GET / HTTP/1.1\r\n\r\n'));
  expect(garbage.arrived).toBeUndefined();
  expect(garbage.info).toMatchObject({
    status: 'failed',
    'error-desc': expect.stringMatching(/^load of migration failed: /)
  });
  const brokenOff = await waitFor((port) => say(port, Buffer.from('5145564d00000003', 'hex')));
  expect(brokenOff.info.status).toBe('failed');
  const givenUp = await waitFor(() => void host.cancelMigration(id));
  expect(givenUp.info).toMatchObject({ status: 'failed', 'error-desc': 'load of migration failed: cancelled' });
  expect((await host.status(id)).state).toBe('running');
  expect(await ask(id, 'ticks', /ticks \d+/)).toMatch(/\d/);
});

test('a receiver that stalls: cancelled, and the guest goes on', async () => {
  // A Unix socket holds less than the guest has left, and a millisecond of any link less still: it is never switched over.
  const path = join(folder, 'stalls.sock');
  let stalled = false;
  const server = createServer((socket) => {
    stalled = true;
    socket.pause().on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await ask(id, 'fill 12M noise', /workload> $/);
  const moving = host.migrate(id, { ...request, downtimeLimit: 1, to: `unix:${path}` }, () => undefined);
  await expect.poll(() => stalled, { timeout: 30_000 }).toBe(true);
  expect(await ask(id, 'ticks', /ticks \d+/)).toMatch(/\d/);
  await host.cancelMigration(id);
  expect((await moving).info.status).toBe('cancelled');
  expect((await host.status(id)).state).toBe('running');
  server.close();
});
