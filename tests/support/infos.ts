/** Snapshots as the page sees them, made by hand. */
import type { SectionInfo, SnapshotInfo } from '../../src/lib/emulator/api.ts';
import type { Round } from '../../src/lib/vmstate/snapshot.ts';

/** Sections one behind another; each is named by what differs from a device's. */
export function sectionInfos(
  ...specs: readonly (Partial<SectionInfo> & { readonly bytes: number })[]
): readonly SectionInfo[] {
  let at = 0;
  return specs.map(({ bytes, ...spec }, index) => {
    const start = at;
    at += bytes;
    return {
      ...{ index, kind: 'full', name: `device${index}`, instance: 0, sectionId: index, version: 1 },
      ...{ start, end: at, bodyStart: start, bodyEnd: at, phase: 'switchover', fieldCount: 0 },
      ...spec
    };
  });
}

export function roundInfos(...specs: readonly (Partial<Round> & { readonly bytes: number })[]): readonly Round[] {
  let at = 0;
  return specs.map((spec, index) => {
    const start = at;
    at += spec.bytes;
    return {
      ...{ index, evidence: 'repeat', certain: false, start, end: at, records: [0, 0], pages: 0, again: 0, why: '' },
      ...{ zero: 0, normal: 0, xbzrle: 0, compressed: 0 },
      ...spec
    };
  });
}

export function snapshotInfo(info: Partial<SnapshotInfo>): SnapshotInfo {
  const end = info.end ?? info.sections?.at(-1)?.end ?? 0;
  return {
    ...{ id: 1, done: true, cancelled: false, files: [], read: end, total: end, end, streamVersion: 3 },
    file: { name: 'vm.state', bytes: end, containers: [], streamOffset: 0 },
    ...{ configuration: undefined, pageSize: 4096, sections: [], blocks: [], rounds: [], vmdescription: undefined },
    ram: {
      ...{ records: 0, zero: 0, normal: 0, xbzrle: 0, compressed: 0, fill: 0, mapped: 0 },
      ...{ distinctPages: 0, storeBytes: 0 }
    },
    features: {
      ...{ postcopy: false, multifd: false, mappedRam: false, ignoreShared: false, xbzrle: false, compress: false },
      backgroundSnapshot: false
    },
    problems: [],
    ...info
  };
}
