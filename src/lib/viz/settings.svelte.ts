/** What a person prefers, kept in this browser. */
export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];
export const rowWidths = [8, 16, 32] as const;
export type RowWidth = (typeof rowWidths)[number];

interface Stored {
  readonly theme: Theme;
  readonly bytesPerRow: RowWidth;
}

const KEY = 'migrascope.settings';

/** Where settings are kept: `localStorage`, or nothing where it is forbidden. */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** What is stored and still valid; anybody may have written there. */
export function readSettings(text: string | null): Stored {
  let raw: Partial<Record<keyof Stored, unknown>> = {};
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    if (typeof parsed === 'object' && parsed !== null) raw = parsed;
  } catch {
    // Not ours: defaults.
  }
  return {
    theme: themes.find((t) => t === raw.theme) ?? 'system',
    bytesPerRow: rowWidths.find((w) => w === raw.bytesPerRow) ?? 16
  };
}

export class Settings {
  #stored = $state.raw<Stored>(readSettings(null));
  readonly #store: Store | undefined;
  /** Whether the system asks for dark. */
  systemDark = $state(false);

  constructor(store: Store | undefined) {
    this.#store = store;
    this.#stored = readSettings(store?.getItem(KEY) ?? null);
  }

  get theme(): Theme {
    return this.#stored.theme;
  }
  set theme(theme: Theme) {
    this.#keep({ ...this.#stored, theme });
  }
  get bytesPerRow(): RowWidth {
    return this.#stored.bytesPerRow;
  }
  set bytesPerRow(bytesPerRow: RowWidth) {
    this.#keep({ ...this.#stored, bytesPerRow });
  }
  /** What is in effect. Canvases read it so that they draw anew when it changes. */
  get dark(): boolean {
    return this.theme === 'system' ? this.systemDark : this.theme === 'dark';
  }

  #keep(stored: Stored): void {
    this.#stored = stored;
    try {
      this.#store?.setItem(KEY, JSON.stringify(stored));
    } catch {
      // Full or forbidden: it holds until the page is closed.
    }
  }
}
