/**
 * What every PC has whatever its chipset: memory, interrupt controllers, clocks, ISA devices, and how they are wired.
 * Source: QEMU hw/i386/pc.c (pc_memory_init, pc_basic_device_init, gsi_handler), hw/i386/x86-common.c.
 */
import type { CharBackend } from '../../chardev/char.ts';
import { IOPortSpace } from '../../system/ioport.ts';
import type { ApicCpu } from '../../system/local-apic.ts';
import { AddressSpace, MemoryRegion } from '../../system/memory.ts';
import { PhysMem, PhysPageMap, type RAMBlock } from '../../system/physmem.ts';
import type { HostMemory } from '../../host/memory.ts';
import type { Clocks } from '../../util/qemu-timer.ts';
import { PCSpk } from '../audio/pcspk.ts';
import { ISAParallel } from '../char/parallel.ts';
import { ISASerial } from '../char/serial-isa.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost, DeviceList, GuestErrorLog } from '../core/qdev.ts';
import { ISAFdc, type FdcWiring } from '../block/fdc-controller.ts';
import type { VGAOptions } from '../display/vga-pci.ts';
import { ISAKbd } from '../input/pckbd.ts';
import { APIC } from '../intc/apic.ts';
import { ApicBus } from '../intc/apic-bus.ts';
import { ISAPic } from '../intc/i8259.ts';
import { IOAPIC, IOAPIC_DEFAULT_ADDRESS } from '../intc/ioapic.ts';
import type { IDEDriveOptions } from '../ide/ide-registers.ts';
import type { FWCfg } from '../nvram/fw_cfg.ts';
import { MC146818Rtc } from '../rtc/mc146818rtc.ts';
import { I8257 } from '../dma/i8257.ts';
import { HPET, HPET_BASE } from '../timer/hpet.ts';
import { I8254 } from '../timer/i8254.ts';
import { fwCfgArchCreate, type FirmwareCpu } from './fw_cfg.ts';
import { Port92 } from './port92.ts';
import { VMMouse } from './vmmouse.ts';
import { Vmport, type VmportOptions } from './vmport.ts';
import { gsiLines } from './x86-common.ts';

export const FOUR_GIB = 2 ** 32;
const APIC_DEFAULT_ADDRESS = 0xfee00000;
const ISA_NUM_IRQS = 16;
const OPTION_ROM_BASE = 0xc0000;
const OPTION_ROM_SIZE = 0x20000;
/** Interrupt of the x87, where errors are not exceptions. */
export const FERR_IRQ = 13;
/** Of the BIOS image so much is seen below 1 MiB too. */
const ISA_BIOS_SIZE = 0x20000;

export interface PCOptions {
  /** Full name of the machine type, `pc-i440fx-7.2`, and its version: 702. */
  readonly machine: string;
  readonly version: number;
  readonly firmwareCpu: FirmwareCpu;
  /** -uuid, 16 bytes. */
  readonly uuid?: Uint8Array | undefined;
  /** Name of the RAM block: `pc.ram`, or the memory backend's. */
  readonly ramName: string;
  /** Bytes of RAM; those from `lowmem` on lie above 4 GiB. */
  readonly memory: number;
  readonly lowmem: number;
  /** Bytes of the firmware image; 256 KiB for SeaBIOS. */
  readonly biosSize: number;
  readonly hpet: boolean;
  readonly serials: readonly (CharBackend | undefined)[];
  readonly clocks: Clocks;
  /** What the boot processor lets its APIC do. */
  readonly cpu: ApicCpu;
  /** A20 is let through (1) or masked. */
  readonly a20: Irq;
  /** The x87's error is being handled: its interrupt is not asked for again before it is cleared. */
  readonly ignne?: () => void;
  /** QEMU: qemu_system_reset_request. */
  readonly resetRequest: () => void;
  /** Power management: nothing happens where absent. */
  readonly shutdownRequest?: () => void;
  readonly suspendRequest?: () => void;
  readonly wakeupRequest?: () => void;
  /** The printer port; none where absent. */
  readonly parallel?: CharBackend | undefined;
  /** Drives of the two IDE channels, two each. */
  readonly ide?: readonly (IDEDriveOptions | undefined)[];
  /** The optimization of the task priority register is there: where the CPU executes, as a linear address. */
  readonly tprOpt?: (() => number) | undefined;
  /** VMware's port, with its mouse: the CPU's registers; none where absent. */
  readonly vmport?: VmportOptions | undefined;
  /** Floppy drives A and B; no controller where absent. */
  readonly floppies?: FdcWiring['drives'] | undefined;
  /** The standard VGA, and its slot; none where absent. */
  readonly vga?: (VGAOptions & { readonly slot: number }) | undefined;
  /** Power management by ACPI is there; true when absent. */
  readonly acpi?: boolean;
  readonly log: GuestErrorLog;
}

/** Memory below the chipset: what it maps, the chipset decides. */
export interface PCMemory {
  /** What CPUs see. */
  readonly system: MemoryRegion;
  /** What lies behind RAM; the chipset puts it in. */
  readonly pci: MemoryRegion;
  readonly ram: MemoryRegion;
  readonly bios: RAMBlock;
}

/** RAM, ROMs and their places. Source: pc_memory_init, x86_bios_rom_init. */
function mapMemory(physmem: PhysMem, options: PCOptions): PCMemory {
  const { memory, lowmem, biosSize } = options;
  const system = MemoryRegion.container('system');
  const pci = MemoryRegion.container('pci');
  const ram = MemoryRegion.ram(physmem.allocate(options.ramName, memory));
  const below = Math.min(memory, lowmem);
  system.addSubregion(0, MemoryRegion.aliasOf('ram-below-4g', ram, 0, below));
  if (memory > below) {
    system.addSubregion(FOUR_GIB, MemoryRegion.aliasOf('ram-above-4g', ram, below, memory - below));
  }
  const bios = physmem.allocate('pc.bios', biosSize);
  const biosRegion = MemoryRegion.rom(bios);
  const isa = Math.min(biosSize, ISA_BIOS_SIZE);
  pci.addSubregion(0x100000 - isa, MemoryRegion.aliasOf('isa-bios', biosRegion, biosSize - isa, isa), 1);
  pci.addSubregion(FOUR_GIB - biosSize, biosRegion);
  const optionRoms = MemoryRegion.rom(physmem.allocate('pc.rom', OPTION_ROM_SIZE));
  pci.addSubregion(OPTION_ROM_BASE, optionRoms, 1);
  return { system, pci, ram, bios };
}

/** The board without its chipset. */
export class PC implements DeviceHost {
  readonly machine: string;
  readonly options: PCOptions;
  readonly clocks: Clocks;
  readonly physmem: PhysMem;
  readonly map: PCMemory;
  readonly memory: AddressSpace;
  /** What the CPU sees: with SMRAM over the rest in system management mode. */
  readonly cpuMemory: AddressSpace;
  readonly pages: PhysPageMap;
  readonly #cpuRoot = MemoryRegion.container('cpu-memory');
  readonly ports = new IOPortSpace();
  readonly log: GuestErrorLog;
  readonly devices: DeviceList;

  readonly fwCfg: FWCfg;
  readonly pic: ISAPic;
  readonly ioapic: IOAPIC;
  readonly apicBus: ApicBus;
  readonly apic: APIC;
  /** Interrupts of the board: the first 16 go to the 8259s too. */
  readonly gsi: readonly Irq[];
  readonly isaIrqs: readonly Irq[];

  constructor(host: HostMemory, options: PCOptions, devices: DeviceList) {
    this.options = options;
    this.machine = options.machine;
    this.clocks = options.clocks;
    this.log = options.log;
    this.devices = devices;
    this.physmem = new PhysMem(host);
    this.map = mapMemory(this.physmem, options);
    this.memory = new AddressSpace('memory', this.map.system);
    this.#cpuRoot.addSubregion(0, MemoryRegion.aliasOf('memory', this.map.system, 0, this.map.system.size));
    this.cpuMemory = new AddressSpace('cpu-memory', this.#cpuRoot);
    this.pages = new PhysPageMap(host, this.cpuMemory);

    this.fwCfg = fwCfgArchCreate(this, options);
    this.apicBus = new ApicBus(this, {
      picOutput: () => this.pic.output,
      readPic: () => this.pic.readIrq(),
      endOfInterrupt: (vector) => this.ioapic.endOfInterrupt(vector)
    });
    this.map.system.addSubregion(APIC_DEFAULT_ADDRESS, this.apicBus.region, 0x1000);
    this.apic = new APIC(this.apicBus, options.cpu);
    this.pic = new ISAPic(this, this.apicBus.picIrq);
    this.ioapic = new IOAPIC(this, () => this.pic.readIrq());
    this.map.system.addSubregion(IOAPIC_DEFAULT_ADDRESS, this.ioapic.region);
    this.gsi = gsiLines(this.pic.irqs, this.ioapic.irqs);
    this.isaIrqs = this.gsi.slice(0, ISA_NUM_IRQS);
  }

  /** Returns what lets the CPU see SMRAM, and takes it away. Source: target/i386/tcg/sysemu/tcg-cpu.c. */
  smramFor(smram: MemoryRegion): (on: boolean) => void {
    const window = MemoryRegion.aliasOf('smram', smram, 0, smram.size);
    window.setEnabled(false);
    this.#cpuRoot.addSubregion(0, window, 1);
    return (on) => window.setEnabled(on);
  }
}

/** What is on the ISA bus of every PC. */
export interface BasicDevices {
  readonly dma: readonly I8257[];
  readonly hpet: HPET | undefined;
  readonly rtc: MC146818Rtc;
  readonly pit: I8254;
  readonly serials: readonly ISASerial[];
  readonly fdc: ISAFdc | undefined;
  readonly kbd: ISAKbd;
  readonly vmmouse: VMMouse | undefined;
  /** From the PIT on, in the order of QEMU's streams. */
  readonly rest: readonly Device[];
}

/**
 * The port of diagnostic codes, which goes nowhere, and that by which the handler of interrupt 13 says that it has begun.
 * Source: ioport80_write, ioportF0_write.
 */
function diagnosticPorts({ ports, isaIrqs, options }: PC): void {
  const port = (name: string, at: number, write: () => void): void => {
    const ops = { impl: { min: 1, max: 1 }, read: () => 0xff, write };
    ports.register(at, MemoryRegion.io(name, 1, ops));
  };
  port('ioport80', 0x80, () => {});
  port('ioportF0', 0xf0, () => {
    options.ignne?.();
    isaIrqs[FERR_IRQ]!(0);
  });
}

/** Source: pc_basic_device_init, pc_superio_init. */
export function basicDevices(pc: PC): BasicDevices {
  const { isaIrqs, gsi, options } = pc;
  diagnosticPorts(pc);
  const dma = [new I8257(pc, 0), new I8257(pc, 1)];
  const hpet = options.hpet ? new HPET(pc, { irqs: gsi }) : undefined;
  if (hpet) pc.map.system.addSubregion(HPET_BASE, hpet.region);
  const rtc = new MC146818Rtc(pc, { irq: hpet?.rtcIrq ?? isaIrqs[8]! });
  const pit = new I8254(pc, hpet?.pitIrq ?? isaIrqs[0]!);
  if (hpet) hpet.pitEnabled = pit.irqControl;
  const speaker = new PCSpk(pc, pit);
  const serials = options.serials.flatMap((chr, n) => (chr ? [new ISASerial(pc, isaIrqs, n, chr)] : []));
  const parallel = options.parallel ? [new ISAParallel(pc, isaIrqs, options.parallel)] : [];
  const { floppies } = options;
  const fdc = floppies && new ISAFdc({ host: pc, irq: isaIrqs[6]!, dma: dma[0]!, drives: floppies });
  const kbd = new ISAKbd(pc, isaIrqs, options.a20, options.resetRequest);
  const { mouse } = kbd;
  const vmmouse =
    options.vmport && new VMMouse(new Vmport(pc, options.vmport), () => mouse.move(1, 0, 0, mouse.mouse_buttons));
  const port92 = new Port92(pc, options.a20, options.resetRequest);
  const rest = [
    pit,
    speaker,
    ...serials,
    ...parallel,
    ...(fdc ? [fdc] : []),
    ...kbd.devices,
    ...(vmmouse ? [vmmouse] : []),
    port92
  ];
  return { dma, hpet, rtc, pit, serials, fdc, kbd, vmmouse, rest };
}
