/** Section "kvmclock": the paravirtual clock, where KVM runs the guest. Source: QEMU hw/i386/kvm/clock.c. */
import { fieldsOf, type VMStateDescription } from '../../../../vmstate/vmstate.ts';
import { bool, u64 } from '../../../../vmstate/vmstate-types.ts';
import type { AddressSpace } from '../../../system/memory.ts';
import type { Device } from '../../core/qdev.ts';

export interface KVMClockState {
  clock: bigint;
  clock_is_reliable: boolean;
}

const clock = fieldsOf<KVMClockState>();
/** QEMU calls it kvmclock_vmsd. */
export const vmstate_kvmclock: VMStateDescription<KVMClockState> = {
  name: 'kvmclock',
  version: 1,
  minimumVersion: 1,
  doc: 'Time that KVM tells the guest.',
  fields: [clock('clock', u64, { unit: 'ns', clock: true })],
  subsections: [
    {
      name: 'kvmclock/clock_is_reliable',
      version: 1,
      minimumVersion: 1,
      fields: [clock('clock_is_reliable', bool, { doc: 'the receiver may take the clock as it is' })]
    }
  ]
};

/** What the clock needs of the CPU and of memory. */
export interface KVMClockSurroundings {
  readonly memory: Pick<AddressSpace, 'read' | 'write'>;
  /** MSR 4b564d01 as the guest has set it: the page's address, and bit 0 while it is in use. */
  readonly systemTimeMsr: () => bigint;
  /** The guest's TSC. */
  readonly tsc: () => bigint;
  readonly ticksPerSecond: () => bigint;
  /** ns of the virtual clock, which stands still with the machine. */
  readonly now: () => bigint;
}

const NS_A_SECOND = 1_000_000_000n;
const U32 = 32n;
/** Beyond what addresses can be, there is no page. */
const MAX_PAGE = 1n << 52n;
const ENABLED = 1n;
/** struct pvclock_vcpu_time_info. */
const PAGE = { version: 0, tscTimestamp: 8, systemTime: 16, mul: 24, shift: 28, flags: 29 } as const;
const GUEST_STOPPED = 2;

/**
 * Ticks to ns: ((ticks << shift) * mul) >> 32, `shift` to the right where it is negative.
 * Source: Linux Documentation/virt/kvm/x86/msr.rst.
 */
export function timeScale(ticksPerSecond: bigint): { readonly mul: number; readonly shift: number } {
  let [shift, ticks] = [0, ticksPerSecond];
  for (; ticks > NS_A_SECOND * 2n; shift--) ticks >>= 1n;
  for (; ticks <= NS_A_SECOND; shift++) ticks <<= 1n;
  return { mul: Number((NS_A_SECOND << U32) / ticks), shift };
}

/**
 * The page that a guest taken from KVM reads its time from. Its TSC goes on evenly while the machine runs, so that the page
 * is right from one start to the next.
 */
export class KVMClock implements Device {
  readonly idstr = 'kvmclock';
  readonly vmsd = vmstate_kvmclock as never;
  readonly state: KVMClockState = { clock: 0n, clock_is_reliable: true };
  readonly #around: KVMClockSurroundings;
  /** `state.clock` was right at this moment of the virtual clock. */
  #since = 0n;

  constructor(around: KVMClockSurroundings) {
    this.#around = around;
  }

  preSave(): void {
    const now = this.#around.now();
    this.state.clock = BigInt.asUintN(64, this.state.clock + now - this.#since);
    this.#since = now;
  }
  postLoad(): void {
    this.#since = this.#around.now();
  }

  vmStateChange(running: boolean): void {
    const { memory, systemTimeMsr, tsc, ticksPerSecond } = this.#around;
    const msr = systemTimeMsr();
    if (!running || !(msr & ENABLED) || msr >= MAX_PAGE) return;
    this.preSave();
    const page = Number(msr & ~ENABLED);
    const write64 = (at: number, value: bigint): void => {
      memory.write(page + at, Number(value & 0xffff_ffffn), 4);
      memory.write(page + at + 4, Number((value >> U32) & 0xffff_ffffn), 4);
    };
    const { mul, shift } = timeScale(ticksPerSecond());
    write64(PAGE.tscTimestamp, BigInt.asUintN(64, tsc()));
    write64(PAGE.systemTime, this.state.clock);
    memory.write(page + PAGE.mul, mul, 4);
    memory.write(page + PAGE.shift, shift & 0xff, 1);
    memory.write(page + PAGE.flags, memory.read(page + PAGE.flags, 1) & ~GUEST_STOPPED, 1);
    // Even: nobody is writing; another: what was read before does not count.
    memory.write(page + PAGE.version, ((memory.read(page + PAGE.version, 4) | 1) + 1) >>> 0, 4);
  }
}
