/** Virtio keyboard, mouse and tablet. Source: QEMU hw/input/virtio-input.c; virtio 1.2 section 5.8. */
import { reg8, regBytes } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';

export const vmstate_virtio_input = virtioSection({
  name: 'virtio-input',
  version: 1,
  features: [],
  config: [
    reg8(0, 'select', {
      values: {
        0: 'nothing',
        1: 'ID_NAME',
        2: 'ID_SERIAL',
        3: 'ID_DEVIDS',
        0x10: 'PROP_BITS',
        0x11: 'EV_BITS',
        0x12: 'ABS_INFO'
      },
      radix: 16
    }),
    reg8(1, 'subsel'),
    reg8(2, 'size', { unit: 'bytes' }),
    regBytes(8, 128, 'u', { doc: 'What was selected' })
  ]
});
