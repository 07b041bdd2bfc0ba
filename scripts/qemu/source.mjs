// What the scripts need of QEMU's source package, Debian's patches applied. Being QEMU's, it is never committed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { privateApt } from './apt.mjs';
import { installed, prefixOf, programOf, suites } from './qemu.mjs';

/** The oracle of `inspect --format analyze`. */
const ANALYZE = 'scripts/analyze-migration.py';
/** Programs that test a CPU, with the files that their Makefiles include. */
const TESTS = ['tests/tcg', 'configs/targets'];

/**
 * Downloads QEMU's source package, in the binary's version or, when the mirror has not got that any more (sid), the
 * newest other one of the suite that it has.
 * @param {ReturnType<typeof privateApt>} apt
 * @param {string} folder
 * @param {string} version
 * @returns {string} the version downloaded
 */
function downloadSource(apt, folder, version) {
  const records = apt('apt-cache', ['showsrc', '--only-source', 'qemu']);
  const others = [...records.matchAll(/^Version: (.*)$/gm)].map(([, found = '']) => found);
  others.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const candidate of new Set([version, ...others])) {
    try {
      apt('apt-get', ['source', '--download-only', `qemu=${candidate}`], folder);
      return candidate;
    } catch {
      console.error(`QEMU's source package ${candidate} cannot be fetched`);
    }
  }
  throw new Error('no source package of QEMU can be fetched');
}

/**
 * Takes `analyze-migration.py` and the folder `source` with tests/tcg out of the suite's source package.
 * @param {ReturnType<typeof privateApt>} apt
 * @param {string} suite
 * @param {string} wanted the source package's version
 * @returns {string} the version it was taken from
 */
export function extractSource(apt, suite, wanted) {
  const folder = join(prefixOf(suite), 'source');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const version = downloadSource(apt, folder, wanted);
  const paths = [ANALYZE, ...TESTS];
  const xz = programOf(suite, existsSync(join(prefixOf(suite), 'root/usr/bin/xz')) ? 'usr/bin/xz' : 'bin/xz');
  const decompressor = `--use-compress-program=${xz.map((word) => `'${word}'`).join(' ')}`;
  for (const name of readdirSync(folder)) {
    if (name.includes('.orig.tar')) {
      const some = ['--strip-components=1', '--wildcards', ...paths.map((path) => `*/${path}`)];
      execFileSync('tar', [decompressor, '-xf', name, ...some], { cwd: folder });
    } else if (name.includes('.debian.tar')) {
      execFileSync('tar', [decompressor, '-xf', name, 'debian/patches'], { cwd: folder });
    }
  }
  const series = readFileSync(join(folder, 'debian/patches/series'), 'utf8').split('\n');
  for (const line of series) {
    const patch = line.replace(/#.*/, '').trim();
    const path = join(folder, 'debian/patches', patch);
    if (!patch) continue;
    const text = readFileSync(path, 'utf8');
    const touched = paths.filter((wantedPath) => text.includes(` b/${wantedPath}`));
    if (touched.length === 0) continue;
    // Outside of a work tree git applies to plain files; inside of ours it must not look for a repository.
    const env = { ...process.env, GIT_CEILING_DIRECTORIES: prefixOf(suite) };
    const include = touched.map((touchedPath) => `--include=${touchedPath}${touchedPath === ANALYZE ? '' : '/*'}`);
    execFileSync('git', ['apply', ...include, path], { cwd: folder, env });
  }
  renameSync(join(folder, ANALYZE), join(prefixOf(suite), 'analyze-migration.py'));
  for (const name of readdirSync(folder)) {
    if (!['tests', 'configs'].includes(name)) rmSync(join(folder, name), { recursive: true });
  }
  return version;
}

/**
 * The folder with `tests/tcg` of an installed suite's QEMU, fetched when it is not there yet.
 * @param {string} suite
 */
export function testSource(suite) {
  const folder = join(prefixOf(suite), 'source');
  const described = suites.find(({ name }) => name === suite);
  if (!existsSync(join(folder, TESTS[0] ?? '')) && described) {
    const qemu = installed(suite)?.packages.find(({ name }) => name === 'qemu-system-x86');
    const apt = privateApt({ suite, security: described.security, state: join(prefixOf(suite), 'apt') });
    extractSource(apt, suite, qemu?.source.split(' ')[1] ?? '');
  }
  return folder;
}
