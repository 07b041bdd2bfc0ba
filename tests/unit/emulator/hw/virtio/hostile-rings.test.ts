/**
 * Drivers that break every rule: whatever lies in the rings, a device throws nothing, comes to an end, and works for the
 * next driver that resets it.
 */
import { describe, expect, test } from 'vitest';
import { BlockBackend } from '../../../../../src/lib/emulator/block/block-backend.ts';
import { Completions } from '../../../../../src/lib/emulator/block/completions.ts';
import { CowOverlay } from '../../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../../src/lib/emulator/block/raw.ts';
import { Chardev } from '../../../../../src/lib/emulator/chardev/char.ts';
import { VirtIOBlk, vmstate_virtio_blk } from '../../../../../src/lib/emulator/hw/block/virtio-blk.ts';
import { vmstate_virtio_console } from '../../../../../src/lib/emulator/hw/char/virtio-serial-bus.ts';
import { VirtioSerialDevice } from '../../../../../src/lib/emulator/hw/char/virtio-serial-device.ts';
import { VirtioNetDevice } from '../../../../../src/lib/emulator/hw/net/virtio-net-device.ts';
import { vmstate_virtio_net } from '../../../../../src/lib/emulator/hw/net/virtio-net.ts';
import { VirtioPCI } from '../../../../../src/lib/emulator/hw/virtio/virtio-pci-proxy.ts';
import { VirtIORNG, vmstate_virtio_rng } from '../../../../../src/lib/emulator/hw/virtio/virtio-rng.ts';
import { LocalNetwork } from '../../../../../src/lib/emulator/net/local.ts';
import { defaultMac } from '../../../../../src/lib/emulator/net/net.ts';
import { bytesSource } from '../../../../../src/lib/vmstate/source.ts';
import { Random } from '../../../../fuzz/random.ts';
import { pcBoard, type PCBoard } from '../../../../support/pc-board.ts';
import { MODERN, modernDriver } from '../../../../support/virtio-driver.ts';

const DEVFN = 0x20;
const RAM = 1 << 20;
const SECTORS = 64;
const ROUNDS = 400;
const QUEUE = 16;
const NEEDS_RESET = 0x40;
const [NEXT, WRITE, INDIRECT] = [1, 2, 4];

interface Subject {
  readonly name: string;
  readonly queue: number;
  readonly size: number;
  /** Puts the device on the board; returns what lets its requests finish. */
  make(board: PCBoard): () => Promise<void>;
  /** A request that it must serve, by addresses from 0x40000 on; returns whether it was. */
  works(board: PCBoard): Promise<boolean>;
}

const REQUEST = 0x40000;
const subjects: readonly Subject[] = [
  {
    ...{ name: 'virtio-blk', queue: 0, size: QUEUE },
    make(board) {
      const completions = new Completions();
      const image = new CowOverlay(new RawImage(bytesSource(new Uint8Array(SECTORS * 512))));
      const device = new VirtIOBlk(board.host, { blk: new BlockBackend('virtio0', completions, image) });
      new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_blk, { vectors: 2 });
      return async () => completions.drain();
    },
    async works(board) {
      const driver = modernDriver(board, DEVFN, ~0n, QUEUE);
      board.host.memory.writeBytes(REQUEST, new Uint8Array(16));
      driver.add([
        [REQUEST, 16],
        [REQUEST + 0x100, 512, true],
        [REQUEST + 0x400, 1, true]
      ]);
      driver.kick();
      for (let turn = 0; turn < 50 && driver.returned().length === 0; turn++) await settle();
      return driver.returned()[0]?.[1] === 513;
    }
  },
  {
    ...{ name: 'virtio-rng', queue: 0, size: 8 },
    make(board) {
      const device = new VirtIORNG(board.host, { rng: { fill: (into) => into.fill(4) } });
      new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_rng, { vectors: 2 });
      return async () => {};
    },
    async works(board) {
      const driver = modernDriver(board, DEVFN, ~0n, 8);
      driver.add([[REQUEST, 4, true]]);
      driver.kick();
      return driver.returned()[0]?.[1] === 4;
    }
  }
];

/** Of a card and of a console, each of the queues that the driver fills. */
const more: readonly Subject[] = [
  ...['receive', 'transmit', 'control'].map((name, queue): Subject => ({
    ...{ name: `virtio-net ${name}`, queue, size: QUEUE },
    make(board) {
      const backend = new LocalNetwork(board.host.clocks.virtual);
      const device = new VirtioNetDevice(board.host, { backend, mac: defaultMac(0) });
      new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_net, { vectors: 4 });
      device.vmStateChange(true);
      // Whatever it asks, something comes back, and goes into whatever buffers there are.
      return async () => device.receive(new Uint8Array(60).fill(0xff));
    },
    async works(board) {
      const driver = modernDriver(board, DEVFN, ~0n, QUEUE, 1);
      board.host.memory.writeBytes(REQUEST, new Uint8Array(72));
      driver.add([[REQUEST, 72]]);
      driver.kick();
      return driver.returned().length === 1;
    }
  })),
  ...['input', 'output', 'control in', 'control out'].map((name, queue): Subject => ({
    ...{ name: `virtio-console ${name}`, queue, size: QUEUE },
    make(board) {
      const chr = new Chardev('port');
      const ports = [{ id: 0, isConsole: true, chr }];
      const device = new VirtioSerialDevice(board.host, { ports });
      new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_console, { vectors: 2 });
      device.vmStateChange(true);
      return async () => void chr.input(new Uint8Array(100));
    },
    async works(board) {
      const driver = modernDriver(board, DEVFN, ~0n, QUEUE, 1);
      driver.add([[REQUEST, 5]]);
      driver.kick();
      return driver.returned().length === 1;
    }
  }))
];

let finish: () => Promise<void>;
async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  await finish?.();
}

/** Addresses in RAM, at its end, in devices, nowhere. */
const addressOf = (r: Random): number =>
  r.pick([
    ...[0x20000 + 16 * r.below(64), 0x20000 + 16 * r.below(64), REQUEST, RAM - 1, RAM - r.below(64), RAM],
    ...[MODERN, MODERN + 0x3000, 0xfee00000, 0xfffffff0, 2 ** 40, 2 ** 63, 2 ** 64 - 4096, 0, 0x10000, 0x12000]
  ]);
const lengthOf = (r: Random): number =>
  r.pick([0, 1, 15, 16, 17, 32, 512, 513, 16 * r.below(80), 4096, RAM, 0x7fffffff, 0x80000000, 0xffffffff]);

/** Tables of nonsense: in the ring, and at 0x20000 where indirect ones are looked for. */
function scribble(board: PCBoard, r: Random, desc: number, avail: number, size: number): void {
  const { memory } = board.host;
  for (const [table, entries] of [
    [desc, size],
    [0x20000, 80]
  ] as const) {
    for (let i = 0; i < entries; i++) {
      const addr = addressOf(r);
      memory.write(table + 16 * i, addr % 2 ** 32, 4);
      memory.write(table + 16 * i + 4, Math.floor(addr / 2 ** 32) % 2 ** 32, 4);
      memory.write(table + 16 * i + 8, lengthOf(r), 4);
      const flags = r.pick([0, NEXT, NEXT, WRITE, NEXT | WRITE, INDIRECT, INDIRECT | NEXT, r.below(0x10000)]);
      memory.write(table + 16 * i + 12, flags, 2);
      memory.write(table + 16 * i + 14, r.pick([i, i + 1, 0, r.below(size), size, 0xffff]), 2);
    }
  }
  for (let i = 0; i < size; i++) memory.write(avail + 4 + 2 * i, r.pick([i, r.below(size), size, 0xffff]), 2);
  const ahead = r.pick([0, 1, 2, size, size + 1, 0x7fff, 0xffff]);
  memory.write(avail + 2, (memory.read(avail + 2, 2) + ahead) & 0xffff, 2);
  memory.write(avail, r.below(2), 2);
}

describe.each([...subjects, ...more])('$name', (subject) => {
  test.each([1, 2])('survives rings full of nonsense, seed %i', { timeout: 60_000 }, async (seed) => {
    const board = pcBoard(RAM);
    finish = subject.make(board);
    let broke = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const r = new Random(seed, round);
      const features = r.chance(3) ? ~0n & ~(1n << 29n) : ~0n;
      const driver = modernDriver(board, DEVFN, features, subject.size, subject.queue);
      for (let kicks = 1 + r.below(3); kicks > 0; kicks--) {
        scribble(board, r, driver.desc, driver.avail, driver.size);
        driver.kick();
      }
      await settle();
      if (driver.status() & NEEDS_RESET) broke++;
    }
    // Much of it is against the rules, where the device looks at it at all, and some is not.
    if (subjects.includes(subject)) expect(broke).toBeGreaterThan(ROUNDS / 4);
    expect(broke).toBeLessThan(ROUNDS);
    expect(await subject.works(board)).toBe(true);
  });
});

describe.each(subjects)('$name', (subject) => {
  test('says what was wrong', async () => {
    const board = pcBoard(RAM);
    finish = subject.make(board);
    const { memory } = board.host;
    const said = async (prepare: (driver: ReturnType<typeof modernDriver>) => void): Promise<string | undefined> => {
      const driver = modernDriver(board, DEVFN, ~0n, 8);
      const before = board.guestErrors.length;
      prepare(driver);
      driver.kick();
      await settle();
      expect(driver.status() & NEEDS_RESET).toBe(NEEDS_RESET);
      return board.guestErrors[before]?.replace(/^.*?: /, '');
    };
    expect(
      await said((d) => {
        d.descriptor(0, REQUEST, 16, NEXT, 1);
        d.descriptor(1, REQUEST, 16, NEXT, 0);
        d.makeAvailable(0);
      })
    ).toBe('Looped descriptor');
    expect(
      await said((d) => {
        d.descriptor(0, REQUEST, 16, NEXT, 8);
        d.makeAvailable(0);
      })
    ).toBe('Desc next is 8');
    expect(await said((d) => d.makeAvailable(8))).toBe('Guest says index 8 is available');
    expect(
      await said((d) => {
        d.descriptor(0, REQUEST, 0, WRITE);
        d.makeAvailable(0);
      })
    ).toBe('virtio: zero sized buffers are not allowed');
    expect(
      await said((d) => {
        d.descriptor(0, 2 ** 33, 16, WRITE);
        d.makeAvailable(0);
      })
    ).toBe('virtio: bogus descriptor or out of resources');
    expect(
      await said((d) => {
        d.descriptor(0, REQUEST, 24, INDIRECT);
        d.makeAvailable(0);
      })
    ).toBe('Invalid size for indirect buffer table');
    expect(await said((d) => memory.write(d.avail + 2, 100, 2))).toMatch(/^Guest moved used index from 0 to 100/);
  });

  test('an indirect table in an indirect table is not followed', async () => {
    const board = pcBoard(RAM);
    finish = subject.make(board);
    const { memory } = board.host;
    const driver = modernDriver(board, DEVFN, ~0n, 8);
    driver.descriptor(0, 0x20000, 16, INDIRECT);
    [0x20010, 0, 16, INDIRECT | WRITE].forEach((word, i) => memory.write(0x20000 + 4 * i, word, 4));
    driver.makeAvailable(0);
    driver.kick();
    await settle();
    // The inner flag means nothing: as in QEMU, the entry is a buffer like any other.
    const broken = (driver.status() & NEEDS_RESET) !== 0;
    expect(broken || driver.returned()[0]![1] === 16).toBe(true);
  });
});
