// Puts node_modules in place when it is missing or older than the lock file. Needs npm alone.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { npm, root, run } from './stages.mjs';

/** @returns {boolean} whether the packages are there now */
export function installPackages() {
  const lock = join(root, 'package-lock.json');
  const done = join(root, 'node_modules', '.package-lock.json');
  if (existsSync(done) && statSync(done).mtimeMs >= statSync(lock).mtimeMs) return true;
  const install = (/** @type {string} */ how) => {
    console.log(`npm ${how}`);
    return run([...npm, how, '--no-audit', '--no-fund']);
  };
  // A registry that lacks a package of some other platform makes `npm ci` refuse the lock file; `npm install` goes on.
  return (!existsSync(done) && install('ci')) || install('install');
}
