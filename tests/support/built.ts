/** Programs of tests/native, built where no commit sees them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../.cache/native', import.meta.url));

/** Where a program is put. */
export const builtAt = (name: string): string => join(FOLDER, name);

/**
 * Builds a program while others may build the same or run it: it comes to its place whole.
 * @param build writes it to the path that it gets
 * @returns its path
 */
export function built(name: string, build: (path: string) => void): string {
  mkdirSync(FOLDER, { recursive: true });
  const own = builtAt(`${name}.${randomUUID()}`);
  build(own);
  renameSync(own, builtAt(name));
  return builtAt(name);
}
