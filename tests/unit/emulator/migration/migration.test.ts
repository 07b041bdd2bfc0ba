/** Guests that go from one machine of this process to another while they write. */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import type { MigrationStatus } from '../../../../src/lib/emulator/migration-api.ts';
import type { Migration, MigrationEvent } from '../../../../src/lib/emulator/migration/migration.ts';
import { differences, send, type Passage } from '../../../support/live-migration.ts';
import { processorTime } from '../../../support/processor-time.ts';
import { progress } from '../../../support/progress.ts';
import { runningWorkload, workloadMachine, type Workload } from '../../../support/workload.ts';

const host = new HostMemory();
const TYPE = 'pc-i440fx-10.0';
const here: Workload[] = [];
const guest = async (): Promise<Workload> => {
  const made = await runningWorkload(TYPE, 16, host);
  here.push(made);
  return made;
};
const room = (): Workload => {
  const made = workloadMachine(TYPE, 16, host);
  here.push(made);
  return made;
};
const gone = async (...guests: Workload[]): Promise<void> => {
  for (const one of guests) {
    here.splice(here.indexOf(one), 1);
    await one.end();
  }
};
afterAll(() => gone(...here));

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const reaches = ({ migration }: { migration: Migration }, status: MigrationStatus): Promise<void> =>
  expect.poll(() => migration.status, { timeout: 30_000, interval: 5 }).toBe(status);
const RUNS = 20 * Number(process.env.MIGRASCOPE_RUNS_FACTOR ?? 1);

/** A small generator, so that a run can be had again. */
function random(seed: number): (n: number) => number {
  let state = seed >>> 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

/** What the guest's work pages come to after a counted run, on a machine that stays where it is. */
async function sumAfter(run: string): Promise<string> {
  const still = await guest();
  await still.ask(run);
  await still.finished();
  const sum = await still.sum();
  await gone(still);
  return sum;
}

describe('A guest that writes all the time', () => {
  test('arrives with all its memory and devices, and goes on', { timeout: 60_000 }, async () => {
    const run = 'dirty 20000 4M xor 40000';
    const [a, b] = [await guest(), room()];
    await a.ask('note from here');
    await a.ask(run);
    const passage = send(a, b);
    await passage.over;
    expect([passage.why(), a.machine.migration.error]).toEqual([undefined, undefined]);
    expect(a.machine.runstate.state).toBe('postmigrate');
    expect(differences(a.machine, b.machine)).toEqual([]);
    b.machine.start();
    await b.finished();
    expect(await b.ask('note')).toMatch(/: from here\n$/);
    const sum = await b.sum();
    await gone(a, b);
    expect(sum).toBe(await sumAfter(run));
  });

  test('is told of round by round, and the figures add up', { timeout: 60_000 }, async () => {
    const [a, b] = [await guest(), room()];
    await a.ask('fill 8M noise');
    await a.ask('dirty 1000 4M random');
    a.machine.migration.options.setParameters({ 'max-bandwidth': 20 << 20, 'downtime-limit': 30 });
    const passage = send(a, b);
    await passage.over;
    const rounds = passage.rounds();
    const info = a.machine.migration.info();
    expect(rounds.map((r) => r.number)).toEqual(rounds.map((_, i) => i + 1));
    expect(rounds[0]!.phase).toBe('bulk');
    expect(rounds.at(-1)!.phase).toBe('switchover');
    expect(rounds[0]!.dirty).toBe(info.ram!.total / 4096);
    for (const r of rounds.slice(0, -1)) {
      const sent = r.sent.normal + r.sent.zero + r.sent.xbzrle + r.sent.skipped;
      // What is left is what was not sent and what was written since; a page may be both.
      expect(r.remaining / 4096).toBeLessThanOrEqual(r.dirty - sent + r.dirtied);
      expect(r.remaining / 4096).toBeGreaterThanOrEqual(Math.max(r.dirty - sent, 0));
    }
    const sum = (of: (r: (typeof rounds)[number]) => number): number => rounds.reduce((all, r) => all + of(r), 0);
    expect(sum((r) => r.sent.normal)).toBe(info.ram!.normal);
    expect(sum((r) => r.sent.zero)).toBe(info.ram!.duplicate);
    expect(info.ram!['dirty-sync-count']).toBe(rounds.length);
    expect(info['total-time']!).toBeGreaterThanOrEqual(info.downtime!);
    // The bulk is 8 MiB of noise at 20 MiB/s.
    expect(rounds[0]!.end - rounds[0]!.start).toBeGreaterThan(300);
    const samples = passage.seen.filter((o) => o.kind === 'sample');
    for (const s of samples) {
      expect(s.duration).toBeGreaterThanOrEqual(100);
      expect(s.threshold).toBe(Math.floor((s.bytes / s.duration) * 30));
    }
    const dirty = passage.seen.filter((o) => o.kind === 'sync');
    expect(dirty.map((o) => o.number)).toEqual(rounds.map((r) => r.number));
    const bits = dirty[1]!.dirty.flatMap(({ bitmap }) => [...bitmap]).reduce((n, byte) => n + popCount(byte), 0);
    expect(bits).toBe(rounds[1]!.dirty);
    expect(passage.seen.some((o) => o.kind === 'section' && o.name === 'cpu' && o.bytes > 1000)).toBe(true);
    await gone(a, b);
  });
});

const popCount = (byte: number): number => [...byte.toString(2)].filter((bit) => bit === '1').length;

test('Auto-converge slows the guest down in QEMU’s steps until it converges', { timeout: 90_000 }, async () => {
  const [a, b] = [await guest(), room()];
  const { options } = a.machine.migration;
  options.setCapabilities([{ capability: 'auto-converge', state: true }]);
  options.setParameters({
    ...{ 'max-bandwidth': 2 << 20, 'downtime-limit': 20 },
    ...{ 'cpu-throttle-initial': 60, 'cpu-throttle-increment': 30 }
  });
  await a.ask('dirty 1000000 2M random');
  const [free, began] = [a.machine.cpu.icount, processorTime()];
  await sleep(1000);
  // In a second that it has to itself.
  const before = Number(a.machine.cpu.icount - free) / ((processorTime() - began) / 1000);
  const passage = send(a, b);
  const throttles = (): number[] => passage.seen.flatMap((o) => (o.kind === 'throttle' ? [o.percentage] : []));
  const deadline = Date.now() + 60_000;
  while (!throttles().includes(90) && Date.now() < deadline) await sleep(50);
  expect(throttles()).toEqual([60, 90]);
  expect(a.machine.migration.info()['cpu-throttle-percentage']).toBe(90);
  const slow = a.machine.cpu.icount;
  await sleep(2000);
  // A tenth of the time; what the migration itself takes is the guest's before, too.
  expect(Number(a.machine.cpu.icount - slow) / 2 / before).toBeLessThan(0.25);
  options.setParameters({ 'max-bandwidth': 0, 'downtime-limit': 100_000 });
  await passage.over;
  expect(differences(a.machine, b.machine)).toEqual([]);
  expect(throttles().at(-1)).toBe(0);
  expect(a.machine.cpus.throttle).toBe(0);
  await gone(a, b);
});

test('XBZRLE sends what changed in a page, counts it, and the receiver has the page', { timeout: 60_000 }, async () => {
  const [a, b] = [await guest(), room()];
  const { options } = a.machine.migration;
  options.setCapabilities([{ capability: 'xbzrle', state: true }]);
  await a.ask('fill 2M noise');
  await a.ask('dirty 20000 2M xor');
  options.setParameters({ 'max-bandwidth': 8 << 20, 'downtime-limit': 1 });
  const passage = send(a, b);
  const deadline = Date.now() + 20_000;
  const pages = (): number => a.machine.migration.info()['xbzrle-cache']?.pages ?? 0;
  while (pages() < 500 && Date.now() < deadline) await sleep(20);
  // What XBZRLE saves looks like a slow link, and so the guest may never be done with.
  options.setParameters({ 'downtime-limit': 2000, 'avail-switchover-bandwidth': 1 << 30 });
  await passage.over;
  expect(differences(a.machine, b.machine)).toEqual([]);
  const cache = a.machine.migration.info()['xbzrle-cache']!;
  const sent = passage.rounds().reduce((n, r) => n + r.sent.xbzrle, 0);
  const skipped = passage.rounds().reduce((n, r) => n + r.sent.skipped, 0);
  expect(cache.pages).toBe(sent + skipped + cache.overflow);
  expect(sent).toBeGreaterThan(300);
  // Each write changes eight bytes of a page that was filled with noise; a page is written some times in a round.
  expect(cache.bytes / cache.pages).toBeLessThan(2048);
  expect(cache['cache-size']).toBe(64 << 20);
  await gone(a, b);
});

test('Stopped first, the guest is sent once, and all of it is downtime', { timeout: 60_000 }, async () => {
  const [a, b] = [await guest(), room()];
  await a.ask('dirty 5000 4M random');
  const passage = send(a, b, { stopFirst: true });
  await passage.over;
  expect(differences(a.machine, b.machine)).toEqual([]);
  expect(passage.rounds().every((r) => r.dirtied === 0)).toBe(true);
  const { ram, downtime } = a.machine.migration.info();
  expect(ram!['precopy-bytes']).toBe(0);
  // It stood before anybody looked for dirty pages.
  expect(passage.seen.find(({ kind }) => kind === 'guest' || kind === 'sync')?.kind).toBe('guest');
  const [first, last] = [passage.rounds()[0]!, passage.rounds().at(-1)!];
  // It is told in whole milliseconds.
  expect(downtime! + 1).toBeGreaterThan(last.end - first.start);
  b.machine.start();
  expect(await b.ask('idle')).toMatch(/^dirty: idle, \d+ written/);
  await gone(a, b);
});

test('pause-before-switchover holds the guest until it is told to go on', { timeout: 60_000 }, async () => {
  const [a, b] = [await guest(), room()];
  const { migration } = a.machine;
  migration.options.setCapabilities([
    { capability: 'pause-before-switchover', state: true },
    { capability: 'events', state: true }
  ]);
  const events: MigrationEvent[] = [];
  migration.onEvent = (event) => events.push(event);
  const passage = send(a, b);
  await reaches(a.machine, 'pre-switchover');
  expect(a.machine.runstate.state).toBe('finish-migrate');
  expect(() => migration.options.setCapabilities([])).toThrow("There's a migration process in progress");
  expect(() => migration.continue('device')).toThrow('Migration not in expected state: pre-switchover');
  await sleep(100);
  expect(passage.arrived()).toBe(false);
  migration.continue('pre-switchover');
  await passage.over;
  expect(differences(a.machine, b.machine)).toEqual([]);
  const told = events.map(({ event, data }) => ('status' in data ? data.status : `${event} ${data.pass}`));
  expect(told.filter((t) => !t.startsWith('MIGRATION_PASS'))).toEqual(
    'setup active pre-switchover device completed'.split(' ')
  );
  expect(told).toContain('MIGRATION_PASS 1');
  await gone(a, b);
});

test(
  'Cancelled before the switchover and in it, the guest goes on, and can be sent again',
  { timeout: 60_000 },
  async () => {
    const a = await guest();
    const { migration } = a.machine;
    migration.options.setParameters({ 'max-bandwidth': 1 << 20, 'downtime-limit': 1 });
    await a.ask('fill 8M noise');
    const first = room();
    const slow = send(a, first);
    await reaches(a.machine, 'active');
    migration.cancel();
    await slow.over;
    expect(migration.info()).toEqual({ status: 'cancelled' });
    expect(first.machine.runstate.state).toBe('inmigrate');
    expect(slow.why()).toMatch(/^load of migration failed: /);
    expect(a.machine.runstate.state).toBe('running');

    migration.options.setParameters({ 'max-bandwidth': 0, 'downtime-limit': 100_000 });
    migration.options.setCapabilities([{ capability: 'pause-before-switchover', state: true }]);
    const second = room();
    const paused = send(a, second);
    await reaches(a.machine, 'pre-switchover');
    migration.cancel();
    await paused.over;
    expect(migration.status).toBe('cancelled');
    expect(a.machine.runstate.state).toBe('running');
    expect(await a.ask('dirty')).toMatch(/^dirty: idle/);

    migration.options.setCapabilities([{ capability: 'pause-before-switchover', state: false }]);
    const third = room();
    const last = send(a, third);
    await last.over;
    expect(differences(a.machine, third.machine)).toEqual([]);
    await gone(a, first, second, third);
  }
);

test('A receiver of another size refuses, and the source keeps its guest', { timeout: 60_000 }, async () => {
  const a = await guest();
  const small = workloadMachine(TYPE, 8, host);
  const passage = send(a, small);
  await passage.over;
  expect(passage.why()).toBe(
    'load of migration failed: Size mismatch: pc.ram: 0x1000000 != 0x800000: Invalid argument'
  );
  expect(a.machine.migration.info()).toEqual({
    status: 'failed',
    'error-desc': 'Unable to write to socket: Broken pipe'
  });
  expect(a.machine.runstate.state).toBe('running');
  await small.end();
  await gone(a);
});

test(
  'A receiver that cannot load a device says so in time: the source keeps its guest',
  { timeout: 60_000 },
  async () => {
    const [a, b] = [await guest(), room()];
    vi.spyOn(b.machine.devices.find('i8254')!, 'postLoad').mockReturnValue('broken on purpose');
    const passage = send(a, b);
    await passage.over;
    expect(passage.why()).toBe('load of migration failed: broken on purpose');
    expect(a.machine.migration.status).toBe('failed');
    expect(a.machine.runstate.state).toBe('running');
    expect(await a.ask('ticks')).toMatch(/^ticks \d+/);
    await gone(a, b);
  }
);

test('What cannot begin is refused, and nothing has happened', async () => {
  const a = workloadMachine(TYPE, 16, host);
  const { migration, runstate } = a.machine;
  const start = (): unknown => migration.start(() => Promise.reject(new Error('no channel')));
  runstate.set('inmigrate');
  expect(start).toThrow('Guest is waiting for an incoming migration');
  runstate.set('postmigrate');
  expect(start).toThrow("Can't migrate the vm that was paused due to previous migration");
  runstate.set('paused');
  migration.options.setCapabilities([{ capability: 'multifd', state: true }]);
  expect(start).toThrow("Capability 'multifd' is not supported yet");
  migration.options.setCapabilities([{ capability: 'multifd', state: false }]);
  expect(migration.info()).toEqual({});
  await start();
  expect(migration.info()).toEqual({ status: 'failed', 'error-desc': 'no channel' });
  expect(runstate.state).toBe('paused');
  a.machine.destroy();
});

/** How a guest may be sent, with what makes it end where it would not. */
const WAYS = [
  { name: 'precopy', capabilities: [], bandwidth: 16 << 20 },
  { name: 'auto-converge', capabilities: ['auto-converge'], bandwidth: 2 << 20 },
  { name: 'xbzrle', capabilities: ['xbzrle'], bandwidth: 4 << 20 },
  { name: 'stop-and-copy', capabilities: [], bandwidth: 0 }
] as const;

test(
  `${RUNS} migrations of one guest, cancelled and cut at random: it is never lost`,
  { timeout: 60_000 + RUNS * 20_000 },
  async () => {
    const seed = Number(process.env.MIGRASCOPE_SEED ?? 1);
    const draw = random(seed);
    const run = `dirty 5000 2M xor ${5000 * RUNS}`;
    let at = await guest();
    await at.ask(run);
    let arrivals = 0;
    const left = progress(RUNS);
    for (let n = 0; n < RUNS; n++) {
      left(n);
      const way = WAYS[draw(WAYS.length)]!;
      const fate = (['arrives', 'cancelled', 'cut', 'arrives'] as const)[draw(4)]!;
      const to = room();
      const { options } = at.machine.migration;
      options.setCapabilities(
        (['auto-converge', 'xbzrle'] as const).map((capability) => ({
          capability,
          state: (way.capabilities as readonly string[]).includes(capability)
        }))
      );
      options.setParameters({ 'max-bandwidth': way.bandwidth, 'downtime-limit': 10 });
      const passage: Passage = send(at, to, {
        stopFirst: way.name === 'stop-and-copy',
        bandwidth: (20 + draw(200)) * 2 ** 20,
        latency: draw(5)
      });
      const after = draw(500);
      const intervene = setTimeout(() => {
        if (fate === 'cancelled') at.machine.migration.cancel();
        else if (fate === 'cut') passage.wire.cut();
      }, after);
      const rescue = setTimeout(() => options.setParameters({ 'max-bandwidth': 0, 'downtime-limit': 100_000 }), 600);
      await passage.over;
      clearTimeout(intervene);
      clearTimeout(rescue);
      const label = `seed ${seed}, run ${n}: ${way.name} ${fate} after ${after} ms`;
      const { status } = at.machine.migration;
      expect([label, passage.arrived()]).toEqual([label, status === 'completed']);
      if (passage.arrived()) {
        expect([label, differences(at.machine, to.machine)]).toEqual([label, []]);
        to.machine.start();
        await gone(at);
        at = to;
        arrivals++;
      } else {
        expect([label, at.machine.runstate.state]).toEqual([label, 'running']);
        await gone(to);
      }
    }
    expect(arrivals).toBeGreaterThan(RUNS / 4);
    await at.idle(RUNS);
    const sum = await at.sum();
    await gone(at);
    expect(sum).toBe(await sumAfter(`dirty 1000000 2M xor ${5000 * RUNS}`));
  }
);
