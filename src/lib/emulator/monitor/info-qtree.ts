/**
 * `info qtree`: devices by bus, newest first, under QEMU's names; with -b without their places. Properties, which are set
 * when QEMU's machine is made, have no counterpart here.
 * Source: QEMU system/qdev-monitor.c (qbus_print, qdev_print), hw/pci/pci-hmp-cmds.c (pcibus_dev_print).
 */
import type { Machine } from '../machine.ts';
import type { PCIFunction } from '../hw/pci/pci_device.ts';
import { pciIdentity } from './info.ts';
import { hexDigits } from '../../vmstate/hex.ts';

interface Bus {
  readonly name: string;
  readonly type: string;
  readonly devices: readonly Dev[];
}
interface Dev {
  readonly type: string;
  /** What follows its name: places, class. */
  readonly lines?: readonly string[];
  readonly buses?: readonly Bus[];
}

const dev = (type: string, ...lines: readonly string[]): Dev => ({ type, lines });
const UNMAPPED = 0xffff_ffff_ffff_ffffn;

function pciPlace(device: PCIFunction): string[] {
  const { what, id, subsystem } = pciIdentity(device);
  const bars = device.regions.flatMap((region, n) => {
    if (!region) return [];
    const address = device.barAddress(n);
    const start = address === undefined ? UNMAPPED : BigInt(address);
    const end = BigInt.asUintN(64, start + BigInt(region.size) - 1n);
    return [`bar ${n}: ${region.type & 1 ? 'i/o' : 'mem'} at 0x${hexDigits(start)} [0x${hexDigits(end)}]`];
  });
  return [
    `class ${what}, addr 00:${hexDigits(device.slot, 2)}.${device.func}, pci id ${id} (sub ${subsystem})`,
    ...bars
  ];
}

/** Sections of the ISA bus, and what QEMU calls their devices. */
const ISA: Readonly<Record<string, readonly string[]>> = {
  ...{ i8257: ['i8257'], dma: ['i8257'], mc146818rtc: ['mc146818rtc'], i8259: ['isa-i8259'], i8254: ['isa-pit'] },
  ...{ pcspk: ['isa-pcspk'], serial: ['isa-serial'], parallel_isa: ['isa-parallel'], fdc: ['isa-fdc'] },
  ...{ pckbd: ['i8042'], vmmouse: ['vmport', 'vmmouse'], port92: ['port92'] }
};

const floppies = ({ plan }: Machine): Bus => ({
  ...{ name: 'floppy-bus.0', type: 'floppy-bus' },
  devices: (plan.floppies ?? []).flatMap((drive) => (drive ? [dev('floppy')] : []))
});

/** In the order of their making. Source: pc_i8259_create, pc_basic_device_init, pc_superio_init. */
function isaBus(machine: Machine): Bus {
  const { pic } = machine.board.pc;
  const { dma, rtc, rest } = machine.board.basic;
  const devices = [...dma, rtc, pic.slave, pic.master, ...rest].flatMap(({ idstr }) =>
    (ISA[idstr] ?? []).map((type) => (type === 'isa-fdc' ? { type, buses: [floppies(machine)] } : dev(type)))
  );
  return { name: 'isa.0', type: 'ISA', devices: [...devices, ...machine.plan.isa.map(({ driver }) => dev(driver))] };
}

const ideBuses = ({ plan }: Machine): Bus[] =>
  [0, 1].map((channel) => ({
    ...{ name: `ide.${channel}`, type: 'IDE' },
    devices: plan.ide.slice(2 * channel, 2 * channel + 2).flatMap((drive) => (drive ? [dev(`ide-${drive.kind}`)] : []))
  }));

const smbus = ({ devices }: Machine): Bus => ({
  ...{ name: 'i2c', type: 'i2c-bus' },
  devices: devices.entries.filter(({ idstr }) => idstr === 'smbus-eeprom').map(({ idstr }) => dev(idstr))
});

function virtioBus({ plan }: Machine, kind: string, slot: number): Bus {
  const serial = plan.pci.find((device) => device.slot === slot && device.kind === 'virtio-serial');
  const ports = serial?.kind === 'virtio-serial' ? serial.ports : undefined;
  const devices = ports?.map(({ isConsole }) => dev(isConsole ? 'virtconsole' : 'virtserialport')) ?? [];
  const inner = ports && { buses: [{ name: 'virtio-serial-bus.0', type: 'virtio-serial-bus', devices }] };
  return { name: 'virtio-bus', type: 'virtio-pci-bus', devices: [{ type: `${kind}-device`, ...inner }] };
}

function pciDev(machine: Machine, device: PCIFunction): Dev {
  const lines = pciPlace(device);
  const { name: type } = device;
  const [, kind] = /^(virtio-.*)-pci$/.exec(type) ?? [];
  if (kind !== undefined) return { type, lines, buses: [virtioBus(machine, kind, device.slot)] };
  const buses: Readonly<Record<string, (machine: Machine) => readonly Bus[]>> = {
    PIIX3: (m) => [isaBus(m)],
    'piix3-ide': ideBuses,
    PIIX4_PM: (m) => [smbus(m)]
  };
  return { type, lines, buses: buses[type]?.(machine) ?? [] };
}

function root(machine: Machine): Bus {
  const { board, plan } = machine;
  const functions = board.bus.devices.flatMap((device) => (device ? [pciDev(machine, device)] : []));
  const host = dev('i440FX-pcihost');
  return {
    ...{ name: 'main-system-bus', type: 'System' },
    devices: [
      ...(plan.tprOpt ? [dev('kvmvapic')] : []),
      { ...host, buses: [{ name: 'pci.0', type: 'PCI', devices: functions }] },
      dev('fw_cfg_io'),
      dev('ioapic', 'mmio 00000000fec00000/0000000000001000'),
      ...(plan.hpet ? [dev('hpet', 'mmio 00000000fed00000/0000000000000400')] : []),
      ...[dev('ps2-kbd'), dev('ps2-mouse')]
    ]
  };
}

function print(bus: Bus, indent: string, brief: boolean): string[] {
  const devices = bus.devices
    .toReversed()
    .flatMap(({ type, lines = [], buses = [] }) => [
      `${indent}  dev: ${type}, id ""`,
      ...(brief ? [] : lines.map((line) => `${indent}    ${line}`)),
      ...buses.toReversed().flatMap((inner) => print(inner, `${indent}    `, brief))
    ]);
  return [`${indent}bus: ${bus.name}`, `${indent}  type ${bus.type}`, ...devices];
}

/** @param args `-b`: names alone */
export function infoQtree(machine: Machine, args = ''): string {
  const frozen = machine.layout.filter((section) => section.frozen);
  return [
    ...print(root(machine), '', /(^|\s)-b\b/.test(args)),
    ...frozen.map(({ name, instance }) => `  section ${name}/${instance}: kept as it came, nothing here models it`)
  ].join('\n');
}
