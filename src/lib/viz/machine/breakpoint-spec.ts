/** Breakpoints as a person writes them, and as they are listed. */
import type { AccessKind, Breakpoint, BreakpointSpec } from '../../emulator/machine-api.ts';
import { plainHex } from '../format.ts';
import { parseNumber } from '../places.ts';
import { addressFrom } from './address.ts';

export interface BreakpointForm {
  readonly kind: BreakpointSpec['kind'];
  readonly where: string;
  readonly space: 'virtual' | 'physical';
  readonly bytes: string;
  readonly access: AccessKind;
  readonly condition: string;
}

/** What each kind is called, and what its place looks like. */
export const kinds: Readonly<
  Record<BreakpointSpec['kind'], { readonly title: string; readonly where: string; readonly example: string }>
> = {
  code: { title: 'Code', where: 'address', example: '0x… or symbol' },
  data: { title: 'Data', where: 'address', example: '0x… or symbol' },
  port: { title: 'Port', where: 'port', example: '0x3f8 or 0x3f8-0x3ff' },
  msr: { title: 'MSR', where: 'index', example: '0xc0000082' },
  vector: { title: 'Interrupt or exception', where: 'vector', example: '14 or 0xec' },
  field: { title: 'Device field', where: 'field', example: 'apic/0 tpr' }
};

/** @throws where it cannot be understood, with what would be */
export async function specFrom(
  form: BreakpointForm,
  lookUp: (name: string) => Promise<bigint | undefined>
): Promise<BreakpointSpec> {
  const condition = form.condition.trim();
  return { ...(await placeFrom(form, lookUp)), ...(condition === '' ? {} : { condition }) };
}

async function placeFrom(
  { kind, where, space, bytes, access }: BreakpointForm,
  lookUp: (name: string) => Promise<bigint | undefined>
): Promise<BreakpointSpec> {
  switch (kind) {
    case 'code':
      return { kind, address: await addressFrom(where, lookUp) };
    case 'data':
      return {
        kind,
        space,
        address: await addressFrom(where, lookUp),
        bytes: numberFrom(bytes, 2 ** 30, 'bytes'),
        access
      };
    case 'port': {
      const [first, last] = where.split(/-|\.\.|\bto\b/);
      const port = numberFrom(first!, 0xffff, 'port');
      const end = last === undefined ? port : numberFrom(last, 0xffff, 'port');
      if (end < port) throw new Error('the last port is before the first');
      return { kind, port, ports: end - port + 1, access };
    }
    case 'msr':
      return { kind, index: numberFrom(where, 0xffff_ffff, 'MSR'), access };
    case 'vector':
      return { kind, vector: numberFrom(where, 255, 'vector') };
    case 'field': {
      const [, section, path] = /^\s*(\S+\/\d+)\s+(.*\S)\s*$/.exec(where) ?? [];
      if (section === undefined || path === undefined)
        throw new Error("a field is 'name/instance path', as Devices lists it");
      return { kind, section, path };
    }
  }
}

function numberFrom(text: string, most: number, what: string): number {
  const value = parseNumber(text.trim());
  if (value === undefined || value > BigInt(most))
    throw new Error(`'${text.trim()}' is no ${what}: 0 to ${plainHex(most)}`);
  return Number(value);
}

const ways: Readonly<Record<AccessKind, string>> = { read: 'read', write: 'write', access: 'read or write' };

/** `Code at 0xffffffff81000000`, `Port 0x3f8 to 0x3ff, write`. */
export function titleOf(b: BreakpointSpec): string {
  switch (b.kind) {
    case 'code':
      return `Code at ${plainHex(b.address, 16)}`;
    case 'data':
      return `${ways[b.access]} of ${b.bytes} ${b.bytes === 1 ? 'byte' : 'bytes'} at ${b.space} ${plainHex(b.address, 16)}`;
    case 'port': {
      const range = b.ports > 1 ? ` to ${plainHex(b.port + b.ports - 1)}` : '';
      return `${ways[b.access]} of port ${plainHex(b.port)}${range}`;
    }
    case 'msr':
      return `${ways[b.access]} of MSR ${plainHex(b.index)}`;
    case 'vector':
      return `vector ${plainHex(b.vector, 2)}`;
    case 'field':
      return `${b.section} ${b.path} changes`;
  }
}

export const conditionOf = (b: Breakpoint): string => (b.condition === undefined ? '' : ` if ${b.condition}`);
