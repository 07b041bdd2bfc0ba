/** What can honestly be said of a stream's rounds. Source: QEMU migration/ram.c; the stream does not mark its passes. */
import type { SectionInfo, SnapshotInfo } from '../../emulator/api.ts';
import { count } from '../format.ts';
import { sectionLabel, type Round, type RoundEvidence } from '../../vmstate/snapshot.ts';

const evidences: Readonly<Record<RoundEvidence, string>> = {
  'multifd-sync': 'multifd flush',
  'qmp-pass': 'QEMU says',
  'offset-wrap': 'offsets wrap',
  repeat: 'a repeat',
  section: 'the section'
};

type Known = Pick<Round, 'certain' | 'evidence'>;

/** Of these there were at least so many. */
export const isInferred = ({ certain, evidence }: Known): boolean => !certain && evidence !== 'qmp-pass';

/** `inferred: a repeat`, `reported: QEMU says` or `certain: the section`. */
export const evidenceText = (round: Known): string =>
  `${round.certain ? 'certain' : isInferred(round) ? 'inferred' : 'reported'}: ${evidences[round.evidence]}`;

/** What must be known before the table is believed. */
export function roundsNote({ rounds, features, ram }: SnapshotInfo): string | undefined {
  if (features.mappedRam) {
    return 'mapped-ram writes every page to a place of its own: the file holds the last contents and no history.';
  }
  if (features.ignoreShared && ram.records === 0) {
    return 'x-ignore-shared leaves memory in its own file: no pages travelled, so there were no rounds.';
  }
  if (features.backgroundSnapshot) return 'A background snapshot sends every page once, as it was at the start.';
  if (ram.records === 0) return undefined;
  const parts = [];
  if (rounds.some(isInferred)) {
    parts.push(`QEMU does not mark its rounds: at least ${count(rounds.length)}, found by pages that come again.`);
  }
  if (features.multifd) parts.push('Pages travelled on channels of their own: bytes are those of the main stream.');
  if (features.postcopy) parts.push('Behind the switch to postcopy pages come on demand, not in rounds.');
  return parts.length > 0 ? parts.join(' ') : undefined;
}

export interface SwitchoverShare {
  readonly name: string;
  readonly bytes: number;
  /** Index of the section. */
  readonly index: number;
}

/**
 * Bytes that were sent while the guest stood still, by section, the largest first. With postcopy it runs again at the
 * destination while the pages that are left come.
 */
export function switchover({ sections, features }: Pick<SnapshotInfo, 'sections' | 'features'>): {
  readonly bytes: number;
  readonly shares: readonly SwitchoverShare[];
} {
  // What is inside of a PACKAGED command is counted as such, the command is not.
  const holders = new Set(sections.map((s) => s.inside));
  const shares = sections
    .filter((s) => s.phase === 'switchover' && !holders.has(s.index) && s.end > s.start)
    .filter((s) => !features.postcopy || (s.kind !== 'part' && s.kind !== 'end'))
    .map((s) => ({ name: nameOf(s), bytes: s.end - s.start, index: s.index }))
    .sort((a, b) => b.bytes - a.bytes || a.index - b.index);
  return { bytes: shares.reduce((sum, s) => sum + s.bytes, 0), shares };
}

const nameOf = (s: SectionInfo): string =>
  s.kind === 'full'
    ? sectionLabel(s)
    : s.name === '' || s.name.toLowerCase() === s.kind
      ? s.kind
      : `${s.name} (${s.kind})`;
