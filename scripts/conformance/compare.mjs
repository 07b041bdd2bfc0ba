// What three runs of each program tell: on our CPU, under native QEMU's TCG, on this machine's own CPU.
import { referenceOf } from './programs.mjs';
import { REASONS, UNSTEADY } from './reasons.mjs';

/** @typedef {import('./programs.mjs').Program} Program */
/** @typedef {import('./run.mjs').Run} Run */

const SIGNALS = new Map([
  [4, 'SIGILL'],
  [5, 'SIGTRAP'],
  [6, 'SIGABRT'],
  [7, 'SIGBUS'],
  [8, 'SIGFPE'],
  [9, 'time limit'],
  [11, 'SIGSEGV']
]);
const SIGPIPE = 13;

/** Whether the program was content; one that still printed when enough was seen is. @param {string} status */
const isWell = (status) => status === '0' || status === `${128 + SIGPIPE}`;

/** @param {Program} program @param {Run | undefined} run */
function passes(program, run) {
  if (!run || !isWell(run.status)) return false;
  const reference = referenceOf(program);
  return reference === undefined || run.output === reference;
}

/** @param {string} status */
function statusText(status) {
  if (isWell(status)) return '';
  const signal = SIGNALS.get(Number(status) - 128);
  return signal ?? (/^\d+$/.test(status) ? `exit ${status}` : status);
}

/** Numbers of the lines that are none of the others' in that place. @param {string} output @param {readonly string[]} others */
function otherLines(output, others) {
  const known = others.map((text) => text.split('\n'));
  const lines = output.split('\n');
  const count = Math.max(lines.length, Math.min(...known.map(({ length }) => length)));
  return Array.from({ length: count }, (_, i) => i).filter((i) => !known.some((text) => text[i] === lines[i]));
}

/**
 * @typedef {object} Verdict
 * @property {string} name
 * @property {string} here
 * @property {string} tcg
 * @property {string} cpu
 * @property {string} reason
 * @property {string | undefined} failure what is wrong, where something is
 */

/**
 * @param {Program} program
 * @param {{ here: Run | undefined, tcg: Run | undefined, cpu: Run | undefined }} runs
 * @returns {Verdict}
 */
export function judge(program, { here, tcg, cpu }) {
  const unsteady = UNSTEADY.get(program.name);
  /** @param {Run | undefined} run */
  const cell = (run) => {
    if (!run) return 'did not run';
    const status = statusText(run.status);
    if (status !== '') return status;
    const reference = referenceOf(program);
    if (reference !== undefined && run.output !== reference) return "not QEMU's reference";
    const other = run === cpu || unsteady || !cpu || !isWell(cpu.status) ? [] : otherLines(run.output, [cpu.output]);
    return other.length > 0 ? `passes, ${other.length} lines other` : 'passes';
  };
  const reason = REASONS.get(`${program.arch} ${program.name}`) ?? REASONS.get(program.name);
  const oracles = [tcg, cpu].flatMap((run) => (run && isWell(run.status) ? [run.output] : []));
  const own = here && !unsteady && oracles.length > 0 && isWell(here.status) ? otherLines(here.output, oracles) : [];
  const failure =
    !passes(program, here) && (passes(program, tcg) || passes(program, cpu))
      ? `fails here (${cell(here)})`
      : own.length > (reason?.lines ?? 0)
        ? `${own.length} lines are neither TCG's nor this CPU's, the first: ${here?.output.split('\n')[own[0] ?? 0]}`
        : undefined;
  return {
    ...{
      name: `${program.arch} ${program.name}`,
      here: cell(here),
      tcg: cell(tcg),
      cpu: program.system ? 'needs a machine' : cell(cpu)
    },
    reason: [reason?.text, unsteady && `not compared line by line: ${unsteady}`].filter(Boolean).join('; '),
    failure
  };
}
