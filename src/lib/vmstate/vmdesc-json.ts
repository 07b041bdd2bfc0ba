/**
 * The text behind EOF as JSON, as far as it goes: of a damaged or cut text the devices before the damage are kept, and
 * those after it that can be told apart. `JSON.parse` alone is not enough: it takes seconds and gigabytes for a text of
 * nothing but brackets.
 */

export interface VmDescriptionText {
  /** undefined when not even a beginning could be read. */
  readonly json: unknown;
  /** Index into the text where it stops being JSON; absent for a good text. */
  readonly damagedAt?: number;
}

/** QEMU's own descriptions nest less than 50 deep. */
const MAX_DEPTH = 500;
/** Objects and arrays; a machine of 256 vCPUs has a quarter of that. A parsed one takes a hundred bytes. */
const MAX_CONTAINERS = 1 << 20;
/** Of those that are looked for behind damage. */
const MAX_DEVICES = 1 << 16;
/** Values of any kind. */
const MAX_VALUES = 1 << 22;

/** How far a JSON text makes sense, and how to end it early. */
interface Scan {
  /** Behind the last character that was as it should be. */
  readonly end: number;
  /** Whether a whole value ends at `end`. */
  readonly whole: boolean;
  /** text.slice(start, cut) + closers is JSON; cut is `start` when there is nothing to keep. */
  readonly cut: number;
  readonly closers: string;
}

const CODE = (c: string): number => c.charCodeAt(0);
const [QUOTE, BACKSLASH, COMMA, COLON] = [CODE('"'), CODE('\\'), CODE(','), CODE(':')];
const [BRACE, BRACKET, BRACE_END, BRACKET_END] = [CODE('{'), CODE('['), CODE('}'), CODE(']')];
const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
const scalar = /(?:-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,20})?|true|false|null)(?=[\s,\]}])/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** Behind the string that begins at `at`; the complement (~) of the place where it stops being a string. */
function skipString(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) return i + 1;
    if (c < 0x20) break;
    if (c === BACKSLASH) {
      escape.lastIndex = i;
      if (!escape.test(text)) break;
      i = escape.lastIndex;
    } else i++;
  }
  return ~i;
}

/** Walks one JSON value without making it. */
function scan(text: string, start: number): Scan {
  const open: number[] = [];
  // What may come next: a value, a value or the end of an array, a key or the end of an object, a key, a colon, or a
  // comma or end.
  let next: 'value' | 'first' | 'first-key' | 'key' | 'colon' | 'more' = 'value';
  let cut = start;
  let containers = 0;
  let values = 0;
  const stop = (end: number): Scan => {
    const closers = open.map((c) => (c === BRACE ? '}' : ']')).reverse();
    return { end, whole: false, cut, closers: closers.join('') };
  };
  for (let i = start; i < text.length;) {
    const c = text.charCodeAt(i);
    if (isSpace(c)) i++;
    else if (next === 'colon') {
      if (c !== COLON) return stop(i);
      next = 'value';
      i++;
    } else if (next === 'more' && c === COMMA) {
      if (values++ === MAX_VALUES) return stop(i);
      cut = i++;
      next = open.at(-1) === BRACE ? 'key' : 'value';
    } else if (
      (c === BRACE_END && open.at(-1) === BRACE && (next === 'more' || next === 'first-key')) ||
      (c === BRACKET_END && open.at(-1) === BRACKET && (next === 'more' || next === 'first'))
    ) {
      open.pop();
      cut = ++i;
      next = 'more';
      if (open.length === 0) return { end: i, whole: true, cut, closers: '' };
    } else if (next === 'key' || next === 'first-key') {
      const end = c === QUOTE ? skipString(text, i) : ~i;
      if (end < 0) return stop(~end);
      i = end;
      next = 'colon';
    } else if (next === 'more') return stop(i);
    else if (c === BRACE || c === BRACKET) {
      if (open.length === MAX_DEPTH || containers++ === MAX_CONTAINERS) return stop(i);
      open.push(c);
      cut = ++i;
      next = c === BRACE ? 'first-key' : 'first';
    } else if (c === QUOTE) {
      const end = skipString(text, i);
      if (end < 0) return stop(~end);
      i = end;
      next = 'more';
    } else {
      scalar.lastIndex = i;
      // A number at the very end may have lost digits: it does not count.
      if (!scalar.test(text)) return stop(i);
      i = scalar.lastIndex;
      next = 'more';
    }
    if (next === 'more' && open.length === 0) return { end: i, whole: true, cut: i, closers: '' };
  }
  return stop(text.length);
}

/** The devices whose objects begin behind `from` and are whole. */
function devicesBehind(text: string, from: number): unknown[] {
  const found: unknown[] = [];
  const begin = /\{\s*"name"\s*:\s*"[^"\\]{0,300}",\s*"instance_id"/g;
  begin.lastIndex = from;
  for (let match = begin.exec(text); match && found.length < MAX_DEVICES; match = begin.exec(text)) {
    const { end, whole } = scan(text, match.index);
    if (whole) found.push(JSON.parse(text.slice(match.index, end)));
    begin.lastIndex = Math.max(end, match.index + 1);
  }
  return found;
}

/**
 * Parses a vmdescription's text. Never throws; time and memory are in proportion to the length.
 * @param text at most what the caller is ready to hold, for example 64 MiB
 */
export function parseVmDescriptionText(text: string): VmDescriptionText {
  const { end, whole, cut, closers } = scan(text, 0);
  if (whole) {
    const json: unknown = JSON.parse(text.slice(0, end));
    return text.slice(end).trim() === '' ? { json } : { json, damagedAt: end };
  }
  if (cut === 0) return { json: undefined, damagedAt: end };
  const json = JSON.parse(text.slice(0, cut) + closers) as { devices?: unknown };
  if (Array.isArray(json.devices)) for (const device of devicesBehind(text, end)) json.devices.push(device);
  return { json, damagedAt: end };
}
