/** Bad input is data: what is wrong, where, and how bad. */
export type Severity = 'fatal' | 'warning' | 'note';

export interface Problem {
  /** Stable kebab-case identifier, for example `footer-mismatch`. */
  readonly code: string;
  /** `fatal`: nothing behind `at` could be read; `warning`: kept, but not as it should be; `note`: worth knowing. */
  readonly severity: Severity;
  /** QEMU's section name with its instance, for example `0000:00:03.0/virtio-blk/0`. */
  readonly section?: string;
  /** Field path inside the section. */
  readonly path?: string;
  /** Byte offset in the stream (after container decoding). */
  readonly at: number;
  readonly message: string;
  readonly hint?: string;
}

/** At most this many problems are kept: a hostile stream must not fill memory with complaints. */
export const MAX_PROBLEMS = 1000;

const controls = /[\0-\x1f\x7f-\x9f]/g;
const visible = (text: string): string =>
  text.replace(controls, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

export class Problems {
  readonly list: Problem[] = [];
  dropped = 0;

  /** Control bytes that a message quotes from the file are spelt out: a terminal must not obey them. */
  add(problem: Problem): void {
    problem = { ...problem, message: visible(problem.message) };
    if (this.list.length < MAX_PROBLEMS || problem.severity === 'fatal') this.list.push(problem);
    else this.dropped++;
  }

  /** Says how many were left out. */
  finish(at: number): void {
    if (this.dropped === 0) return;
    this.list.push({ code: 'more-problems', severity: 'note', at, message: `${this.dropped} more are not listed` });
  }

  get fatal(): boolean {
    return this.list.some((p) => p.severity === 'fatal');
  }
}
