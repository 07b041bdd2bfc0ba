/** Section "kvmclock": the paravirtual clock, where KVM runs the guest. Source: QEMU hw/i386/kvm/clock.c. */
import { fieldsOf, type VMStateDescription } from '../../../../vmstate/vmstate.ts';
import { bool, u64 } from '../../../../vmstate/vmstate-types.ts';

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
