/** What the search bench runs as a process: searches a file of page contents as the memory of a guest, and looks at its pages. */
import { openSync } from 'node:fs';
import { fileSource } from '../../src/bridge/file-source.ts';
import { lookAt } from '../../src/lib/vmstate/page-kind.ts';
import { visitPages } from '../../src/lib/vmstate/ram-contents.ts';
import { PageKind, RamIndex } from '../../src/lib/vmstate/ram-index.ts';
import { searchSnapshot } from '../../src/lib/vmstate/search.ts';
import type { Snapshot } from '../../src/lib/vmstate/snapshot.ts';

const [path, ...queries] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: search-only FILE QUERY…');
const bytes = fileSource(openSync(path, 'r'));
const ram = new RamIndex();
const pages = Math.floor(bytes.size / ram.pageSize);
ram.addBlock({ idstr: 'pc.ram', usedLength: pages * ram.pageSize, pageSize: ram.pageSize, start: 0, end: 0 });
for (let page = 0; page < pages; page++) ram.add(PageKind.normal, page, page * ram.pageSize, 0, 0, 0, 0);
const snapshot = {
  ...{ end: bytes.size, pageSize: ram.pageSize, sections: [], rounds: [], problems: [], ram, bytes },
  configuration: { machine: 'pc-i440fx-10.0', capabilities: [] }
} as unknown as Snapshot;

const timed = async <T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> => {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
};
const searches = [];
for (const query of queries) {
  const { ms, result } = await timed(() => searchSnapshot(snapshot, query, () => undefined));
  searches.push({ query, ms, hits: result });
}
const all = Array.from({ length: pages }, (_, page) => page);
/** Processor time: the machine may have other work. */
const processorTime = async (visit: (page: Uint8Array | undefined) => void): Promise<number> => {
  const start = process.cpuUsage();
  await visitPages(snapshot, all, (_, page) => visit(page));
  return process.cpuUsage(start).user;
};
const reading = await processorTime(() => undefined);
const looking = await processorTime((page) => page && lookAt(page));
console.log(JSON.stringify({ pages, searches, lookMicroseconds: (looking - reading) / pages }));
