// The QEMU versions that scripts/qemu/install.mjs has put under `.cache/qemu`, and how to run what is in there.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Where everything fetched or built for the scripts lives; git-ignored. MIGRASCOPE_CACHE overrides it. */
export const cache = resolve(process.env.MIGRASCOPE_CACHE ?? join(repository, '.cache'));

/** Test streams made by scripts/golden.mjs and scripts/fixtures.mjs; git-ignored. */
export const golden = join(repository, 'tests', 'golden');

/**
 * Debian suites QEMU is taken from, oldest first. An optional one may fail to install (sid moves and is
 * uninstallable at times); everything else still works then.
 * @type {readonly { name: string, security: boolean, optional: boolean }[]}
 */
export const suites = [
  { name: 'bookworm', security: true, optional: false },
  { name: 'trixie', security: true, optional: false },
  { name: 'sid', security: false, optional: true }
];

/**
 * @typedef {object} Qemu
 * @property {string} suite the Debian suite it comes from
 * @property {string} version as `qemu-system-x86_64 --version` prints it, for example 7.2.22
 * @property {readonly string[]} argv the program and what must precede its arguments
 * @property {readonly string[]} firmwareArgs `-L` options, to be put before a machine's own options
 * @property {boolean} [serialOnly] it has no QMP
 * @property {string} analyze that version's scripts/analyze-migration.py (for sid perhaps an older one's)
 */

/** @param {string} suite */
export const prefixOf = (suite) => join(cache, 'qemu', suite);

/**
 * What install.mjs recorded about a suite, undefined when the suite is not there.
 * @param {string} suite
 * @returns {{ recipe: string, version: string, analyzeVersion: string, packages: { name: string, version: string, source: string }[] } | undefined}
 */
export function installed(suite) {
  const record = join(prefixOf(suite), 'installed.json');
  return existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : undefined;
}

/**
 * The command that runs a program of a suite's prefix with that suite's own dynamic loader and libraries, so that
 * the host's libc does not matter. `env` replaces itself by exec, so the process id is the program's.
 * @param {string} suite
 * @param {string} program a path inside the prefix, without leading slash
 * @returns {string[]}
 */
export function programOf(suite, program) {
  const root = join(prefixOf(suite), 'root');
  const libraries = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].map((path) => join(root, path));
  const loader = libraries.map((path) => join(path, 'ld-linux-x86-64.so.2')).find(existsSync);
  if (!loader) throw new Error(`${root} holds no dynamic loader; remove ${prefixOf(suite)} and install again`);
  const modules = join(root, 'usr/lib/x86_64-linux-gnu/qemu');
  return ['env', `QEMU_MODULE_DIR=${modules}`, loader, '--library-path', libraries.join(':'), join(root, program)];
}

/**
 * Runs a program of a suite's prefix to its end.
 * @param {string} suite
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import('node:child_process').ExecFileSyncOptions} [options]
 */
export function runOf(suite, program, args, options) {
  const [command, ...before] = programOf(suite, program);
  return execFileSync(/** @type {string} */ (command), [...before, ...args], { stdio: 'pipe', ...options });
}

/**
 * The installed QEMU versions, oldest first; empty when scripts/qemu/install.mjs was never run here.
 * @returns {Qemu[]}
 */
export function qemus() {
  return suites.flatMap(({ name: suite }) => {
    const record = installed(suite);
    if (!record) return [];
    const share = join(prefixOf(suite), 'root', 'usr');
    const firmware = ['share/qemu', 'share/seabios', 'lib/ipxe/qemu'].map((path) => join(share, path));
    return [
      {
        suite,
        version: record.version,
        argv: programOf(suite, 'usr/bin/qemu-system-x86_64'),
        firmwareArgs: firmware.flatMap((path) => ['-L', path]),
        analyze: join(prefixOf(suite), 'analyze-migration.py')
      }
    ];
  });
}
