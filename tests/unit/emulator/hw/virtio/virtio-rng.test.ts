/** The entropy device as its driver uses it: virtio 1.2 section 5.4. */
import { expect, test } from 'vitest';
import { VirtioPCI } from '../../../../../src/lib/emulator/hw/virtio/virtio-pci-proxy.ts';
import { VirtIORNG, vmstate_virtio_rng } from '../../../../../src/lib/emulator/hw/virtio/virtio-rng.ts';
import { pcBoard } from '../../../../support/pc-board.ts';
import { legacyDriver, MODERN, modernDriver } from '../../../../support/virtio-driver.ts';

const DEVFN = 0x20;

function rng(vectors = 2) {
  const board = pcBoard();
  let next = 1;
  const device = new VirtIORNG(board.host, { rng: { fill: (into) => into.forEach((_, i) => (into[i] = next++)) } });
  new VirtioPCI(board.bus, DEVFN, device, vmstate_virtio_rng, { vectors });
  return { board, device };
}

test('each buffer is filled, in the order in which they came', () => {
  const { board } = rng();
  const driver = modernDriver(board, DEVFN, ~0n, 8);
  driver.add([[0x30000, 4, true]]);
  driver.add([
    [0x30010, 2, true],
    [0x30020, 1, true]
  ]);
  driver.kick();
  expect(driver.returned()).toEqual([
    [0, 4],
    [1, 3]
  ]);
  const into = new Uint8Array(0x21);
  board.host.memory.readBytes(0x30000, into);
  expect([...into.subarray(0, 4), into[0x10], into[0x11], into[0x20]]).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(board.messages.length).toBe(1);
});

test('nothing is given before the driver is ready, and waiting buffers are served when it is', () => {
  const { board } = rng();
  const driver = legacyDriver(board, DEVFN);
  board.out(0xc012, 3);
  driver.add([[0x30000, 8, true]]);
  driver.kick();
  expect(driver.returned()).toEqual([]);
  board.out(0xc012, 7);
  expect(driver.returned()).toEqual([[0, 8]]);
});

test('a huge buffer gets a part', () => {
  const { board } = rng();
  const driver = modernDriver(board, DEVFN, ~0n, 8);
  driver.add([[0x20000, 0x80000, true]]);
  driver.kick();
  expect(driver.returned()).toEqual([[0, 0x10000]]);
});

test('it has no configuration, and one queue of eight', () => {
  const { board } = rng();
  modernDriver(board, DEVFN, ~0n, 8);
  const { memory } = board.host;
  expect([memory.read(MODERN + 0x2000, 1), memory.read(MODERN + 18, 2), memory.read(MODERN + 24, 2)]).toEqual([
    0xff, 1, 8
  ]);
  expect(board.config(DEVFN, 0)).toBe(0x10051af4);
});

test('machine types before 7.2 have no MSI-X, and interrupt by a pin', () => {
  const { board } = rng(0);
  expect(board.config(DEVFN, 0x34, 1)).toBe(0x84);
  board.setConfig(8, 0x63, 10, 1);
  const driver = legacyDriver(board, DEVFN);
  driver.add([[0x30000, 8, true]]);
  driver.kick();
  expect([board.irqs[10], board.in(0xc013)]).toEqual([1, 1]);
  expect(board.irqs[10]).toBe(0);
});
