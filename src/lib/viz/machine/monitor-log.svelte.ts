/** What was asked of the monitor and what it said; the lines can be had again. */
export interface MonitorEntry {
  readonly number: number;
  readonly line: string;
  readonly answer: string;
}

const MOST = 500;

export class MonitorLog {
  entries = $state.raw<readonly MonitorEntry[]>([]);
  #number = 0;
  /** How many lines back the one is that was last had again. */
  #back = 0;

  begin(line: string): void {
    this.#back = 0;
    this.entries = [...this.entries, { number: this.#number++, line, answer: '' }].slice(-MOST);
  }
  /** Of the line that was begun last. */
  end(answer: string): void {
    this.entries = this.entries.map((e) => (e.number === this.#number - 1 ? { ...e, answer } : e));
  }

  older(): string | undefined {
    return this.#recall(this.#back + 1);
  }
  newer(): string | undefined {
    return this.#recall(this.#back - 1);
  }
  #recall(back: number): string | undefined {
    const entry = this.entries.at(-back);
    if (back < 1 || !entry) {
      if (back < 1) this.#back = 0;
      return undefined;
    }
    this.#back = back;
    return entry.line;
  }
}
