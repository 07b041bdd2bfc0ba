/** Section "globalstate": what the machine was doing when it was stopped. Source: QEMU migration/global_state.c. */
import { fieldsOf, type VMStateDescription } from '../../vmstate/vmstate.ts';
import { buffer, fixedText, u32, u8 } from '../../vmstate/vmstate-types.ts';

/** Source: qapi/run-state.json RunState. */
const RUN_STATES = new Set(
  (
    'debug inmigrate internal-error io-error paused postmigrate prelaunch finish-migrate restore-vm running save-vm ' +
    'shutdown suspended watchdog guest-panicked colo preconfig'
  ).split(' ')
);

export interface GlobalState {
  size: number;
  runstate: string;
  has_vm_was_suspended: number;
  vm_was_suspended: number;
  unused: Uint8Array;
}

const g = fieldsOf<GlobalState>();
/** Before 8.2 runstate had all 100 bytes and ended in zeros, which say the same as the fields that it gave way to. */
export const vmstate_globalstate: VMStateDescription<GlobalState> = {
  name: 'globalstate',
  version: 1,
  minimumVersion: 1,
  doc: 'What the machine was doing when it was stopped.',
  fields: [
    g('size', u32, { doc: 'length of runstate with its NUL', unit: 'bytes' }),
    g('runstate', fixedText(32), {
      doc: 'the receiver goes on so',
      check: ({ runstate }) => (RUN_STATES.has(runstate) ? undefined : `invalid parameter value: ${runstate}`)
    }),
    g('has_vm_was_suspended', u8, { doc: 'the next field counts' }),
    g('vm_was_suspended', u8, { doc: 'the guest sleeps (ACPI S3)' }),
    g('unused', buffer(66))
  ]
};
