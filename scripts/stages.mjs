// Runs commands one after another for the other scripts: shows what runs, how long it took, and what mends a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
/** Where the test runners leave their counts; git-ignored. */
export const results = resolve(process.env.MIGRASCOPE_CACHE ?? join(root, '.cache'), 'test-results');

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {readonly string[]} [failures] what failed and why, a line or a few each
 * @property {readonly string[]} [again] what passed only when it was tried again, and why it had failed
 */

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {readonly string[]} command program and arguments; a program of node_modules by its name
 * @property {string} [fix] what to run when it fails
 * @property {(printed: string) => Counts} [counts] what a test runner counted, asked after it ran
 * @property {() => readonly string[]} [failures] what a stage that is no test runner could not do, asked after it ran
 * @property {boolean} [listen] what it prints is needed for the counts
 * @property {Readonly<Record<string, string>>} [env]
 */

/**
 * @typedef {object} Outcome
 * @property {string} name
 * @property {boolean} ok
 * @property {number} seconds
 * @property {Counts | undefined} counts
 * @property {readonly string[]} failures what failed and why, a line or a few each
 */

/** The program itself, or the one that a package put into node_modules. */
const programOf = (/** @type {string} */ name) => {
  const local = join(root, 'node_modules', '.bin', name);
  return existsSync(local) ? local : name;
};

/**
 * Runs a command with the terminal as its own.
 * @param {readonly string[]} command
 * @param {{ env?: Readonly<Record<string, string>>, listen?: boolean }} [how]
 * @returns {{ ok: boolean, printed: string }} whether it ended well; what it printed, where `listen` asks for it
 */
function start([program = '', ...args], { env = {}, listen = false } = {}) {
  const { status, error, stdout } = spawnSync(programOf(program), args, {
    cwd: root,
    stdio: ['inherit', listen ? 'pipe' : 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 28
  });
  if (listen) process.stdout.write(stdout);
  if (error) console.error(`${program}: ${error.message}`);
  return { ok: status === 0, printed: stdout ?? '' };
}

/**
 * Runs a command with the terminal as its own; whether it ended well.
 * @param {readonly string[]} command
 * @param {Readonly<Record<string, string>>} [env]
 */
export const run = (command, env) => start(command, env ? { env } : {}).ok;

/** Whether a program is on the PATH. */
export const present = (/** @type {string} */ program) =>
  spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { stdio: 'ignore' }).status === 0;

/** `npm` as it was called, so that it is found wherever it lies. */
export const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];

/**
 * @param {readonly Stage[]} stages
 * @returns {Outcome[]} one for each stage; all are run, whatever fails
 */
export function runStages(stages) {
  return stages.map(({ name, command, fix, counts, failures, ...how }) => {
    console.log(`\n=== ${name}: ${command.join(' ')}`);
    const began = Date.now();
    const { ok, printed } = start(command, how);
    const seconds = (Date.now() - began) / 1000;
    console.log(`=== ${name}: ${ok ? 'ok' : 'FAILED'} in ${seconds.toFixed(1)} s`);
    if (!ok && fix) console.log(`    to mend it: ${fix}`);
    const counted = counts?.(printed);
    return { name, ok, seconds, counts: counted, failures: counted?.failures ?? failures?.() ?? [] };
  });
}

/** The first lines of a message, without colours and the runner's own calls. */
const brief = (/** @type {string} */ text) =>
  text
    .replaceAll(/\x1b\[[\d;]*m/g, '')
    .split('\n')
    .filter((line) => !/^\s+at .*node_modules/.test(line))
    .slice(0, 12)
    .join('\n    ');

/**
 * A table of stages with their times; before it what failed, or passed only when tried again, so that the end of a long
 * log says it.
 * @param {readonly Outcome[]} outcomes
 */
export function printTable(outcomes) {
  const width = Math.max(...outcomes.map(({ name }) => name.length));
  console.log('');
  for (const { name, counts } of outcomes) {
    for (const why of counts?.again ?? []) console.log(`AGAIN   ${name}: ${brief(why)}`);
  }
  for (const { name, failures } of outcomes) {
    for (const failure of failures) console.log(`FAILED  ${name}: ${brief(failure)}`);
  }
  for (const { name, ok, seconds, counts } of outcomes) {
    const counted = counts ? `  ${counts.passed} passed, ${counts.failed} failed` : '';
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s${counted}`);
  }
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A fresh file for a runner's results. */
const resultFile = (/** @type {string} */ name) => {
  mkdirSync(results, { recursive: true });
  const path = join(results, `${name}.json`);
  rmSync(path, { force: true });
  return path;
};

/**
 * A stage whose script lists what it could not do, as JSON, in the file that FAILURES names.
 * @param {string} name
 * @param {readonly string[]} command
 * @param {string} fix
 * @returns {Stage}
 */
export function making(name, command, fix) {
  const file = resultFile(name);
  return { name, command, fix, env: { FAILURES: file }, failures: () => readJson(file) ?? [] };
}

/** @typedef {{ name: string, status: string, message: string, assertionResults: { status: string, fullName: string, failureMessages: string[] }[] }} TestFile */

/** The tests of a file that ended as `status` says though something failed in them: `passed` when tried again. */
const failedIn =
  (/** @type {string} */ status) =>
  (/** @type {TestFile} */ { name, assertionResults }) =>
    assertionResults
      .filter((test) => test.status === status && test.failureMessages.length > 0)
      .map(({ fullName, failureMessages }) => `${name}: ${fullName}\n${failureMessages.join('\n')}`);

/** @param {TestFile} file */
const failuresOf = (file) =>
  file.status === 'failed' && file.assertionResults.length === 0
    ? [`${file.name}: ${file.message}`]
    : failedIn('failed')(file);

/**
 * A stage of vitest with its counts.
 * @param {string} name
 * @param {readonly string[]} args
 * @param {string} fix
 * @returns {Stage}
 */
export function vitest(name, args, fix) {
  const file = resultFile(name);
  return {
    name,
    command: ['vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
    fix,
    counts: () => {
      const json = readJson(file);
      // A file that does not even load fails without a test of its own.
      const broken = json?.testResults?.filter(
        (/** @type {{ status: string, assertionResults: unknown[] }} */ r) =>
          r.status === 'failed' && r.assertionResults.length === 0
      ).length;
      return {
        passed: json?.numPassedTests ?? 0,
        failed: (json?.numFailedTests ?? 1) + (broken ?? 0),
        failures: json?.testResults?.flatMap(failuresOf),
        again: json?.testResults?.flatMap(failedIn('passed'))
      };
    }
  };
}

/**
 * @typedef {object} Suite
 * @property {string} file
 * @property {Suite[]} [suites]
 * @property {{ title: string, tests: { status: string, results: { error?: { message: string } }[] }[] }[]} [specs]
 */

/**
 * The tests of a suite that ended so, with their first error.
 * @param {'unexpected' | 'flaky'} status
 * @returns {(suite: Suite) => string[]}
 */
function endedAs(status) {
  /** @type {(suite: Suite) => string[]} */
  const of = ({ file, suites = [], specs = [] }) => {
    const these = specs.filter(({ tests }) => tests.some((test) => test.status === status));
    const why = (/** @type {typeof these[0]} */ { tests }) => tests[0]?.results[0]?.error?.message ?? '';
    return [...these.map((spec) => `${file}: ${spec.title}\n${why(spec)}`), ...suites.flatMap(of)];
  };
  return of;
}

/**
 * A stage of Playwright with its counts.
 * @param {string} name
 * @param {readonly string[]} args
 * @param {string} fix
 * @returns {Stage}
 */
export function playwright(name, args, fix) {
  const file = resultFile(name);
  return {
    name,
    command: ['playwright', 'test', '--reporter=list,json', ...args],
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: file },
    fix,
    counts: () => {
      const json = readJson(file);
      const stats = json?.stats;
      return {
        passed: (stats?.expected ?? 0) + (stats?.flaky ?? 0),
        failed: stats ? stats.unexpected : 1,
        failures: json?.suites?.flatMap(endedAs('unexpected')),
        again: json?.suites?.flatMap(endedAs('flaky'))
      };
    }
  };
}

/**
 * A stage of a runner of ours, which ends with the line `N passed, N failed`.
 * @param {string} name
 * @param {readonly string[]} command
 * @param {string} fix
 * @returns {Stage}
 */
export const counting = (name, command, fix) => ({
  name,
  command,
  fix,
  listen: true,
  counts: (printed) => {
    const [, passed, failed] = /^(\d+) passed, (\d+) failed\s*$/m.exec(printed) ?? [];
    return { passed: Number(passed ?? 0), failed: Number(failed ?? 1) };
  }
});
