/** How three runs of a program of QEMU's tests/tcg are judged. */
import { expect, test } from 'vitest';
import { judge } from '../../scripts/conformance/compare.mjs';
import type { Run } from '../../scripts/conformance/run.mjs';

const program = { arch: 'x86_64', name: 'some', file: '', args: [], system: false, reference: undefined } as const;
const run = (output: string, status = '0'): Run => ({ status, output });
const failureOf = (here: Run, tcg: Run, cpu: Run): string | undefined => judge(program, { here, tcg, cpu }).failure;

test('what ends well with the output of an oracle passes', () => {
  const verdict = judge(program, { here: run('a\nb'), tcg: run('a\nb'), cpu: run('a\nb') });
  expect(verdict).toMatchObject({ here: 'passes', tcg: 'passes', cpu: 'passes', failure: undefined });
});

test('each line is that of one oracle or the other', () => {
  expect(failureOf(run('a\nB'), run('A\nB'), run('a\nb'))).toBeUndefined();
  expect(failureOf(run('a\nc'), run('A\nB'), run('a\nb'))).toMatch(/^1 lines are neither .* the first: c$/);
});

test('output that ends early differs', () => {
  expect(failureOf(run('a'), run('a\nb\nc'), run('a\nb\nc'))).toMatch(/^2 lines/);
});

test('what passes elsewhere must pass here', () => {
  expect(failureOf(run('', '139'), run('a'), run('a'))).toBe('fails here (SIGSEGV)');
  expect(failureOf(run('', '1'), run('', '1'), run('a'))).toBe('fails here (exit 1)');
  expect(failureOf(run('', '1'), run('', '1'), run('', '1'))).toBeUndefined();
});

test('a program that still printed when enough was seen is content', () => {
  expect(judge(program, { here: run('a', '141'), tcg: run('a', '141'), cpu: run('a', '141') }).here).toBe('passes');
});

test('a program that did not run here has failed', () => {
  expect(judge(program, { here: undefined, tcg: run('a'), cpu: run('a') }).failure).toBe('fails here (did not run)');
});

test('a system program has no CPU to compare with', () => {
  const bare = { ...program, system: true };
  const verdict = judge(bare, { here: run('a'), tcg: run('b'), cpu: undefined });
  expect(verdict.cpu).toBe('needs a machine');
  expect(verdict.failure).toMatch(/^1 lines/);
});
