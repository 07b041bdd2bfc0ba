// A recording with ten thousand rounds over a million pages, which takes half an hour to make: its format is described in
// src/lib/vmstate/recording.ts.
import { writeFileSync } from 'node:fs';

const PAGE = 4096;
export const PAGES = 1 << 20;
export const ROUNDS = 10_000;
/** Pages that the guest writes to, and ms of a round. */
const WORKING_SET = 4096;
const ROUND_MS = 180;
const BANDWIDTH = 8 << 20;

/** Pseudo-random, the same each time. @param {number} n */
const scatter = (n) => Math.imul(n, 0x9e3779b1) >>> 0;

/** @param {string} path */
export function writeLargeRecording(path) {
  const settings = { way: 'precopy', bandwidth: BANDWIDTH, downtime: 300, dirtyRate: 2000, pattern: '16M rand' };
  /** @type {object[]} */
  const notes = [
    { kind: 'status', at: 0, status: 'setup' },
    { kind: 'status', at: 1, status: 'active' }
  ];
  const base64 = (/** @type {ArrayBufferView} */ { buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  const all = { block: 'pc.ram', pages: PAGES };
  notes.push({
    ...{ kind: 'sync', at: 1, number: 1 },
    dirty: [{ ...all, bitmap: base64(new Uint8Array(PAGES / 8).fill(0xff)) }]
  });
  let at = 1;
  for (let number = 1; number <= ROUNDS; number++) {
    const end = at + ROUND_MS;
    // The bitmap ends with the last page that is written: what is behind is clean.
    const bitmap = new Uint8Array(WORKING_SET / 8);
    const pages = new Set(
      Array.from({ length: 40 + (scatter(number) % 300) }, (_, i) => scatter(number * 512 + i) % WORKING_SET)
    );
    for (const page of pages) bitmap[page >> 3] |= 1 << (page & 7);
    const sent = Uint32Array.from([...pages].sort((a, b) => a - b));
    const rate = (pages.size * 1000) / ROUND_MS;
    const figures = {
      ...{ remaining: pages.size * PAGE, threshold: 300 * 1024, expectedDowntime: 300 + (scatter(number) % 400) },
      ...{ throttle: Math.min(99, Math.floor(number / 100)), instructions: scatter(number) % 50_000_000 }
    };
    notes.push({
      ...{ kind: 'round', at: end, number, phase: number === 1 ? 'bulk' : 'dirty', start: at, end },
      ...{ dirty: number === 1 ? PAGES : pages.size, bytes: pages.size * (PAGE + 8), dirtied: pages.size },
      sent: { normal: pages.size, zero: scatter(number) % 99, xbzrle: scatter(number + 1) % 99, skipped: 0 },
      ...{ dirtyRate: rate, bandwidth: rate * PAGE, ...figures }
    });
    notes.push({
      ...{ kind: 'pages', at: end, number, more: 0 },
      sent: [
        {
          ...{ block: 'pc.ram', page: base64(sent), how: base64(new Uint8Array(sent.length)) },
          bytes: base64(new Uint16Array(sent.length).fill(PAGE + 8))
        }
      ]
    });
    notes.push({
      ...{ kind: 'sample', at: end, duration: 100, bytes: BANDWIDTH / 10 - (scatter(number) % 90_000) },
      ...{ pages: 200, transferred: number * 800_000, dirtyPagesRate: Math.round(rate), ...figures }
    });
    const names = ['0x401000', '0x401abc memset', 'device'];
    const of = Uint16Array.from(sent, (page) => page % names.length);
    notes.push({
      ...{ kind: 'sync', at: end, number: number + 1 },
      dirty: [{ ...all, bitmap: base64(bitmap), writers: { names, of: base64(of) } }]
    });
    at = end;
  }
  const head = {
    format: 'migrascope-migration',
    version: 2,
    watcher: 'sender',
    machine: '',
    memory: PAGES * PAGE,
    settings
  };
  writeFileSync(path, `${[head, ...notes].map((line) => JSON.stringify(line)).join('\n')}\n`);
}
