/** The tracks of a stream. To add one: a row here, and its colours in app.css. */
import type { SectionInfo } from '../../emulator/api.ts';
import { sectionLabel, type Phase, type Round } from '../../vmstate/snapshot.ts';
import { sendClasses } from '../../vmstate/ram-statistics.ts';
import { bytesText, counted, percent, plainHex } from '../format.ts';
import { drawBoxes, drawMarks } from './paint.ts';
import { isInferred } from './round-facts.ts';
import { xOf } from './stream-view.ts';
import { eachInView, type Track, type TrackItem } from './track.ts';

const phaseTitles: Readonly<Record<Phase, string>> = { setup: 'setup', iterate: 'iterate', switchover: 'switchover' };

const phases: Track = {
  id: 'phases',
  title: 'Phase',
  height: 16,
  items({ info }) {
    const items: TrackItem[] = [];
    for (const section of info.sections) {
      const last = items.at(-1);
      if (last?.label === phaseTitles[section.phase]) {
        items[items.length - 1] = phaseItem(section.phase, last.start, Math.max(last.end, section.end));
      } else items.push(phaseItem(section.phase, section.start, section.end));
    }
    return items;
  },
  draw: drawBoxes
};
const phaseItem = (phase: Phase, start: number, end: number): TrackItem => ({
  ...{ start, end, label: phaseTitles[phase], token: `--phase-${phase}` },
  text: `${phaseTitles[phase]}, ${bytesText(end - start)}`,
  selection: { kind: 'range', start, end }
});

/** What is known of a round, in one line. */
export function roundText(round: Round): string {
  const shares = sendClasses
    .filter((kind) => round[kind] > 0)
    .map((kind) => `${kind} ${percent(round[kind], round.pages)}`);
  return [
    `round ${round.index + 1}${isInferred(round) ? ', inferred' : ''}`,
    counted(round.pages, 'page'),
    bytesText(round.bytes),
    ...shares,
    ...(round.again > 0 ? [`${percent(round.again, round.pages)} sent before`] : [])
  ].join(', ');
}

const rounds: Track = {
  id: 'rounds',
  title: 'Rounds',
  height: 30,
  most: 240,
  items: ({ info }) =>
    info.rounds.map((round) => ({
      ...{ start: round.start, end: round.end, label: String(round.index + 1), token: '--kind-normal' },
      text: roundText(round),
      selection: { kind: 'range', start: round.start, end: round.end }
    })),
  draw(ctx, { view, items, data, read, height }) {
    ctx.font = `11px ${read('--mono')}`;
    ctx.textBaseline = 'top';
    const label = 12;
    eachInView(items, view, (item, left, right) => {
      const round = data.info.rounds[Number(item.label) - 1];
      if (!round) return;
      const width = right - left - (right - left > 3 ? 1 : 0);
      let top = height - 1;
      for (const kind of sendClasses) {
        const part = ((height - label - 1) * round[kind]) / Math.max(1, round.pages);
        ctx.fillStyle = read(`--kind-${kind}`);
        ctx.fillRect(left, top - part, width, part);
        top -= part;
      }
      if (right - left < 3) return;
      // Where it begins: a line when that is certain, a broken one when it is inferred.
      ctx.fillStyle = read('--muted');
      if (round.certain) ctx.fillRect(left, 0, 1, height);
      else for (let y = 0; y < height; y += 5) ctx.fillRect(left, y, 1, 3);
      if (right - Math.max(0, left) > 14 + 7 * item.label!.length) {
        ctx.fillText(isInferred(round) ? `≥${item.label}` : item.label!, Math.max(0, left) + 3, 0);
      }
    });
  }
};

const hasRecords = (s: SectionInfo): boolean => s.records !== undefined && s.records[1] > s.records[0];

/** Pages of a section as text. */
const pagesText = (s: SectionInfo): string =>
  hasRecords(s) ? `, ${counted(s.records![1] - s.records![0], 'page')}` : '';

const sectionItem = (s: SectionInfo): TrackItem => ({
  ...{ start: s.start, end: s.end },
  label: s.name || s.kind,
  text: `${s.name === '' ? s.kind : sectionLabel(s)} ${s.kind}, ${bytesText(s.end - s.start)}${pagesText(s)}, at ${plainHex(s.start)}`,
  selection: { kind: 'section', section: s.index },
  token: s.opaque ? '--warn' : `--phase-${s.phase}`
});

const pages: Track = {
  id: 'pages',
  title: 'Pages',
  about: 'pages by kind, logarithmic; the line below: sent before',
  height: 44,
  most: 360,
  // mapped-ram keeps all pages inside of START.
  items: ({ info }) =>
    info.sections
      .filter((s) => hasRecords(s) || (info.features.mappedRam && s.kind === 'start' && s.name === 'ram'))
      .map(sectionItem),
  draw(ctx, { view, data, read, height }) {
    const { density, wanted } = data;
    if (!density) return;
    const classes = sendClasses.length;
    const total = (bucket: number) => {
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += density.counts[bucket * classes + c]!;
      return sum;
    };
    const step = (density.end - density.start) / density.buckets;
    let most = 0;
    for (let b = 0; b < density.buckets; b++) most = Math.max(most, total(b));
    if (most === 0) return;
    const strip = 4;
    for (let b = 0; b < density.buckets; b++) {
      const sum = total(b);
      if (sum === 0) continue;
      // Whole pixels: neighbours meet without a seam.
      const left = Math.round(xOf(view, density.start + b * step));
      const right = Math.round(xOf(view, density.start + (b + 1) * step));
      if (right < 0 || left > view.width) continue;
      const width = Math.max(1, right - left);
      // A zero page takes 9 bytes and another 4 KiB: only logarithms show both.
      const all = Math.max(1, (Math.log1p(sum) / Math.log1p(most)) * (height - strip - 2));
      let top = height - strip;
      for (let c = 0; c < classes; c++) {
        const part = (all * density.counts[b * classes + c]!) / sum;
        if (part === 0) continue;
        ctx.fillStyle = read(`--kind-${sendClasses[c]!}`);
        ctx.fillRect(left, top - part, width, part);
        top -= part;
      }
      if (density.again[b]! > 0) {
        ctx.globalAlpha = 0.25 + (0.75 * density.again[b]!) / sum;
        ctx.fillStyle = read('--warn');
        ctx.fillRect(left, height - strip + 1, width, strip - 1);
        ctx.globalAlpha = 1;
      }
    }
    if (!wanted) return;
    const wantedStep = (wanted.end - wanted.start) / wanted.buckets;
    ctx.fillStyle = read('--accent');
    for (let b = 0; b < wanted.buckets; b++) {
      if (!wanted.counts.subarray(b * classes, (b + 1) * classes).some((n) => n > 0)) continue;
      const left = xOf(view, wanted.start + b * wantedStep);
      if (left < -3 || left > view.width) continue;
      ctx.fillRect(left, 0, Math.max(2, (wantedStep / view.span) * view.width), 7);
    }
  }
};

const sections: Track = {
  id: 'sections',
  title: 'Sections',
  height: 20,
  // Sections inside a PACKAGED command are there, the command is on a track of its own.
  items: ({ info }) => info.sections.filter((s) => s.kind !== 'command').map(sectionItem),
  draw: drawBoxes
};

const commands: Track = {
  id: 'commands',
  title: 'Commands',
  height: 16,
  items: ({ info }) =>
    info.sections
      .filter((s) => s.kind === 'command')
      .map((s) => ({
        ...{ start: s.start, end: s.end, label: s.name, token: '--phase-setup' },
        text: `command ${s.name}, ${bytesText(s.end - s.start)}, at ${plainHex(s.start)}`,
        selection: { kind: 'section', section: s.index }
      })),
  draw: drawMarks
};

const severityTokens = { fatal: '--bad', warning: '--warn', note: '--muted' } as const;

const problems: Track = {
  id: 'problems',
  title: 'Problems',
  height: 16,
  items: ({ info }) =>
    [...info.problems]
      .sort((a, b) => a.at - b.at)
      .map((p) => ({
        ...{ start: p.at, end: p.at, token: severityTokens[p.severity] },
        text: `${p.severity} at ${plainHex(p.at)}: ${p.section === undefined ? '' : `${p.section}: `}${p.message}`,
        selection: { kind: 'bytes', start: p.at, end: p.at + 1 }
      })),
  draw: drawMarks
};

const notes: Track = {
  id: 'notes',
  title: 'Notes',
  height: 16,
  items: ({ notes: placed }) =>
    [...placed]
      .sort((a, b) => a.start - b.start)
      // Ends must rise for the search by halving: a note is where it begins.
      .map((n) => ({
        ...{ start: n.start, end: n.start, label: n.text, token: '--good' },
        text: `note on ${n.title}: ${n.text}`,
        selection: n.place
      })),
  draw: drawMarks
};

export const tracks: readonly Track[] = [phases, rounds, pages, sections, commands, problems, notes];
