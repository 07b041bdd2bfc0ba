// How one program is run: in a guest and on this machine's own CPU the same, or as all that a machine runs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {import('./programs.mjs').Program} Program */

/**
 * What a run of a program left.
 * @typedef {object} Run
 * @property {string} status as the shell says it: 128 and the signal's number where one ended it
 * @property {string} output what it wrote, to its end or to the limit, as Latin-1
 */

/** A shell script: its output goes to a file in a folder of its own, its status to the standard output. */
export const RUN = `# usage: run SECONDS LIMIT FOLDER OUTPUT PROGRAM [ARGUMENT...]
seconds=$1 limit=$2 folder=$3 output=$4; shift 4
# linux-sigrtminmax starts itself again under QEMU's user mode without.
export QEMU=none QEMU_RTSIG_MAP=none
cd $folder
{ timeout -s KILL $seconds "$@"; echo $? > status; } < /dev/null 2> /dev/null | head -c $limit > $output
echo "status=$(cat status)"
`;

/** Of a program that prints for minutes, so many bytes are compared. */
const LIMITS = new Map([['test-i386-fprem', 1 << 20]]);
const LIMIT = 16 << 20;

/** @param {Program} program name of the file that it writes */
export const outputOf = ({ arch, name }) => `${arch}.${name}`;

/**
 * The script's arguments.
 * @param {Program} program
 * @param {string} folder
 * @param {string} file the program's path there
 * @param {number} seconds
 */
export const runWords = (program, folder, file, seconds) => [
  ...[`${seconds}`, `${LIMITS.get(program.name) ?? LIMIT}`, folder, outputOf(program)],
  ...[file, ...program.args]
];

/**
 * Boots a program without an operating system.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {Program} program
 * @param {number} seconds
 * @returns {Run}
 */
export function runBare({ argv, firmwareArgs }, { name, file, args }, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  try {
    const [command = '', ...before] = argv;
    const words = [...before, ...firmwareArgs, '-nic', 'none', ...args, '-kernel', file];
    const { status } = spawnSync(command, words, { cwd: folder, stdio: 'ignore', timeout: seconds * 1000 });
    return { status: `${status ?? 128 + 9}`, output: readFileSync(join(folder, `${name}.out`), 'latin1') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs a program on this machine's own CPU.
 * @param {Program} program
 * @param {number} seconds
 * @returns {Run}
 */
export function runOnCpu(program, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  try {
    writeFileSync(join(folder, 'run'), RUN);
    const words = [join(folder, 'run'), ...runWords(program, folder, program.file, seconds)];
    const said = execFileSync('sh', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [, status = 'none'] = /status=(\d+)/.exec(said) ?? [];
    return { status, output: readFileSync(join(folder, outputOf(program)), 'latin1') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
