/**
 * One function of a PCI device as it runs: configuration space with its write masks, base address registers mapped into
 * memory and port space, INTx, DMA.
 * Source: QEMU hw/pci/pci.c, include/hw/pci/pci_device.h; PCI 3.0 chapter 6.
 */
import { memoryTransaction, type AddressSpace, type MemoryRegion } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { PCIDevice } from './pci.ts';
import type { PCIRootBus } from './pci_bus.ts';

export const PCI_CONFIG_SPACE_SIZE = 0x100;
const PCI_CONFIG_HEADER_SIZE = 0x40;
export const PCI_SLOT_MAX = 32;
export const PCI_FUNC_MAX = 8;

/** Offsets in the configuration space. */
const COMMAND = 0x04;
const STATUS = 0x06;
const REVISION = 0x08;
const CLASS_DEVICE = 0x0a;
const CACHE_LINE_SIZE = 0x0c;
const HEADER_TYPE = 0x0e;
const BAR0 = 0x10;
const SUBSYSTEM = 0x2c;
const ROM_ADDRESS = 0x30;
const CAPABILITY_LIST = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;

const COMMAND_IO = 1;
const COMMAND_MEMORY = 2;
const COMMAND_MASTER = 4;
const COMMAND_SERR = 0x100;
const COMMAND_INTX_DISABLE = 0x400;
const STATUS_INTERRUPT = 0x08;
const STATUS_CAP_LIST = 0x10;
/** The error bits of the status register: writing 1 clears them. */
const STATUS_W1C = 0xf900;

/** Types of a base address register, as its low bits say. */
export const BAR_SPACE_IO = 1;
export const BAR_SPACE_MEMORY = 0;
export const BAR_MEM_TYPE_64 = 4;
export const BAR_MEM_PREFETCH = 8;
/** Number of the expansion ROM among the regions. */
export const PCI_ROM_SLOT = 6;
const ROM_ENABLE = 1;
const UNMAPPED = -1;

/** PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_SUBDEVICE_ID_QEMU. */
const DEFAULT_SUBSYSTEM = 0x1100_1af4;

export const devfnOf = (slot: number, func: number): number => (slot << 3) | func;

/** What a kind of device is. */
export interface PCIDeviceClass {
  readonly name: string;
  readonly vendor_id: number;
  readonly device_id: number;
  readonly revision?: number;
  readonly class_id: number;
  readonly subsystem_vendor_id?: number;
  readonly subsystem_id?: number;
  /** Says in function 0 that there are others. */
  readonly multifunction?: boolean;
  /** May be plugged and unplugged while the machine runs; true when absent. */
  readonly hotpluggable?: boolean;
}

interface PCIIORegion {
  readonly size: number;
  readonly type: number;
  readonly region: MemoryRegion;
  readonly space: MemoryRegion;
  addr: number;
}

/** DMA of a device: nothing happens, and reads give zeros, unless the guest lets it be bus master. */
export type Dma = Pick<AddressSpace, 'readBytes' | 'writeBytes' | 'read' | 'write'>;

/** Is told of what was written to the configuration space, after it was done. */
export type ConfigWritten = (addr: number, value: number, length: number) => void;
/** Is told of what is about to be read. */
export type ConfigRead = (addr: number, length: number) => void;

export const get16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
export const get32 = (bytes: Uint8Array, at: number): number => (get16(bytes, at) | (get16(bytes, at + 2) << 16)) >>> 0;
export function set16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}
export function set32(bytes: Uint8Array, at: number, value: number): void {
  set16(bytes, at, value);
  set16(bytes, at + 2, value >>> 16);
}

/** Whether [addr, addr + length) and [from, from + size) meet. */
export const overlaps = (addr: number, length: number, from: number, size: number): boolean =>
  addr < from + size && from < addr + length;

const hex = (value: number): string => value.toString(16);

export class PCIFunction implements PCIDevice {
  readonly bus: PCIRootBus;
  readonly devfn: number;
  readonly name: string;
  readonly hotpluggable: boolean;
  /** Bits that the guest may write, that it clears by writing 1, and that a loaded state must share with us. */
  readonly wmask: Uint8Array;
  readonly w1cmask: Uint8Array;
  readonly cmask: Uint8Array;
  readonly regions: (PCIIORegion | undefined)[] = [];
  readonly dma: Dma;
  version_id = 2;
  irq_state = [0, 0, 0, 0];
  /** Why QEMU would refuse the configuration space that was loaded last. */
  configRefusal: string | undefined;
  readonly #used: Uint8Array;
  readonly #written: ConfigWritten[] = [];
  readonly #reading: ConfigRead[] = [];
  readonly #resets: (() => void)[] = [];
  #config: Uint8Array;

  /** Puts itself on the bus. @throws RangeError when the place is taken */
  constructor(bus: PCIRootBus, devfn: number, init: PCIDeviceClass, configSize = PCI_CONFIG_SPACE_SIZE) {
    this.bus = bus;
    this.devfn = devfn;
    this.name = init.name;
    this.hotpluggable = init.hotpluggable ?? true;
    this.#config = new Uint8Array(configSize);
    this.wmask = new Uint8Array(configSize);
    this.w1cmask = new Uint8Array(configSize);
    this.cmask = new Uint8Array(configSize);
    this.#used = new Uint8Array(configSize);
    const { config } = this;
    set16(config, 0, init.vendor_id);
    set16(config, 2, init.device_id);
    config[REVISION] = init.revision ?? 0;
    set16(config, CLASS_DEVICE, init.class_id);
    set32(config, SUBSYSTEM, DEFAULT_SUBSYSTEM);
    if (init.subsystem_vendor_id) set16(config, SUBSYSTEM, init.subsystem_vendor_id);
    if (init.subsystem_id) set16(config, SUBSYSTEM + 2, init.subsystem_id);
    if (init.multifunction) config[HEADER_TYPE] = 0x80;
    this.#initMasks();
    this.dma = masterDma(this, bus.memory);
    bus.attach(this);
  }

  #initMasks(): void {
    const { cmask, wmask, w1cmask } = this;
    set32(cmask, 0, 0xffff_ffff);
    cmask[STATUS] = STATUS_CAP_LIST;
    cmask.fill(0xff, REVISION, CLASS_DEVICE + 2);
    cmask[HEADER_TYPE] = 0xff;
    cmask[CAPABILITY_LIST] = 0xff;
    wmask[CACHE_LINE_SIZE] = 0xff;
    wmask[INTERRUPT_LINE] = 0xff;
    set16(wmask, COMMAND, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_SERR | COMMAND_INTX_DISABLE);
    wmask.fill(0xff, PCI_CONFIG_HEADER_SIZE);
    set16(w1cmask, STATUS, STATUS_W1C);
  }

  get config(): Uint8Array {
    return this.#config;
  }
  /** A loaded configuration space. Source: get_pci_config_device; mappings follow in `postLoad`. */
  set config(loaded: Uint8Array) {
    const { cmask, wmask, w1cmask } = this;
    const fixed = (i: number): number => cmask[i]! & ~wmask[i]! & ~w1cmask[i]!;
    const at = loaded.findIndex((byte, i) => ((byte ^ this.#config[i]!) & fixed(i)) !== 0);
    this.configRefusal =
      at < 0
        ? undefined
        : `get_pci_config_device: Bad config data: i=0x${hex(at)} read: ${hex(loaded[at]!)} ` +
          `device: ${hex(this.#config[at]!)} cmask: ${hex(cmask[at]!)} wmask: ${hex(wmask[at]!)} ` +
          `w1cmask:${hex(w1cmask[at]!)}`;
    this.#config.set(loaded.subarray(0, this.#config.length));
  }

  /** What its section's name begins with. Source: pcibus_get_dev_path. */
  get path(): string {
    return `0000:00:${hex(this.slot).padStart(2, '0')}.${this.func}`;
  }
  get slot(): number {
    return this.devfn >> 3;
  }
  get func(): number {
    return this.devfn & 7;
  }

  /** INTA is 1, as the register says; 0 without. */
  set interruptPin(pin: number) {
    this.config[INTERRUPT_PIN] = pin;
  }

  /** @param type BAR_SPACE_IO, or BAR_SPACE_MEMORY with BAR_MEM_* */
  registerBar(number: number, type: number, region: MemoryRegion): void {
    const { size } = region;
    const io = (type & BAR_SPACE_IO) !== 0;
    const addr = barOffset(number);
    this.regions[number] = { size, type, region, space: io ? this.bus.io : this.bus.memory_space, addr: UNMAPPED };
    set32(this.config, addr, type);
    set32(this.wmask, addr, ((~(size - 1) >>> 0) | (number === PCI_ROM_SLOT ? ROM_ENABLE : 0)) >>> 0);
    set32(this.cmask, addr, 0xffff_ffff);
    if (io || !(type & BAR_MEM_TYPE_64)) return;
    // A region of 4 GiB and more takes all of the low half and some of the high one.
    if (size > 0xffff_ffff) set32(this.wmask, addr, 0);
    set32(this.wmask, addr + 4, size > 0xffff_ffff ? ~(size / 2 ** 32 - 1) >>> 0 : 0xffff_ffff);
    set32(this.cmask, addr + 4, 0xffff_ffff);
  }

  /**
   * Puts a capability in front of the list; all of it is read-only and must agree in a loaded state.
   * @param offset the first free place where 0
   * @returns its offset
   */
  addCapability(id: number, offset: number, size: number): number {
    const at = offset || this.#findSpace(size);
    const { config } = this;
    config[at] = id;
    config[at + 1] = config[CAPABILITY_LIST]!;
    config[CAPABILITY_LIST] = at;
    config[STATUS]! |= STATUS_CAP_LIST;
    this.#used.fill(0xff, at, at + Math.ceil(size / 4) * 4);
    this.wmask.fill(0, at, at + size);
    this.cmask.fill(0xff, at, at + size);
    return at;
  }

  #findSpace(size: number): number {
    let offset = PCI_CONFIG_HEADER_SIZE;
    for (let i = offset; i < PCI_CONFIG_SPACE_SIZE; i++) {
      if (this.#used[i]) offset = i + 1;
      else if (i - offset + 1 === size) return offset;
    }
    throw new RangeError(`${this.name}: no room for a capability of ${size} bytes`);
  }

  /** @param addr below the size of the configuration space, of which the access must not run out */
  readConfig(addr: number, length: number): number {
    const { config } = this;
    for (const reading of this.#reading) reading(addr, length);
    return length === 1 ? config[addr]! : length === 2 ? get16(config, addr) : get32(config, addr);
  }

  /** Source: pci_default_write_config. */
  writeConfig(addr: number, value: number, length: number): void {
    const { config, wmask, w1cmask } = this;
    const wasDisabled = this.#irqDisabled;
    for (let i = 0; i < length; i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      const at = addr + i;
      config[at] = ((config[at]! & ~wmask[at]!) | (byte & wmask[at]!)) & ~(byte & w1cmask[at]!);
    }
    const bars = overlaps(addr, length, BAR0, 24) || overlaps(addr, length, ROM_ADDRESS, 4);
    if (bars || overlaps(addr, length, COMMAND, 1)) this.updateMappings();
    if (overlaps(addr, length, COMMAND, 2)) this.#updateIrqDisabled(wasDisabled);
    for (const written of this.#written) written(addr, value, length);
  }

  /** Calls back after every write to the configuration space. */
  onConfigWrite(written: ConfigWritten): void {
    this.#written.push(written);
  }
  /** Calls back before every read of the configuration space. */
  onConfigRead(reading: ConfigRead): void {
    this.#reading.push(reading);
  }
  /** Calls back at the end of every reset. */
  onReset(reset: () => void): void {
    this.#resets.push(reset);
  }

  get #command(): number {
    return get16(this.config, COMMAND);
  }
  get isMaster(): boolean {
    return (this.#command & COMMAND_MASTER) !== 0;
  }
  get #irqDisabled(): boolean {
    return (this.#command & COMMAND_INTX_DISABLE) !== 0;
  }

  /** Where a base address register shows its region; UNMAPPED where it does not. Source: pci_bar_address. */
  #barAddress(number: number, { type, size }: PCIIORegion): number {
    const io = (type & BAR_SPACE_IO) !== 0;
    const at = barOffset(number);
    if (!(this.#command & (io ? COMMAND_IO : COMMAND_MEMORY))) return UNMAPPED;
    const low = get32(this.config, at);
    if (number === PCI_ROM_SLOT && !(low & ROM_ENABLE)) return UNMAPPED;
    const wide = !io && (type & BAR_MEM_TYPE_64) !== 0;
    const whole = low + (wide ? get32(this.config, at + 4) * 2 ** 32 : 0);
    const addr = whole - (whole % size);
    const last = addr + size - 1;
    if (addr === 0 || last >= Number.MAX_SAFE_INTEGER || (!wide && last >= 0xffff_ffff)) return UNMAPPED;
    return addr;
  }

  /** Source: pci_update_mappings. */
  updateMappings(): void {
    const moved = [...this.regions.entries()].flatMap(([number, r]) => {
      const addr = r ? this.#barAddress(number, r) : UNMAPPED;
      return r && addr !== r.addr ? [{ r, addr }] : [];
    });
    if (moved.length === 0) return;
    memoryTransaction(() => {
      for (const { r, addr } of moved) {
        if (r.addr !== UNMAPPED) r.space.delSubregion(r.region);
        r.addr = addr;
        if (addr !== UNMAPPED) r.space.addSubregion(addr, r.region, 1);
      }
    });
  }

  /** Where a region is mapped, undefined where it is not. */
  barAddress(number: number): number | undefined {
    const addr = this.regions[number]?.addr ?? UNMAPPED;
    return addr === UNMAPPED ? undefined : addr;
  }

  /** The line of the pin that the device's interrupt pin register names. */
  readonly irq: Irq = (level) => this.#setPin(this.config[INTERRUPT_PIN]! - 1, level ? 1 : 0);

  /** Source: pci_irq_handler. */
  #setPin(pin: number, level: number): void {
    const change = level - (this.irq_state[pin] ?? level);
    if (change === 0) return;
    this.irq_state[pin] = level;
    this.#updateIrqStatus();
    if (!this.#irqDisabled) this.bus.changeIrqLevel(this, pin, change);
  }

  #updateIrqStatus(): void {
    if (this.irq_state.includes(1)) this.config[STATUS]! |= STATUS_INTERRUPT;
    else this.config[STATUS]! &= ~STATUS_INTERRUPT;
  }

  #updateIrqDisabled(was: boolean): void {
    const disabled = this.#irqDisabled;
    if (disabled === was) return;
    this.irq_state.forEach((level, pin) => {
      if (level) this.bus.changeIrqLevel(this, pin, disabled ? -1 : 1);
    });
  }

  /** Lowers all four pins. */
  deassertIntx(): void {
    for (let pin = 0; pin < 4; pin++) this.#setPin(pin, 0);
  }

  /** A message signalled interrupt: a write of the device to memory. Source: pci_msi_trigger. */
  sendMessage(address: number, data: number): void {
    this.dma.write(address, data, 4);
  }

  /** The end of every device's reset. Source: pci_do_device_reset. */
  reset(): void {
    this.deassertIntx();
    const { config, wmask, w1cmask } = this;
    for (const at of [COMMAND, COMMAND + 1, STATUS, STATUS + 1, INTERRUPT_LINE]) {
      config[at]! &= ~(wmask[at]! | w1cmask[at]!);
    }
    config[CACHE_LINE_SIZE] = 0;
    this.regions.forEach((r, number) => {
      if (!r) return;
      set32(config, barOffset(number), r.type);
      if (!(r.type & BAR_SPACE_IO) && r.type & BAR_MEM_TYPE_64) set32(config, barOffset(number) + 4, 0);
    });
    this.updateMappings();
    for (const reset of this.#resets) reset();
  }

  /** To be called when a state was loaded. Returns why it must not run. */
  postLoad(): string | undefined {
    this.#updateIrqStatus();
    this.updateMappings();
    return this.configRefusal;
  }
}

const barOffset = (number: number): number => (number === PCI_ROM_SLOT ? ROM_ADDRESS : BAR0 + 4 * number);

function masterDma(device: PCIFunction, memory: AddressSpace): Dma {
  return {
    readBytes(addr, into) {
      if (device.isMaster) return memory.readBytes(addr, into);
      into.fill(0);
      return false;
    },
    writeBytes: (addr, from) => device.isMaster && memory.writeBytes(addr, from),
    read: (addr, size) => (device.isMaster ? memory.read(addr, size) : 0),
    write: (addr, value, size) => {
      if (device.isMaster) memory.write(addr, value, size);
    }
  };
}
