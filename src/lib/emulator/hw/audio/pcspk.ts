/** Section "pcspk": the speaker, port 61. Source: QEMU hw/audio/pcspk.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

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

/** The channel of the PIT that makes the tone (QEMU: pit_get_channel_info, pit_set_gate). */
export interface PCSpkTone {
  channelInfo(channel: number): { readonly gate: number; readonly out: number };
  setGate(channel: number, gate: number): void;
}

export class PCSpk implements PCSpkState, Device {
  readonly idstr = 'pcspk';
  readonly vmsd = vmstate_spk;
  data_on = 0;
  dummy_refresh_clock = 0;

  constructor({ ports }: DeviceHost, pit: PCSpkTone, iobase = 0x61) {
    const region = MemoryRegion.io('pcspk', 1, {
      impl: { min: 1, max: 1 },
      read: () => {
        const { gate, out } = pit.channelInfo(2);
        this.dummy_refresh_clock ^= 1 << 4;
        return gate | (this.data_on << 1) | this.dummy_refresh_clock | (out << 5);
      },
      write: (_at, value) => {
        this.data_on = (value >> 1) & 1;
        pit.setGate(2, value & 1);
      }
    });
    ports.register(iobase, region);
  }
}
