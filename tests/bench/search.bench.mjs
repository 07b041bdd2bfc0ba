// Searching 512 MiB of guest memory without a zero page in it, against grep on the same bytes; and the guess at a page.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../scripts/bundle.mjs';
import { root } from '../../scripts/stages.mjs';
import { inMs, inTurns } from './timing.mjs';

const MiB = 2 ** 20;
const searches = [
  { query: 'text:"login:"', grep: ['-aobF', 'login:'] },
  { query: 'hex:de ad ?? ef', grep: ['-aobP', '\\xde\\xad[\\x00-\\xff]\\xef'] },
  { query: 'ptr:0xffffffff81000000', grep: ['-aobP', '\\x00\\x00\\x00\\x81\\xff\\xff\\xff\\xff'] }
];

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-search-'));
  try {
    const memory = join(folder, 'memory');
    fill(memory, 512);
    await bundle('tests/bench/search-only.ts', 'tests/bench', 'search-only.bundle.mjs');
    const argv = [process.execPath, join(root, 'tests/bench/search-only.bundle.mjs'), memory];
    const figures = [0, 1, 2].map(() =>
      JSON.parse(execFileSync(argv[0], [...argv.slice(1), ...searches.map((s) => s.query)], { encoding: 'utf8' }))
    );
    const least = (/** @type {(f: typeof figures[0]) => number} */ of) => Math.min(...figures.map(of));
    // grep stops at the first hit when it sees that nobody reads the others, so a pipe reads them.
    const peers = inTurns(
      searches.map(({ query, grep }) => ({
        name: query,
        argv: ['sh', '-c', '"$@" | cat > /dev/null', 'sh', 'env', 'LC_ALL=C', 'grep', ...grep, memory]
      })),
      3
    );
    return [
      ...searches.map(({ query }, i) => {
        const ours = least((f) => f.searches[i].ms);
        const grep = peers.get(query)?.best ?? NaN;
        return { what: `512 MiB: ${query}`, ours: inMs(ours), peer: `grep ${inMs(grep)}`, ratio: grep / ours };
      }),
      {
        what: 'entropy and guess of a page',
        ours: `${least((f) => f.lookMicroseconds).toFixed(2)} µs`,
        peer: 'no peer; the aim is 3 µs'
      }
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Pseudo-random bytes, the same in every run. @param {string} path @param {number} mebibytes */
function fill(path, mebibytes) {
  const fd = openSync(path, 'w');
  const words = new Uint32Array(MiB / 4);
  let x = 2463534242;
  for (let n = 0; n < mebibytes; n++) {
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x;
    }
    writeSync(fd, words);
  }
  closeSync(fd);
}
