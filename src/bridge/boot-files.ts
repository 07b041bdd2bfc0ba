/** What a command line has a machine boot from: firmware, kernel, their options. */
import { romsFor, type BootFiles } from '../lib/emulator/boot.ts';
import { bootConfigOf } from '../lib/emulator/boot-order.ts';
import { kernelKind, type LinuxImage } from '../lib/emulator/hw/i386/load-linux.ts';
import type { MultibootModule } from '../lib/emulator/hw/i386/multiboot.ts';
import { OptionError } from '../lib/emulator/system/qemu-option.ts';
import type { MachineOptions } from '../lib/emulator/system/vl.ts';
import { findFirmware, needFirmware, readNamed } from './firmware.ts';

const DEFAULT_BIOS = 'bios-256k.bin';
/** The name of no firmware at all: the kernel is started directly. */
const NO_BIOS = 'none';

/** What the options have a machine boot from. Nothing where a state comes in and no firmware is installed. */
export function bootFilesOf(options: MachineOptions, incoming: boolean): BootFiles | undefined {
  const { firmwarePaths } = options;
  const linux = linuxOf(options);
  const name = options.bios ?? DEFAULT_BIOS;
  const direct = name === NO_BIOS;
  if (direct && !linux && !incoming) throw new OptionError(`-bios ${NO_BIOS} needs a kernel: give -kernel`);
  const bios = direct ? undefined : incoming ? findFirmware(name, firmwarePaths) : needFirmware(name, firmwarePaths);
  if (!bios && !(direct && linux)) return undefined;
  return {
    ...{ bios, linux, boot: bootConfigOf(options), graphics: !options.nographic },
    fwCfgFiles: fwCfgFilesOf(options),
    roms: new Map(direct ? [] : romsFor(linux).map((rom) => [rom, needFirmware(rom, firmwarePaths)]))
  };
}

const MAX_NAME = 55;

/** Source: QEMU system/vl.c parse_fw_cfg. @throws OptionError */
function fwCfgFilesOf({ fwCfg }: MachineOptions): ReadonlyMap<string, Uint8Array> {
  return new Map(
    fwCfg.map((item) => {
      const [name = '', file = '', string = ''] = ['name', 'file', 'string'].map((key) => item.get(key));
      if (name === '' || (file === '') === (string === ''))
        throw new OptionError('-fw_cfg: name, plus exactly one of file and string, are needed');
      if (name.length > MAX_NAME) throw new OptionError(`-fw_cfg: name too long (max. ${MAX_NAME} char)`);
      return [name, file === '' ? new TextEncoder().encode(string) : readNamed(file)];
    })
  );
}

function linuxOf({ kernel, initrd, append }: MachineOptions): LinuxImage | undefined {
  if (kernel === undefined) {
    if (initrd !== undefined || append !== '')
      throw new OptionError('-initrd and -append only allowed with -kernel option');
    return undefined;
  }
  const image = { kernel: readNamed(kernel), name: kernel, append };
  if (initrd === undefined) return image;
  const multiboot = kernelKind(image.kernel) === 'multiboot';
  return multiboot ? { ...image, modules: modulesOf(initrd) } : { ...image, initrd: readNamed(initrd) };
}

/** `FILE ARGUMENTS,FILE …`: a comma is doubled to stand for itself. Source: hw/i386/multiboot.c load_multiboot. */
const modulesOf = (initrd: string): readonly MultibootModule[] =>
  initrd.split(/(?<!,),(?!,)/).map((part) => {
    const commandLine = part.replaceAll(',,', ',');
    const [file] = commandLine.split(' ', 1);
    return { commandLine, bytes: readNamed(file!) };
  });
