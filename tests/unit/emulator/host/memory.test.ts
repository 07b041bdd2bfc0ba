import { expect, test, vi } from 'vitest';
import { HostMemory, HostMemoryFull } from '../../../../src/lib/emulator/host/memory.ts';

const MIB = 2 ** 20;

test('ranges are whole pages, zeroed, and never at address 0', () => {
  const host = new HostMemory(64);
  const a = host.allocate('a', 5000);
  const b = host.allocate('b', 4096);
  expect([a.length, b.length]).toEqual([8192, 4096]);
  expect(a.offset).toBeGreaterThan(0);
  expect(b.offset).toBe(a.offset + 8192);
  expect(host.used).toBe(12288);
  expect(host.views.u8.subarray(a.offset, b.offset + 4096).every((byte) => byte === 0)).toBe(true);
});

test('growing keeps the contents, and the views see all of it', () => {
  const host = new HostMemory(64);
  const a = host.allocate('a', 4096);
  host.views.u32[a.offset / 4] = 0xdeadbeef;
  const b = host.allocate('b', MIB);
  host.views.u8[b.offset + MIB - 1] = 7;
  expect(host.views.u32[a.offset / 4]).toBe(0xdeadbeef);
  expect(host.views.dv.getUint8(b.offset + MIB - 1)).toBe(7);
  expect(host.memory.buffer).toBe(host.views.u64.buffer);
});

test('a range is freed with its last reference, and zeroed before it is used again', () => {
  const host = new HostMemory(64);
  const a = host.allocate('a', MIB);
  host.allocate('b', MIB);
  host.retain(a);
  host.views.u8.fill(0xff, a.offset, a.offset + MIB);
  host.release(a);
  expect(host.ranges().map((r) => r.name)).toEqual(['a', 'b']);
  host.release(a);
  const c = host.allocate('c', MIB / 2);
  expect(c.offset).toBe(a.offset);
  expect(host.views.u8.subarray(c.offset, c.offset + c.length).every((byte) => byte === 0)).toBe(true);
  expect(() => host.release(a)).not.toThrow(); // the same place, now c's
  expect(() => host.release(a)).toThrow('a at');
});

test('neighbouring free ranges join', () => {
  const host = new HostMemory(48);
  const parts = ['a', 'b', 'c'].map((name) => host.allocate(name, 512 * 1024));
  host.allocate('d', 512 * 1024);
  for (const part of parts) host.release(part);
  expect(host.allocate('e', 1.5 * MIB).offset).toBe(parts[0]!.offset);
});

test('who knows what is to be cleared does it; such gaps join others when both are needed', () => {
  const host = new HostMemory(48);
  const [a, b] = [host.allocate('a', MIB), host.allocate('b', MIB)];
  host.views.u8.fill(0xff, a.offset, a.offset + 5);
  host.views.u8.fill(0xff, b.offset, b.offset + MIB);
  host.retain(a);
  const clear = vi.fn(() => void host.views.u8.fill(0, a.offset, a.offset + 5));
  host.release(a, clear);
  expect(clear).not.toHaveBeenCalled();
  host.release(a, clear);
  expect(clear).toHaveBeenCalledOnce();
  host.release(b);
  const c = host.allocate('c', 1.5 * MIB);
  expect(c.offset).toBe(a.offset);
  const { u8 } = host.views;
  expect(u8.subarray(c.offset, c.offset + c.length).every((byte) => byte === 0)).toBe(true);
});

test('what does not fit is refused with the sum', () => {
  const host = new HostMemory(64);
  host.allocate('pc.ram', 2 * MIB);
  expect(() => host.allocate('vga.vram', 3 * MIB)).toThrow(HostMemoryFull);
  expect(() => host.allocate('vga.vram', 3 * MIB)).toThrow(
    'vga.vram needs 3 MiB, 2 MiB are left in one piece; taken: pc.ram 2 MiB'
  );
  expect(host.allocate('small', MIB).length).toBe(MIB);
});

test('what is made of several ranges takes none where it fails', () => {
  const memory = new HostMemory(4);
  const kept = memory.allocate('kept', 4096);
  const make = () => {
    memory.allocate('a part', 65536);
    return memory.allocate('too much', 1 << 20);
  };
  expect(() => memory.transaction(make)).toThrow(HostMemoryFull);
  expect(memory.ranges()).toMatchObject([{ name: 'kept', offset: kept.offset }]);
  expect(memory.transaction(() => memory.allocate('whole', 65536)).length).toBe(65536);
});
