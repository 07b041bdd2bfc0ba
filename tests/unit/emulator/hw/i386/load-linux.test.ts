import { describe, expect, test } from 'vitest';
import { KernelError, loadLinux, SETUP } from '../../../../../src/lib/emulator/hw/i386/load-linux.ts';
import { FW_CFG, type FWCfg } from '../../../../../src/lib/emulator/hw/nvram/fw_cfg.ts';

const MIB = 2 ** 20;

/** A kernel of two setup sectors besides the first, and 100 bytes. */
function kernelOf(protocol: number, initrdMax = 0x7fff_ffff): Uint8Array {
  const kernel = new Uint8Array(3 * 512 + 100);
  const view = new DataView(kernel.buffer);
  kernel[SETUP.sects] = 2;
  view.setUint32(SETUP.magic, 0x5372_6448, true);
  view.setUint16(SETUP.version, protocol, true);
  kernel[SETUP.loadflags] = 1;
  view.setUint32(SETUP.initrdAddrMax, initrdMax, true);
  kernel.fill(0xaa, 3 * 512);
  return kernel;
}

/** What was said, by key. */
function loaded(kernel: Uint8Array, initrd: Uint8Array | undefined, append: string) {
  const items = new Map<number, number | Uint8Array>();
  const put = (key: number, value: number | Uint8Array): void => void items.set(key, value);
  loadLinux({ addI32: put, addBytes: put } as unknown as FWCfg, { kernel, initrd, append }, 512 * MIB);
  return items;
}

describe('loadLinux', () => {
  test('a recent kernel goes to 1 MiB, its setup to 64 KiB, the command line to 128 KiB', () => {
    const items = loaded(kernelOf(0x20f), undefined, 'quiet vga=0x318');
    expect(items.get(FW_CFG.KERNEL_ADDR)).toBe(0x100000);
    expect(items.get(FW_CFG.KERNEL_DATA)).toEqual(new Uint8Array(100).fill(0xaa));
    expect(items.get(FW_CFG.SETUP_ADDR)).toBe(0x10000);
    expect(items.get(FW_CFG.SETUP_SIZE)).toBe(3 * 512);
    expect(items.get(FW_CFG.CMDLINE_ADDR)).toBe(0x20000);
    expect(items.get(FW_CFG.CMDLINE_SIZE)).toBe(16);
    expect(items.has(FW_CFG.INITRD_ADDR)).toBe(false);
    const setup = items.get(FW_CFG.SETUP_DATA) as Uint8Array;
    const view = new DataView(setup.buffer);
    expect(view.getUint32(SETUP.cmdLinePtr, true)).toBe(0x20000);
    expect(view.getUint16(SETUP.vidMode, true)).toBe(0x318);
    expect(view.getUint16(SETUP.heapEndPtr, true)).toBe(0xfe00);
    expect([setup[SETUP.loader], setup[SETUP.loadflags]]).toEqual([0xb0, 0x81]);
  });

  test('the initial RAM disk ends below what the firmware keeps, and below what the kernel can reach', () => {
    const initrd = new Uint8Array(10_000);
    const high = loaded(kernelOf(0x20f), initrd, '');
    expect(high.get(FW_CFG.INITRD_ADDR)).toBe(Math.floor((512 * MIB - 0x28000 - 1 - 10_000) / 4096) * 4096);
    const low = loaded(kernelOf(0x20f, 0x37ff_ffff / 4), initrd, '');
    expect(low.get(FW_CFG.INITRD_ADDR)).toBe(Math.floor((Math.floor(0x37ff_ffff / 4) - 10_000) / 4096) * 4096);
    const setup = low.get(FW_CFG.SETUP_DATA) as Uint8Array;
    expect(new DataView(setup.buffer).getUint32(SETUP.ramdiskSize, true)).toBe(10_000);
  });

  test('an old kernel finds its command line by offset', () => {
    const kernel = kernelOf(0x200);
    kernel[SETUP.loadflags] = 0;
    const items = loaded(kernel, undefined, 'abc');
    expect(items.get(FW_CFG.KERNEL_ADDR)).toBe(0x10000);
    expect(items.get(FW_CFG.SETUP_ADDR)).toBe(0x90000);
    expect(items.get(FW_CFG.CMDLINE_ADDR)).toBe(0x99ff0);
    const view = new DataView((items.get(FW_CFG.SETUP_DATA) as Uint8Array).buffer);
    expect([view.getUint16(0x20, true), view.getUint16(0x22, true)]).toEqual([0xa33f, 0x9ff0]);
  });

  test.each([
    ['no kernel', new Uint8Array(100), undefined, ''],
    ['another file', new Uint8Array(10_000), undefined, ''],
    ['a kernel that ends in its setup', kernelOf(0x20f).subarray(0, 1000), undefined, ''],
    ['a video mode that is none', kernelOf(0x20f), undefined, 'vga=big'],
    ['a RAM disk without room', kernelOf(0x20f), new Uint8Array(513 * MIB), '']
  ])('%s is refused by name', (_name, kernel, initrd, append) => {
    expect(() => loaded(kernel, initrd, append)).toThrow(KernelError);
  });
});
