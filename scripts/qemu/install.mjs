#!/usr/bin/env node
// Puts QEMU of several Debian suites side by side under `.cache/qemu/<suite>`, without touching the host: a private
// apt state whose dpkg status file is empty makes apt fetch the whole dependency closure (libc included); the .debs
// are unpacked, never installed. Needs apt and a network, not root. Does nothing for a suite that is already there.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { debsIn, privateApt, unpack } from './apt.mjs';
import { installed, prefixOf, qemus, runOf, suites } from './qemu.mjs';
import { extractSource } from './source.mjs';

/** QEMU and the tools the scripts use, so that none of them is asked of the host. */
const PACKAGES = ['qemu-system-x86', 'qemu-utils', 'seabios', 'busybox-static', 'e2fsprogs', 'xz-utils', 'zstd'];

/** Only this suite's kernel is used as a guest; its meta package names the current version. */
const KERNEL = { suite: 'bookworm', metaPackage: 'linux-image-cloud-amd64' };

/** Changes whenever what is unpacked would, so that an old prefix is made anew. */
const RECIPE = createHash('sha256')
  .update(JSON.stringify([PACKAGES, KERNEL]))
  .digest('hex')
  .slice(0, 16);

/**
 * @param {{ name: string, security: boolean, optional: boolean }} suite
 */
function install(suite) {
  const prefix = prefixOf(suite.name);
  rmSync(join(prefix, 'installed.json'), { force: true });
  const apt = privateApt({ suite: suite.name, security: suite.security, state: join(prefix, 'apt') });
  const archives = join(prefix, 'apt/cache/archives');
  apt('apt-get', ['update']);
  apt('apt-get', ['install', '--download-only', '--yes', ...PACKAGES]);

  const root = join(prefix, 'root');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const packages = debsIn(archives).map((deb) => unpack(deb, root));

  if (suite.name === KERNEL.suite) {
    const depends = apt('apt-cache', ['depends', KERNEL.metaPackage]);
    const image = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (!image) throw new Error(`${KERNEL.metaPackage} names no kernel image`);
    apt('apt-get', ['download', image], archives);
    const kernel = join(prefix, 'linux');
    rmSync(kernel, { recursive: true, force: true });
    packages.push(
      ...debsIn(archives)
        .filter((deb) => deb.includes('/linux-image-'))
        .map((deb) => unpack(deb, kernel))
    );
  }

  const [, sourceVersion = ''] = packages.find(({ name }) => name === 'qemu-system-x86')?.source.split(' ') ?? [];
  const analyzeVersion = extractSource(apt, suite.name, sourceVersion);
  rmSync(archives, { recursive: true });

  const banner = runOf(suite.name, 'usr/bin/qemu-system-x86_64', ['--version']).toString();
  const version = /version ([\d.]+)/.exec(banner)?.[1];
  if (!version) throw new Error(`cannot read QEMU's version from: ${banner}`);
  writeFileSync(
    join(prefix, 'installed.json'),
    JSON.stringify({ recipe: RECIPE, version, analyzeVersion, packages }, null, 1)
  );
}

/** @param {string} program */
const present = (program) => {
  try {
    execFileSync('which', [program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: 'boolean' }, force: { type: 'boolean' } }
});
if (values.help) {
  console.log(
    `Usage: scripts/qemu/install.mjs [--force] [SUITE...]   suites: ${suites.map(({ name }) => name).join(' ')}`
  );
  process.exit(0);
}

const missing = ['apt-get', 'dpkg-deb', 'git', 'tar'].filter((program) => !present(program));
if (missing.length > 0) {
  console.log(`No native QEMU: ${missing.join(', ')} not found. Skipped: every check against native QEMU (golden
streams, explain fixtures, page walks) and npm run samples. All else works.`);
  process.exit(0);
}

let failed = false;
for (const suite of suites.filter(({ name }) => positionals.length === 0 || positionals.includes(name))) {
  const record = installed(suite.name);
  if (record?.recipe === RECIPE && !values.force) continue;
  const start = Date.now();
  try {
    install(suite);
    console.log(`${suite.name}: unpacked in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  } catch (error) {
    const detail = error instanceof Error && 'stderr' in error ? `${error.message}\n${error.stderr}` : String(error);
    console.error(`*** ${suite.name}: QEMU DID NOT INSTALL; its checks are skipped. ***\n${detail}`);
    if (!suite.optional) failed = true;
  }
}
for (const { suite, version } of qemus()) {
  console.log(`${suite}: QEMU ${version}, analyze-migration.py of ${installed(suite)?.analyzeVersion}`);
}
process.exit(failed ? 1 : 0);
