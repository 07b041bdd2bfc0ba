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

export class Problems {
  readonly list: Problem[] = [];
  dropped = 0;

  add(problem: Problem): void {
    if (this.list.length < MAX_PROBLEMS || problem.severity === 'fatal') this.list.push(problem);
    else this.dropped++;
  }

  get fatal(): boolean {
    return this.list.some((p) => p.severity === 'fatal');
  }
}
