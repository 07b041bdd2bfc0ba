/** The virtio disk as drivers use it: virtio 1.2 section 5.2, QEMU tests/qtest/virtio-blk-test.c. */
import { describe, expect, test } from 'vitest';
import { BlockBackend } from '../../../../../src/lib/emulator/block/block-backend.ts';
import { Completions } from '../../../../../src/lib/emulator/block/completions.ts';
import { CowOverlay } from '../../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../../src/lib/emulator/block/raw.ts';
import {
  VirtIOBlk,
  vmstate_virtio_blk,
  type VirtIOBlkOptions
} from '../../../../../src/lib/emulator/hw/block/virtio-blk.ts';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { VirtioPCI } from '../../../../../src/lib/emulator/hw/virtio/virtio-pci-proxy.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { bytesSource } from '../../../../../src/lib/vmstate/source.ts';
import { pcBoard } from '../../../../support/pc-board.ts';
import { LEGACY, legacyDriver, MODERN, modernDriver, type Driver } from '../../../../support/virtio-driver.ts';

const DEVFN = 0x18;
const SECTORS = 256;
const REQUEST = 0x20000;
const DATA = 0x30000;
const STATUS = 0x20100;

const IMAGE = Uint8Array.from({ length: SECTORS * 512 }, (_, i) => (i >> 9) ^ i);
const image = () => IMAGE;

function disk({
  missing = false,
  limit = 1 << 20,
  ...options
}: Partial<VirtIOBlkOptions> & { missing?: boolean; limit?: number } = {}) {
  const board = pcBoard();
  const completions = new Completions();
  const driver = new CowOverlay(new RawImage(bytesSource(image())), limit);
  const blk = new BlockBackend('virtio0', completions, missing ? undefined : driver);
  const device = new VirtIOBlk(board.host, { blk, ...options });
  const pci = new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_blk, { vectors: 2 });
  const { memory } = board.host;
  return {
    ...board,
    board,
    completions,
    blk,
    driver,
    device,
    pci,
    memory,
    /** Starts a request with data at `DATA`; the status byte lies at `STATUS` and begins as 0xff. */
    request(to: Driver, type: number, sector: number, length: number, read: boolean, at = 0) {
      const header = REQUEST + 16 * at;
      memory.write(header, type, 4);
      memory.write(header + 4, 0, 4);
      memory.write(header + 8, sector, 4);
      memory.write(header + 12, Math.floor(sector / 2 ** 32), 4);
      memory.write(STATUS + at, 0xff, 1);
      const data = length > 0 ? [[DATA, length, read] as const] : [];
      return to.add([[header, 16], ...data, [STATUS + at, 1, true]]);
    },
    status: (at = 0) => memory.read(STATUS + at, 1),
    bytes(addr: number, length: number) {
      const into = new Uint8Array(length);
      memory.readBytes(addr, into);
      return into;
    }
  };
}

test('identification, legacy and modern places, and the size in the configuration', () => {
  const { config, setConfig, board, memory } = disk();
  expect(config(DEVFN, 0)).toBe(0x10011af4);
  expect(config(DEVFN, 0x2e, 2)).toBe(2);
  expect(config(DEVFN, 0x0a, 2)).toBe(0x0100);
  expect(config(DEVFN, 0x34, 1)).toBe(0x98);
  setConfig(DEVFN, 0x10, 0xffffffff);
  setConfig(DEVFN, 0x20, 0xffffffff);
  expect([config(DEVFN, 0x10), config(DEVFN, 0x20)]).toEqual([0xffffff81, 0xffffc00c]);
  modernDriver(board, DEVFN);
  expect(memory.read(MODERN + 0x2000, 4)).toBe(SECTORS);
  expect(memory.read(MODERN + 0x200c, 4)).toBe(254);
  expect(memory.read(MODERN + 0x2000 + 56, 1)).toBe(1);
  expect(memory.read(MODERN + 0x2000 + 57, 1)).toBe(0xff);
});

describe.each([
  ['modern', modernDriver],
  ['legacy', legacyDriver]
] as const)('%s driver', (kind, makeDriver) => {
  test('reads, in the completion between two slices, with an interrupt', async () => {
    const all = disk();
    all.setConfig(8, 0x62, 11, 1);
    const driver = makeDriver(all.board, DEVFN);
    all.request(driver, 0, 3, 1024, true);
    driver.kick();
    expect([driver.returned(), all.status()]).toEqual([[], 0xff]);
    await all.completions.drain();
    expect(driver.returned()).toEqual([[0, 1025]]);
    expect(all.status()).toBe(0);
    expect(all.bytes(DATA, 1024)).toEqual(image().subarray(3 * 512, 5 * 512));
    if (kind === 'modern') expect(all.messages).toEqual([[0xfee00000, 0x4041]]);
    else {
      expect(all.irqs[11]).toBe(1);
      expect(all.in(LEGACY + 19)).toBe(1);
      expect(all.irqs[11]).toBe(0);
    }
  });

  test('writes what is read back, and leaves the image as it was', async () => {
    const all = disk();
    const driver = makeDriver(all.board, DEVFN);
    const text = Uint8Array.from({ length: 2048 }, (_, i) => i * 7);
    all.memory.writeBytes(DATA, text);
    all.request(driver, 1, 100, 2048, false, 0);
    driver.kick();
    all.memory.writeBytes(DATA, new Uint8Array(2048));
    await all.completions.drain();
    all.request(driver, 0, 100, 2048, true, 1);
    driver.kick();
    await all.completions.drain();
    expect(all.bytes(DATA, 2048)).toEqual(text);
    expect(driver.returned()).toEqual([
      [0, 1],
      [3, 2049]
    ]);
    expect(all.driver.used).toBe(4096);
  });

  test('flushes, says its serial number, and refuses what it does not know', async () => {
    const all = disk({ serial: 'disk-1' });
    const driver = makeDriver(all.board, DEVFN);
    all.request(driver, 4, 0, 0, false, 0);
    all.request(driver, 8, 0, 20, true, 1);
    all.request(driver, 99, 0, 0, false, 2);
    driver.kick();
    await all.completions.drain();
    expect([0, 1, 2].map(all.status)).toEqual([0, 0, 2]);
    expect(Buffer.from(all.bytes(DATA, 7)).toString()).toBe('disk-1\0');
  });

  test('errors for what lies behind the end, for odd sizes, and for sectors beyond all numbers', async () => {
    const all = disk();
    const driver = makeDriver(all.board, DEVFN);
    all.request(driver, 0, SECTORS - 1, 1024, true, 0);
    all.request(driver, 0, 0, 1000, true, 1);
    all.request(driver, 1, 2 ** 60, 512, false, 2);
    all.request(driver, 0, SECTORS - 1, 512, true, 3);
    driver.kick();
    await all.completions.drain();
    expect([0, 1, 2, 3].map(all.status)).toEqual([1, 1, 1, 0]);
  });

  test('zeroes and discards by a segment', async () => {
    const all = disk();
    const driver = makeDriver(all.board, DEVFN);
    const segment = (sector: number, sectors: number, flags: number) =>
      [sector, 0, sectors, flags].forEach((word, i) => all.memory.write(DATA + 4 * i, word, 4));
    segment(8, 4, 1);
    all.request(driver, 13, 0, 16, false, 0);
    driver.kick();
    await all.completions.drain();
    segment(0, 1, 1);
    all.request(driver, 11, 0, 16, false, 1);
    driver.kick();
    segment(SECTORS, 1, 0);
    all.request(driver, 13, 0, 16, false, 2);
    driver.kick();
    segment(20, 1, 0);
    all.request(driver, 11, 0, 16, false, 3);
    driver.kick();
    await all.completions.drain();
    expect([0, 1, 2, 3].map(all.status)).toEqual([0, 2, 1, 0]);
    all.request(driver, 0, 7, 6 * 512, true, 4);
    driver.kick();
    await all.completions.drain();
    const expected = image().slice(7 * 512, 13 * 512);
    expected.fill(0, 512, 5 * 512);
    expect(all.bytes(DATA, 6 * 512)).toEqual(expected);
  });
});

test('a request through an indirect table', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  all.memory.write(REQUEST, 0, 4);
  all.memory.write(REQUEST + 8, 5, 4);
  const table = 0x40000;
  [
    [REQUEST, 16, 1, 1],
    [DATA, 512, 3, 2],
    [STATUS, 1, 2, 0]
  ].forEach(([addr, length, flags, next], i) => {
    all.memory.write(table + 16 * i, addr!, 4);
    all.memory.write(table + 16 * i + 8, length!, 4);
    all.memory.write(table + 16 * i + 12, flags! | (next! << 16), 4);
  });
  driver.descriptor(2, table, 48, 4);
  driver.makeAvailable(2);
  driver.kick();
  await all.completions.drain();
  expect(driver.returned()).toEqual([[2, 513]]);
  expect(all.bytes(DATA, 512)).toEqual(image().subarray(5 * 512, 6 * 512));
});

test('with event indices the driver is told at the index that it names', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  driver.usedEvent(2);
  for (let i = 0; i < 4; i++) {
    all.request(driver, 4, 0, 0, false, i);
    driver.kick();
    await all.completions.drain();
  }
  // The first one always, then the one that makes used.idx pass the event.
  expect(all.messages.length).toBe(2);
});

test('without event indices the driver turns interrupts off by a flag', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN, ~(1n << 29n));
  all.memory.write(driver.avail, 1, 2);
  all.request(driver, 4, 0, 0, false, 0);
  driver.kick();
  await all.completions.drain();
  expect(all.messages).toEqual([]);
  all.memory.write(driver.avail, 0, 2);
  all.request(driver, 4, 0, 0, false, 1);
  driver.kick();
  await all.completions.drain();
  expect(all.messages.length).toBe(1);
});

test('the window in configuration space reaches the modern registers', () => {
  const { config, setConfig, board } = disk();
  modernDriver(board, DEVFN);
  const window = 0x84;
  expect(config(DEVFN, window + 3, 1)).toBe(5);
  setConfig(DEVFN, window + 4, 4, 1);
  setConfig(DEVFN, window + 8, 0x2000);
  setConfig(DEVFN, window + 12, 4);
  expect(config(DEVFN, window + 16)).toBe(SECTORS);
  setConfig(DEVFN, window + 8, 22);
  setConfig(DEVFN, window + 12, 2);
  setConfig(DEVFN, window + 16, 0, 2);
  expect(config(DEVFN, window + 16, 2)).toBe(0);
  setConfig(DEVFN, window + 12, 3);
  expect(config(DEVFN, window + 16, 2)).toBe(0);
});

describe('a driver that breaks the rules breaks the device, until it is reset', () => {
  const NEEDS_RESET = 0x40;
  const cases: Readonly<Record<string, (driver: Driver, all: ReturnType<typeof disk>) => void>> = {
    'a chain in a circle': (driver) => {
      driver.descriptor(0, REQUEST, 16, 1, 1);
      driver.descriptor(1, DATA, 512, 1, 0);
      driver.makeAvailable(0);
    },
    'a buffer of no bytes': (driver) => {
      driver.add([
        [REQUEST, 16],
        [DATA, 0, true]
      ]);
    },
    'a buffer outside of memory': (driver) => {
      driver.add([
        [REQUEST, 16],
        [0x80000000, 512, true]
      ]);
    },
    'a buffer beyond all addresses': (driver) => {
      driver.add([
        [REQUEST, 16],
        [2 ** 63, 512, true]
      ]);
    },
    'a buffer that runs out of memory': (driver) => {
      driver.add([
        [REQUEST, 16],
        [0xff000, 0xffffffff, true]
      ]);
    },
    'a head that is no descriptor': (driver) => driver.makeAvailable(16),
    'a link to no descriptor': (driver) => {
      driver.descriptor(0, REQUEST, 16, 1, 16);
      driver.makeAvailable(0);
    },
    'buffers to read behind buffers to fill': (driver) => {
      driver.add([
        [STATUS, 1, true],
        [REQUEST, 16]
      ]);
    },
    'no room for the status': (driver) => {
      driver.add([[REQUEST, 16]]);
    },
    'a header that is too short': (driver) => {
      driver.add([
        [REQUEST, 15],
        [STATUS, 1, true]
      ]);
    },
    'an indirect table of a strange size': (driver) => {
      driver.descriptor(0, 0x40000, 17, 4);
      driver.makeAvailable(0);
    },
    'an indirect table outside of memory': (driver) => {
      driver.descriptor(0, 0x80000000, 32, 4);
      driver.makeAvailable(0);
    },
    'an indirect table in a circle': (driver, { memory }) => {
      memory.write(0x40000, REQUEST, 4);
      memory.write(0x40008, 16, 4);
      memory.write(0x4000c, 1, 4);
      driver.descriptor(0, 0x40000, 0x10000, 4);
      driver.makeAvailable(0);
    },
    'more requests than the ring has places': (driver, { memory }) => {
      memory.write(driver.avail + 2, 0x8000, 2);
    }
  };

  test.each(Object.keys(cases))('%s', async (name) => {
    const all = disk();
    const driver = modernDriver(all.board, DEVFN);
    cases[name]!(driver, all);
    driver.kick();
    await all.completions.drain();
    expect(all.device.broken).toBe(true);
    expect(driver.status() & NEEDS_RESET).toBe(NEEDS_RESET);
    expect(all.guestErrors.length).toBeGreaterThan(0);
    const again = modernDriver(all.board, DEVFN);
    all.request(again, 0, 1, 512, true);
    again.kick();
    await all.completions.drain();
    expect([again.returned().length, all.status(), all.device.broken]).toEqual([1, 0, false]);
  });

  test('rings outside of memory', () => {
    const all = disk();
    modernDriver(all.board, DEVFN);
    all.memory.write(MODERN + 32, 0x80000000, 4);
    all.memory.write(MODERN + 28, 1, 2);
    expect(all.device.broken).toBe(true);
  });
});

test('a request under way at a reset neither writes to memory nor comes back', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  all.request(driver, 0, 0, 512, true);
  driver.kick();
  all.memory.write(MODERN + 20, 0, 1);
  all.memory.writeBytes(DATA, new Uint8Array(512).fill(0x5a));
  await all.completions.drain();
  expect(all.status()).toBe(0xff);
  expect(all.bytes(DATA, 512).every((b) => b === 0x5a)).toBe(true);
});

test('a device that is no bus master does nothing, and says so in its state', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  all.setConfig(DEVFN, 4, 2, 2);
  all.request(driver, 4, 0, 0, false);
  driver.kick();
  await all.completions.drain();
  expect([all.device.disabled, driver.status() & 4, all.status()]).toEqual([true, 0, 0xff]);
});

test('requests under way are in the state, and another machine goes on with them', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  all.request(driver, 0, 9, 512, true, 0);
  all.request(driver, 4, 0, 0, false, 1);
  driver.kick();
  const body = saveDevice(all.pci).finish();

  const other = disk();
  other.ram.bytes().set(all.ram.bytes());
  const loaded = loadDevice(other.pci, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 2);
  expect(loaded).toMatchObject({ complaints: [] });
  expect(loaded.refusal).toBeUndefined();
  expect(other.device.rq.length).toBe(2);
  expect(saveDevice(other.pci).finish()).toEqual(body);
  other.pci.vmStateChange(true);
  await other.completions.drain();
  expect([other.status(0), other.status(1)]).toEqual([0, 0]);
  expect(other.bytes(DATA, 512)).toEqual(image().subarray(9 * 512, 10 * 512));
  expect(other.messages.length).toBe(1);
});

test('what waits in the ring is taken when a loaded machine goes on', async () => {
  const all = disk();
  const driver = modernDriver(all.board, DEVFN);
  all.request(driver, 4, 0, 0, false);
  const body = saveDevice(all.pci).finish();
  const other = disk();
  other.ram.bytes().set(all.ram.bytes());
  loadDevice(other.pci, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 2);
  other.pci.vmStateChange(true);
  await other.completions.drain();
  expect(other.status()).toBe(0);
});

test('a full overlay keeps the request until the machine goes on', async () => {
  const all = disk({ limit: 4096 });
  const driver = modernDriver(all.board, DEVFN);
  const stops: string[] = [];
  all.blk.onStop = (reason) => stops.push(reason);
  all.request(driver, 1, 0, 512, false, 0);
  all.request(driver, 1, 64, 512, false, 1);
  driver.kick();
  await all.completions.drain();
  expect([all.status(0), all.status(1)]).toEqual([0, 0xff]);
  expect(stops).toEqual(['virtio0: more than 4096 bytes were written to the disk']);
  expect(all.device.rq.length).toBe(1);
});

test('a missing disk: the guest waits, the reason says what for, and goes on when it is there', async () => {
  const source = disk();
  const driver = modernDriver(source.board, DEVFN);
  source.memory.read(MODERN + 0x2000, 4);
  const body = saveDevice(source.pci).finish();

  const all = disk({ missing: true });
  all.ram.bytes().set(source.ram.bytes());
  expect(
    loadDevice(all.pci, new QemuFileReader(new Uint8Array([...body, 0x7e, 0, 0, 0, 1])), 2).refusal
  ).toBeUndefined();
  const reasons: (string | undefined)[] = [];
  all.blk.onWait = (reason) => reasons.push(reason);
  all.pci.vmStateChange(true);
  const here = { ...driver, ...{ returned: driver.returned } };
  all.memory.write(REQUEST, 0, 4);
  all.memory.write(REQUEST + 8, 2, 4);
  all.memory.write(driver.desc, REQUEST, 4);
  const copy = modernRing(all, here);
  copy.add();
  copy.kick();
  await all.completions.drain();
  expect(reasons).toEqual([`virtio0 wants an image of ${SECTORS * 512} bytes`]);
  expect([all.blk.waiting, all.device.rq.length]).toEqual([1, 1]);
  expect(all.blk.insert(new RawImage(bytesSource(new Uint8Array(512))))).toContain('virtio0 had');
  expect(all.blk.insert(new RawImage(bytesSource(image())))).toBeUndefined();
  await all.completions.drain();
  expect(reasons.at(-1)).toBeUndefined();
  expect(all.bytes(DATA, 512)).toEqual(image().subarray(1024, 1536));
});

/** The loaded ring of another board: one read request, by hand. */
function modernRing(all: ReturnType<typeof disk>, { desc, avail }: Driver) {
  return {
    add() {
      const rows = [
        [REQUEST, 16, 1, 1],
        [DATA, 512, 3, 2],
        [STATUS, 1, 2, 0]
      ];
      rows.forEach(([addr, length, flags, next], i) => {
        all.memory.write(desc + 16 * i, addr!, 4);
        all.memory.write(desc + 16 * i + 8, length!, 4);
        all.memory.write(desc + 16 * i + 12, flags! | (next! << 16), 4);
      });
      all.memory.write(avail + 4, 0, 2);
      all.memory.write(avail + 2, 1, 2);
    },
    kick: () => all.memory.write(MODERN + 0x3000, 0, 2)
  };
}
