import { describe, expect, test } from 'vitest';
import { evidenceText, roundsNote, switchover } from '../../../../src/lib/viz/timeline/round-facts.ts';
import { roundInfos, sectionInfos, snapshotInfo } from '../../../support/infos.ts';

test('what is inferred is a lower bound, and says what it is inferred from', () => {
  const [first, second] = roundInfos({ bytes: 1, certain: true, evidence: 'section' }, { bytes: 1 });
  expect(evidenceText(first!)).toBe('certain: the section');
  expect(evidenceText(second!)).toBe('inferred: a repeat');
});

test('what QEMU told of is reported, and no lower bound', () => {
  const rounds = roundInfos({ bytes: 1, certain: true, evidence: 'section' }, { bytes: 1, evidence: 'qmp-pass' });
  expect(evidenceText(rounds[1]!)).toBe('reported: QEMU says');
  const { ram } = snapshotInfo({});
  expect(roundsNote(snapshotInfo({ rounds, ram: { ...ram, records: 5 } }))).toBeUndefined();
});

describe('the note above the table', () => {
  const { features, ram } = snapshotInfo({});
  test('says that mapped-ram has no history', () => {
    expect(roundsNote(snapshotInfo({ features: { ...features, mappedRam: true } }))).toContain('no history');
  });
  test('says how many rounds there were at least', () => {
    const rounds = roundInfos({ bytes: 1, certain: true }, { bytes: 1 }, { bytes: 1, certain: true });
    expect(roundsNote(snapshotInfo({ rounds, ram: { ...ram, records: 5 } }))).toContain('at least 3');
  });
  test('says that multifd has bytes elsewhere', () => {
    const rounds = roundInfos({ bytes: 1, certain: true });
    const info = snapshotInfo({ rounds, features: { ...features, multifd: true }, ram: { ...ram, records: 5 } });
    expect(roundsNote(info)).toContain('channels of their own');
  });
  test('is not there when all is certain', () => {
    const rounds = roundInfos({ bytes: 1, certain: true });
    expect(roundsNote(snapshotInfo({ rounds, ram: { ...ram, records: 5 } }))).toBeUndefined();
  });
});

test('with postcopy the pages that come behind are no downtime', () => {
  const sections = sectionInfos(
    { bytes: 90, name: 'cpu' },
    { bytes: 500, kind: 'part', name: 'ram' },
    { bytes: 18, kind: 'end', name: 'ram' }
  );
  const { features } = snapshotInfo({});
  expect(switchover({ sections, features }).bytes).toBe(608);
  expect(switchover({ sections, features: { ...features, postcopy: true } }).bytes).toBe(90);
});

test('the downtime is spent on what comes after the guest stopped, the largest first, what is packaged once', () => {
  const sections = sectionInfos(
    { bytes: 1000, kind: 'part', name: 'ram', phase: 'iterate' },
    { bytes: 40, kind: 'end', name: 'ram' },
    { bytes: 9, kind: 'command', name: 'PACKAGED' },
    { bytes: 90, name: 'cpu', inside: 2 },
    { bytes: 60, kind: 'vmdescription', name: '' }
  );
  expect(switchover({ sections, features: snapshotInfo({}).features })).toEqual({
    bytes: 190,
    shares: [
      { name: 'cpu/0', bytes: 90, index: 3 },
      { name: 'vmdescription', bytes: 60, index: 4 },
      { name: 'ram (end)', bytes: 40, index: 1 }
    ]
  });
});
