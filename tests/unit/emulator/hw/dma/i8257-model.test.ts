/** The ISA DMA controllers as a floppy driver uses them: 8237A datasheet, QEMU hw/dma/i8257.c. */
import { expect, test } from 'vitest';
import { saveDevice } from '../../../../../src/lib/emulator/hw/core/qdev.ts';
import { I8257 } from '../../../../../src/lib/emulator/hw/dma/i8257.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

function controllers() {
  const board = pcBoard();
  const [low, high] = [new I8257(board.host, 0), new I8257(board.host, 1)] as const;
  low.reset();
  high.reset();
  return { ...board, low, high };
}

test('address and count are written and read byte by byte through the flip-flop', () => {
  const { out, in: inp } = controllers();
  out(0x0c, 0);
  out(0x04, 0x34);
  out(0x04, 0x12);
  out(0x05, 0xff);
  out(0x05, 0x01);
  out(0x0c, 0);
  expect([inp(0x04), inp(0x04), inp(0x05), inp(0x05)]).toEqual([0x34, 0x12, 0xff, 0x01]);
  out(0x81, 0x0a);
  expect(inp(0x81)).toBe(0x0a);
});

test('channel 2 moves a sector to memory, and says when it is through', () => {
  const { out, in: inp, low, host, pass } = controllers();
  low.registerChannel(2, (channel, position, length) => {
    expect([channel, position, length]).toEqual([2, 0, 512]);
    low.writeMemory(
      channel,
      Uint8Array.from({ length: 512 }, (_, i) => i),
      position
    );
    low.releaseDREQ(channel);
    return length;
  });
  out(0x0a, 0x06);
  out(0x0b, 0x46);
  out(0x0c, 0);
  out(0x04, 0x00);
  out(0x04, 0x80);
  out(0x05, 0xff);
  out(0x05, 0x01);
  out(0x81, 0x03);
  low.holdDREQ(2);
  expect(inp(0x08)).toBe(0x40);
  out(0x0a, 0x02);
  expect(inp(0x08)).toBe(0x04);
  expect(inp(0x08)).toBe(0);
  const into = new Uint8Array(512);
  host.memory.readBytes(0x38000, into);
  expect([into[0], into[1], into[511]]).toEqual([0, 1, 0xff]);
  pass(100_000_000n);
});

test('a device that is not through is asked again', () => {
  const { low, out, pass } = controllers();
  const positions: number[] = [];
  low.registerChannel(1, (_, position, length) => {
    positions.push(position);
    if (position + 100 >= length) low.releaseDREQ(1);
    return Math.min(position + 100, length);
  });
  out(0x0c, 0);
  out(0x03, 249);
  out(0x03, 0);
  out(0x0b, 0x49);
  out(0x0a, 0x01);
  low.holdDREQ(1);
  pass(10_000_000n);
  pass(10_000_000n);
  pass(10_000_000n);
  expect(positions).toEqual([0, 100, 200]);
});

test('the second controller counts words', () => {
  const { out, in: inp, high, ram } = controllers();
  ram.store(0x24680, 0xbeef, 2);
  let seen: number[] = [];
  high.registerChannel(5, (channel, position, length) => {
    const into = new Uint8Array(length);
    high.readMemory(channel, into, position);
    seen = [...into];
    high.releaseDREQ(channel);
    return length;
  });
  out(0xd8, 0);
  out(0xc4, 0x40);
  out(0xc4, 0x23);
  out(0xc6, 0);
  out(0xc6, 0);
  out(0x8b, 0x02);
  out(0xd6, 0x49);
  out(0xd4, 0x01);
  high.holdDREQ(5);
  expect(seen).toEqual([0xef, 0xbe]);
  expect(inp(0xd0)).toBe(0x02);
});

test('verifying moves nothing', () => {
  const { low, ram, out } = controllers();
  ram.store(0, 0x77, 1);
  out(0x0b, 0x42);
  low.writeMemory(2, Uint8Array.of(1), 0);
  expect(ram.load(0, 1)).toBe(0x77);
});

test('a request that nobody serves waits without end', () => {
  const { low, out, pass } = controllers();
  out(0x0f, 0);
  low.holdDREQ(3);
  for (let i = 0; i < 10; i++) pass(10_000_000n);
  expect(saveDevice(low).finish().length).toBe(1 + 1 + 1 + 4 + 4 * 17);
});
