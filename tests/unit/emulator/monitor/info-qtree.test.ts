import { afterAll, expect, test } from 'vitest';
import { infoQtree } from '../../../../src/lib/emulator/monitor/info-qtree.ts';
import { machineOf } from '../../../support/machine.ts';

const { machine } = machineOf([
  ...['-M', 'pc-i440fx-11.0', '-m', '16', '-nodefaults', '-serial', 'null', '-chardev', 'null,id=agent'],
  ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=agent'],
  ...['-netdev', 'user,id=n', '-device', 'e1000,netdev=n', '-device', 'isa-debug-exit']
]);
afterAll(() => machine.destroy());

test('Devices lie on their buses, the newest first', () => {
  const text = infoQtree(machine, '-b');
  expect(text).toContain(
    [
      ...['      dev: e1000, id ""', '      dev: virtio-serial-pci, id ""', '        bus: virtio-bus'],
      ...['          type virtio-pci-bus', '          dev: virtio-serial-device, id ""'],
      ...['            bus: virtio-serial-bus.0', '              type virtio-serial-bus'],
      ...['              dev: virtserialport, id ""', '      dev: virtio-rng-pci, id ""']
    ].join('\n')
  );
  expect(text).toContain('        bus: isa.0\n          type ISA\n          dev: isa-debug-exit, id ""');
  expect(text).not.toContain('class');
});

test('Without -b PCI devices say what and where they are', () => {
  expect(infoQtree(machine)).toContain(
    '      dev: e1000, id ""\n        class Ethernet controller, addr 00:04.0, pci id 8086:100e (sub 1af4:1100)\n'
  );
});

test('Sections that are kept as they came are told apart', () => {
  machine.layout = [{ name: 'slirp', instance: 0, sectionId: 9, version: 0, frozen: new Uint8Array(4) }];
  expect(infoQtree(machine)).toContain('  section slirp/0: kept as it came, nothing here models it');
});
