// Debian packages without touching the host: a private apt state whose dpkg status file is empty, so that apt fetches
// whole dependency closures, of any suite and architecture. The .debs are unpacked, never installed. Needs no root.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MIRROR = 'http://deb.debian.org/debian';
const SECURITY_MIRROR = 'http://deb.debian.org/debian-security';

/**
 * A private apt: its own sources, lists, cache and an empty dpkg status.
 * @param {{ suite: string, security: boolean, state: string, architecture?: string }} what `state`: its folder;
 * `architecture`: the host's when absent
 */
export function privateApt({ suite, security, state, architecture }) {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'parts']) {
    mkdirSync(join(state, folder), { recursive: true });
  }
  writeFileSync(join(state, 'status'), '');
  // Debian signs a suite with the previous release's keys too, so the host's keyring verifies all three suites.
  const sources = [`${MIRROR} ${suite} main`, ...(security ? [`${SECURITY_MIRROR} ${suite}-security main`] : [])];
  writeFileSync(
    join(state, 'sources.list'),
    sources.flatMap((line) => [`deb ${line}\n`, `deb-src ${line}\n`]).join('')
  );
  const options = {
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': join(state, 'parts'),
    'Dir::State::lists': join(state, 'lists'),
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': join(state, 'cache'),
    // The unprivileged user _apt could not write below a home folder.
    'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
    'APT::Install-Recommends': 'false',
    'APT::Keep-Downloaded-Packages': 'true',
    'Acquire::Retries': '3',
    'Debug::NoLocking': 'true',
    ...(architecture ? { 'APT::Architecture': architecture, 'APT::Architectures': architecture } : {})
  };
  const flags = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  /** @param {string} program @param {readonly string[]} args @param {string} [cwd] */
  return (program, args, cwd) =>
    execFileSync(program, [...flags, ...args], {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28
    });
}

/**
 * Unpacks a .deb and says which it was.
 * @param {string} deb
 * @param {string} root
 */
export function unpack(deb, root) {
  execFileSync('dpkg-deb', ['-x', deb, root]);
  const form = '${Package}\n${Version}\n${source:Package} ${source:Version}';
  const [name = '', version = '', source = ''] = execFileSync('dpkg-deb', ['-W', `--showformat=${form}`, deb], {
    encoding: 'utf8'
  }).split('\n');
  return { name, version, source };
}

/** @param {string} folder */
export const debsIn = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(folder, name));
