/** Programs of tests/native that run instructions on this machine's own CPU, built when they are first needed. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { built, builtAt } from './built.ts';

/** Why there is no such program here, undefined where there is. */
export const noNativeProgram: string | undefined =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'needs an x86-64 CPU under Linux'
    : spawnSync('gcc', ['--version']).status === 0
      ? undefined
      : 'needs gcc: apt-get install gcc libc6-dev';

/** Path of the program whose source is tests/native/NAME.c. */
export function nativeProgram(name: string): string {
  const source = fileURLToPath(new URL(`../native/${name}.c`, import.meta.url));
  const program = builtAt(name);
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  return built(name, (path) => {
    const { status, stderr } = spawnSync('gcc', ['-O1', '-o', path, source], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`gcc did not build ${source}:\n${stderr}`);
  });
}
