import { describe, expect, test } from 'vitest';
import {
  bootConfigOf,
  bootDevicesOf,
  bootOrderFile,
  DEFAULT_BOOT,
  type BootDevice
} from '../../../src/lib/emulator/boot-order.ts';
import { prepareBoot } from '../../../src/lib/emulator/boot.ts';
import { planOfOptions } from '../../../src/lib/emulator/machine-options.ts';
import { OptionError } from '../../../src/lib/emulator/system/qemu-option.ts';
import { parseOptions } from '../../../src/lib/emulator/system/vl.ts';
import { machineOf } from '../../support/machine.ts';

const configOf = (text: string) => bootConfigOf(parseOptions(['-boot', text]));
const textOf = (devices: readonly BootDevice[], strict = false): string =>
  new TextDecoder().decode(bootOrderFile(devices, strict));

describe('-boot', () => {
  test('without it floppies come first, then disks, then CDs', () => {
    expect(bootConfigOf(parseOptions([]))).toEqual({ ...DEFAULT_BOOT, once: undefined, splashTime: undefined });
  });

  test('takes an order, one for the first boot, a menu with its time, a time between boots', () => {
    expect(configOf('dc,once=n,menu=on,splash-time=100,reboot-timeout=-1,strict=on')).toEqual({
      ...{ order: 'dc', once: 'n', menu: true, splashTime: 100, rebootTimeout: -1, strict: true }
    });
  });

  test.each([
    ['order=xyz', "Invalid boot device 'x'"],
    ['order=cdc', "Boot device 'c' was given twice"],
    ['once=1', "Invalid boot device '1'"],
    ['menu=perhaps', "'menu' expects 'on' or 'off'"],
    ['splash-time=-1', 'splash-time is invalid'],
    ['reboot-timeout=65536', 'reboot-timeout is invalid'],
    ['splash=picture.jpg', '-boot splash: not supported']
  ])('%s is refused', (text, why) => {
    expect(() => configOf(text)).toThrow(OptionError);
    expect(() => configOf(text)).toThrow(why);
  });
});

describe('boot indices', () => {
  test('sort the list; strict ends it with HALT', () => {
    const devices = [
      { bootindex: 5, path: '/b' },
      { bootindex: 1, path: '/a' }
    ];
    expect(textOf(devices)).toBe('/a\n/b\0');
    expect(textOf(devices, true)).toBe('/a\n/b\nHALT\0');
    expect(textOf([], true)).toBe('');
  });

  test('two of one kind are refused', () => {
    const twice = [1, 1].map((bootindex) => ({ bootindex, path: '/a' }));
    expect(() => bootOrderFile(twice, false)).toThrow('Two devices with same boot index 1');
  });

  test('name drives by where they are plugged in', () => {
    const { plan } = planOfOptions(
      parseOptions([
        ...['-nic', 'none', '-vga', 'none', '-drive', 'if=none,id=a,file=x', '-drive', 'if=none,id=b,media=cdrom'],
        ...['-device', 'virtio-blk-pci,drive=a,addr=1f,bootindex=3'],
        ...['-device', 'ide-cd,drive=b,bus=ide.1,unit=1,bootindex=0']
      ])
    );
    expect(bootDevicesOf(plan)).toEqual([
      { bootindex: 3, path: '/pci@i0cf8/scsi@1f/disk@0,0' },
      { bootindex: 0, path: '/pci@i0cf8/ide@1,1/drive@1/disk@1' }
    ]);
  });
});

test('the order of the first boot holds until the first reset of the machine', () => {
  const { machine } = machineOf(['-m', '16', '-nographic', '-nic', 'none']);
  const boot = { ...DEFAULT_BOOT, order: 'cd', once: 'dcn' };
  prepareBoot(machine, { bios: new Uint8Array(0x40000), roms: new Map(), boot, graphics: false });
  const { cmos_data } = machine.board.basic.rtc;
  const order = (): number[] => [cmos_data[0x3d]!, cmos_data[0x38]!];
  machine.reset();
  expect(order()).toEqual([0x23, 0x40]);
  machine.reset();
  expect(order()).toEqual([0x32, 0x00]);
  machine.reset();
  expect(order()).toEqual([0x32, 0x00]);
  machine.destroy();
});
