/** Reads the tokens of app.css as they are now. */
import type { Settings } from '../settings.svelte.ts';
import type { TokenReader } from './tokens.ts';

/** Depends on the theme: what was drawn with it is drawn anew when that changes. */
export function tokenReader(settings: Settings): TokenReader {
  void settings.dark;
  const style = getComputedStyle(document.documentElement);
  const read = new Map<string, string>();
  return (token) => {
    let value = read.get(token);
    if (value === undefined) read.set(token, (value = style.getPropertyValue(token).trim()));
    return value;
  };
}
