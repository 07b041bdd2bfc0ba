// A stream with a million pages and ten thousand rounds, which no guest of a few seconds makes: RAM alone, made by hand
// (grammar in src/lib/vmstate/savevm.ts and ram.ts).
import { closeSync, openSync, writeSync } from 'node:fs';

const PAGE = 4096;
export const PAGES = 1 << 20;
export const ROUNDS = 10_000;
const BLOCK = 'pc.ram';
const [ZERO, MEM_SIZE, NORMAL, EOS, CONTINUE] = [0x02, 0x04, 0x08, 0x10, 0x20];
const [START, PART, END] = [1, 2, 3];

/** @param {string} path @returns {void} */
export function writeLargeStream(path) {
  const fd = openSync(path, 'w');
  /** @type {Buffer[]} */
  let pieces = [];
  const put = (/** @type {(number | string | Buffer)[]} */ ...list) =>
    pieces.push(...list.map((p) => (Buffer.isBuffer(p) ? p : Buffer.from(typeof p === 'string' ? p : [p], 'latin1'))));
  const u32 = (/** @type {number} */ n) => Buffer.from(Uint32Array.of(n).buffer).swap32();
  const u64 = (/** @type {number} */ n) => Buffer.concat([u32(Math.floor(n / 2 ** 32)), u32(n % 2 ** 32)]);
  const write = () => {
    writeSync(fd, Buffer.concat(pieces));
    pieces = [];
  };
  const footer = () => put(u64(EOS), 0x7e, u32(2));

  put('QEVM', u32(3), START, u32(2), 3, 'ram', u32(0), u32(4));
  put(u64(PAGES * PAGE + MEM_SIZE), BLOCK.length, BLOCK, u64(PAGES * PAGE));
  footer();
  const contents = Buffer.alloc(PAGE);
  const page = (/** @type {number} */ number, /** @type {boolean} */ normal, /** @type {boolean} */ named) => {
    put(u64(number * PAGE + (normal ? NORMAL : ZERO) + (named ? 0 : CONTINUE)));
    if (named) put(BLOCK.length, BLOCK);
    contents.writeUInt32LE(number, (number % 1000) * 4);
    put(normal ? Buffer.from(contents) : 0);
  };
  // Every page once, a 64th of them with contents; PARTs of 32 MiB of memory.
  for (let number = 0; number < PAGES; number++) {
    if (number % 8192 === 0) put(PART, u32(2));
    page(number, Math.imul(number >> 3, 0x9e3779b1) >>> 26 === 0, number % 8192 === 0);
    if (number % 8192 === 8191) {
      footer();
      write();
    }
  }
  // Each round sends page 7, which the one before did too: that begins a round, and nothing else does.
  for (let round = 1; round < ROUNDS; round++) {
    put(round === ROUNDS - 1 ? END : PART, u32(2));
    page(7, false, true);
    for (let i = 1; i < 40; i++) page(8 + ((round * 97 + i * 211) % (PAGES - 8)), i % 20 === 0, false);
    footer();
    if (round % 100 === 0) write();
  }
  put(0);
  write();
  closeSync(fd);
}
