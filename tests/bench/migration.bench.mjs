// Live migration against native QEMU: the same idle guest from one machine to another over loopback, without a limit, and
// what it costs a guest that its writes are tracked. Both are driven by QMP, each machine a process.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, booted, image } from '../../guests/workload.mjs';
import { Machine } from '../../scripts/qemu/machine.mjs';
import { qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 3;
const MIB = 2 ** 20;
const TYPE = 'pc-i440fx-10.0';
const MACHINE = ['-M', TYPE, '-m', '512M', '-vga', 'none', '-nic', 'none', '-bios', image];
/** Random bytes in an otherwise empty guest. */
const NOISE = '128M';
const MEASURED = 3000;

/** @typedef {import('../../scripts/qemu/qemu.mjs').Qemu} Qemu */

/** @type {Qemu} */
const ours = {
  ...{ suite: '', version: '', analyze: '', firmwareArgs: [] },
  argv: [process.execPath, join(root, 'bin/migrascope'), 'system']
};

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * One migration from start to end.
 * @param {Qemu} qemu
 */
async function once(qemu) {
  const uri = `tcp:127.0.0.1:${await freePort()}`;
  const from = await Machine.start(qemu, MACHINE);
  const to = await Machine.start(qemu, [...MACHINE, '-incoming', uri]);
  try {
    await booted(from);
    await ask(from, `fill ${NOISE} noise`);
    await from.qmp('migrate-set-parameters', { 'max-bandwidth': 0 });
    const samples = await from.migrate(uri, { interval: 5 });
    await to.event('RESUME');
    const { ram, downtime, 'total-time': total } = samples.at(-1);
    return { ms: total, downtime, bytes: ram.total, transferred: ram.transferred };
  } finally {
    from.kill();
    to.kill();
  }
}

/** Pages that a guest writes in a while, as fast as it can. @param {Machine} machine */
async function written(machine) {
  const count = async () => Number(/, (\d+) written/.exec(await ask(machine, 'dirty'))?.[1]);
  const [before, start] = [await count(), performance.now()];
  await sleep(MEASURED);
  return ((await count()) - before) / (performance.now() - start);
}

/** How much slower a guest writes while a migration that does not end looks at what it writes. */
async function trackingCost() {
  const machine = await Machine.start(ours, MACHINE);
  try {
    await booted(machine);
    await ask(machine, 'dirty 10000000 64M random');
    const costs = [];
    await machine.qmp('migrate-set-parameters', { 'max-bandwidth': 4 * MIB, 'downtime-limit': 0 });
    for (let round = 0; round < ROUNDS; round++) {
      const free = await written(machine);
      await machine.qmp('migrate', { uri: 'exec:cat > /dev/null' });
      await sleep(500);
      const tracked = await written(machine);
      await machine.qmp('migrate_cancel');
      await sleep(200);
      costs.push(1 - tracked / free);
    }
    return median(costs);
  } finally {
    machine.kill();
  }
}

export async function run() {
  const native = qemus().findLast(({ version }) => Number.parseInt(version) >= 10);
  if (!native) {
    console.error('SKIPPED migration: needs native QEMU 10 or newer (node scripts/qemu/install.mjs)');
    return [];
  }
  /** @type {{ ours: Awaited<ReturnType<typeof once>>[], native: Awaited<ReturnType<typeof once>>[] }} */
  const times = { ours: [], native: [] };
  for (let round = 0; round < ROUNDS; round++) {
    times.ours.push(await once(ours));
    times.native.push(await once(native));
  }
  const of = (/** @type {'ours' | 'native'} */ which, /** @type {'ms' | 'downtime'} */ what) =>
    median(times[which].map((t) => t[what]));
  const speed = (/** @type {'ours' | 'native'} */ which) =>
    median(times[which].map(({ ms, bytes }) => bytes / MIB / (ms / 1000)));
  const name = `QEMU ${native.version}`;
  return [
    {
      what: `precopy of an idle 512 MB guest, ${NOISE} of noise`,
      ours: `${speed('ours').toFixed(0)} MiB/s`,
      peer: `${name} ${speed('native').toFixed(0)} MiB/s`,
      ratio: speed('ours') / speed('native')
    },
    {
      what: 'its downtime',
      ours: inMs(of('ours', 'downtime')),
      peer: `${name} ${inMs(of('native', 'downtime'))}`,
      ratio: of('native', 'downtime') / of('ours', 'downtime')
    },
    {
      what: 'dirty tracking, of a guest that only writes',
      ours: `${((await trackingCost()) * 100).toFixed(1)} %`,
      peer: 'target: under 5 %'
    }
  ];
}
