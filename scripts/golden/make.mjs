// Makes one test stream: starts the machine of a scenario, migrates it as the scenario says, and keeps what QEMU itself
// knows about that moment, so that a test has something to compare with.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toFile, withMachine } from '../qemu/machine.mjs';
import { hashBlocks } from '../qemu/memory.mjs';
import { Recorder } from '../qemu/recorder.mjs';

/**
 * @typedef {import('../qemu/machine.mjs').Machine} Machine
 * @typedef {import('../qemu/qemu.mjs').Qemu} Qemu
 */

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {boolean} [slow] not in the corpus that CI makes
 * @property {boolean} [onDemand] made only when named
 * @property {number} [since] the least major QEMU version
 * @property {number} [until] the last major QEMU version
 * @property {readonly string[] | (() => readonly string[])} args the machine; files are named relative to the folder
 * @property {Record<string, number>} [files] made before: zeros of this size; removed afterwards
 * @property {(qemu: Qemu, folder: string) => void} [create] makes files that are kept
 * @property {() => Buffer} [guest] booted as a multiboot kernel
 * @property {string} [ready] text on the serial port to wait for
 * @property {(machine: Machine, folder: string) => Promise<unknown>} [prepare] what happens before the migration; what it
 *   gives goes into meta.json under `prepared`
 * @property {boolean} [live] migrated while the guest runs; else it is stopped before
 * @property {readonly string[]} [capabilities]
 * @property {Record<string, unknown>} [parameters]
 * @property {'file' | 'mapped' | 'recorder' | 'destination' | 'running destination' | Transfer} [via] how the stream is
 *   caught: `exec:cat` (the default), `file:`, a socket that swallows it, or a socket with a real destination behind it
 * @property {number} [openLinkAfter] dirty bitmap syncs after which nothing holds the migration back any more
 * @property {number} [postcopyAfter] dirty bitmap syncs after which it switches to postcopy
 * @property {boolean} [load] have the same QEMU load the stream and hash what it got
 * @property {(machine: Machine, folder: string) => Promise<unknown>} [after] once migrated; what it gives goes
 *   into meta.json under `found`
 */

/** @typedef {(machine: Machine, folder: string) => Promise<{ samples?: readonly any[] }>} Transfer */

/** Monitor commands whose answers tests compare decoded state with. */
// prettier-ignore
const INFO = ['status', 'registers -a', 'cpus', 'lapic', 'pic', 'pci', 'qtree', 'mtree -f', 'ramblock', 'block', 'usb', 'migrate', 'migrate_capabilities', 'migrate_parameters'];

const OPEN_LINK = { 'max-bandwidth': 10 ** 10, 'downtime-limit': 2000 };

/**
 * What QEMU's own script makes of a stream. A failure is kept as text: tests then use the RAM hashes instead.
 * @param {Qemu} qemu
 * @param {string} folder
 */
async function analyze(qemu, folder) {
  try {
    const args = ['-B', qemu.analyze, '-f', join(folder, 'state'), '-d', 'state'];
    const { stdout } = await promisify(execFile)('python3', args, { maxBuffer: 1 << 30, timeout: 60_000 });
    writeFileSync(join(folder, 'analyze.json'), stdout);
  } catch (error) {
    writeFileSync(join(folder, 'analyze.error.txt'), error instanceof Error ? error.message : String(error));
  }
}

/**
 * Starts the destination of a scenario, waiting for a migration.
 * @template T
 * @param {Qemu} qemu
 * @param {Scenario} scenario
 * @param {string} folder
 * @param {{ run: boolean }} options
 * @param {(machine: Machine) => Promise<T>} use
 */
function withDestination(qemu, scenario, folder, { run }, use) {
  const args = [...machineArgs(scenario), '-incoming', 'defer', ...(run ? [] : ['-S'])];
  const prepared = async (/** @type {Machine} */ machine) => {
    await machine.capabilities((scenario.capabilities ?? []).filter((name) => name !== 'background-snapshot'));
    await setParameters(machine, scenario);
    return use(machine);
  };
  return withMachine(qemu, args, prepared, { cwd: folder });
}

/** @param {Machine} machine @param {Scenario} scenario */
async function setParameters(machine, { parameters }) {
  if (parameters) await machine.qmp('migrate-set-parameters', parameters);
}

/** @param {Scenario} scenario @returns {readonly string[]} */
function machineArgs({ args, guest }) {
  const own = typeof args === 'function' ? args() : args;
  return guest ? [...own, '-kernel', 'guest.bin'] : own;
}

/**
 * Lets the same QEMU load a stream and hashes the RAM it ends with: what the stream says, whatever the source wrote since.
 * @param {Qemu} qemu
 * @param {Scenario} scenario
 * @param {string} folder
 */
async function loadedBlocks(qemu, scenario, folder) {
  return withDestination(qemu, scenario, folder, { run: false }, async (machine) => {
    await machine.qmp('migrate-incoming', { uri: scenario.via === 'mapped' ? 'file:state' : 'exec:cat state' });
    await machine.migrated();
    return hashBlocks(machine);
  });
}

/**
 * Acts once as soon as QEMU has synced its dirty bitmap often enough.
 * @param {Scenario} scenario
 * @param {Machine} machine
 * @returns {(info: any) => Promise<void>}
 */
function steer({ openLinkAfter, postcopyAfter }, machine) {
  let syncs = openLinkAfter ?? postcopyAfter ?? Infinity;
  return async ({ ram }) => {
    if (!ram || ram['dirty-sync-count'] < syncs) return;
    syncs = Infinity;
    if (postcopyAfter) await machine.qmp('migrate-start-postcopy');
    else await machine.qmp('migrate-set-parameters', OPEN_LINK);
  };
}

/**
 * @param {Qemu} qemu
 * @param {Scenario} scenario
 * @param {string} folder
 * @param {Machine} machine
 */
async function transfer(qemu, scenario, folder, machine) {
  const { via = 'file' } = scenario;
  const each = steer(scenario, machine);
  if (typeof via === 'function') return via(machine, folder);
  if (via === 'file') return { samples: await machine.migrate(toFile('state'), { each }) };
  if (via === 'mapped') return { samples: await machine.migrate('file:state', { each }) };
  if (via === 'recorder') {
    const recorder = await new Recorder(folder).listen();
    const samples = await machine.migrate(recorder.uri, { each });
    await recorder.close();
    return { samples };
  }
  const run = via === 'running destination';
  return withDestination(qemu, scenario, folder, { run }, async (destination) => {
    const recorder = await new Recorder(folder, { forward: true }).listen();
    await destination.qmp('migrate-incoming', { uri: recorder.destinationUri });
    const samples = await machine.migrate(recorder.uri, { each });
    await destination.migrated();
    const loaded = run ? undefined : await hashBlocks(destination);
    await destination.quit();
    await recorder.close();
    return { samples, loaded };
  });
}

/**
 * What a migrated source says of itself.
 * @param {Machine} machine
 */
async function observe(machine) {
  /** @type {Record<string, string>} */
  const info = {};
  for (const topic of INFO) info[topic] = await machine.hmp(`info ${topic}`);
  // A background snapshot leaves the guest running; its RAM then is not what the stream says.
  const { running } = await machine.qmp('query-status');
  return { info, ram: running ? undefined : await hashBlocks(machine) };
}

/**
 * Makes a scenario's files in an empty folder.
 * @param {Qemu} qemu
 * @param {Scenario} scenario
 * @param {string} folder
 * @returns {Promise<Record<string, unknown>>} what goes into meta.json
 */
export async function make(qemu, scenario, folder) {
  for (const [name, size] of Object.entries(scenario.files ?? {})) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), size);
  }
  scenario.create?.(qemu, folder);
  if (scenario.guest) writeFileSync(join(folder, 'guest.bin'), scenario.guest());
  const record = await withMachine(
    qemu,
    machineArgs(scenario),
    async (machine) => {
      await machine.waitFor(scenario.ready ?? (scenario.guest ? 'ready' : 'No bootable device'));
      const prepared = await scenario.prepare?.(machine, folder);
      if (!scenario.live) await machine.qmp('stop');
      await machine.capabilities(scenario.capabilities ?? []);
      await setParameters(machine, scenario);
      const result = await transfer(qemu, scenario, folder, machine);
      const observed = machine.exitCode === undefined ? await observe(machine) : {};
      const { capabilities = [], parameters = {}, live = false } = scenario;
      /** @type {Record<string, unknown>} */
      const made = {
        commandLine: machine.commandLine,
        capabilities,
        parameters,
        live,
        prepared,
        queryMigrate: result.samples,
        events: machine.events,
        loaded: 'loaded' in result ? result.loaded : undefined,
        ...observed,
        found: await scenario.after?.(machine, folder)
      };
      return made;
    },
    { cwd: folder }
  );
  if (existsSync(join(folder, 'state'))) await analyze(qemu, folder);
  if (scenario.load) record.loaded = await loadedBlocks(qemu, scenario, folder);
  for (const name of ['guest.bin', ...Object.keys(scenario.files ?? {})]) rmSync(join(folder, name), { force: true });
  return { files: readdirSync(folder).filter((name) => !name.startsWith('analyze')), ...record };
}
