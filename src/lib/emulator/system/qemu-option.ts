/** Properties of an option, each either used or refused by name. Source: QEMU util/qemu-option.c. */
import { isOn, type Properties } from '../../vmstate/command-line.ts';

/** Wrong or unsupported options; the message is what QEMU's would say in substance. */
export class OptionError extends Error {}

/**
 * What properties may say: `any` is for whoever reads it to check, `flag` is on or off; a list has the values that are as
 * this machine is, so that nothing needs to be done for them.
 */
export type Known = Readonly<Record<string, 'any' | 'flag' | readonly string[]>>;

/** A boolean in one spelling. */
const plain = (text: string): string => {
  const on = isOn(text);
  return on === undefined ? text : on ? 'on' : 'off';
};

/**
 * @param unknown says that there is no property of that name
 * @throws OptionError for a property or a value that is not known, by name
 */
export function checkProperties(
  option: string,
  list: Properties,
  known: Known,
  unknown = (name: string): string => `Invalid parameter '${name}'`
): void {
  for (const [name, value] of list) {
    const rule = Object.hasOwn(known, name) ? known[name]! : undefined;
    if (rule === undefined) throw new OptionError(`${option}: ${unknown(name)}`);
    if (rule === 'flag' && isOn(value) === undefined)
      throw new OptionError(`${option}: Parameter '${name}' expects 'on' or 'off'`);
    if (typeof rule !== 'string' && !rule.includes(plain(value)))
      throw new OptionError(`${option}: ${name}=${value} is not supported; there is: ${rule.join(', ')}`);
  }
}

export function flagOf(option: string, list: Properties, name: string, otherwise: boolean): boolean {
  checkProperties(option, new Map([...list].filter(([key]) => key === name)), { [name]: 'flag' });
  return isOn(list.get(name)) ?? otherwise;
}

/** A whole number in decimal or hexadecimal. @param most inclusive; @throws OptionError */
export function numberOf(option: string, list: Properties, name: string, otherwise: number, most: number): number {
  const text = list.get(name);
  if (text === undefined) return otherwise;
  const value = /^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
  if (!(value <= most)) throw new OptionError(`${option}: Parameter '${name}' expects a number up to ${most}`);
  return value;
}
