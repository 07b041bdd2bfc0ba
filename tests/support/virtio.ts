/** Virtio devices' state out of literal bytes, written out by the rules of QEMU's virtio_save. */
import { MSIX_OF_TWO, pciDevice, TWO_VECTORS } from './pci.ts';
import { subsection, zeros } from './sections.ts';

const be = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, '0');

/** A virtio device behind PCI with two MSI-X vectors. */
export const virtio = ({
  features = '00000000',
  config = '',
  queues = 1,
  device = ''
}: {
  readonly features?: string;
  readonly config?: string;
  readonly queues?: number;
  readonly device?: string;
}): string =>
  [
    pciDevice({ 0: 'f41a 0110', ...TWO_VECTORS }),
    MSIX_OF_TWO,
    '0000', // config_vector
    '0f', // status
    '01', // isr
    be(0, 2), // queue_sel
    features,
    be(config.replaceAll(' ', '').length / 2, 4),
    config,
    be(queues, 4),
    ...Array.from({ length: queues }, (_, i) => `00000100 ${be(0x100000 + 0x1000 * i, 8)} ${be(7, 2)} 0001`),
    device
  ].join(' ');

/** A subsection with a struct for each of 1024 queues, the first one being given. */
export const forQueues = (name: string, first: string): string =>
  subsection(`virtio/${name}`, 1, first + zeros((1023 * first.replaceAll(' ', '').length) / 2));

/** What a device of virtio 1.0 sends behind its device part. */
export const modern = (features: string): string =>
  [
    subsection('virtio/64bit_features', 1, features),
    forQueues('virtqueues', '0000000000101000 0000000000102000'),
    subsection(
      'virtio/extra_state',
      1,
      subsection(
        'virtio_pci/modern_state',
        1,
        '00000001 00000000 00000000 00000000' +
          '0100 00 01 00100000 00000000 00101000 00000000 00102000 00000000' +
          zeros(1023 * 28)
      )
    ),
    subsection('virtio/started', 1, '01')
  ].join(' ');
