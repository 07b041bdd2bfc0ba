/** States as QEMU prints them, taken apart: what differs between two, and a value put into our CPU. */
import type { TcgCpu } from '../../../src/lib/emulator/accel/tcg/cpu-exec.ts';
import { infoRegisters } from '../../../src/lib/emulator/monitor/info-registers.ts';
import { CC_MASK, FLAG } from '../../../src/lib/emulator/target/i386/env.ts';

const GENERAL = 'AX CX DX BX SP BP SI DI'.split(' ');
/** The printed text begins with an empty line and the CPU's number. */
const HEADER = '\nCPU#0\n'.length;

/** A CPU that has come to its HLT: native logs nothing before it goes on, as one that no longer waits. */
export const stateOf = (cpu: TcgCpu): string => infoRegisters(cpu).slice(HEADER).replace('HLT=1', 'HLT=0');

const SEGMENT_LINE = /^([CDEFGS]S|LDT|TR|GDT|IDT) *=(.*)$/;
const FIELD = /([A-Z]+\d*) *=([\da-f]+(?: [\da-f]+)*)/g;

/** Registers by QEMU's name; a segment's value is its whole line. */
export function fieldsOf(state: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of state.split('\n')) {
    const [, segment, cache] = SEGMENT_LINE.exec(line) ?? [];
    if (segment) fields.set(segment, cache!);
    else for (const [, name, value] of line.matchAll(FIELD)) fields.set(name!, value!);
  }
  return fields;
}

export interface Difference {
  readonly name: string;
  readonly native: string;
  readonly ours: string;
}

/** Whether the bits that differ are among some. */
export const within = ({ native, ours }: Difference, mask: number): boolean =>
  ((BigInt(`0x${native || 0}`) ^ BigInt(`0x${ours || 0}`)) & ~BigInt(mask)) === 0n;

export function differences(native: string, ours: string): Difference[] {
  const [theirs, mine] = [fieldsOf(native), fieldsOf(ours)];
  return [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((name) => {
    const [n, o] = [theirs.get(name) ?? '', mine.get(name) ?? ''];
    return n === o ? [] : [{ name, native: n, ours: o }];
  });
}

/** Number of a general register that the log calls RAX, EAX, R8; undefined for others. */
export function generalRegister(name: string): number | undefined {
  const legacy = GENERAL.indexOf(name.slice(1));
  if (/^[RE]/.test(name) && legacy >= 0) return legacy;
  return /^R\d+$/.test(name) ? Number(name.slice(1)) : undefined;
}
export const isFlags = (name: string): boolean => name === 'RFL' || name === 'EFL';

/** Flags that are not arithmetic and taken over too. */
const OTHERS = FLAG.DF | FLAG.RF;
/** TOP in the x87's status word. */
const TOP = 7 << 11;

/** Gives our CPU native's value of a general register, flags, the x87's status word or RIP. */
export function takeOver({ env }: TcgCpu, { name, native }: Difference): void {
  const register = generalRegister(name);
  if (register !== undefined) env.set64('regs', BigInt(`0x${native}`), register);
  else if (isFlags(name)) {
    env.set64('cc_src', BigInt(parseInt(native, 16) & CC_MASK));
    env.set('eflags', (env.get('eflags') & ~OTHERS) | (parseInt(native, 16) & OTHERS));
  } else if (name === 'FSW') env.set('fpus', parseInt(native, 16) & ~TOP);
  else if (name === 'RIP' || name === 'EIP') env.set64('eip', BigInt(`0x${native}`));
  else throw new RangeError(`${name} is not taken over`);
}
