/** Firmware files by name: SeaBIOS and QEMU's option ROMs, from where -L says, the scripts put them, or Debian does. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from './file-source.ts';

/** Folders of a root file system that Debian's packages use. */
const FOLDERS = ['usr/share/qemu', 'usr/share/seabios', 'usr/lib/ipxe/qemu'];

/** Where scripts/qemu/install.mjs unpacks packages: as far below this file's folder as below the bundle's. */
const installed = (): string[] => {
  const cache = process.env.MIGRASCOPE_CACHE ?? fileURLToPath(new URL('../../.cache', import.meta.url));
  const qemu = join(cache, 'qemu');
  const suites = existsSync(qemu) ? readdirSync(qemu) : [];
  return ['sid', 'trixie', 'bookworm']
    .filter((suite) => suites.includes(suite))
    .map((suite) => join(qemu, suite, 'root'));
};

/**
 * Reads a file that the person named.
 * @throws InputError
 */
export function readNamed(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new InputError(`could not load '${path}': ${(error as Error).message}`);
  }
}

/**
 * A firmware file's bytes: a path, or a name to be looked for; the first that there is counts. Undefined: nowhere.
 * @param paths those of -L
 */
export function findFirmware(name: string, paths: readonly string[]): Uint8Array | undefined {
  if (name.includes('/') || existsSync(name)) return readNamed(name);
  const roots = paths.length > 0 ? [] : [...installed(), '/'].flatMap((root) => FOLDERS.map((f) => join(root, f)));
  const found = [...paths, ...roots].map((folder) => join(folder, name)).find(existsSync);
  return found === undefined ? undefined : readNamed(found);
}

/** @throws InputError that says what would help */
export function needFirmware(name: string, paths: readonly string[]): Uint8Array {
  const bytes = findFirmware(name, paths);
  if (bytes) return bytes;
  const where = paths.length > 0 ? `not in ${paths.join(', ')}` : 'nowhere to be found';
  throw new InputError(
    `the firmware file '${name}' is ${where}: install Debian's seabios and qemu-system-data packages, run ` +
      'scripts/qemu/install.mjs, or name its folder with -L'
  );
}
