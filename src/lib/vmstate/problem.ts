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

/** At most this many problems are kept, and of one code: a hostile stream must not fill memory, or hide one by others. */
const MAX_PROBLEMS = 2000;
const MAX_OF_CODE = 100;

const controls = /[\0-\x1f\x7f-\x9f]/g;
const visible = (text: string): string =>
  text.replace(controls, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

export class Problems {
  readonly list: Problem[] = [];
  #dropped = 0;
  readonly #ofCode = new Map<string, number>();

  /** Control bytes that a message quotes from the file are spelt out: a terminal must not obey them. */
  add(problem: Problem): void {
    const alike = this.#ofCode.get(problem.code) ?? 0;
    const fits = this.list.length < MAX_PROBLEMS && alike < MAX_OF_CODE;
    if (!fits && problem.severity !== 'fatal') {
      this.#dropped++;
      return;
    }
    this.#ofCode.set(problem.code, alike + 1);
    this.list.push({ ...problem, message: visible(problem.message) });
  }

  /** @param at byte offset in the stream */
  say(code: string, severity: Severity, at: number, message: string, more: Partial<Problem> = {}): void {
    this.add({ code, severity, at, message, ...more });
  }

  /** Says how many were left out. */
  finish(at: number): void {
    if (this.#dropped === 0) return;
    this.list.push({ code: 'more-problems', severity: 'note', at, message: `${this.#dropped} more are not listed` });
  }

  get fatal(): boolean {
    return this.list.some((p) => p.severity === 'fatal');
  }
}

/** What something that was thrown says. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
