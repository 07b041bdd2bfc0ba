/**
 * A kernel given to the firmware: one of QEMU's option ROMs fetches it through fw_cfg and jumps into it.
 * Source: QEMU hw/i386/x86-common.c x86_load_linux, load_elfboot; Linux Documentation/arch/x86/boot.rst.
 */
import { ElfError, isElf, loadElf, type ElfFile, type Rom } from '../core/loader.ts';
import { FW_CFG, type FWCfg } from '../nvram/fw_cfg.ts';
import { MULTIBOOT_INFO, MultibootError, multibootHeader, multibootImage, type MultibootModule } from './multiboot.ts';

export interface LinuxImage {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array | undefined;
  readonly append: string;
  /** What a multiboot kernel gets in place of an initrd. */
  readonly modules?: readonly MultibootModule[] | undefined;
  /** As it was named: a multiboot kernel is told. */
  readonly name?: string | undefined;
}

/** What keeps a kernel from being started; the message is for who named the file. */
export class KernelError extends Error {}

/** How a kernel wants to be started. */
export type KernelKind = 'linux' | 'multiboot' | 'pvh';

/** The option ROMs that start them. */
export const KERNEL_ROMS: Readonly<Record<KernelKind, string>> = {
  linux: 'linuxboot_dma.bin',
  multiboot: 'multiboot_dma.bin',
  pvh: 'pvh.bin'
};

/** Room at the end of low memory for what the firmware puts there (PC_FW_DATA). */
const FIRMWARE_DATA = 0x20000 + 0x8000;
const SECTOR = 512;
const HDRS = 0x5372_6448;
/** PVH kernels come with their first bytes, as Linux with its setup. */
const PVH_SETUP = 8192;
const XEN_ELFNOTE_PHYS32_ENTRY = 18;
const CAN_BE_LOADED_ABOVE_4G = 2;
const LOADED_HIGH = 0x01;
const CAN_USE_HEAP = 0x80;
/** An undefined loader; QEMU's number. */
const LOADER_QEMU = 0xb0;
const DEFAULT_INITRD_MAX = 0x37ff_ffff;
const MODES: Readonly<Record<string, number>> = { normal: 0xffff, ext: 0xfffe, ask: 0xfffd };

/** The setup header's fields, at their offsets in the image. Source: boot.rst, "Details of header fields". */
export const SETUP = {
  sects: 0x1f1,
  vidMode: 0x1fa,
  magic: 0x202,
  version: 0x206,
  loader: 0x210,
  loadflags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  heapEndPtr: 0x224,
  cmdLinePtr: 0x228,
  initrdAddrMax: 0x22c,
  xloadflags: 0x236,
  setupData: 0x250
} as const;
const HEADER_BYTES = 0x260;

const isBzImage = (kernel: Uint8Array): boolean =>
  kernel.length >= HEADER_BYTES && new DataView(kernel.buffer, kernel.byteOffset).getUint32(SETUP.magic, true) === HDRS;

/** @throws KernelError when it is none that can be started */
export function kernelKind(kernel: Uint8Array): KernelKind {
  if (isBzImage(kernel)) return 'linux';
  if (multibootHeader(kernel) !== undefined) return 'multiboot';
  if (isElf(kernel)) return 'pvh';
  throw new KernelError('the kernel is no bzImage (it has no "HdrS"), no multiboot kernel and no ELF file');
}

/** A bzImage taken apart. @throws KernelError when it is none */
export function bzImage(kernel: Uint8Array): {
  readonly view: DataView;
  readonly protocol: number;
  readonly setup: number;
} {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  if (!isBzImage(kernel)) throw new KernelError('the kernel is no bzImage: it has no "HdrS"');
  const setup = ((kernel[SETUP.sects] || 4) + 1) * SECTOR;
  if (setup > kernel.length) throw new KernelError('invalid kernel header');
  return { view, protocol: view.getUint16(SETUP.version, true), setup };
}

/** The `vga=` of a command line, as a video mode. @throws KernelError when it is no number */
export function videoMode(append: string): number | undefined {
  const [, text] = /vga=([^ ]*)/.exec(append) ?? [];
  if (text === undefined) return undefined;
  const mode = MODES[text] ?? Number(text);
  if (!Number.isInteger(mode)) throw new KernelError("invalid 'vga=' kernel parameter.");
  return mode;
}

/** The last address of an initrd that a bzImage can reach. @param protocol its version */
export function initrdMax(header: DataView, protocol: number): number {
  if (protocol >= 0x20c && header.getUint16(SETUP.xloadflags, true) & CAN_BE_LOADED_ABOVE_4G) return 0xffff_ffff;
  return protocol >= 0x203 ? header.getUint32(SETUP.initrdAddrMax, true) : DEFAULT_INITRD_MAX;
}

/** The highest place that ends below a limit, on a page. @throws KernelError when there is no room */
export function placeInitrd(initrd: Uint8Array, limit: number): number {
  if (initrd.length < limit) return Math.floor((limit - initrd.length) / 4096) * 4096;
  throw new KernelError(`initrd is too large, cannot support. (max: ${limit}, need ${initrd.length})`);
}

/** Where an initrd that any place below 4 GiB suits goes. @throws KernelError */
export const highestInitrd = (initrd: Uint8Array, below4g: number): number =>
  placeInitrd(initrd, below4g - FIRMWARE_DATA - 1);

/** An ELF kernel, and where it starts in 32-bit mode. @throws KernelError */
export function pvhKernel(kernel: Uint8Array, limit: number): { readonly elf: ElfFile; readonly entry: number } {
  try {
    const elf = loadElf(kernel, limit);
    const note = elf.note(XEN_ELFNOTE_PHYS32_ENTRY);
    if (!note || note.length < 4) throw new KernelError('Error loading uncompressed kernel without PVH ELF Note');
    return { elf, entry: new DataView(note.buffer, note.byteOffset).getUint32(0, true) };
  } catch (error) {
    if (error instanceof ElfError) throw new KernelError(`Error while loading elf kernel: ${error.message}`);
    throw error;
  }
}

/** A multiboot kernel with its modules. @throws KernelError */
export function multibootKernel({ kernel, name = '', append, modules = [] }: LinuxImage, limit: number) {
  try {
    return multibootImage({ kernel, name, append, modules }, limit)!;
  } catch (error) {
    if (error instanceof MultibootError) throw new KernelError(error.message);
    throw error;
  }
}

/**
 * Puts a kernel of any kind where the option ROM of its kind looks for it.
 * @param below4g bytes of RAM below 4 GiB
 * @returns what has to lie in memory besides
 * @throws KernelError
 */
export function loadKernel(fwCfg: FWCfg, image: LinuxImage, below4g: number): readonly Rom[] {
  const kind = kernelKind(image.kernel);
  if (kind === 'linux') loadLinux(fwCfg, image, below4g);
  else if (kind === 'multiboot') loadMultiboot(fwCfg, image, below4g);
  else return loadPvh(fwCfg, image, below4g);
  return [];
}

function loadMultiboot(fwCfg: FWCfg, kernel: LinuxImage, below4g: number): void {
  const { entry, address, image, info } = multibootKernel(kernel, below4g);
  fwCfg.addI32(FW_CFG.KERNEL_ENTRY, entry);
  fwCfg.addI32(FW_CFG.KERNEL_ADDR, address);
  fwCfg.addI32(FW_CFG.KERNEL_SIZE, image.length);
  fwCfg.addBytes(FW_CFG.KERNEL_DATA, image);
  fwCfg.addI32(FW_CFG.INITRD_ADDR, MULTIBOOT_INFO);
  fwCfg.addI32(FW_CFG.INITRD_SIZE, info.length);
  fwCfg.addBytes(FW_CFG.INITRD_DATA, info);
}

function loadPvh(fwCfg: FWCfg, { kernel, initrd, append }: LinuxImage, below4g: number): readonly Rom[] {
  const { elf, entry } = pvhKernel(kernel, below4g);
  fwCfg.addI32(FW_CFG.KERNEL_ENTRY, entry);
  fwCfg.addI32(FW_CFG.KERNEL_ADDR, elf.low);
  fwCfg.addI32(FW_CFG.KERNEL_SIZE, elf.high - elf.low);
  const commandLine = new TextEncoder().encode(`${append}\0`);
  fwCfg.addI32(FW_CFG.CMDLINE_SIZE, commandLine.length);
  fwCfg.addBytes(FW_CFG.CMDLINE_DATA, commandLine);
  const setup = new Uint8Array(PVH_SETUP);
  setup.set(kernel.subarray(0, PVH_SETUP));
  fwCfg.addI32(FW_CFG.SETUP_SIZE, setup.length);
  fwCfg.addBytes(FW_CFG.SETUP_DATA, setup);
  if (initrd) addInitrd(fwCfg, initrd, highestInitrd(initrd, below4g));
  return elf.segments;
}

function addInitrd(fwCfg: FWCfg, initrd: Uint8Array, at: number): void {
  fwCfg.addI32(FW_CFG.INITRD_ADDR, at);
  fwCfg.addI32(FW_CFG.INITRD_SIZE, initrd.length);
  fwCfg.addBytes(FW_CFG.INITRD_DATA, initrd);
}

/**
 * Puts kernel, initrd and command line where Linux's option ROM looks for them.
 * @param below4g bytes of RAM below 4 GiB
 * @throws KernelError
 */
export function loadLinux(fwCfg: FWCfg, { kernel, initrd, append }: LinuxImage, below4g: number): void {
  const { protocol, setup: setupSize } = bzImage(kernel);
  const setup = kernel.slice(0, Math.max(setupSize, HEADER_BYTES));
  const header = new DataView(setup.buffer);
  const high = (setup[SETUP.loadflags]! & LOADED_HIGH) !== 0;
  const recent = high && protocol >= 0x202;
  const commandLine = new TextEncoder().encode(`${append}\0`);
  const reserved = Math.ceil(commandLine.length / 16) * 16;
  const realAddress = recent ? 0x10000 : 0x90000;
  const commandLineAddress = recent ? 0x20000 : 0x9a000 - reserved;

  if (protocol >= 0x202) header.setUint32(SETUP.cmdLinePtr, commandLineAddress, true);
  else {
    header.setUint16(0x20, 0xa33f, true);
    header.setUint16(0x22, commandLineAddress - realAddress, true);
  }
  const mode = videoMode(append);
  if (mode !== undefined) header.setUint16(SETUP.vidMode, mode, true);
  setup[SETUP.loader] = LOADER_QEMU;
  if (protocol >= 0x201) {
    setup[SETUP.loadflags]! |= CAN_USE_HEAP;
    header.setUint16(SETUP.heapEndPtr, commandLineAddress - realAddress - SECTOR, true);
  }
  if (initrd) {
    const at = placeInitrd(initrd, Math.min(initrdMax(header, protocol), below4g - FIRMWARE_DATA - 1));
    addInitrd(fwCfg, initrd, at);
    header.setUint32(SETUP.ramdiskImage, at, true);
    header.setUint32(SETUP.ramdiskSize, initrd.length, true);
  }
  fwCfg.addI32(FW_CFG.CMDLINE_ADDR, commandLineAddress);
  fwCfg.addI32(FW_CFG.CMDLINE_SIZE, commandLine.length);
  fwCfg.addBytes(FW_CFG.CMDLINE_DATA, commandLine);
  fwCfg.addI32(FW_CFG.KERNEL_ADDR, high ? 0x100000 : 0x10000);
  fwCfg.addI32(FW_CFG.KERNEL_SIZE, kernel.length - setupSize);
  fwCfg.addBytes(FW_CFG.KERNEL_DATA, kernel.subarray(setupSize));
  fwCfg.addI32(FW_CFG.SETUP_ADDR, realAddress);
  fwCfg.addI32(FW_CFG.SETUP_SIZE, setupSize);
  fwCfg.addBytes(FW_CFG.SETUP_DATA, setup.subarray(0, setupSize));
}
