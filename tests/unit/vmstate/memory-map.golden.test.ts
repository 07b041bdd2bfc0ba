/** The memory map against what native QEMU's `info mtree -f` printed at the same stop. */
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { memoryMap, type PhysicalRange } from '../../../src/lib/vmstate/memory-map.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

/** RAM and ROM of the flat view that the CPU sees. */
function flatView(mtree: string): PhysicalRange[] {
  const view = mtree.split(/FlatView #\d+/).find((v) => v.includes('AS "memory"')) ?? '';
  const ranges: PhysicalRange[] = [];
  for (const line of view.split(/\r?\n/)) {
    const m = /^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom)\): (\S+)(?: @([0-9a-f]+))?/.exec(line);
    if (!m) continue;
    const [gpa, last, offset] = [m[1], m[2], m[5] ?? '0'].map((x) => Number.parseInt(x!, 16));
    const readOnly = m[3] === 'rom' ? { readOnly: true } : {};
    ranges.push({ gpa: gpa!, bytes: last! - gpa! + 1, block: m[4]!, offset: offset!, ...readOnly });
  }
  return ranges;
}

/**
 * QEMU's kvmvapic option ROM lies in a window that its device keeps writable, whatever PAM says. How long that is only
 * the guest's memory says, and it changes nothing that is read: the window takes the access of what surrounds it. It is
 * told by its borders, which are none of PAM's.
 */
function withoutWindow(ranges: readonly PhysicalRange[]): PhysicalRange[] {
  return ranges.flatMap((r, i) => {
    const end = r.gpa + r.bytes;
    const low = Math.max(0, 0xc0000 - r.gpa);
    const window = end > 0xc0000 && end < 0xe0000 && ((r.gpa + low) % 0x4000 !== 0 || end % 0x4000 !== 0);
    if (!window || r.readOnly) return [r];
    const inside = { ...r, gpa: r.gpa + low, bytes: r.bytes - low, offset: r.offset + low };
    return [...(low > 0 ? [{ ...r, bytes: low }] : []), { ...inside, readOnly: ranges[i + 1]?.readOnly }];
  });
}

function lines(ranges: readonly PhysicalRange[]): string[] {
  const joined: PhysicalRange[] = [];
  for (const r of ranges) {
    const last = joined.at(-1);
    const joins = last?.block === r.block && last.gpa + last.bytes === r.gpa && last.readOnly === r.readOnly;
    if (last && joins) joined[joined.length - 1] = { ...last, bytes: last.bytes + r.bytes };
    else joined.push(r);
  }
  return joined.map((r) => {
    const [from, to, offset] = [r.gpa, r.gpa + r.bytes - 1, r.offset].map((x) => x.toString(16));
    return `${from}-${to} ${r.readOnly ? 'rom' : 'ram'} ${r.block} @${offset}`;
  });
}

interface Recorded {
  readonly info?: Readonly<Record<string, string>>;
  readonly events?: readonly { readonly event: string }[];
}

const all = goldens().flatMap((g) => {
  const { info, events = [] } = JSON.parse(recorded(g, 'meta.json') ?? '{}') as Recorded;
  const mtree = info?.['mtree -f'];
  // QEMU before 9.0 wakes a suspended guest when it has sent it: its map is of a machine that was reset since.
  const woken = events.some(({ event }) => event === 'WAKEUP');
  return mtree && !woken ? [{ golden: g, name: g.name, expected: flatView(mtree) }] : [];
});

describe.skipIf(all.length === 0)('streams of native QEMU (npm run golden)', () => {
  test.each(all)('$name maps its RAM as QEMU did', async ({ golden, expected }) => {
    await withState(golden, async (source) => {
      const s = await readSnapshot(source, { descriptions });
      // QEMU prints the memory region's name, the stream carries the device's path before it.
      const ours = memoryMap(s).ranges.map((r) => ({ ...r, block: r.block.replace(/^.*\//, '') }));
      expect(lines(ours)).toEqual(lines(withoutWindow(expected)));
    });
  });
});
