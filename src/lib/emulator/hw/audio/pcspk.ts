/** Section "pcspk": the speaker, port 61. Source: QEMU hw/audio/pcspk.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';

export interface PCSpkState {
  data_on: number;
  dummy_refresh_clock: number;
}

const spk = fieldsOf<PCSpkState>();
export const vmstate_spk: VMStateDescription<PCSpkState> = {
  name: 'pcspk',
  version: 1,
  minimumVersion: 1,
  doc: 'Speaker; its tone is channel 2 of the PIT.',
  fields: [
    spk('data_on', u8, { doc: 'bit 1 of port 61: speaker on' }),
    spk('dummy_refresh_clock', u8, { doc: 'bit 4 of port 61, which changes with every read', clock: true })
  ]
};
