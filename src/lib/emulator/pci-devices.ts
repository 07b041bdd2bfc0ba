/** PCI devices beside disks and display, made as their plan says, with what is behind them. */
import type { Chardev } from './chardev/char.ts';
import { VirtioSerialDevice } from './hw/char/virtio-serial-device.ts';
import { vmstate_virtio_console } from './hw/char/virtio-serial-bus.ts';
import type { Device, DeviceHost } from './hw/core/qdev.ts';
import { E1000Device } from './hw/net/e1000-device.ts';
import { VirtioNetDevice } from './hw/net/virtio-net-device.ts';
import { vmstate_virtio_net } from './hw/net/virtio-net.ts';
import { devfnOf } from './hw/pci/pci_device.ts';
import type { PCIRootBus } from './hw/pci/pci_bus.ts';
import { VirtioPCI } from './hw/virtio/virtio-pci-proxy.ts';
import { VirtIORNG, vmstate_virtio_rng } from './hw/virtio/virtio-rng.ts';
import { LocalNetwork } from './net/local.ts';
import type { PCIDevicePlan } from './pci-plan.ts';
import { Prng } from './util/prng.ts';

export interface PCISurroundings {
  readonly host: DeviceHost;
  readonly bus: PCIRootBus;
  /** The character device of that id, made where it is not there yet. */
  readonly chardev: (id: string) => Chardev;
  /** What random numbers begin with: the same in a replay. */
  readonly seed: bigint;
  /** First version of QEMU that has the machine type, as `machineVersion` says it. */
  readonly version: number;
}

/** Queues can be reset one by one in machine types from this version on. */
const WITH_QUEUE_RESET = 702;

export function makePCIDevice(plan: PCIDevicePlan, { host, bus, chardev, seed, version }: PCISurroundings): Device {
  const devfn = devfnOf(plan.slot, 0);
  const queueReset = version >= WITH_QUEUE_RESET;
  switch (plan.kind) {
    case 'virtio-rng': {
      const device = new VirtIORNG(host, { rng: new Prng(seed + BigInt(plan.slot)), queueReset });
      return new VirtioPCI(bus, devfn, device, vmstate_virtio_rng, plan);
    }
    case 'virtio-serial': {
      const ports = plan.ports.map(({ chardev: id, ...port }) => ({
        ...port,
        chr: id === undefined ? id : chardev(id)
      }));
      const device = new VirtioSerialDevice(host, { ports, maxPorts: plan.maxPorts, queueReset });
      return new VirtioPCI(bus, devfn, device, vmstate_virtio_console, plan);
    }
    case 'virtio-net': {
      const backend = new LocalNetwork(host.clocks.virtual);
      const device = new VirtioNetDevice(host, { ...plan, backend, queueReset });
      return new VirtioPCI(bus, devfn, device, vmstate_virtio_net, plan);
    }
    case 'e1000':
      return new E1000Device(host, bus, devfn, { mac: plan.mac, backend: new LocalNetwork(host.clocks.virtual) });
  }
}
