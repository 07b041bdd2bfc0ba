#!/usr/bin/env node
// Opens the app from a bare clone: installs what is missing, builds if the sources are newer, serves, prints the URL.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installPackages } from './packages.mjs';
import { root, run } from './stages.mjs';

const { values } = parseArgs({ options: { port: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
if (values.help) {
  console.log(
    'Usage: npm start [-- --port N]\n\nInstalls what is missing, builds if stale, serves the app and prints its URL.'
  );
  process.exit(0);
}

/** What the build is made of. */
const sources = ['src', 'static', 'scripts', 'package.json', 'svelte.config.js', 'vite.config.ts'];
/** What it makes. */
const made = ['build/index.html', 'bin/dist/migrascope.mjs'];

/**
 * The latest change at or below a path, in ms; 0 where there is nothing.
 * @param {string} path
 * @returns {number}
 */
function newest(path) {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  // A folder changes too when a file in it is removed.
  return Math.max(stats.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

if (!installPackages()) process.exit(1);
const changed = Math.max(...sources.map((path) => newest(join(root, path))));
const stale = made.some((path) => !existsSync(join(root, path)) || statSync(join(root, path)).mtimeMs < changed);
if (stale && !run([process.execPath, join(root, 'scripts', 'build.mjs')])) process.exit(1);

const port = values.port === undefined ? [] : ['--port', values.port];
const server = spawn(process.execPath, [join(root, 'bin', 'migrascope'), 'serve', ...port], { stdio: 'inherit' });
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => server.kill(signal));
server.on('exit', (code) => process.exit(code ?? 1));
