/** A virtio driver as small as can be: one queue, split ring, over the modern or the legacy registers. */
import type { PCBoard } from './pc-board.ts';

export const MODERN = 0xfe000000;
const MSIX_TABLE = 0xfebf1000;
export const LEGACY = 0xc000;
const NOTIFY = MODERN + 0x3000;

/** A buffer of a request: [address, length, device writes]. */
export type Buffer_ = readonly [addr: number, length: number, write?: boolean];

export interface Driver {
  readonly desc: number;
  readonly avail: number;
  readonly used: number;
  readonly size: number;
  /** Writes a descriptor. */
  descriptor(i: number, addr: number, length: number, flags: number, next?: number): void;
  /** Makes a chain available without a kick. Returns its head. */
  add(buffers: readonly Buffer_[], head?: number): number;
  /** Puts a head into the available ring. */
  makeAvailable(head: number): void;
  kick(): void;
  /** [id, length] of everything returned so far. */
  returned(): [number, number][];
  /** Where the driver wants the next interrupt, with event indices. */
  usedEvent(index: number): void;
  status(): number;
}

/** Gives a device at a place its addresses and makes it bus master. */
export function enable({ setConfig }: PCBoard, devfn: number): void {
  setConfig(devfn, 0x10, LEGACY);
  setConfig(devfn, 0x14, MSIX_TABLE);
  setConfig(devfn, 0x20, MODERN);
  setConfig(devfn, 4, 7, 2);
}

const ringOps = (
  memory: PCBoard['host']['memory'],
  size: number,
  desc: number,
  avail: number,
  used: number,
  kick: () => void
) => {
  let next = 0;
  const driver = {
    ...{ desc, avail, used, size, kick },
    descriptor(i: number, addr: number, length: number, flags: number, link = 0) {
      memory.write(desc + 16 * i, addr, 4);
      memory.write(desc + 16 * i + 4, Math.floor(addr / 2 ** 32), 4);
      memory.write(desc + 16 * i + 8, length, 4);
      memory.write(desc + 16 * i + 12, flags | (link << 16), 4);
    },
    add(buffers: readonly Buffer_[], head = next) {
      buffers.forEach(([addr, length, write], i) => {
        const more = i + 1 < buffers.length;
        driver.descriptor(head + i, addr, length, (write ? 2 : 0) | (more ? 1 : 0), more ? head + i + 1 : 0);
      });
      next = (head + buffers.length) % size;
      driver.makeAvailable(head);
      return head;
    },
    makeAvailable(head: number) {
      const idx = memory.read(avail + 2, 2);
      memory.write(avail + 4 + 2 * (idx % size), head, 2);
      memory.write(avail + 2, (idx + 1) & 0xffff, 2);
    },
    returned: () =>
      Array.from({ length: memory.read(used + 2, 2) }, (_, i): [number, number] => {
        const at = used + 4 + 8 * (i % size);
        return [memory.read(at, 4), memory.read(at + 4, 4)];
      }),
    usedEvent: (index: number) => memory.write(avail + 4 + 2 * size, index, 2)
  };
  return driver;
};

/**
 * Virtio 1.0 with MSI-X: vector 1 for the queue, data 0x4041.
 * @param features what is accepted of what is offered
 */
export function modernDriver(board: PCBoard, devfn: number, features = ~0n, size = 16, queue = 0): Driver {
  const { memory } = board.host;
  enable(board, devfn);
  const cap = board.config(devfn, 0x34, 1);
  for (const [vector, data] of [0x4040, 0x4041].entries()) {
    [0xfee00000, 0, data, 0].forEach((word, i) => memory.write(MSIX_TABLE + 16 * vector + 4 * i, word, 4));
  }
  board.setConfig(devfn, cap + 2, 0x8000, 2);
  const write = (at: number, value: number, bytes: number) => memory.write(MODERN + at, value, bytes);
  write(20, 0, 1);
  write(20, 3, 1);
  let offered = 0n;
  for (const half of [0, 1]) {
    write(0, half, 4);
    offered |= BigInt(memory.read(MODERN + 4, 4)) << BigInt(32 * half);
  }
  for (const half of [0, 1]) {
    write(8, half, 4);
    write(12, Number(((offered & features) >> BigInt(32 * half)) & 0xffffffffn), 4);
  }
  write(20, 0xb, 1);
  write(16, 0, 2);
  const driver = modernQueue(board, queue, size, 0x10000);
  write(20, 0xf, 1);
  return driver;
}

/** Another queue of a device that has a modern driver; its rings lie from `at` on, 0x3000 bytes. */
export function modernQueue({ host: { memory } }: PCBoard, queue: number, size: number, at: number): Driver {
  const write = (register: number, value: number, bytes: number) => memory.write(MODERN + register, value, bytes);
  const [desc, avail, used] = [at, at + 0x1000, at + 0x2000];
  memory.writeBytes(desc, new Uint8Array(0x3000));
  write(22, queue, 2);
  write(24, size, 2);
  write(26, 1, 2);
  [desc, 0, avail, 0, used, 0].forEach((word, i) => write(32 + 4 * i, word, 4));
  write(28, 1, 2);
  return {
    ...ringOps(memory, size, desc, avail, used, () => memory.write(NOTIFY + 4 * queue, queue, 2)),
    status: () => memory.read(MODERN + 20, 1)
  };
}

/** Before 1.0, with INTx. The size of the queue is the device's. */
export function legacyDriver(board: PCBoard, devfn: number, features = 0xffffffff): Driver {
  enable(board, devfn);
  const { out } = board;
  out(LEGACY + 18, 0);
  out(LEGACY + 18, 3);
  out(LEGACY + 4, board.in(LEGACY, 4) & features & ~(1 << 30), 4);
  out(LEGACY + 14, 0, 2);
  const size = board.in(LEGACY + 12, 2);
  const desc = 0x10000;
  out(LEGACY + 8, desc >> 12, 4);
  out(LEGACY + 18, 7);
  const avail = desc + 16 * size;
  const used = Math.ceil((avail + 4 + 2 * size) / 4096) * 4096;
  return {
    ...ringOps(board.host.memory, size, desc, avail, used, () => out(LEGACY + 16, 0, 2)),
    status: () => board.in(LEGACY + 18)
  };
}
