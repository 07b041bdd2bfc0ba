/**
 * Guests that go live between our machine and native QEMU, both ways, and keep what they wrote. QEMU 7.2 under TCG loses
 * writes of its own guests at the switchover, so from there a guest comes that does not write.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ask as askNative, booted, image } from '../../../../guests/workload.mjs';
import { Machine as Native } from '../../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../../scripts/qemu/qemu.mjs';
import { connect } from '../../../../src/bridge/migration-uri.ts';
import { waitForGuest } from '../../../../src/lib/emulator/machine-incoming.ts';
import { waitAt } from '../../../support/live-migration.ts';
import { progress } from '../../../support/progress.ts';
import { FINISHED, runningWorkload, workloadMachine, type Workload } from '../../../support/workload.ts';

const installed = qemus();
if (installed.length === 0) console.warn('SKIPPED: no native QEMU; get it with: node scripts/qemu/install.mjs');
/** The oldest, and the newest of those that lose nothing. */
const chosen = installed.filter(({ suite }) => suite === 'bookworm' || suite === 'trixie');
const typeOf = (version: string): string => `pc-i440fx-${/^\d+\.\d+/.exec(version)![0]}`;
const ROUND_TRIPS = 5 * Number(process.env.MIGRASCOPE_TRIPS_FACTOR ?? 1);

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** QEMU chooses a port, and tells it. */
const INCOMING = ['-incoming', 'tcp:127.0.0.1:0'];

const argsOf = (version: string, more: readonly string[] = []): string[] => [
  ...['-M', typeOf(version), '-m', '16M', '-vga', 'none', '-nic', 'none', '-bios', image],
  ...more
];
const sumOf = async (native: Native): Promise<string> =>
  /^sum (\w{16})/.exec(await askNative(native, 'sum'))?.[1] ?? 'no sum';

/** Sends our guest. */
async function sendTo(guest: Workload, uri: string): Promise<void> {
  const { migration } = guest.machine;
  await migration.start(() => connect(uri));
  expect([migration.status, migration.error]).toEqual(['completed', undefined]);
}

/** Takes native QEMU's guest, which goes on here. */
async function takeFrom(native: Native, version: string): Promise<Workload> {
  const guest = workloadMachine(typeOf(version));
  const incoming = waitForGuest(guest.machine, true);
  const { uri, loaded } = await waitAt(`unix:${join(folder, 'incoming')}`, incoming);
  await native.migrate(uri);
  const { problems } = await loaded;
  expect(problems.filter((p) => p.severity === 'fatal')).toEqual([]);
  expect(incoming.status).toBe('completed');
  return guest;
}

/** The sum of a counted run that stays where it is: it does not depend on the rate, so at the highest. */
async function sumAfter(run: string): Promise<string> {
  const guest = await runningWorkload();
  await guest.ask(run.replace('5000', '1000000'));
  await guest.finished();
  const sum = await guest.sum();
  await guest.end();
  return sum;
}

describe.each(chosen)('native QEMU $version', (qemu) => {
  const { version } = qemu;
  const run = 'dirty 5000 4M xor 12000';
  const natively = async <T>(more: readonly string[], use: (native: Native) => Promise<T>): Promise<T> => {
    const native = await Native.start(qemu, argsOf(version, more));
    try {
      return await use(native);
    } finally {
      native.kill();
    }
  };

  test('takes a guest over tcp: while it writes, and loses nothing', { timeout: 120_000 }, async () => {
    const guest = await runningWorkload(typeOf(version));
    await guest.ask('note made here');
    await guest.ask(run);
    const sum = await natively(INCOMING, async (native) => {
      await sendTo(guest, await native.incomingUri());
      await native.resumed();
      await native.until(() => FINISHED.test(native.serial), 'end of the run');
      expect(await askNative(native, 'note')).toMatch(/: made here\n$/);
      expect(await askNative(native, 'ticks')).toMatch(/^ticks \d+/);
      return sumOf(native);
    });
    await guest.end();
    expect(sum).toBe(await sumAfter(run));
  });

  test('takes a guest from a file that was written while it ran', { timeout: 120_000 }, async () => {
    const state = join(folder, `state-${version}`);
    const guest = await runningWorkload(typeOf(version));
    await guest.ask(run);
    guest.machine.migration.options.setCapabilities([{ capability: 'xbzrle', state: true }]);
    guest.machine.migration.options.setParameters({ 'max-bandwidth': 10 << 20, 'downtime-limit': 20 });
    await sendTo(guest, `exec:cat > ${state}`);
    await guest.end();
    const sum = await natively(['-incoming', `exec:cat ${state}`], async (native) => {
      await native.resumed();
      await native.until(() => FINISHED.test(native.serial), 'end of the run');
      return sumOf(native);
    });
    expect(sum).toBe(await sumAfter(run));
  });

  test('sends a guest that goes on here', { timeout: 120_000 }, async () => {
    const writes = !version.startsWith('7.');
    const guest = await natively([], async (native) => {
      await booted(native);
      await askNative(native, 'note made there');
      await askNative(native, writes ? run : 'fill 4M noise');
      const before = writes ? undefined : await sumOf(native);
      const taken = await takeFrom(native, version);
      if (before !== undefined) expect(await taken.sum()).toBe(before);
      return taken;
    });
    expect(await guest.ask('note')).toMatch(/: made there\n$/);
    if (writes) {
      await guest.finished();
      expect(await guest.sum()).toBe(await sumAfter(run));
    }
    await guest.end();
  });

  test('says on the return path that it has the guest, or that it has not', { timeout: 120_000 }, async () => {
    const guest = await runningWorkload(typeOf(version));
    const { migration, runstate } = guest.machine;
    await guest.ask('note still here');
    migration.options.setCapabilities([{ capability: 'return-path', state: true }]);
    // It takes all of the stream, and then does not know a device.
    await natively(['-M', `${typeOf(version)},hpet=off`, ...INCOMING], async (native) => {
      const uri = await native.incomingUri();
      await migration.start(() => connect(uri));
    });
    expect([migration.status, runstate.state]).toEqual(['failed', 'running']);
    expect(migration.error).toMatch(/Sibling indicated error 1|return path|socket/);
    expect(await guest.ask('note')).toMatch(/: still here\n$/);
    const told = await natively(INCOMING, async (native) => {
      await sendTo(guest, await native.incomingUri());
      await native.resumed();
      return askNative(native, 'note');
    });
    expect([told, runstate.state]).toEqual([expect.stringMatching(/: still here\n$/), 'postmigrate']);
    await guest.end();
  });

  test('is told on the return path that its guest arrived', { timeout: 120_000 }, async () => {
    const guest = await natively([], async (native) => {
      await booted(native);
      await askNative(native, 'note made there');
      await native.capabilities(['return-path']);
      const taken = await takeFrom(native, version);
      await expect.poll(() => native.qmp('query-status')).toMatchObject({ status: 'postmigrate' });
      return taken;
    });
    expect(await guest.ask('note')).toMatch(/: made there\n$/);
    await guest.end();
  });
});

const newer = chosen.find(({ suite }) => suite === 'trixie');
test.skipIf(!newer)(
  `${ROUND_TRIPS} round trips of one busy guest to native QEMU and back`,
  { timeout: 60_000 + ROUND_TRIPS * 30_000 },
  async () => {
    const { version } = newer!;
    const run = `dirty 5000 2M xor ${10_000 * ROUND_TRIPS}`;
    let here = await runningWorkload(typeOf(version));
    await here.ask(run);
    const left = progress(ROUND_TRIPS);
    for (let trip = 0; trip < ROUND_TRIPS; trip++) {
      left(trip);
      const native = await Native.start(newer!, argsOf(version, INCOMING));
      try {
        await sendTo(here, await native.incomingUri());
        await here.end();
        await native.resumed();
        here = await takeFrom(native, version);
        expect(await here.ask('ticks')).toMatch(/ticks \d+/);
      } finally {
        native.kill();
      }
    }
    await here.idle(ROUND_TRIPS);
    const sum = await here.sum();
    await here.end();
    expect(sum).toBe(await sumAfter(run));
  }
);

/** What is told of a destination that cannot take a 16 MiB guest of a machine type. */
const refusals = (version: string): readonly (readonly [args: readonly string[], type: string, memory: number])[] => [
  [['-m', '32M'], typeOf(version), 32],
  [['-M', 'pc-i440fx-7.2'], 'pc-i440fx-7.2', 16]
];

describe.skipIf(!newer)('A destination that is another machine', () => {
  const version = newer?.version ?? '';
  const options = { 'max-bandwidth': 16 << 20, 'downtime-limit': 10 };

  test.each(refusals(version))(
    '%j says what native QEMU says, and our guest stays',
    async (args, type, memory) => {
      const guest = await runningWorkload(typeOf(version));
      await guest.ask('fill 8M noise');
      const { migration, runstate } = guest.machine;
      migration.options.setParameters(options);
      const native = await Native.start(newer!, argsOf(version, [...args, ...INCOMING]));
      try {
        const uri = await native.incomingUri();
        await migration.start(() => connect(uri));
        await native.exited;
        expect(migration.info().status).toBe('failed');
        expect(migration.error).toMatch(/^Unable to write to socket: (Broken pipe|Connection reset by peer)$/);
        expect(runstate.state).toBe('running');
      } finally {
        native.kill();
      }
      const other = workloadMachine(type, memory);
      const incoming = waitForGuest(other.machine, true);
      const { uri, loaded } = await waitAt(`unix:${join(folder, 'other')}`, incoming);
      await migration.start(() => connect(uri));
      await loaded;
      const ours = incoming.info()['error-desc']!.replace('load of migration failed: ', '');
      expect(native.stderr).toContain(ours);
      expect(await guest.ask('ticks')).toMatch(/^ticks \d+/);
      await guest.end();
      await other.end();
    },
    60_000
  );

  test.each(refusals(version))(
    '%j: ours refuses a native guest, which stays',
    async (_args, type, memory) => {
      const native = await Native.start(newer!, argsOf(version));
      const other = workloadMachine(type, memory);
      try {
        await booted(native);
        await askNative(native, 'fill 8M noise');
        await native.qmp('migrate-set-parameters', options);
        const incoming = waitForGuest(other.machine, true);
        const { uri, loaded } = await waitAt(`unix:${join(folder, 'native-other')}`, incoming);
        await expect(native.migrate(uri)).rejects.toThrow();
        await loaded;
        expect(incoming.info()['error-desc']).toMatch(/: (Size mismatch: pc\.ram|Machine type received is)/);
        expect(await native.qmp('query-migrate')).toMatchObject({ status: 'failed' });
        expect(await native.qmp('query-status')).toMatchObject({ running: true });
        expect(await askNative(native, 'ticks')).toMatch(/^ticks \d+/);
      } finally {
        native.kill();
        await other.end();
      }
    },
    60_000
  );
});
