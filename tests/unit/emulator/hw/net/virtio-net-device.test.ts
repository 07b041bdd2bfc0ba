/** The virtio network card with more than one pair of queues, and with a host's side that took offloads. */
import { expect, test } from 'vitest';
import { loadDevice, saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { VirtioNetDevice, type VirtIONetOptions } from '../../../../../src/lib/emulator/hw/net/virtio-net-device.ts';
import { vmstate_virtio_net } from '../../../../../src/lib/emulator/hw/net/virtio-net.ts';
import { VirtioPCI } from '../../../../../src/lib/emulator/hw/virtio/virtio-pci-proxy.ts';
import { LocalNetwork } from '../../../../../src/lib/emulator/net/local.ts';
import { defaultMac } from '../../../../../src/lib/emulator/net/net.ts';
import { QemuFileReader } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { pcBoard, type PCBoard } from '../../../../support/pc-board.ts';
import { MODERN, modernDriver, modernQueue, type Driver } from '../../../../support/virtio-driver.ts';

const DEVFN = 0x20;
const PAIRS = 4;
const MQ = 1n << 22n;
const [OK, ERR] = [0, 1];
const HEADER = 12;
const [FRAME, BUFFER, COMMAND] = [0x40000, 0x42000, 0x44000];

function card(options: Partial<VirtIONetOptions> = {}) {
  const board = pcBoard();
  const backend = new LocalNetwork(board.host.clocks.virtual);
  const net = new VirtioNetDevice(board.host, {
    ...{ backend, mac: defaultMac(0), configLength: 10, pairs: PAIRS },
    ...options
  });
  const proxy = new VirtioPCI(board.bus, DEVFN, net, vmstate_virtio_net, { vectors: 2 * PAIRS + 2 });
  net.vmStateChange(true);
  return { board, net, proxy };
}

const queues = ({ host }: PCBoard): number => host.memory.read(MODERN + 18, 2);
const sizes = ({ net }: { readonly net: VirtioNetDevice }): number[] => net.rings.map(({ vring }) => vring.num);

/** What the control queue answers. */
function command({ host: { memory } }: PCBoard, driver: Driver, bytes: readonly number[]): number {
  memory.writeBytes(COMMAND, Uint8Array.from(bytes));
  memory.write(COMMAND + 0x100, 0xff, 1);
  driver.add([
    [COMMAND, bytes.length],
    [COMMAND + 0x100, 1, true]
  ]);
  driver.kick();
  return memory.read(COMMAND + 0x100, 1);
}

/** Asks for the router's address on a queue, and returns what came on the first one: the answer's operation and sender. */
function ask(board: PCBoard, rx: Driver, tx: Driver): number[] {
  const { memory } = board.host;
  const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...defaultMac(0), 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2];
  const frame = [...Array<number>(HEADER).fill(0), ...Array<number>(6).fill(255), ...defaultMac(0), 8, 6, ...arp];
  memory.writeBytes(FRAME, Uint8Array.from(frame));
  memory.writeBytes(BUFFER, new Uint8Array(256));
  rx.add([[BUFFER, 256, true]]);
  tx.add([[FRAME, frame.length]]);
  tx.kick();
  expect(tx.returned()).toHaveLength(1);
  board.pass(1_000_000n);
  const reply = new Uint8Array(64);
  memory.readBytes(BUFFER + HEADER, reply);
  return [...reply.subarray(20, 32)];
}
const ROUTER = [0, 2, 0x52, 0x55, 10, 0, 2, 2, 10, 0, 2, 2];

test('A driver that knows of pairs finds them all, and the control queue behind them', () => {
  const made = card();
  modernDriver(made.board, DEVFN);
  expect(queues(made.board)).toBe(2 * PAIRS + 1);
  expect(sizes(made).slice(1)).toEqual([...Array<number>(2 * PAIRS - 1).fill(256), 64]);
  expect(made.board.host.memory.read(MODERN + 0x2000 + 8, 2)).toBe(PAIRS);
});

test('One that does not has one pair, and the control queue as the third', () => {
  const made = card();
  modernDriver(made.board, DEVFN, ~MQ);
  expect(queues(made.board)).toBe(3);
  expect(sizes(made).slice(1)).toEqual([256, 64, ...Array<number>(2 * PAIRS - 2).fill(0)]);
});

test('All pairs send; the number in use is set by a command, up to those that there are', () => {
  const { board, net } = card();
  const rx = modernDriver(board, DEVFN);
  const tx = modernQueue(board, 2 * 2 + 1, 16, 0x20000);
  const control = modernQueue(board, 2 * PAIRS, 16, 0x30000);
  expect(ask(board, rx, tx)).toEqual(ROUTER);
  expect([3, 4, 5, 0].map((pairs) => command(board, control, [4, 0, pairs, 0]))).toEqual([OK, OK, ERR, ERR]);
  expect(command(board, control, [4, 1, 2, 0])).toBe(ERR);
  expect(command(board, control, [4, 0])).toBe(ERR);
  expect(net.net.curr_queue_pairs).toBe(4);
});

test('A state with several pairs in use is loaded, saved as it came, and goes on', () => {
  const { board, proxy } = card();
  modernDriver(board, DEVFN);
  modernQueue(board, 3, 16, 0x20000);
  command(board, modernQueue(board, 2 * PAIRS, 16, 0x30000), [4, 0, 3, 0]);
  const body = saveDevice(proxy).finish();

  const other = card();
  for (const at of [0x10000, 0x20000, 0x30000]) {
    const bytes = new Uint8Array(0x3000);
    board.host.memory.readBytes(at, bytes);
    other.board.host.memory.writeBytes(at, bytes);
  }
  const { failure, refusal } = loadDevice(other.proxy, new QemuFileReader(body), vmstate_virtio_net.version);
  expect([failure, refusal]).toEqual([undefined, undefined]);
  expect(saveDevice(other.proxy).finish()).toEqual(body);
  expect(other.net.net).toMatchObject({ curr_queue_pairs: 3, max_queue_pairs: PAIRS });
  expect(sizes(other).at(-1)).toBe(16);
  other.net.reset();
  expect(sizes(other)).toEqual([256, 256, 64, ...Array<number>(2 * PAIRS - 2).fill(0)]);
  expect(other.net.net.curr_queue_pairs).toBe(1);
});

test('A state of one pair, loaded over one of several, leaves one', () => {
  const one = card();
  modernDriver(one.board, DEVFN, ~MQ);
  const body = saveDevice(one.proxy).finish();
  const several = card();
  modernDriver(several.board, DEVFN);
  loadDevice(several.proxy, new QemuFileReader(body), vmstate_virtio_net.version);
  expect(sizes(several)).toEqual(sizes(one));
  expect(saveDevice(several.proxy).finish()).toEqual(body);
});

test('A state of other pairs than the card has is refused', () => {
  const { board, proxy } = card({ pairs: 2 });
  modernDriver(board, DEVFN);
  const { failure, refusal } = loadDevice(
    card().proxy,
    new QemuFileReader(saveDevice(proxy).finish()),
    vmstate_virtio_net.version
  );
  expect(failure ?? refusal).toMatch(/virtio-net: 5 queues of 9/);
});

test('Offloads are offered, set and kept where the host took virtio headers, and else are refused', () => {
  const [csum, tso4, ufo] = [1n << 1n, 1n << 7n, 1n << 10n];
  const offloads = (bits: bigint): number[] => [5, 0, ...Buffer.from(new BigUint64Array([bits]).buffer)];
  const made = card({ vnetHdr: true });
  modernDriver(made.board, DEVFN);
  const control = modernQueue(made.board, 2 * PAIRS, 16, 0x30000);
  expect(made.net.net.curr_guest_offloads & (csum | tso4 | ufo)).toBe(csum | tso4);
  expect(command(made.board, control, offloads(csum))).toBe(OK);
  expect(command(made.board, control, offloads(ufo))).toBe(ERR);
  expect(made.net.net.curr_guest_offloads).toBe(csum);
  expect(card({ vnetHdr: true, ufo: true }).net.host_features & ufo).toBe(ufo);

  const plain = card();
  modernDriver(plain.board, DEVFN);
  expect(plain.net.host_features & (csum | tso4)).toBe(0n);
  expect(command(plain.board, modernQueue(plain.board, 2 * PAIRS, 16, 0x30000), offloads(0n))).toBe(ERR);
});
