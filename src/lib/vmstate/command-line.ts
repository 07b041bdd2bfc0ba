/**
 * QEMU's command line taken apart: shell words, options, and `driver,name=value` lists.
 * Source: QEMU system/vl.c, util/qemu-option.c (a comma is doubled to stand for itself).
 */
import { isObject } from './json.ts';

/** `-device e1000,addr=5` is name `device`, value `e1000,addr=5`. */
export interface CommandOption {
  readonly name: string;
  readonly value: string;
}

/** Values by name; a value without a name is under the implied one. */
export type Properties = ReadonlyMap<string, string>;

/** Options that take no value. All others take the next word. */
const flags = new Set(
  (
    'h help version S s nographic nodefaults no-user-config nodefconfig no-reboot no-shutdown snapshot daemonize ' +
    'enable-kvm full-screen usb no-fd-bootchk no-acpi no-hpet only-migratable preconfig win2k-hack mem-prealloc ' +
    'curses alt-grab ctrl-grab no-quit rtc-td-hack show-cursor singlestep one-insn-per-tb portrait xen-domid-restrict'
  ).split(' ')
);

const MAX_TEXT = 1 << 20;

/** Splits as a POSIX shell does: quotes, backslashes, joined lines. Variables and globs stay as they are. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  const source = text.slice(0, MAX_TEXT).replace(/\\\r?\n/g, ' ');
  for (let i = 0; i < source.length; i++) {
    const c = source[i]!;
    if (quote !== '') {
      if (c === quote) quote = '';
      else if (c === '\\' && quote === '"' && /["\\$`]/.test(source[i + 1] ?? '')) word += source[++i]!;
      else word += c;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + (c === '\\' ? (source[++i] ?? '') : c);
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Options in their order; words that belong to none (the program's name, an image) are left out. */
export function commandOptions(words: readonly string[]): CommandOption[] {
  const options: CommandOption[] = [];
  for (let i = 0; i < words.length; i++) {
    const match = /^--?([A-Za-z0-9][-\w]*)$/.exec(words[i]!);
    if (!match) continue;
    const name = match[1]!;
    if (flags.has(name)) options.push({ name, value: '' });
    else options.push({ name, value: words[++i] ?? '' });
  }
  return options;
}

/** `e1000,addr=5` with implied name `driver`; JSON objects, nested ones by names with dots, too. */
export function properties(value: string, implied: string): Properties {
  const out = new Map<string, string>();
  if (value.trimStart().startsWith('{')) {
    try {
      const add = (object: object, prefix: string): void => {
        for (const [name, v] of Object.entries(object) as [string, unknown][]) {
          if (isObject(v)) add(v, `${prefix}${name}.`);
          else out.set(prefix + name, typeof v === 'boolean' ? (v ? 'on' : 'off') : String(v));
        }
      };
      add(JSON.parse(value) as object, '');
    } catch {
      // Not JSON after all: no properties can be told.
    }
    return out;
  }
  for (const [i, part] of value.split(/(?<!,),(?!,)/).entries()) {
    const text = part.replaceAll(',,', ',');
    const equals = text.indexOf('=');
    if (equals >= 0) out.set(text.slice(0, equals), text.slice(equals + 1));
    else if (i === 0) out.set(implied, text);
    else if (text !== '') out.set(text, 'on');
  }
  return out;
}

/** QEMU's booleans; undefined for what is none. */
export function isOn(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(on|yes|true|y)$/.test(value)) return true;
  return /^(off|no|false|n)$/.test(value) ? false : undefined;
}

/** A size as `-m` takes it: a number with a suffix, in MiB without one. @param unit bytes for a number alone */
export function sizeOf(value: string | undefined, unit = 2 ** 20): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([bkmgtpe])?(?:i?b)?$/i.exec(value ?? '');
  if (!match) return undefined;
  const power = match[2] === undefined ? undefined : 'bkmgtpe'.indexOf(match[2].toLowerCase());
  return Number(match[1]) * (power === undefined ? unit : 1024 ** power);
}
