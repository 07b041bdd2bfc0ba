/**
 * Hotkeys. `Ctrl+Shift+P` goes by the letter typed; `@KeyW` by the key's position, whatever the layout prints on it
 * (WASD). On a Mac `Ctrl` is the command key.
 */
type Modifier = '' | 'Ctrl+' | 'Alt+' | 'Shift+' | 'Ctrl+Shift+' | 'Ctrl+Alt+' | 'Alt+Shift+';
export type Hotkey = `${Modifier}${string}`;

/** What of a KeyboardEvent is looked at. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

interface Parsed {
  readonly ctrl: boolean;
  readonly alt: boolean;
  readonly shift: boolean;
  /** `key`, lower-cased, or with a leading `@` a `code`. */
  readonly name: string;
}

function parseHotkey(hotkey: Hotkey): Parsed {
  // `Ctrl++` is Ctrl and plus.
  const parts = hotkey.split(/\+(?=.)/);
  const name = parts.at(-1)!;
  const has = (modifier: string) => parts.slice(0, -1).includes(modifier);
  return {
    ctrl: has('Ctrl'),
    alt: has('Alt'),
    shift: has('Shift'),
    name: name.startsWith('@') ? name : name.toLowerCase()
  };
}

/** Characters such as `?` and `>` need Shift on some layouts and not on others: their Shift is not compared. */
const isLetterOrNamed = (name: string): boolean => name.length > 1 || /^[a-z0-9 ]$/.test(name);

export function matches(press: KeyPress, hotkey: Hotkey, mac = false): boolean {
  const { ctrl, alt, shift, name } = parseHotkey(hotkey);
  if ((mac ? press.metaKey : press.ctrlKey) !== ctrl || press.altKey !== alt) return false;
  if (mac ? press.ctrlKey : press.metaKey) return false;
  if (name.startsWith('@')) return press.code === name.slice(1) && press.shiftKey === shift;
  if (press.key.toLowerCase() !== name) return false;
  return press.shiftKey === shift || !isLetterOrNamed(name);
}

const shown: Readonly<Record<string, string>> = {
  arrowleft: '←',
  arrowright: '→',
  arrowup: '↑',
  arrowdown: '↓',
  ' ': 'Space',
  escape: 'Esc',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  Comma: ',',
  Period: '.'
};

/** What a position prints on most keyboards. */
function positionLabel(name: string): string {
  const code = name.replace(/^@(Key|Digit)?/, '');
  return shown[code] ?? code;
}

/** As it is written in menus and help. */
export function hotkeyLabel(hotkey: Hotkey, mac = false): string {
  const { ctrl, alt, shift, name } = parseHotkey(hotkey);
  const key = name.startsWith('@')
    ? positionLabel(name)
    : (shown[name] ?? name.charAt(0).toUpperCase() + name.slice(1));
  const modifiers = [ctrl && (mac ? '⌘' : 'Ctrl'), alt && (mac ? '⌥' : 'Alt'), shift && (mac ? '⇧' : 'Shift')];
  return [...modifiers.filter((m) => m !== false), key].join(mac ? '' : '+');
}

/** `aria-keyshortcuts` has its own spelling. */
export function ariaHotkey(hotkey: Hotkey, mac = false): string {
  const { ctrl, alt, shift, name } = parseHotkey(hotkey);
  const key = name.replace(/^@(Key|Digit)?/, '');
  return [
    ctrl && (mac ? 'Meta' : 'Control'),
    alt && 'Alt',
    shift && 'Shift',
    key.charAt(0).toUpperCase() + key.slice(1)
  ]
    .filter((p) => p !== false)
    .join('+');
}

/** What the position keys in use print on common layouts, to find collisions with letter keys. */
const layouts: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  QWERTY: { KeyW: 'w', KeyA: 'a', KeyS: 's', KeyD: 'd', KeyQ: 'q', KeyE: 'e' },
  AZERTY: { KeyW: 'z', KeyA: 'q', KeyS: 's', KeyD: 'd', KeyQ: 'a', KeyE: 'e' },
  QWERTZ: { KeyW: 'w', KeyA: 'a', KeyS: 's', KeyD: 'd', KeyQ: 'q', KeyE: 'e' },
  Dvorak: { KeyW: ',', KeyA: 'a', KeyS: 'o', KeyD: 'e', KeyQ: "'", KeyE: '.' },
  Colemak: { KeyW: 'w', KeyA: 'a', KeyS: 'r', KeyD: 's', KeyQ: 'q', KeyE: 'f' }
};

export interface Bound {
  readonly id: string;
  readonly keys?: readonly Hotkey[];
  /** Keys of a scope work while the focus is in that panel; those without work everywhere. */
  readonly scope?: string;
}

/** Pairs of commands that one key press would mean, with the layout on which it does. */
export function collisions(commands: readonly Bound[]): string[] {
  const found: string[] = [];
  for (const [layout, prints] of Object.entries(layouts)) {
    const taken = new Map<string, Bound>();
    // Those that work everywhere first: each panel's keys are then held against them.
    for (const command of [...commands].sort((a, b) => Number(a.scope !== undefined) - Number(b.scope !== undefined))) {
      for (const hotkey of command.keys ?? []) {
        const { ctrl, alt, shift, name } = parseHotkey(hotkey);
        const printed = name.startsWith('@') ? (prints[name.slice(1)] ?? name) : name;
        const press = `${ctrl ? 'C' : ''}${alt ? 'A' : ''}${shift ? 'S' : ''} ${printed}`;
        for (const scope of command.scope === undefined ? ['*'] : [command.scope, '*']) {
          const other = taken.get(`${scope} ${press}`);
          if (other && other.id !== command.id) found.push(`${other.id} and ${command.id}: ${hotkey} on ${layout}`);
        }
        taken.set(`${command.scope ?? '*'} ${press}`, command);
      }
    }
  }
  return found;
}
