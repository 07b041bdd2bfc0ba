/** The terminal's colours, from the page's tokens. */
import type { ITheme } from '@xterm/xterm';

const tokens = {
  background: '--bg',
  foreground: '--text',
  cursor: '--accent',
  cursorAccent: '--on-accent',
  selectionBackground: '--selected',
  red: '--bad',
  green: '--good',
  yellow: '--warn',
  blue: '--link'
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** @param element any in the page: custom properties are inherited */
export function terminalTheme(element: Element): ITheme {
  const style = getComputedStyle(element);
  return Object.fromEntries(
    Object.entries(tokens).map(([name, token]) => [name, style.getPropertyValue(token).trim()])
  ) as ITheme;
}
