/**
 * What a machine starts from when no state comes in: firmware, boot order, a kernel. To be called before the machine's
 * reset, from where the firmware takes over.
 * Source: QEMU hw/i386/pc.c pc_memory_init, hw/i386/x86-common.c x86_bios_rom_init, system/bootdevice.c.
 */
import type { HDGeometry } from './block/hd-geometry.ts';
import { pcCmosInit, type DiskGeometry } from './hw/i386/cmos.ts';
import { LINUXBOOT_ROM, loadLinux, type LinuxImage } from './hw/i386/load-linux.ts';
import type { PCPiix } from './hw/i386/pc_piix.ts';
import { FW_CFG } from './hw/nvram/fw_cfg.ts';

export interface BootFiles {
  /** A multiple of 64 KiB, as long as the machine's plan says. */
  readonly bios: Uint8Array;
  /** QEMU's option ROMs by file name: those of which this says nothing are not there. */
  readonly roms: ReadonlyMap<string, Uint8Array>;
  /** Of the VGA: no longer than its region. */
  readonly vgaRom?: Uint8Array | undefined;
  readonly linux?: LinuxImage | undefined;
  /** -boot order: letters as pcCmosInit takes them. */
  readonly order: string;
  /** -boot menu=on, and how long it waits, in ms. */
  readonly menu?: { readonly timeout: number | undefined };
  /** A screen is there: without, SeaBIOS talks on the serial port. */
  readonly graphics: boolean;
  /** -uuid, 16 bytes. */
  readonly uuid?: Uint8Array;
}

/** What is wrong with a file that a machine is to boot from. */
export class BootError extends Error {}

/** Which option ROM a machine needs for its kernel. */
export const romsFor = (linux: LinuxImage | undefined): readonly string[] => (linux ? [LINUXBOOT_ROM] : []);

const TRANSLATION_NONE = 1;
const TRANSLATION_LBA = 2;

const le16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);

/** Source: hw/block/hd-geometry.c hd_bios_chs_auto_trans. */
const geometryOf = (native: HDGeometry): DiskGeometry => ({
  ...native,
  translation:
    native.cylinders <= 1024 && native.heads <= 16 && native.sectors <= 63 ? TRANSLATION_NONE : TRANSLATION_LBA
});

/** @throws BootError, KernelError */
export function prepareBoot({ pc, basic, ide, vga }: PCPiix, files: BootFiles): void {
  const { bios } = pc.map;
  const { fwCfg, options } = pc;
  if (files.bios.length !== bios.used_length)
    throw new BootError(`the firmware has ${files.bios.length} bytes, not ${bios.used_length}`);
  bios.write(0, files.bios);
  if (vga?.rom && files.vgaRom) {
    if (files.vgaRom.length > vga.rom.used_length)
      throw new BootError(`the VGA's ROM has ${files.vgaRom.length} bytes, more than ${vga.rom.used_length}`);
    vga.rom.write(0, files.vgaRom);
  }

  const below4g = Math.min(options.memory, options.lowmem);
  pcCmosInit(basic.rtc, {
    ...{ below4g, above4g: options.memory - below4g, order: files.order },
    disks: ide.bus.flatMap(({ ifs }) =>
      ifs.map((drive) => (drive.kind === 'hd' ? geometryOf(drive.native) : undefined))
    )
  });
  fwCfg.addI16(FW_CFG.NOGRAPHIC, files.graphics ? 0 : 1);
  fwCfg.addI16(FW_CFG.BOOT_MENU, files.menu ? 1 : 0);
  if (files.menu?.timeout !== undefined) fwCfg.addFile('etc/boot-menu-wait', le16(files.menu.timeout));
  if (files.uuid) fwCfg.addBytes(FW_CFG.UUID, files.uuid);

  if (files.linux) loadLinux(fwCfg, files.linux, below4g);
  const order: string[] = [];
  for (const name of romsFor(files.linux)) {
    const rom = files.roms.get(name);
    if (!rom) throw new BootError(`the option ROM ${name} is missing`);
    fwCfg.addFile(`genroms/${name}`, rom);
    order.push(`/rom@genroms/${name}`);
  }
  if (order.length > 0) fwCfg.addFile('bootorder', new TextEncoder().encode(`${order.join('\n')}\0`));
}
