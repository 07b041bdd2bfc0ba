/** What the cpu section says about where a vCPU is and how it reads memory. */
import { placedAt, type Placed } from '../../vmstate/vmstate.ts';

export type Bitness = 16 | 32 | 64;

export interface Vcpu {
  /** Linear address of the next instruction. */
  readonly rip: bigint | undefined;
  readonly cr3: bigint | undefined;
  readonly bitness: Bitness;
}

// QEMU target/i386/cpu.h: HF_CS32_SHIFT, HF_CS64_SHIFT.
const HF_CS32 = 1n << 4n;
const HF_CS64 = 1n << 15n;

/** @param fields rows of a cpu section */
export function vcpuOf(fields: readonly Placed[]): Vcpu {
  const register = (path: string): bigint | undefined => {
    const value = placedAt(fields, path)?.value;
    return typeof value === 'bigint' || typeof value === 'number' ? BigInt.asUintN(64, BigInt(value)) : undefined;
  };
  const hflags = register('env.hflags') ?? 0n;
  const bitness: Bitness = hflags & HF_CS64 ? 64 : hflags & HF_CS32 ? 32 : 16;
  const eip = register('env.eip');
  // In 64-bit mode the base of CS is not added.
  const base = bitness === 64 ? 0n : (register('env.segs[1].base') ?? 0n);
  return { rip: eip === undefined ? undefined : BigInt.asUintN(64, eip + base), cr3: register('env.cr[3]'), bitness };
}
