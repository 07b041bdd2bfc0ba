// The workload guest seen from a script: its image, how to start it, how to talk to its prompt, how it computes sums.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repository } from '../scripts/qemu/qemu.mjs';

/** The guest, firmware and multiboot kernel in one. */
export const image = join(repository, 'guests', 'workload.bin');

const PROMPT = '\nworkload> ';

/**
 * Waits until the guest has booted.
 * @param {import('../scripts/qemu/machine.mjs').Machine} machine
 */
export const booted = (machine) => machine.waitFor(PROMPT);

/**
 * Waits until an incoming migration has been loaded.
 * @param {import('../scripts/qemu/machine.mjs').Machine} machine
 */
export async function loaded(machine) {
  while ((await machine.qmp('query-status')).status === 'inmigrate') await sleep(20);
}

/**
 * Types a command at the prompt and waits for the next prompt.
 * @param {import('../scripts/qemu/machine.mjs').Machine} machine
 * @param {string} command
 * @param {number} [timeout] milliseconds
 * @returns {Promise<string>} what the guest answered, lines ended by \n
 */
export async function ask(machine, command, timeout) {
  const from = machine.serial.length;
  machine.type(`${command}\r`);
  await machine.waitFor(PROMPT, { from, timeout });
  const answer = machine.serial.slice(from, machine.serial.lastIndexOf(PROMPT) + 1).replaceAll('\r', '');
  return answer.slice(answer.indexOf('\n') + 1);
}

const WORD = (1n << 64n) - 1n;

/**
 * The sum of the guest's `sum` and `disk` commands, see hash_words in memory.c.
 * @param {Buffer} bytes a multiple of 8
 * @returns {string} 16 hex digits
 */
export function hashWords(bytes) {
  let hash = BigInt(bytes.length);
  for (let at = 0; at < bytes.length; at += 8) {
    const turned = ((hash << 5n) | (hash >> 59n)) & WORD;
    hash = ((turned ^ bytes.readBigUInt64LE(at)) * 0x9e3779b97f4a7c15n) & WORD;
  }
  return hash.toString(16).padStart(16, '0');
}
