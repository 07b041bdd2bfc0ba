/**
 * The JSON behind EOF for a stream of ours, from the rows that the sections read back as.
 * Source: QEMU migration/savevm.c (qemu_savevm_state_end), migration/vmstate.c (vmsd_desc_field_start).
 */
import type { Placed } from './vmstate.ts';

/** One device of the description; `fields` as QEMU writes them. */
export interface DeviceDescription {
  readonly name: string;
  readonly instance_id: number;
  readonly vmsd_name: string;
  readonly version: number;
  readonly fields: readonly Entry[];
  readonly subsections?: readonly Nested[];
}
interface Nested {
  readonly vmsd_name: string;
  readonly version: number;
  readonly fields: readonly Entry[];
  readonly subsections?: readonly Nested[];
}
interface Entry {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly index?: number;
  readonly struct?: Nested;
}

const isSubsection = (row: Placed): boolean => row.type === 'subsection';
/** Bytes with rows of their meaning stay one field, as for QEMU. */
const isComposite = (row: Placed): boolean => row.children !== undefined && !(row.value instanceof Uint8Array);

function entry(name: string, row: Placed, index?: number): Entry {
  return {
    name,
    ...(index === undefined ? {} : { index }),
    type: isComposite(row) ? 'struct' : row.type,
    ...(isComposite(row) ? { struct: nested(name, row.children!) } : {}),
    size: row.end - row.start
  };
}

function entries(row: Placed): readonly Entry[] {
  const elements = row.children ?? [];
  if (isComposite(row) && elements.every((e) => e.name.startsWith('['))) {
    return elements.map((element, index) => entry(row.name, element, index));
  }
  return [entry(row.name, row)];
}

/** Subsections have their version in their header: name:counted version:u32, which their rows do not repeat. */
const nested = (vmsd_name: string, rows: readonly Placed[], version = 1): Nested => {
  const subsections = rows.filter(isSubsection).map((row) => nested(row.name, row.children ?? []));
  return {
    ...{ vmsd_name, version, fields: rows.filter((row) => !isSubsection(row)).flatMap(entries) },
    ...(subsections.length > 0 ? { subsections } : {})
  };
};

/** @param rows of the section's body, as `load` gives them */
export const describeDevice = (
  name: string,
  instance: number,
  vmsd: { readonly name: string; readonly version: number },
  rows: readonly Placed[]
): DeviceDescription => ({
  ...{ name, instance_id: instance },
  ...nested(vmsd.name, rows, vmsd.version)
});

/** The text of the whole. @param devices in the order of their sections; of frozen ones what their sender said */
export const vmDescriptionText = (pageSize: number, devices: readonly unknown[]): string =>
  JSON.stringify({ page_size: pageSize, devices });
