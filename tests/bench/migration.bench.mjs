// Live migration against native QEMU: the same idle guest from one machine to another over loopback, without a limit, and
// what it costs a guest that its writes are tracked. Both are driven by QMP, each machine a process. Beside real time
// stands the processor time of both ends: that of a machine with other work to do too.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ask, booted, image } from '../../guests/workload.mjs';
import { bundle } from '../../scripts/bundle.mjs';
import { Machine } from '../../scripts/qemu/machine.mjs';
import { qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 5;
const MIB = 2 ** 20;
const TYPE = 'pc-i440fx-10.0';
const MACHINE = ['-M', TYPE, '-m', '512M', '-vga', 'none', '-nic', 'none', '-bios', image];
/** Random bytes in an otherwise empty guest. */
const NOISE = '128M';
/** ms between two looks at what was written. QEMU looks once a round: ten times a second is often. */
const TRACKED_EVERY = 100;
/** Of /proc/PID/stat: clock ticks of 10 ms. */
const TICK = 10;

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

/** ms of processor time that machines have taken. @param {readonly Machine[]} machines */
function processorTime(machines) {
  const ticks = machines.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, n) => sum + n, 0) * TICK;
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
    const before = processorTime([from, to]);
    const samples = await from.migrate(uri, { interval: 5 });
    await to.resumed();
    const processor = processorTime([from, to]) - before;
    const { ram, downtime, 'total-time': total } = samples.at(-1);
    return { ms: total, downtime, processor, bytes: ram.total };
  } finally {
    from.kill();
    to.kill();
  }
}

/** What dirty tracking takes of a guest that only writes, a share of 1. @param {string} area */
async function trackingCost(area) {
  await bundle('tests/bench/dirty-tracking.ts', 'tests/bench', 'dirty-tracking.bundle.mjs');
  const args = [image, `dirty 10000000 ${area} random`, String(TRACKED_EVERY)];
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'tests/bench/dirty-tracking.bundle.mjs'), ...args],
    {
      encoding: 'utf8'
    }
  );
  if (stdout === '') throw new Error(`the tracked guest did not run: ${stderr}`);
  return /** @type {number} */ (JSON.parse(stdout).cost);
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
  const of = (/** @type {'ours' | 'native'} */ which, /** @type {'processor' | 'downtime'} */ what) =>
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
      what: 'its processor time, both ends',
      ours: inMs(of('ours', 'processor')),
      peer: `${name} ${inMs(of('native', 'processor'))}`,
      ratio: of('native', 'processor') / of('ours', 'processor')
    },
    {
      what: 'its downtime',
      ours: inMs(of('ours', 'downtime')),
      peer: `${name} ${inMs(of('native', 'downtime'))}`,
      ratio: of('native', 'downtime') / of('ours', 'downtime')
    },
    {
      what: `dirty tracking every ${TRACKED_EVERY} ms, of a guest that writes 64 MB`,
      ours: `${((await trackingCost('64M')) * 100).toFixed(1)} %`,
      peer: 'target: under 5 %'
    }
  ];
}
