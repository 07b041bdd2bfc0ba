/** What the index bench runs as a process: reads a stream as `inspect` does and prints a few figures, nothing more. */
import { fstatSync, openSync, readFileSync } from 'node:fs';
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
    // Not process.resourceUsage(): its peak begins with that of the process that started this one.
    maxRssKiB: Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]),
    indexBytes: ram.bytes,
    storeBytes: ram.store.bytes
  })
);
