/** What the index bench runs as a process: reads a stream as `inspect` does and prints a few figures, nothing more. */
import { fstatSync, openSync } from 'node:fs';
import { fileSource } from '../../src/bridge/file-source.ts';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';

const path = process.argv[2];
if (path === undefined) throw new Error('usage: index-only FILE');
const fd = openSync(path, 'r');
const start = performance.now();
const snapshot = await readSnapshot(fileSource(fd), { descriptions });
const ms = performance.now() - start;
const { ram } = snapshot;
console.log(
  JSON.stringify({
    bytes: fstatSync(fd).size,
    ms,
    sections: snapshot.sections.length,
    records: ram.count,
    problems: snapshot.problems.length,
    maxRssKiB: process.resourceUsage().maxRSS,
    indexBytes: ram.bytes,
    storeBytes: ram.store.bytes
  })
);
