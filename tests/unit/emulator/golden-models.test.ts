/**
 * Devices that run, filled from streams of native QEMU: they must take every state, and give it back byte for byte as
 * long as nothing has happened.
 */
import { describe, expect, test } from 'vitest';
import { BlockBackend } from '../../../src/lib/emulator/block/block-backend.ts';
import { Completions } from '../../../src/lib/emulator/block/completions.ts';
import { PIIX4PM } from '../../../src/lib/emulator/hw/acpi/piix4.ts';
import { VirtIOBlk, vmstate_virtio_blk } from '../../../src/lib/emulator/hw/block/virtio-blk.ts';
import { DeviceList, saveDevice, type Device } from '../../../src/lib/emulator/hw/core/qdev.ts';
import { ISAFdc } from '../../../src/lib/emulator/hw/block/fdc-controller.ts';
import { PCIVGA } from '../../../src/lib/emulator/hw/display/vga-pci.ts';
import { I8257 } from '../../../src/lib/emulator/hw/dma/i8257.ts';
import { I2CBusModel } from '../../../src/lib/emulator/hw/i2c/core.ts';
import { SMBusEEPROM } from '../../../src/lib/emulator/hw/i2c/smbus_eeprom.ts';
import { VAPICROM } from '../../../src/lib/emulator/hw/i386/vapic.ts';
import { VMMouse } from '../../../src/lib/emulator/hw/i386/vmmouse.ts';
import { Vmport } from '../../../src/lib/emulator/hw/i386/vmport.ts';
import { PIIX3IDE } from '../../../src/lib/emulator/hw/ide/piix.ts';
import { E1000Device } from '../../../src/lib/emulator/hw/net/e1000-device.ts';
import { VirtioNetDevice } from '../../../src/lib/emulator/hw/net/virtio-net-device.ts';
import { vmstate_virtio_net } from '../../../src/lib/emulator/hw/net/virtio-net.ts';
import { LocalNetwork } from '../../../src/lib/emulator/net/local.ts';
import { defaultMac } from '../../../src/lib/emulator/net/net.ts';
import { vmstate_virtio_console } from '../../../src/lib/emulator/hw/char/virtio-serial-bus.ts';
import { VirtioSerialDevice } from '../../../src/lib/emulator/hw/char/virtio-serial-device.ts';
import { FWCfg } from '../../../src/lib/emulator/hw/nvram/fw_cfg.ts';
import { VirtioPCI } from '../../../src/lib/emulator/hw/virtio/virtio-pci-proxy.ts';
import { VirtIORNG, vmstate_virtio_rng } from '../../../src/lib/emulator/hw/virtio/virtio-rng.ts';
import { planOf } from '../../../src/lib/emulator/machine-plan.ts';
import { loadVmState } from '../../../src/lib/emulator/migration/incoming.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { readRange } from '../../../src/lib/vmstate/source.ts';
import { goldens, withState } from '../../support/golden.ts';
import { pcBoard, type PCBoard } from '../../support/pc-board.ts';

const SCENARIOS = /\/(pc|pc-seed|linux-seed|linux|running|virtio|net|in-flight-(ide-hd|virtio-blk-pci)|pc-storage)$/;
const all = goldens().filter(({ name }) => SCENARIOS.test(name));
if (all.length === 0) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** Places a device as its section says: `0000:00:03.0/virtio-blk`. */
const devfnOf = (idstr: string): number => (parseInt(idstr.slice(8, 10), 16) << 3) | Number(idstr[11]);

/** What makes a device for a section's name. */
const MAKERS: Readonly<Record<string, (board: PCBoard, devfn: number) => Device>> = {
  vga: (board, devfn) =>
    new PCIVGA(board.host, board.bus, devfn, {
      ...{ vramSize: 16 << 20, romSize: 0x10000, edid: undefined, globalVmstate: false }
    }),
  'virtio-blk': (board, devfn) => {
    const blk = new BlockBackend('virtio0', new Completions());
    return new VirtioPCI(board.bus, devfn, new VirtIOBlk(board.host, { blk }), vmstate_virtio_blk, { vectors: 2 });
  },
  e1000: (board, devfn) => {
    const backend = new LocalNetwork(board.host.clocks.virtual);
    return new E1000Device(board.host, board.bus, devfn, { backend, mac: defaultMac(0) });
  },
  'virtio-net': (board, devfn) => {
    const backend = new LocalNetwork(board.host.clocks.virtual);
    const device = new VirtioNetDevice(board.host, { backend, mac: defaultMac(1) });
    return new VirtioPCI(board.bus, devfn, device, vmstate_virtio_net, { vectors: 4 });
  },
  // As -device virtserialport and -device virtconsole have it, without anybody behind.
  'virtio-console': (board, devfn) => {
    const ports = [
      { id: 1, isConsole: false },
      { id: 0, isConsole: true }
    ];
    const device = new VirtioSerialDevice(board.host, { ports });
    return new VirtioPCI(board.bus, devfn, device, vmstate_virtio_console, { vectors: 2 });
  },
  'virtio-rng': (board, devfn) =>
    new VirtioPCI(board.bus, devfn, new VirtIORNG(board.host, { rng: { fill: () => {} } }), vmstate_virtio_rng, {
      vectors: 2
    })
};

const pm = (board: PCBoard, smbus: I2CBusModel): PIIX4PM => {
  const nothing = () => {};
  const requests = { shutdownRequest: nothing, suspendRequest: nothing, wakeupRequest: nothing };
  return new PIIX4PM(board.bus, 0x0b, { host: board.host, smbus, sci: board.isaIrqs[9]!, smi: nothing, ...requests });
};

/** @param hasDisk a disk is the first IDE drive; the CD is always the third */
function machineFor(snapshot: Snapshot, hasDisk: boolean) {
  const ramSize = snapshot.ram.blocks.find(({ idstr }) => idstr === 'pc.ram')!.usedLength;
  const board = pcBoard(ramSize);
  const devices = new DeviceList();
  for (const device of [board.pciHost, board.bus, board.i440fx, board.piix3]) devices.add(device);
  const smbus = devices.add(new I2CBusModel());
  for (let i = 0; i < 8; i++) smbus.add(new SMBusEEPROM(i, 0x50 + i));
  devices.add(pm(board, smbus));
  const disk = { kind: 'hd' as const, blk: new BlockBackend('ide0-hd0', new Completions()) };
  const cd = {
    kind: 'cd' as const,
    blk: new BlockBackend('ide1-cd0', new Completions(), undefined, { removable: true })
  };
  const drives = [hasDisk ? disk : undefined, undefined, cd];
  devices.add(new PIIX3IDE(board.bus, 0x09, { host: board.host, isaIrqs: board.isaIrqs, drives }));
  devices.add(new FWCfg(board.host));
  const dma = devices.add(new I8257(board.host, 0));
  const { floppies, vmport } = planOf(snapshot).plan!;
  const floppy = { removable: true };
  const empty = floppies?.map((f) => f && { blk: new BlockBackend(f.id, new Completions(), undefined, floppy) });
  if (empty) devices.add(new ISAFdc({ host: board.host, irq: board.isaIrqs[6]!, dma, drives: empty }));
  const cpu = { get: () => 0, set: () => undefined };
  if (vmport) devices.add(new VMMouse(new Vmport(board.host, { cpu, memory: ramSize }), () => {}));
  devices.add(new VAPICROM(board.host, board.map, () => 0));
  devices.add(new I8257(board.host, 1));
  for (const { name, kind } of snapshot.sections) {
    const make = kind === 'full' ? MAKERS[name.slice(name.lastIndexOf('/') + 1)] : undefined;
    if (make) devices.add(make(board, devfnOf(name)));
  }
  const machine = snapshot.configuration?.machine ?? '';
  return { machine, devices, physmem: board.host.physmem, layout: [] };
}

describe.skipIf(all.length === 0)('models hold the states of native QEMU', () => {
  test.each(all)(
    '$name',
    async (golden) => {
      await withState(golden, async (source) => {
        const snapshot = await readSnapshot(source);
        const machine = machineFor(snapshot, /ide-hd|pc-storage/.test(golden.name));
        const { problems } = await loadVmState(machine, snapshot);
        expect(problems).toEqual([]);
        for (const { idstr, instance_id, device } of machine.devices.entries) {
          const section = snapshot.sections.find((s) => s.name === idstr && s.instance === instance_id)!;
          const body = await readRange(snapshot.bytes, section.bodyStart, section.bodyEnd);
          const saved = saveDevice(device).finish();
          const at = body.findIndex((byte, i) => byte !== saved[i]);
          expect({ idstr, length: saved.length, at }).toEqual({ idstr, length: body.length, at: -1 });
        }
      });
    },
    60_000
  );
});
