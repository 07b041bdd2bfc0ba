// What a stopped QEMU's RAM blocks hold, read from the process itself: the oracle for the pages of a stream.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';

/** Hashes are also given by chunk, so that a difference can be placed. */
export const CHUNK = 2 << 20;

/**
 * @typedef {object} BlockHash
 * @property {string} name the RAM block's name in the stream
 * @property {number} size bytes in use
 * @property {string} sha256 of all its bytes
 * @property {string[]} chunks sha256 of each 2 MiB, the last may be shorter
 */

/**
 * RAM blocks and where they are in QEMU's own memory. `info ramblock` tells from QEMU 8 on; before, the blocks that the
 * guest can see are found through `gpa2hva`.
 * @param {import('./machine.mjs').Machine} machine
 */
async function blocks(machine) {
  const lines = (await machine.hmp('info ramblock')).split('\r\n').slice(1);
  const found = [];
  for (const line of lines) {
    const match = /^\s*(.+?)\s+\d+ [KMG]iB\s+0x\w+ 0x(\w+) 0x\w+(?: 0x(\w+))?/.exec(line);
    if (!match) continue;
    const [, name = '', used = '', hva] = match;
    found.push({ name, size: parseInt(used, 16), hva: hva === undefined ? undefined : BigInt(`0x${hva}`) });
  }
  if (found.every(({ hva }) => hva !== undefined)) return found;

  const memory = (await machine.hmp('info mtree -f'))
    .split(/FlatView #\d+/)
    .find((view) => view.includes('AS "memory"'));
  for (const block of found) {
    const region = block.name.replace(/.*\//, '');
    // A block may be seen in several pieces (the PC's low memory); the first one has offset 0 or says which.
    const piece = new RegExp(
      `(\\w+)-\\w+ \\(prio \\d+, (?:ram|rom|romd)\\): ${region.replace('.', '\\.')}(?: @(\\w+))?`
    );
    const match = piece.exec(memory ?? '');
    if (!match) continue;
    const [, gpa = '', offset = '0'] = match;
    const answer = /is (0x\w+)/.exec(await machine.hmp(`gpa2hva 0x${gpa}`));
    if (answer) block.hva = BigInt(answer[1] ?? 0) - BigInt(`0x${offset}`);
  }
  return found;
}

/**
 * Hashes every RAM block that can be found. The machine must be stopped.
 * @param {import('./machine.mjs').Machine} machine
 * @returns {Promise<BlockHash[]>}
 */
export async function hashBlocks(machine) {
  const file = openSync(`/proc/${machine.pid}/mem`, 'r');
  const buffer = Buffer.alloc(CHUNK);
  try {
    const all = await blocks(machine);
    return all.flatMap(({ name, size, hva }) => {
      if (hva === undefined) return [];
      const whole = createHash('sha256');
      const chunks = [];
      for (let offset = 0; offset < size; offset += CHUNK) {
        const length = Math.min(CHUNK, size - offset);
        if (readSync(file, buffer, 0, length, hva + BigInt(offset)) !== length) throw new Error(`cannot read ${name}`);
        const chunk = buffer.subarray(0, length);
        whole.update(chunk);
        chunks.push(createHash('sha256').update(chunk).digest('hex'));
      }
      return [{ name, size, sha256: whole.digest('hex'), chunks }];
    });
  } finally {
    closeSync(file);
  }
}
