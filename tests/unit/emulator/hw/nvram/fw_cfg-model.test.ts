/** The firmware's interface to the machine: QEMU docs/specs/fw_cfg.rst, tests/qtest/fw_cfg-test.c. */
import { expect, test } from 'vitest';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { FW_CFG, FWCfg, type FWCfgOptions } from '../../../../../src/lib/emulator/hw/nvram/fw_cfg.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

const text = (bytes: readonly number[]): string => String.fromCharCode(...bytes);

function fwCfg(options: FWCfgOptions = {}) {
  const board = pcBoard();
  const device = new FWCfg(board.host, options);
  device.reset();
  const read = (key: number, length: number) => {
    board.out(0x510, key, 2);
    return Array.from({ length }, () => board.in(0x511));
  };
  const { memory } = board.host;
  return {
    ...board,
    device,
    memory,
    read,
    /** Name, number and size of every file. */
    files() {
      const count = read(0x19, 4)[3]!;
      return Array.from({ length: count }, () => {
        const row = Array.from({ length: 64 }, () => board.in(0x511));
        const size = row.slice(0, 4).reduce((n, b) => n * 256 + b, 0);
        return { name: text(row.slice(8)).replace(/\0+$/, ''), select: row[4]! * 256 + row[5]!, size };
      });
    },
    /** A DMA request at 0x1000. Returns the control word that is left. */
    dma(control: number, length: number, address: number) {
      const request = new DataView(new ArrayBuffer(16));
      request.setUint32(0, control);
      request.setUint32(4, length);
      request.setBigUint64(8, BigInt(address));
      memory.writeBytes(0x1000, new Uint8Array(request.buffer));
      board.out(0x514, 0, 4);
      board.out(0x518, 0x00100000, 4);
      const left = new Uint8Array(4);
      memory.readBytes(0x1000, left);
      return new DataView(left.buffer).getUint32(0);
    },
    bytes(addr: number, length: number) {
      const into = new Uint8Array(length);
      memory.readBytes(addr, into);
      return into;
    }
  };
}

test('the signature comes first, then what it can do', () => {
  const { in: inp, read } = fwCfg();
  expect(text([inp(0x511), inp(0x511), inp(0x511), inp(0x511)])).toBe('QEMU');
  expect(inp(0x511)).toBe(0);
  expect(read(FW_CFG.ID, 4)).toEqual([3, 0, 0, 0]);
  expect(fwCfg({ dma: false }).read(FW_CFG.ID, 1)).toEqual([1]);
});

test('the DMA register reads as QEMU CFG', () => {
  const { in: inp } = fwCfg();
  const words = [inp(0x514, 4), inp(0x518, 4)];
  expect(text(words.flatMap((w) => [w & 0xff, (w >> 8) & 0xff, (w >> 16) & 0xff, w >>> 24]))).toBe('QEMU CFG');
});

test('numbers are little-endian, text ends in NUL', () => {
  const { device, read } = fwCfg();
  device.addI64(FW_CFG.RAM_SIZE, 0x2000_0000n);
  device.addString(FW_CFG.CMDLINE_DATA, 'quiet');
  expect(read(FW_CFG.RAM_SIZE, 8)).toEqual([0, 0, 0, 0x20, 0, 0, 0, 0]);
  expect(text(read(FW_CFG.CMDLINE_DATA, 7))).toBe('quiet\0\0');
});

test('files are numbered from 0x20 in the order of their names', () => {
  const { device, files, read } = fwCfg();
  device.addFile('etc/e820', Uint8Array.of(1, 2, 3));
  device.addFile('bootorder', Uint8Array.of(9));
  expect(files()).toEqual([
    { name: 'bootorder', select: 0x20, size: 1 },
    { name: 'etc/boot-fail-wait', select: 0x21, size: 4 },
    { name: 'etc/e820', select: 0x22, size: 3 }
  ]);
  device.addFile('etc/e820', Uint8Array.of(4, 5));
  expect(files()[2]).toEqual({ name: 'etc/e820', select: 0x22, size: 2 });
  expect(read(0x22, 3)).toEqual([4, 5, 0]);
});

test('a number beyond the files selects nothing', () => {
  const { read, device } = fwCfg();
  expect(read(0x40, 2)).toEqual([0, 0]);
  expect(device.cur_entry).toBe(0xffff);
});

test('DMA selects, reads, and fills with zeros behind the end', () => {
  const { device, dma, bytes, memory } = fwCfg();
  device.addFile('a', Uint8Array.of(1, 2, 3));
  memory.writeBytes(0x2000, new Uint8Array(8).fill(0xee));
  expect(dma(((0x20 << 16) | 8 | 2) >>> 0, 6, 0x2000)).toBe(0);
  expect([...bytes(0x2000, 8)]).toEqual([1, 2, 3, 0, 0, 0, 0xee, 0xee]);
});

test('DMA goes on where the last one stopped, and skips', () => {
  const { device, dma, bytes } = fwCfg();
  device.addFile('a', Uint8Array.of(1, 2, 3, 4, 5));
  dma(((0x20 << 16) | 8 | 4) >>> 0, 2, 0);
  dma(2, 2, 0x2000);
  expect([...bytes(0x2000, 2)]).toEqual([3, 4]);
});

test('the guest writes only what may be written, and not beyond its end', () => {
  const { device, dma, memory } = fwCfg();
  const open = new Uint8Array(4);
  const written: number[][] = [];
  device.addFile('a-read-only', new Uint8Array(4));
  device.addFile('b-open', open, { writable: true, onWrite: (offset, length) => written.push([offset, length]) });
  memory.write(0x2000, 0x04030201, 4);
  expect(dma(((0x20 << 16) | 8 | 16) >>> 0, 4, 0x2000)).toBe(1);
  expect(dma(((0x21 << 16) | 8 | 16) >>> 0, 4, 0x2000)).toBe(0);
  expect([...open]).toEqual([1, 2, 3, 4]);
  expect(dma(((0x21 << 16) | 8 | 16) >>> 0, 5, 0x2000)).toBe(1);
  expect(written).toEqual([[0, 4]]);
});

test('requests that lead nowhere fail, also those of 4 GiB', () => {
  const { device, dma, out } = fwCfg();
  device.addFile('a', new Uint8Array(4));
  expect(dma(((0x20 << 16) | 8 | 2) >>> 0, 4, 0x80000000)).toBe(1);
  expect(dma(((0x20 << 16) | 8 | 2) >>> 0, 0xffffffff, 0x2000)).toBe(1);
  out(0x514, 0xffffffff, 4);
  out(0x518, 0xffffffff, 4);
});

test('selecting calls back, before anything is read', () => {
  const { device, read } = fwCfg();
  const tables = new Uint8Array(1);
  device.addFile('etc/acpi/tables', tables, { onSelect: () => (tables[0] = 0x41) });
  expect(read(0x20, 1)).toEqual([0x41]);
});

test('a RAM block is a file too: the guest reads what is in it now', () => {
  const { device, read, host } = fwCfg();
  const block = host.physmem.allocate('/rom@etc/acpi/rsdp', 4096);
  device.addFile('etc/acpi/rsdp', block, {}, 20);
  block.store(0, 0x52, 1);
  expect(read(0x20, 1)).toEqual([0x52]);
  expect(device.rsdp_mr_size).toBe(20n);
});

test('sizes of ACPI files come with the state', () => {
  const one = fwCfg();
  one.device.addFile('etc/acpi/rsdp', one.host.physmem.allocate('/rom@etc/acpi/rsdp', 4096), {}, 36);
  const body = saveDevice(one.device).finish();
  const other = fwCfg();
  other.device.addFile('etc/acpi/rsdp', other.host.physmem.allocate('/rom@etc/acpi/rsdp', 4096), {}, 20);
  const loaded = loadDevice(other.device, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 2);
  expect(loaded.failure).toBeUndefined();
  expect(saveDevice(other.device).finish()).toEqual(body);
  expect(other.files()[0]).toMatchObject({ name: 'etc/acpi/rsdp', size: 36 });
});
