/** Sections of one device out of literal bytes, read and written as a stream's are. */
import { expect } from 'vitest';
import { QemuFileReader, QemuFileWriter } from '../../src/lib/vmstate/qemu-file.ts';
import {
  load,
  placedAt,
  save,
  type Loaded,
  type Placed,
  type VMStateDescription
} from '../../src/lib/vmstate/vmstate.ts';

/** Bytes in hexadecimal; spaces do not count. */
export const hex = (...parts: readonly string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));

export const zeros = (n: number): string => '00'.repeat(n);

/** A subsection's bytes in hexadecimal. */
export const subsection = (name: string, version: number, body: string): string =>
  `05 ${name.length.toString(16).padStart(2, '0')} ${Buffer.from(name).toString('hex')} ${version.toString(16).padStart(8, '0')} ${body}`;

/** Footer of section 5, then the next section's first bytes. */
export const FOOTER = '7e 00000005 04 00000006 03 616263';

export interface Section<S> extends Loaded<S> {
  /** The row at a path. */
  row(path: string): Placed | undefined;
}

/**
 * Loads a section with a footer behind it, and expects that it is read to its end and saves to the same bytes.
 */
export function roundTrip<S extends object>(
  vmsd: VMStateDescription<S>,
  body: Uint8Array,
  version = vmsd.version
): Section<S> {
  const file = new QemuFileReader(new Uint8Array([...body, ...hex(FOOTER)]));
  const loaded = load(file, vmsd, version);
  expect(loaded.failure).toBeUndefined();
  expect(file.pos).toBe(body.length);
  const out = new QemuFileWriter();
  save(out, vmsd, loaded.state, version);
  expect(Buffer.from(out.finish()).toString('hex')).toBe(Buffer.from(body).toString('hex'));
  return { ...loaded, row: (path) => placedAt(loaded.fields, path) };
}

/** Which bits of a row's value are set, and the values of its groups, by the names that its meaning gives. */
export function bitsOf(row: Placed | undefined): Record<string, number | string> {
  const value = BigInt(row?.value as number | bigint);
  const named: Record<string, number | string> = {};
  for (const { name, bit, width = 1, values } of row?.about?.bits ?? []) {
    const group = Number((value >> BigInt(bit)) & ((1n << BigInt(width)) - 1n));
    if (group !== 0) named[name] = values?.[group] ?? group;
  }
  return named;
}
