// Indexing a stream (structure, every page header, zero or not, a content hash a page) against QEMU's analyze script,
// which seeks past the pages; sha256sum and native QEMU's load stand beside it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../../scripts/bundle.mjs';
import { withMachine } from '../../scripts/qemu/machine.mjs';
import { golden, qemus } from '../../scripts/qemu/qemu.mjs';
import { root } from '../../scripts/stages.mjs';
import { inMs, inTurns, median } from './timing.mjs';

const scenarios = ['linux-seed', 'bench-512m', 'bench-2g'];

export async function run() {
  const qemu = qemus().find((q) => q.suite === 'trixie') ?? qemus()[0];
  if (!qemu) {
    console.error('SKIPPED index: no native QEMU, so no streams and no analyze script (node scripts/qemu/install.mjs)');
    return [];
  }
  execFileSync(
    process.execPath,
    [join(root, 'scripts/golden.mjs'), '--qemu', qemu.suite, '--only', scenarios.join(',')],
    {
      stdio: ['ignore', 2, 2]
    }
  );
  await bundle('tests/bench/index-only.ts', 'tests/bench', 'index-only.bundle.mjs');
  const rows = [];
  for (const name of scenarios) {
    const state = join(golden, qemu.version, name, 'state');
    if (!existsSync(state)) continue;
    const argv = [process.execPath, join(root, 'tests/bench/index-only.bundle.mjs'), state];
    const figures = JSON.parse(execFileSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' }));
    const times = inTurns([
      { name: 'ours', argv },
      { name: 'analyze', argv: ['python3', qemu.analyze, '-d', 'state', '-f', state] },
      { name: 'sha256sum', argv: ['sha256sum', state] }
    ]);
    const of = (who) => times.get(who)?.median ?? NaN;
    const size = `${(figures.bytes / 1e6).toFixed(0)} MB, ${figures.records} pages sent`;
    rows.push(
      {
        what: `${name} (${size}): whole process`,
        ours: inMs(of('ours')),
        peer: `analyze-migration.py ${inMs(of('analyze'))}`,
        ratio: of('analyze') / of('ours')
      },
      {
        what: `${name}: the same`,
        ours: inMs(of('ours')),
        peer: `sha256sum ${inMs(of('sha256sum'))}`,
        ratio: of('sha256sum') / of('ours')
      },
      {
        what: `${name}: reading alone, first run`,
        ours: `${(figures.bytes / figures.ms / 1e6).toFixed(2)} GB/s`,
        peer: `native QEMU loads it in ${inMs(await loadTime(qemu, join(golden, qemu.version, name)))}`
      },
      {
        what: `${name}: page index`,
        ours: `${(figures.indexBytes / figures.records).toFixed(1)} bytes`,
        peer: `a sent page, the aim is 24; beside it ${inMiB(figures.storeBytes)} of distinct pages kept`
      },
      {
        what: `${name}: peak resident memory`,
        ours: inMiB(figures.maxRssKiB * 1024),
        peer: 'the whole Node process'
      }
    );
  }
  return rows;
}

const inMiB = (/** @type {number} */ bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/**
 * What native QEMU takes to load the same stream, from the command to the end of the migration: the median of three.
 * @param {import('../../scripts/qemu/qemu.mjs').Qemu} qemu
 * @param {string} folder
 */
async function loadTime(qemu, folder) {
  const { commandLine } = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
  const args = [...commandLine.slice(1), '-incoming', 'defer', '-S'];
  // A guest of our own came with the stream's memory, and its file is gone.
  const kernel = args.indexOf('-kernel');
  if (args[kernel + 1] === 'guest.bin') args.splice(kernel, 2);
  const times = [];
  for (let i = 0; i < 3; i++) {
    const load = async (/** @type {import('../../scripts/qemu/machine.mjs').Machine} */ machine) => {
      const start = performance.now();
      await machine.qmp('migrate-incoming', { uri: 'exec:cat state' });
      await machine.migrated({ interval: 5 });
      return performance.now() - start;
    };
    times.push(await withMachine(qemu, args, load, { cwd: folder }));
  }
  return median(times);
}
