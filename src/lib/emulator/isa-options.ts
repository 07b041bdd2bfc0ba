/** `-device` of the ISA bus, and -debugcon. Source: the property tables of QEMU's devices, system/vl.c DEV_DEBUGCON. */
import type { Properties } from '../vmstate/command-line.ts';
import { ISA_DEBUGCON_DEFAULTS } from './hw/char/debugcon.ts';
import type { ISADeviceSpec } from './hw/i386/pc-isa.ts';
import { ISA_DEBUG_EXIT_DEFAULTS } from './hw/misc/debugexit.ts';
import { OptionError } from './system/qemu-option.ts';
import type { DeviceSpec } from './system/vl.ts';

/** Id of the character device that -debugcon makes. */
export const DEBUGCON_CHARDEV = 'debugcon';
/** What -device takes of these. */
export const DEVICE_NAMES = ['isa-debug-exit', 'isa-debugcon', 'pc-testdev'];
/** Properties that every device has, and that change nothing here. */
const EVERY = ['bus'];
const UINT32 = 2 ** 32;

/** @throws OptionError */
function only({ driver, properties }: DeviceSpec, known: readonly string[]): void {
  for (const name of properties.keys()) {
    if (!known.includes(name) && !EVERY.includes(name))
      throw new OptionError(`-device ${driver}: Property '${driver}.${name}' not found`);
  }
}

/** @throws OptionError */
function uint32(driver: string, properties: Properties, name: string, otherwise: number): number {
  const text = properties.get(name);
  if (text === undefined) return otherwise;
  const value = /^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : NaN;
  if (!(value < UINT32))
    throw new OptionError(`-device ${driver}: Parameter '${name}' expects uint32_t, not '${text}'`);
  return value;
}

/** A device of the ISA bus; undefined where the driver is none. @throws OptionError */
export function isaDeviceOf(spec: DeviceSpec): ISADeviceSpec | undefined {
  const { driver, properties } = spec;
  const number = (name: string, otherwise: number): number => uint32(driver, properties, name, otherwise);
  switch (driver) {
    case 'isa-debug-exit': {
      only(spec, ['iobase', 'iosize']);
      const { iobase, iosize } = ISA_DEBUG_EXIT_DEFAULTS;
      return { driver, iobase: number('iobase', iobase), iosize: number('iosize', iosize) };
    }
    case 'pc-testdev':
      only(spec, []);
      return { driver };
    case 'isa-debugcon': {
      only(spec, ['iobase', 'readback', 'chardev']);
      const chardev = properties.get('chardev');
      if (chardev === undefined) throw new OptionError("Can't create debugcon device, empty char device");
      const { iobase, readback } = ISA_DEBUGCON_DEFAULTS;
      return { driver, chardev, iobase: number('iobase', iobase), readback: number('readback', readback) };
    }
    default:
      return undefined;
  }
}

/** What -debugcon puts on the bus. */
export const debugconDevice: ISADeviceSpec = {
  ...{ driver: 'isa-debugcon', chardev: DEBUGCON_CHARDEV },
  ...ISA_DEBUGCON_DEFAULTS
};
