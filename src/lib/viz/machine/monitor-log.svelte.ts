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

  /** Returns its number: some answers take long, and others come meanwhile. */
  begin(line: string): number {
    this.#back = 0;
    const number = this.#number++;
    this.entries = [...this.entries, { number, line, answer: '' }].slice(-MOST);
    return number;
  }
  end(number: number, answer: string): void {
    this.entries = this.entries.map((e) => (e.number === number ? { ...e, answer } : e));
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
