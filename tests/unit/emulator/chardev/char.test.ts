import { expect, test } from 'vitest';
import { Chardev } from '../../../../src/lib/emulator/chardev/char.ts';

/** A device with room for so many bytes. */
function device(chr: Chardev, room: number) {
  const taken: number[] = [];
  const state = { room, taken, breaks: 0 };
  chr.attach({
    canReceive: () => state.room,
    receive(bytes) {
      taken.push(...bytes);
      state.room -= bytes.length;
    },
    receiveBreak: () => void state.breaks++
  });
  return state;
}

test('Input waits until the device has room, and keeps its order', () => {
  const chr = new Chardev('serial0');
  const port = device(chr, 2);
  expect(chr.input(Uint8Array.of(1, 2, 3))).toBe(3);
  expect(chr.input(Uint8Array.of(4))).toBe(1);
  expect(port.taken).toEqual([1, 2]);
  expect(chr.waiting).toBe(2);
  port.room = 5;
  chr.acceptInput();
  expect(port.taken).toEqual([1, 2, 3, 4]);
  expect(chr.waiting).toBe(0);
});

test('Input before a device is there is kept for it', () => {
  const chr = new Chardev('serial0');
  chr.input(Uint8Array.of(7));
  const port = device(chr, 1);
  chr.acceptInput();
  expect(port.taken).toEqual([7]);
});

test('A paste of more than 1 MiB is cut, and the number of kept bytes says so', () => {
  const chr = new Chardev('serial0');
  expect(chr.input(new Uint8Array((1 << 20) + 5))).toBe(1 << 20);
  expect(chr.input(Uint8Array.of(1))).toBe(0);
  expect(chr.waiting).toBe(1 << 20);
});

test('A device that asks for more while it receives gets each byte once', () => {
  const chr = new Chardev('serial0');
  const taken: number[] = [];
  chr.attach({
    canReceive: () => 1,
    receive(bytes) {
      taken.push(...bytes);
      chr.acceptInput();
    }
  });
  chr.input(Uint8Array.of(1, 2, 3));
  expect(taken).toEqual([1, 2, 3]);
});

test('What was given may be changed afterwards: a copy was kept', () => {
  const chr = new Chardev('serial0');
  const bytes = Uint8Array.of(1);
  chr.input(bytes);
  bytes[0] = 9;
  const port = device(chr, 1);
  chr.acceptInput();
  expect(port.taken).toEqual([1]);
});

test('Output goes to who listens, and is taken where nobody does', () => {
  const heard: number[] = [];
  const chr = new Chardev('serial0', (bytes) => heard.push(...bytes));
  expect(chr.write(Uint8Array.of(1, 2))).toBe(2);
  chr.onOutput = undefined;
  expect(chr.write(Uint8Array.of(3))).toBe(1);
  expect(heard).toEqual([1, 2]);
});

test('A break reaches the device', () => {
  const chr = new Chardev('serial0');
  const port = device(chr, 0);
  chr.sendBreak();
  expect(port.breaks).toBe(1);
});

test('Input that waits is come back to; output is not passed on twice', () => {
  const out: number[] = [];
  const chr = new Chardev('serial0', (bytes) => out.push(...bytes));
  const port = device(chr, 1);
  chr.input(Uint8Array.of(1, 2));
  chr.input(Uint8Array.of(3));
  const { pending } = chr;
  expect([...pending]).toEqual([2, 3]);
  port.room = 9;
  chr.acceptInput();
  chr.pending = pending;
  expect(chr.waiting).toBe(2);
  chr.acceptInput();
  expect(port.taken).toEqual([1, 2, 3, 2, 3]);
  chr.write(Uint8Array.of(7));
  chr.muted = true;
  expect(chr.write(Uint8Array.of(8))).toBe(1);
  chr.muted = false;
  chr.write(Uint8Array.of(9));
  expect(out).toEqual([7, 9]);
});
