/** Reads the tokens of app.css as they are now. */
import type { Settings } from '../settings.svelte.ts';
import type { TokenReader } from './tokens.ts';

/** Depends on the theme: what was drawn with it is drawn anew when that changes. */
export function tokenReader(settings: Settings): TokenReader {
  void settings.dark;
  const style = getComputedStyle(document.documentElement);
  const known: Record<string, string> = {};
  return (token) => (known[token] ??= style.getPropertyValue(token).trim());
}
