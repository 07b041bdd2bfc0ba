/** The machine `pc`: i440FX and PIIX3. Source: QEMU hw/i386/pc_piix.c pc_init1. */
import type { HostMemory } from '../../host/memory.ts';
import { GPE_BASE, PIIX4PM } from '../acpi/piix4.ts';
import type { Device, DeviceList } from '../core/qdev.ts';
import { PCIVGA } from '../display/vga-pci.ts';
import { I2CBusModel } from '../i2c/core.ts';
import { SMBusEEPROM } from '../i2c/smbus_eeprom.ts';
import { PIIX3IDE } from '../ide/piix.ts';
import { PIIX3 } from '../isa/piix.ts';
import { PCIHost } from '../pci/pci_host.ts';
import { PCIRootBus } from '../pci/pci_bus.ts';
import { devfnOf } from '../pci/pci_device.ts';
import { I440FX } from '../pci-host/i440fx.ts';
import { IOAPIC_DEFAULT_ADDRESS } from '../intc/ioapic.ts';
import { HPET_BASE } from '../timer/hpet.ts';
import { AcpiBuild } from './pc-acpi.ts';
import type { AcpiOptions } from './pc-acpi-tables.ts';
import { VAPICROM } from './vapic.ts';
import { basicDevices, PC, type BasicDevices, type PCOptions } from './pc.ts';

/** Where RAM stops below 4 GiB: at 3.5 GiB, or at 3 GiB when there is more than that. */
export const lowmemOf = (memory: number): number => (memory < 0xe0000000 ? 0xe0000000 : 0xc0000000);

const SERIAL_PORTS = [
  [0x3f8, 4],
  [0x2f8, 3],
  [0x3e8, 4],
  [0x2e8, 3]
] as const;
const PARALLEL_PORT = [0x378, 7] as const;
const SMBUS_EEPROMS = 8;
const SMBUS_EEPROM_ADDRESS = 0x50;

export interface PCPiix {
  readonly pc: PC;
  readonly bus: PCIRootBus;
  readonly i440fx: I440FX;
  readonly piix3: PIIX3;
  readonly ide: PIIX3IDE;
  readonly vga: PCIVGA | undefined;
  /** Undefined with acpi=off. */
  readonly pm: PIIX4PM | undefined;
  /** ACPI's tables. To be put behind all other devices. */
  readonly acpi: AcpiBuild | undefined;
  readonly basic: BasicDevices;
  /** The CPU goes into system management mode, or leaves it. */
  readonly smm: (on: boolean) => void;
}

/** @param devices what has a section before the board: clocks and CPUs */
export function pcPiix(host: HostMemory, options: PCOptions, devices: DeviceList): PCPiix {
  const pc = new PC(host, options, devices);
  const bus = new PCIRootBus(pc.memory, pc.map.pci, pc.ports.root);
  const pciHost = new PCIHost(bus, pc.ports);
  const i440fx = new I440FX(bus, {
    ...{ system: pc.map.system, pci: pc.map.pci, ram: pc.map.ram, ramSize: options.memory }
  });
  const { isaIrqs, ports } = pc;
  const piix3 = new PIIX3(bus, devfnOf(1, 0), { isaIrqs, ports, resetRequest: options.resetRequest });
  const vga = options.vga && new PCIVGA(pc, bus, devfnOf(options.vga.slot, 0), options.vga);
  const basic = basicDevices(pc);
  const ide = new PIIX3IDE(bus, devfnOf(1, 1), { host: pc, isaIrqs, drives: options.ide ?? [] });
  const { pm, power } = options.acpi === false ? { pm: undefined, power: [] } : powerManagement(pc, bus);

  // As QEMU's streams from 9.0 on have them.
  const { dma, rtc, hpet, rest } = basic;
  const { apic, fwCfg, pic, ioapic } = pc;
  const order: readonly Device[] = [
    ...(options.tprOpt ? [new VAPICROM(pc, pc.map, options.tprOpt)] : []),
    ...[apic, i440fx, pciHost, bus, fwCfg, ...dma, rtc, ide, ...power, piix3],
    ...[pic.master, pic.slave, ioapic, ...(vga ? [vga] : []), ...(hpet ? [hpet] : []), ...rest]
  ];
  for (const device of order) devices.add(device);
  const acpi = pm && new AcpiBuild(pc, fwCfg, () => acpiOptions(options, pm));
  return { pc, bus, i440fx, piix3, ide, vga, pm, acpi, basic, smm: pc.smramFor(i440fx.smram) };
}

const acpiOptions = ({ memory, lowmem, hpet, serials, parallel }: PCOptions, pm: PIIX4PM): AcpiOptions => ({
  ...{ below4g: Math.min(memory, lowmem), pciEnd: IOAPIC_DEFAULT_ADDRESS, pmBase: pm.pmBase, gpeBase: GPE_BASE },
  hpet: hpet ? HPET_BASE : undefined,
  serials: SERIAL_PORTS.filter((_, n) => serials[n]),
  parallel: parallel && PARALLEL_PORT
});

/** The power management function with its SMBus, on which are the memory modules. */
function powerManagement(pc: PC, bus: PCIRootBus): { readonly pm: PIIX4PM; readonly power: readonly Device[] } {
  const { options, isaIrqs } = pc;
  const nothing = (): void => {};
  const smbus = new I2CBusModel();
  const eeproms = Array.from({ length: SMBUS_EEPROMS }, (_, n) => new SMBusEEPROM(n, SMBUS_EEPROM_ADDRESS + n));
  for (const eeprom of eeproms) smbus.add(eeprom);
  const pm = new PIIX4PM(bus, devfnOf(1, 3), {
    ...{ host: pc, smbus, sci: isaIrqs[9]! },
    smi: (level) => {
      if (level) options.cpu.interrupt('SMI');
    },
    shutdownRequest: options.shutdownRequest ?? nothing,
    suspendRequest: options.suspendRequest ?? nothing,
    wakeupRequest: options.wakeupRequest ?? nothing
  });
  return { pm, power: [smbus, pm, ...eeproms] };
}
