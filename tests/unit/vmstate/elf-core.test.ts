import { expect, test } from 'vitest';
import { elfCore } from '../../../src/lib/vmstate/elf-core.ts';
import { page, snapshot, type Value } from '../../support/snapshots.ts';

const segment = (selector: number, base: bigint): Value => ({ selector, base, limit: 0xffff, flags: 0x9300 });
const cpu = (efer: bigint): { readonly [name: string]: Value } => ({
  'env.regs': Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`[${i}]`, BigInt(0x1000 + i)])),
  'env.eip': 0xffffffff81000000n,
  'env.eflags': 0x246n,
  'env.segs': Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`[${i}]`, segment(0x10 + i, BigInt(i))])),
  'env.ldt': segment(0, 0n),
  'env.tr': segment(0x40, 0xfffffe0000003000n),
  'env.gdt': segment(0, 0xfffffe0000001000n),
  'env.idt': segment(0, 0xfffffe0000000000n),
  'env.cr[0]': 0x80050033n,
  'env.cr[2]': 0x1234n,
  'env.cr[3]': 0xbfee000n,
  'env.cr[4]': 0x6f0n,
  'env.efer': efer,
  'env.kernelgsbase': 0x7777n
});

async function make(efer: bigint, cpus = 1): Promise<Buffer> {
  const s = snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': 0x200000, 'pc.bios': 0x10000, 'vga.vram': 4096 },
    pages: { 'pc.ram:0': page({ 16: 'hello' }), 'pc.bios:0': page({ 0: 'BIOS' }) },
    sections: Array.from({ length: cpus }, (_, instance) => ({ name: 'cpu', instance, fields: cpu(efer) }))
  });
  const parts: Uint8Array[] = [];
  for await (const part of elfCore(s)) parts.push(part);
  return Buffer.concat(parts);
}

test('the program headers cover memory by physical address, and the file holds exactly that', async () => {
  const elf = await make(0xd01n);
  expect(elf.subarray(0, 7)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]));
  expect([elf.readUInt16LE(16), elf.readUInt16LE(18)]).toEqual([4, 62]);
  const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, i) => {
    const at = 64 + 56 * i;
    const u64 = (o: number) => Number(elf.readBigUInt64LE(at + o));
    return {
      type: elf.readUInt32LE(at),
      offset: u64(8),
      vaddr: u64(16),
      paddr: u64(24),
      bytes: u64(32),
      memsz: u64(40)
    };
  });
  const [note, low, high, bios, rest] = headers;
  expect(rest).toBeUndefined();
  expect(note).toMatchObject({ type: 4, offset: 64 + 56 * 4 });
  expect(low).toMatchObject({ type: 1, vaddr: 0, paddr: 0, bytes: 0xa0000, memsz: 0xa0000 });
  expect(high).toMatchObject({ type: 1, paddr: 0xc0000, bytes: 0x140000 });
  expect(bios).toMatchObject({ type: 1, paddr: 0xffff0000, bytes: 0x10000 });
  expect(elf.toString('latin1', low!.offset + 16, low!.offset + 21)).toBe('hello');
  expect(elf.toString('latin1', bios!.offset, bios!.offset + 4)).toBe('BIOS');
  expect(elf.length).toBe(bios!.offset + bios!.bytes);
});

test('each vCPU has a prstatus note, then each a QEMU note', async () => {
  const elf = await make(0xd01n, 2);
  let at = 64 + 56 * 4;
  const end = at + Number(elf.readBigUInt64LE(64 + 32));
  const notes: { name: string; type: number; desc: Buffer }[] = [];
  while (at < end) {
    const [namesz, descsz, type] = [elf.readUInt32LE(at), elf.readUInt32LE(at + 4), elf.readUInt32LE(at + 8)];
    const desc = at + 12 + Math.ceil(namesz / 4) * 4;
    notes.push({
      name: elf.toString('latin1', at + 12, at + 11 + namesz),
      type,
      desc: elf.subarray(desc, desc + descsz)
    });
    at = desc + Math.ceil(descsz / 4) * 4;
  }
  expect(notes.map((n) => [n.name, n.type, n.desc.length])).toEqual([
    ['CORE', 1, 336],
    ['CORE', 1, 336],
    ['QEMU', 0, 440],
    ['QEMU', 0, 440]
  ]);
  const [first, second, state] = notes.map((n) => n.desc);
  expect([first!.readUInt32LE(32), second!.readUInt32LE(32)]).toEqual([1, 2]);
  // elf_gregset_t: r15 is first, rip the 17th.
  expect(first!.readBigUInt64LE(112)).toBe(0x100fn);
  expect(first!.readBigUInt64LE(112 + 16 * 8)).toBe(0xffffffff81000000n);
  expect([state!.readUInt32LE(0), state!.readUInt32LE(4)]).toEqual([1, 440]);
  expect(state!.readBigUInt64LE(state!.length - 8)).toBe(0x7777n);
  expect(state!.readBigUInt64LE(state!.length - 24)).toBe(0xbfee000n);
});

test('a guest outside of long mode has 32-bit registers', async () => {
  const elf = await make(0n);
  expect(elf.readUInt16LE(18)).toBe(3);
  const note = 64 + 56 * 4;
  expect(elf.readUInt32LE(note + 4)).toBe(144);
});
