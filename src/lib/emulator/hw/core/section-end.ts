/**
 * Layouts that QEMU knows from its machine and does not send (how many CPUs are possible, whether a machine type of
 * old leaves a field out) are told by where the section would end: behind the right layout lies a subsection, the
 * section's footer or, in streams without footers, the next section. Nothing else of the stream looks like these.
 * Source: QEMU migration/savevm.h.
 */
import { BadField, ShortRead, type QemuFileReader } from '../../../vmstate/qemu-file.ts';
import type { Codec } from '../../../vmstate/vmstate.ts';
import { arrayOf } from '../../../vmstate/vmstate-types.ts';

const EOF = 0x00;
const FULL = 0x04;
const SUBSECTION = 0x05;
const VMDESCRIPTION = 0x06;
const COMMAND = 0x08;
const FOOTER = 0x7e;

/** Section ids count from 0, so that the upper half of one is zero. */
const sectionIdAt = (file: QemuFileReader, ahead: number): boolean =>
  file.peek(ahead) === 0 && file.peek(ahead + 1) === 0;

/** Whether a subsection begins `ahead` bytes on whose name begins so. */
export function subsectionAt(file: QemuFileReader, ahead: number, prefix: string): boolean {
  if (file.peek(ahead) !== SUBSECTION || (file.peek(ahead + 1) ?? 0) < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (file.peek(ahead + 2 + i) !== prefix.charCodeAt(i)) return false;
  return true;
}

/** Whether a section may be at its end `ahead` bytes on. */
export function sectionEndsAt(file: QemuFileReader, ahead: number): boolean {
  switch (file.peek(ahead)) {
    case FOOTER: {
      const next = file.peek(ahead + 5);
      return sectionIdAt(file, ahead + 1) && (next === undefined || next <= FULL || next === COMMAND);
    }
    case FULL:
      return sectionIdAt(file, ahead + 1) && (file.peek(ahead + 5) ?? 0) > 0;
    case EOF:
      return file.peek(ahead + 1) === VMDESCRIPTION;
    default:
      return false;
  }
}

/** What lies behind an array of unsent length. */
export interface Behind {
  /** What the names of its description's further subsections begin with. */
  readonly sibling: string;
  /** Bytes of the section behind those. */
  readonly rest: number;
  /** What the names of the section's subsections behind that begin with. */
  readonly parent: string;
}

/** Elements that begin with two bools. */
export interface UnsentCount {
  /** Bytes of one. */
  readonly size: number;
  readonly least: number;
  readonly most: number;
}

/** How many elements there are. Throws a ShortRead when the end is not at hand, a BadField when there is none. */
function count(file: QemuFileReader, { size, least, most }: UnsentCount, behind: Behind): number {
  const isBool = (at: number): boolean => {
    const byte = file.peek(at);
    if (byte === undefined) throw new ShortRead(file.offset + at, 1);
    return byte <= 1;
  };
  // What follows may look like elements, a named subsection never does.
  let likely = 0;
  while (likely < most && isBool(likely * size) && isBool(likely * size + 1)) likely++;
  if (likely >= least && subsectionAt(file, likely * size, behind.sibling)) return likely;
  for (let n = least; n <= likely; n++) {
    const end = n * size + behind.rest;
    if (sectionEndsAt(file, end) || subsectionAt(file, end, behind.parent)) return n;
  }
  throw new BadField(file.offset, `no number of elements leads to the end of the section`);
}

/** An array whose length only the sender's machine knew. */
export const arrayOfUnsentCount = <T>(element: Codec<T>, limits: UnsentCount, behind: Behind): Codec<T[]> => ({
  type: element.type,
  read: (file, into, place) => arrayOf(element, count(file, limits, behind)).read(file, into, place),
  write: (file, value) => value.forEach((v) => element.write(file, v))
});
