/** -boot and bootindex: what firmware tries in which order. Source: QEMU system/bootdevice.c, hw/nvram/fw_cfg.c, qapi/machine.json BootConfiguration. */
import { isOn } from '../vmstate/command-line.ts';
import type { MachinePlan } from './machine-plan.ts';
import { OptionError } from './system/qemu-option.ts';
import type { MachineOptions } from './system/vl.ts';

export interface BootConfig {
  /** Letters: a and b floppies, c disk, d CD, n network. */
  readonly order: string;
  /** The order of the first boot alone. */
  readonly once?: string | undefined;
  readonly menu: boolean;
  /** How long the menu waits, in ms. */
  readonly splashTime?: number | undefined;
  /** ms until a boot that failed is tried again; −1: never. */
  readonly rebootTimeout: number;
  /** Nothing is tried but what has a boot index. */
  readonly strict: boolean;
}

export const DEFAULT_BOOT: BootConfig = { order: 'cad', menu: false, rebootTimeout: -1, strict: false };

const KEYS = ['order', 'once', 'menu', 'splash-time', 'reboot-timeout', 'strict'];
const MAX_TIME = 0xffff;

/** Source: validate_bootdevices. @throws OptionError */
function devicesOf(letters: string | undefined): string | undefined {
  for (const [at, letter] of [...(letters ?? '')].entries()) {
    if (!/[a-p]/.test(letter)) throw new OptionError(`Invalid boot device '${letter}'`);
    if (letters!.indexOf(letter) < at) throw new OptionError(`Boot device '${letter}' was given twice`);
  }
  return letters;
}

/** @throws OptionError */
export function bootConfigOf({ boot }: Pick<MachineOptions, 'boot'>): BootConfig {
  for (const name of boot.keys()) {
    if (!KEYS.includes(name)) throw new OptionError(`-boot ${name}: not supported; there are: ${KEYS.join(', ')}`);
  }
  const flag = (name: string): boolean => {
    const on = isOn(boot.get(name) ?? 'off');
    if (on === undefined) throw new OptionError(`-boot: Parameter '${name}' expects 'on' or 'off'`);
    return on;
  };
  const time = (name: string, least: number): number | undefined => {
    const text = boot.get(name);
    const value = Number(text);
    if (text !== undefined && !(Number.isInteger(value) && value >= least && value <= MAX_TIME))
      throw new OptionError(`${name} is invalid,it should be a value between ${least} and ${MAX_TIME}`);
    return text === undefined ? undefined : value;
  };
  return {
    order: devicesOf(boot.get('order')) ?? DEFAULT_BOOT.order,
    once: devicesOf(boot.get('once')),
    ...{ menu: flag('menu'), strict: flag('strict') },
    splashTime: time('splash-time', 0),
    rebootTimeout: time('reboot-timeout', -1) ?? DEFAULT_BOOT.rebootTimeout
  };
}

/** What firmware may start, by its Open Firmware path. */
export interface BootDevice {
  readonly bootindex: number;
  readonly path: string;
}

const PCI = '/pci@i0cf8';

/** Drives that have a boot index. Source: hw/pci/pci.c pcibus_get_fw_dev_path, hw/ide/ide-bus.c idebus_get_fw_dev_path. */
export function bootDevicesOf({ virtioBlk, ide }: Pick<MachinePlan, 'virtioBlk' | 'ide'>): BootDevice[] {
  return [
    ...virtioBlk.flatMap(({ bootindex, slot }) =>
      bootindex === undefined ? [] : [{ bootindex, path: `${PCI}/scsi@${slot.toString(16)}/disk@0,0` }]
    ),
    ...ide.flatMap((drive, n) =>
      drive?.bootindex === undefined
        ? []
        : [{ bootindex: drive.bootindex, path: `${PCI}/ide@1,1/drive@${n >> 1}/disk@${n & 1}` }]
    )
  ];
}

/** The file "bootorder". Source: get_boot_devices_list. @throws OptionError where two have the same index */
export function bootOrderFile(devices: readonly BootDevice[], strict: boolean): Uint8Array {
  const sorted = devices.toSorted((a, b) => a.bootindex - b.bootindex);
  const twice = sorted.find(({ bootindex }, i) => sorted[i + 1]?.bootindex === bootindex);
  if (twice) throw new OptionError(`Two devices with same boot index ${twice.bootindex}`);
  if (sorted.length === 0) return new Uint8Array();
  const lines = [...sorted.map(({ path }) => path), ...(strict ? ['HALT'] : [])];
  return new TextEncoder().encode(`${lines.join('\n')}\0`);
}
