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
 * @property {readonly string[]} args
 * @property {string | undefined} reference path of what it must print, where QEMU has that
 */

/**
 * @param {string} suite
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {readonly string[]} targets
 */
function make(suite, arch, targets) {
  const folder = join(cache, 'conformance', installed(suite)?.version ?? '', arch);
  const source = testSource(suite);
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'config-target.mak'), `TARGET_NAME=${arch}\n`);
  }
  const settings = {
    SRC_PATH: source,
    TARGET: `${arch}-linux-user`,
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
 * Builds the programs of an architecture, and reads off the Makefile's dry run how each is run.
 * @param {string} suite whose QEMU
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {(name: string) => boolean} [wanted]
 * @returns {readonly Program[]} in the Makefile's order
 */
export function buildPrograms(suite, arch, wanted = () => true) {
  const { folder, printed } = make(suite, arch, ['--dry-run', '--always-make', 'run']);
  /** @type {Program[]} */
  const programs = [];
  for (const line of printed.split('\n')) {
    // timeout -s KILL --foreground 120 env QEMU=qemu qemu -cpu max test-aes > test-aes.out
    const [, words] = /^timeout .* qemu +(?:-cpu max +)?(\S.*?) > /.exec(line) ?? [];
    const [name, ...args] = words?.split(/ +/) ?? [];
    if (name) programs.push({ arch, name, file: join(folder, name), args, reference: undefined });
    const [, printer, reference] = /^diff -q (\S+)\.out (\S+)/.exec(line) ?? [];
    const program = programs.find((p) => p.name === printer);
    // A reference in the build folder would be what this machine's CPU printed.
    if (program && reference?.startsWith('/')) program.reference = reference;
  }
  const chosen = programs.filter(({ name }) => wanted(name));
  make(
    suite,
    arch,
    chosen.map(({ name }) => name)
  );
  return chosen;
}

/** @param {Program} program */
export const referenceOf = ({ reference }) => (reference === undefined ? undefined : readFileSync(reference, 'latin1'));
