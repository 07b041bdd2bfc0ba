/**
 * A Linux kernel given to the firmware: QEMU's option ROM fetches it through fw_cfg and jumps into it.
 * Source: QEMU hw/i386/x86-common.c x86_load_linux; Linux Documentation/arch/x86/boot.rst.
 */
import { FW_CFG, type FWCfg } from '../nvram/fw_cfg.ts';

export interface LinuxImage {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array | undefined;
  readonly append: string;
}

/** What keeps a kernel from being started; the message is for who named the file. */
export class KernelError extends Error {}

/** The option ROM that starts it. */
export const LINUXBOOT_ROM = 'linuxboot_dma.bin';

/** Room at the end of low memory for what the firmware puts there (PC_FW_DATA). */
const FIRMWARE_DATA = 0x20000 + 0x8000;
const SECTOR = 512;
const HDRS = 0x5372_6448;
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

/** A bzImage taken apart. @throws KernelError when it is none */
export function bzImage(kernel: Uint8Array): {
  readonly view: DataView;
  readonly protocol: number;
  readonly setup: number;
} {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength);
  const magic = kernel.length >= HEADER_BYTES && view.getUint32(SETUP.magic, true) === HDRS;
  if (!magic) throw new KernelError('the kernel is no bzImage (it has no "HdrS"): multiboot and ELF are not supported');
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

/** The highest place that ends below a limit, on a page. @throws KernelError when there is no room */
export function placeInitrd(initrd: Uint8Array, limit: number): number {
  if (initrd.length < limit) return Math.floor((limit - initrd.length) / 4096) * 4096;
  throw new KernelError(`initrd is too large, cannot support. (max: ${limit}, need ${initrd.length})`);
}

/**
 * Puts kernel, initrd and command line where LINUXBOOT_ROM looks for them.
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
    const anywhere = protocol >= 0x20c && header.getUint16(SETUP.xloadflags, true) & CAN_BE_LOADED_ABOVE_4G;
    const max = anywhere
      ? 0xffff_ffff
      : protocol >= 0x203
        ? header.getUint32(SETUP.initrdAddrMax, true)
        : DEFAULT_INITRD_MAX;
    const at = placeInitrd(initrd, Math.min(max, below4g - FIRMWARE_DATA - 1));
    fwCfg.addI32(FW_CFG.INITRD_ADDR, at);
    fwCfg.addI32(FW_CFG.INITRD_SIZE, initrd.length);
    fwCfg.addBytes(FW_CFG.INITRD_DATA, initrd);
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
