/** SHA-256 of all that a machine would send to another: its RAM and every device. */
import { createHash } from 'node:crypto';
import type { Machine } from '../../src/lib/emulator/machine.ts';
import { saveVmState } from '../../src/lib/emulator/migration/outgoing.ts';

export function stateHash(machine: Machine): string {
  const hash = createHash('sha256');
  for (const piece of saveVmState(machine)) hash.update(piece);
  return hash.digest('hex');
}
