/** "Explain this error": what QEMU's messages mean, and where in the stream what they are about lies. */
import { findSection, type Finding } from './finding.ts';
import { explanations, type Context, type Explanation } from './explanations.ts';
import type { Snapshot } from './snapshot.ts';

/** Longer pastes are cut: a log is not a message. */
const MAX_LINES = 200;
const MAX_LINE = 2000;

/**
 * Explains what QEMU printed, most telling first. Lines that nothing explains are left out; when no line is known there
 * is one finding of severity `unknown`.
 */
export function explain(message: string, snapshot?: Snapshot): Finding[] {
  const lines = linesOf(message);
  const context = contextOf(lines, snapshot);
  const found: { readonly finding: Finding; readonly row: Explanation }[] = [];
  for (const line of lines) {
    for (const row of explanations) {
      const match = row.pattern.exec(line);
      if (!match) continue;
      const finding: Finding = { severity: 'fails', message: line, ...row.explain(match, context), source: row.source };
      found.push({ finding, row });
      break;
    }
  }
  const telling = found.filter(({ row, finding }) => !row.context && finding.severity !== 'warns');
  const shown = telling.length > 0 ? telling : found.filter(({ finding }) => finding.severity !== 'warns').slice(0, 1);
  const warnings = found.filter(({ finding }) => finding.severity === 'warns');
  const findings = [...shown, ...warnings].map(({ finding }) => finding);
  if (findings.length > 0) return findings;
  return [
    {
      severity: 'unknown',
      message: lines[0] ?? '',
      why: 'This is none of the messages that are known here.',
      hint: 'Paste all that QEMU printed at the destination; the first lines tell most.'
    }
  ];
}

/** Without program names, log prefixes and time stamps. */
function linesOf(message: string): string[] {
  const text = message.slice(0, MAX_LINES * MAX_LINE);
  return text
    .split(/\r?\n/)
    .slice(0, MAX_LINES)
    .map((line) =>
      line
        .slice(0, MAX_LINE)
        .replace(/^.*?\bqemu[-\w./]*(?:\[\d+\])?: (?:-incoming [^:]*:[^:]*: )?/, '')
        .trim()
    )
    .filter((line) => line !== '');
}

/** What the lines tell together: the device, and the error number's words. */
function contextOf(lines: readonly string[], snapshot: Snapshot | undefined): Context {
  let deviceName: string | undefined;
  let instance: number | undefined;
  let errno: string | undefined;
  for (const line of lines) {
    const device = /for instance 0x([0-9a-f]+) of\s+device '(.*?)'/.exec(line);
    if (device) [instance, deviceName] = [Number.parseInt(device[1]!, 16), device[2]];
    errno = /load of migration failed: ([^:]+)/.exec(line)?.[1]?.trim() ?? errno;
  }
  const device = deviceName === undefined ? undefined : findSection(snapshot, deviceName, instance);
  return { snapshot, device, deviceName, errno };
}
