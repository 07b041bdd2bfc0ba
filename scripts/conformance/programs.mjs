// The test programs of QEMU's tests/tcg: built by QEMU's own Makefiles outside of the repository, and listed as those would
// run them.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { cache, installed } from '../qemu/qemu.mjs';
import { testSource } from '../qemu/source.mjs';

/** QEMU's names of the architectures, and how gcc is asked for them. */
export const ARCHITECTURES = { i386: '-m32', x86_64: '-m64' };

/** Whether this machine's gcc makes programs for an architecture. @param {keyof typeof ARCHITECTURES} arch */
export function canBuild(arch) {
  const words = [ARCHITECTURES[arch], '-static', '-xc', '-o', '/dev/null', '-'];
  return spawnSync('gcc', words, { input: 'int main(void) { return 0; }' }).status === 0;
}

/**
 * @typedef {object} Program
 * @property {keyof typeof ARCHITECTURES} arch
 * @property {string} name also of its file
 * @property {string} file path of the program
 * @property {readonly string[]} args of a system program, QEMU's
 * @property {boolean} system it runs on the bare machine
 * @property {string | undefined} reference path of what it must print, where QEMU has that
 */

/**
 * @param {string} suite
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {'linux-user' | 'softmmu'} kind
 * @param {readonly string[]} targets
 */
function make(suite, arch, kind, targets) {
  const folder = join(cache, 'conformance', installed(suite)?.version ?? '', `${arch}-${kind}`);
  const source = testSource(suite);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'config-target.mak'), `TARGET_NAME=${arch}\n`);
  }
  const settings = {
    SRC_PATH: source,
    TARGET: `${arch}-${kind}`,
    BUILD_STATIC: 'y',
    // Also what QEMU runs only on demand.
    SPEED: 'slow',
    V: '1',
    QEMU: 'qemu',
    // A newer gcc than QEMU's must not fail on warnings.
    CC: `gcc ${ARCHITECTURES[arch]} -w`,
    CROSS_CC_HAS_I386_NOPIE: '-fno-pie'
  };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const printed = execFileSync(
    'make',
    [
      '-f',
      join(source, 'tests/tcg/Makefile.target'),
      '-C',
      folder,
      '-j',
      `${availableParallelism()}`,
      ...words,
      ...targets
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 }
  );
  return { folder, printed };
}

/**
 * What a Makefile's dry run says of its programs.
 * @param {string} suite
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {'linux-user' | 'softmmu'} kind
 */
function listPrograms(suite, arch, kind) {
  const { folder, printed } = make(suite, arch, kind, ['--dry-run', '--always-make', 'run']);
  const system = kind === 'softmmu';
  /** @type {Program[]} */
  const programs = [];
  for (const line of printed.split('\n')) {
    // timeout -s KILL --foreground 120 env QEMU=qemu qemu -cpu max test-aes > test-aes.out
    // timeout -s KILL --foreground 120 qemu -monitor none … -kernel memory
    const [, words] = /^timeout .* qemu +(?:-cpu max +)?(\S.*?)(?: > |$)/.exec(line) ?? [];
    const all = words?.split(/ +/) ?? [];
    const name = all[system ? all.length - 1 : 0];
    const args = system ? all.slice(0, -2) : all.slice(1);
    if (name) programs.push({ arch, name, file: join(folder, name), args, system, reference: undefined });
    const [, printer, reference] = /^diff -q (\S+)\.out (\S+)/.exec(line) ?? [];
    const program = programs.find((p) => p.name === printer);
    // A reference in the build folder would be what this machine's CPU printed.
    if (program && reference?.startsWith('/')) program.reference = reference;
  }
  return programs;
}

/**
 * Builds the programs of an architecture, and reads off the Makefiles how each is run.
 * @param {string} suite whose QEMU
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {(name: string) => boolean} [wanted]
 * @returns {readonly Program[]} in the Makefiles' order
 */
export const buildPrograms = (suite, arch, wanted = () => true) =>
  /** @type {const} */ (['linux-user', 'softmmu']).flatMap((kind) => {
    const chosen = listPrograms(suite, arch, kind).filter(({ name }) => wanted(name));
    const names = chosen.map(({ name }) => name);
    if (names.length > 0) make(suite, arch, kind, names);
    return chosen;
  });

/** @param {Program} program */
export const referenceOf = ({ reference }) => (reference === undefined ? undefined : readFileSync(reference, 'latin1'));
