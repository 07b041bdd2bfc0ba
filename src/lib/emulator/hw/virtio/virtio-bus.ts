/** The section of a virtio device, whichever transport it is behind. Source: QEMU hw/virtio/virtio-bus.c, hw/virtio/virtio.c. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { virtio_mmio_bus, type VirtIOMMIODevice } from './virtio-mmio.ts';
import { virtio_pci_bus, type VirtIOPCIDevice } from './virtio-pci.ts';
import { vmstateVirtio, type VirtioDeviceClass, type VirtIODevice } from './virtio.ts';

/**
 * VMSTATE_VIRTIO_DEVICE. The transport is told by the first word: PCI begins with the version of the PCI device, which
 * is 2, and MMIO with host_features_sel, which is 0 or 1.
 */
function virtioDevice<S extends VirtIODevice>(device: VirtioDeviceClass<S>): Codec<S> {
  const pci = struct(vmstateVirtio<S & VirtIOPCIDevice>(virtio_pci_bus, device));
  const mmio = struct(vmstateVirtio<S & VirtIOMMIODevice>(virtio_mmio_bus, device));
  return {
    type: 'virtio',
    read(file, into, place) {
      const isMmio = !file.peek(0) && !file.peek(1) && !file.peek(2) && (file.peek(3) ?? 2) < 2;
      return isMmio
        ? mmio.read(file, into as S & VirtIOMMIODevice, place)
        : pci.read(file, into as S & VirtIOPCIDevice, place);
    },
    write(file, value) {
      if ('mmio' in value) mmio.write(file, value as S & VirtIOMMIODevice);
      else pci.write(file, value as S & VirtIOPCIDevice);
    }
  };
}

/** The description of a virtio device's section. */
export function virtioSection<S extends VirtIODevice>(device: VirtioDeviceClass<S>): VMStateDescription<{ virtio: S }> {
  const virtio = fieldsOf<{ virtio: VirtIODevice }>();
  return {
    name: device.name,
    version: device.version,
    minimumVersion: device.version,
    fields: [
      virtio('virtio', virtioDevice(device) as unknown as Codec<VirtIODevice>, {
        doc: 'Transport, rings and device'
      }),
      ...(device.behind ?? [])
    ]
  };
}
