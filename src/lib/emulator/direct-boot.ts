/**
 * Starts a kernel without firmware: what firmware and boot loader would leave behind is put into memory and into the CPU
 * at each reset. Linux by its 64-bit protocol, or the 32-bit one of i386 kernels; PVH; multiboot.
 * Source: Linux Documentation/arch/x86/boot.rst; Xen docs/misc/pvh.pandoc; Multiboot Specification 0.6.96 chapter 3.2.
 */
import { runLinker, ZONE } from './hw/acpi/bios-linker-loader.ts';
import type { Rom } from './hw/core/loader.ts';
import type { Device } from './hw/core/qdev.ts';
import { bootParams, startInfo } from './hw/i386/boot-params.ts';
import { E820, type E820Entry } from './hw/i386/e820_memory_layout.ts';
import {
  bzImage,
  highestInitrd,
  initrdMax,
  kernelKind,
  KernelError,
  multibootKernel,
  pvhKernel,
  SETUP,
  videoMode,
  type LinuxImage
} from './hw/i386/load-linux.ts';
import { LOADER_FILE, RSDP_FILE, TABLE_FILE } from './hw/i386/pc-acpi-tables.ts';
import type { PCPiix } from './hw/i386/pc_piix.ts';
import { setUpChipset } from './hw/i386/pc-setup.ts';
import { MULTIBOOT_INFO, MULTIBOOT_MMAP, multibootMemory } from './hw/i386/multiboot.ts';
import { placeAnchor } from './hw/smbios/smbios.ts';
import { enterLongMode, enterProtectedMode, setMtrrs, type Entry } from './target/i386/entry.ts';
import { R_EAX, R_EBX, R_ESI } from './target/i386/env.ts';
import type { X86Cpu } from './target/i386/x86-cpu.ts';

/** Low memory: what is handed over lies below the kernel. */
const START_INFO = 0x6000;
const BOOT_PARAMS = 0x7000;
const GDT = 0x8000;
const STACK = 0x9000;
const PAGE_TABLES = 0x1_0000;
const COMMAND_LINE = 0x2_0000;
const COMMAND_LINE_END = 0x9_0000;
const LOW_END = 0x9_fc00;
/** RAM behind the places of ROMs, where tables are searched for. */
const F_SEGMENT = 0xf_0000;
const MIB = 0x10_0000;
const KERNEL = MIB;
const SMBIOS_ANCHOR = F_SEGMENT + 0x1000;
/** At the end of low memory, for ACPI's tables; of that the last for SMBIOS's. */
const TABLES_BYTES = 0x2_8000;
const SMBIOS_BYTES = 0x4000;
const BIOS_REGION = 0xfffc_0000;
const FOUR_GIB = 2 ** 32;

const PROTOCOL_64 = 0x20c;
const PROTOCOL_LEAST = 0x202;
const XLF_KERNEL_64 = 1;
const ENTRY_64 = 0x200;
const LOADED_HIGH = 1;
const LOADER_QEMU = 0xb0;
const MULTIBOOT_MAGIC = 0x2bad_b002;
const XLOADFLAGS = SETUP.xloadflags;
const CODE32_START = 0x214;

interface Kernel {
  readonly roms: readonly Rom[];
  readonly entry: Entry;
  readonly long: boolean;
}

const rom = (address: number, bytes: Uint8Array): Rom => ({ address, bytes, size: bytes.length });
const stringOf = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** To be put behind all other devices, so that it is reset last. Has no section: what it leaves is memory and registers. */
export class DirectBoot implements Device {
  readonly idstr = 'direct-boot';
  readonly #board: PCPiix;
  readonly #cpu: X86Cpu;
  readonly #kernel: (rsdp: number) => Kernel;

  /** @throws KernelError */
  constructor(board: PCPiix, cpu: X86Cpu, image: LinuxImage) {
    this.#board = board;
    this.#cpu = cpu;
    const { memory, lowmem } = board.pc.options;
    const make = kernelOf(image, Math.min(memory, lowmem), memoryMap(memory, lowmem));
    this.#kernel = make;
    make(0);
  }

  reset(): void {
    const { memory, options } = this.#board.pc;
    setUpChipset(this.#board);
    const below4g = Math.min(options.memory, options.lowmem);
    this.#placeSmbios(below4g - SMBIOS_BYTES);
    const { roms, entry, long } = this.#kernel(this.#placeAcpi(below4g - TABLES_BYTES));
    for (const { address, bytes, size } of roms) {
      memory.writeBytes(address, bytes);
      if (size > bytes.length) memory.writeBytes(address + bytes.length, new Uint8Array(size - bytes.length));
    }
    setMtrrs(this.#cpu.env, below4g);
    const places = { gdt: GDT, pageTables: PAGE_TABLES, write: memory.writeBytes.bind(memory) };
    if (long) enterLongMode(this.#cpu, entry, places);
    else enterProtectedMode(this.#cpu, entry, places);
  }

  #placeSmbios(at: number): void {
    const { fwCfg, memory } = this.#board.pc;
    const [tables, anchor] = ['tables', 'anchor'].map((name) => fwCfg.read(`etc/smbios/smbios-${name}`));
    if (!tables || !anchor) return;
    memory.writeBytes(at, tables);
    memory.writeBytes(SMBIOS_ANCHOR, placeAnchor(anchor, at));
  }

  /** Returns where the RSDP is, 0 without ACPI. */
  #placeAcpi(at: number): number {
    const { fwCfg, memory } = this.#board.pc;
    const files = new Map<string, Uint8Array>();
    for (const name of [TABLE_FILE, RSDP_FILE]) {
      const bytes = fwCfg.read(name);
      if (bytes) files.set(name, bytes);
    }
    const commands = fwCfg.read(LOADER_FILE);
    if (!commands || files.size === 0) return 0;
    const next = new Map<number, number>([
      [ZONE.high, at],
      [ZONE.fseg, F_SEGMENT]
    ]);
    const places = runLinker(commands, files, (_name, size, align, zone) => {
      const address = Math.ceil(next.get(zone)! / align) * align;
      next.set(zone, address + size);
      return address;
    });
    for (const [name, address] of places) memory.writeBytes(address, files.get(name)!);
    return places.get(RSDP_FILE) ?? 0;
  }
}

/** As SeaBIOS gives it. */
function memoryMap(memory: number, lowmem: number): readonly E820Entry[] {
  const below4g = Math.min(memory, lowmem);
  const tables = below4g - TABLES_BYTES;
  const entry = (address: number, end: number, type: number): E820Entry => ({ address, length: end - address, type });
  return [
    entry(0, LOW_END, E820.ram),
    entry(LOW_END, 0xa_0000, E820.reserved),
    entry(F_SEGMENT, MIB, E820.reserved),
    entry(MIB, tables, E820.ram),
    entry(tables, below4g, E820.reserved),
    entry(BIOS_REGION, FOUR_GIB, E820.reserved),
    ...(memory > below4g ? [entry(FOUR_GIB, FOUR_GIB + memory - below4g, E820.ram)] : [])
  ];
}

/** @throws KernelError */
function kernelOf(image: LinuxImage, below4g: number, e820: readonly E820Entry[]): (rsdp: number) => Kernel {
  const limit = below4g - TABLES_BYTES;
  if (COMMAND_LINE + stringOf(image.append).length > COMMAND_LINE_END) throw new KernelError('-append is too long');
  switch (kernelKind(image.kernel)) {
    case 'linux':
      return linux(image, below4g, e820);
    case 'multiboot': {
      const { entry, address, image: whole, info } = multibootKernel(image, limit);
      const memory = multibootMemory(info, e820);
      return () => ({
        roms: [rom(address, whole), rom(MULTIBOOT_MMAP, memory.mmap), rom(MULTIBOOT_INFO, memory.info)],
        entry: { eip: entry, esp: STACK, regs: { [R_EAX]: MULTIBOOT_MAGIC, [R_EBX]: MULTIBOOT_INFO } },
        long: false
      });
    }
    case 'pvh': {
      const { elf, entry } = pvhKernel(image.kernel, limit);
      const { initrd } = image;
      const at = initrd && { address: highestInitrd(initrd, below4g), length: initrd.length };
      return (rsdp) => ({
        roms: [
          ...elf.segments,
          ...(initrd && at ? [rom(at.address, initrd)] : []),
          rom(COMMAND_LINE, stringOf(image.append)),
          rom(START_INFO, startInfo({ address: START_INFO, commandLine: COMMAND_LINE, rsdp, e820, initrd: at }))
        ],
        entry: { eip: entry, esp: STACK, regs: { [R_EBX]: START_INFO } },
        long: false
      });
    }
  }
}

/** @throws KernelError */
function linux(
  { kernel, initrd, append }: LinuxImage,
  below4g: number,
  e820: readonly E820Entry[]
): (rsdp: number) => Kernel {
  const { view, protocol, setup } = bzImage(kernel);
  if (protocol < PROTOCOL_LEAST || !(kernel[SETUP.loadflags]! & LOADED_HIGH))
    throw new KernelError('the kernel is too old to be started without firmware');
  const code = kernel.subarray(setup);
  if (KERNEL + code.length > below4g - TABLES_BYTES) throw new KernelError('the kernel does not fit into memory');
  const long = protocol >= PROTOCOL_64 && (view.getUint16(XLOADFLAGS, true) & XLF_KERNEL_64) !== 0;
  const ramdisk = initrd && highestInitrd(initrd, Math.min(below4g, initrdMax(view, protocol) + 1));
  const mode = videoMode(append);
  return (rsdp) => ({
    roms: [
      rom(KERNEL, code),
      rom(COMMAND_LINE, stringOf(append)),
      ...(initrd && ramdisk !== undefined ? [rom(ramdisk, initrd)] : []),
      rom(
        BOOT_PARAMS,
        bootParams({
          ...{ kernel, e820, rsdp, below4g },
          fields: [
            [SETUP.loader, 1, LOADER_QEMU],
            [CODE32_START, 4, KERNEL],
            [SETUP.cmdLinePtr, 4, COMMAND_LINE],
            [SETUP.ramdiskImage, 4, ramdisk ?? 0],
            [SETUP.ramdiskSize, 4, initrd?.length ?? 0],
            ...(mode === undefined ? [] : [[SETUP.vidMode, 2, mode] as const])
          ]
        })
      )
    ],
    entry: { eip: long ? KERNEL + ENTRY_64 : KERNEL, esp: STACK, regs: { [R_ESI]: BOOT_PARAMS } },
    long
  });
}
