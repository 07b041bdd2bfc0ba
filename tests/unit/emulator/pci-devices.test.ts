/** Devices that -device puts in: they reset, save and load themselves before any driver has come. */
import { expect, test } from 'vitest';
import { loadDevice, saveDevice } from '../../../src/lib/emulator/hw/core/qdev.ts';
import { QemuFileReader } from '../../../src/lib/vmstate/qemu-file.ts';
import type { VMStateDescription } from '../../../src/lib/vmstate/vmstate.ts';
import { machineOf } from '../../support/machine.ts';

const OPTIONS = [
  ...['-M', 'pc-i440fx-7.2', '-m', '16', '-nodefaults', '-serial', 'null', '-chardev', 'null,id=agent'],
  ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', '-device', 'virtconsole'],
  ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
  ...['-netdev', 'user,id=n', '-device', 'virtio-net-pci,netdev=n', '-device', 'e1000,netdev=n,mac=52:54:00:00:00:09']
];

test.each(['virtio-rng', 'virtio-console', 'virtio-net', 'e1000'])('%s is saved as it is loaded', (name) => {
  const { machine } = machineOf(OPTIONS);
  const { device } = machine.devices.entries.find(({ idstr }) => idstr.endsWith(`/${name}`))!;
  device.reset?.();
  const body = saveDevice(device).finish();
  const { version } = device.vmsd as VMStateDescription<object>;
  const { failure, refusal, complaints } = loadDevice(device, new QemuFileReader(body), version);
  expect([failure, refusal, complaints]).toEqual([undefined, undefined, []]);
  expect(saveDevice(device).finish()).toEqual(body);
  machine.destroy();
});

test('ports get their numbers, names and character devices', () => {
  const { machine } = machineOf(OPTIONS);
  expect(machine.plan.pci.find(({ kind }) => kind === 'virtio-serial')).toMatchObject({
    ...{ slot: 3, vectors: 2, maxPorts: 31 },
    ports: [
      { id: 0, isConsole: true, chardev: undefined },
      { id: 1, isConsole: false, chardev: 'agent', name: 'org.qemu.guest_agent.0' }
    ]
  });
  expect([...machine.chardevs.keys()]).toEqual(['agent']);
  expect(machine.plan.pci.map(({ kind, slot }) => `${kind} ${slot}`)).toEqual([
    ...['virtio-rng 2', 'virtio-serial 3', 'virtio-net 4', 'e1000 5']
  ]);
  machine.destroy();
});
