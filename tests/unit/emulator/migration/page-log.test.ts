import { expect, test } from 'vitest';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { PageLog, withSymbols, withWriters } from '../../../../src/lib/emulator/migration/page-log.ts';
import { PhysMem } from '../../../../src/lib/emulator/system/physmem.ts';

function setup() {
  const host = new HostMemory(1024);
  const physmem = new PhysMem(host);
  return { host, physmem, ram: physmem.allocate('pc.ram', 0x100000), rom: physmem.allocate('pc.rom', 0x1000) };
}

test('pages are kept by block in the order in which they went, until they are taken', () => {
  const { ram, rom } = setup();
  const log = new PageLog();
  log.add(ram, 7, 'normal', 4104);
  log.add(rom, 0, 'zero', 16);
  log.add(ram, 3, 'xbzrle', 40);
  log.add(ram, 3, 'skipped', 0);
  expect(log.take()).toEqual({
    sent: [
      {
        ...{ block: 'pc.ram', page: Uint32Array.of(7, 3, 3) },
        ...{ how: Uint8Array.of(0, 2, 3), bytes: Uint16Array.of(4104, 40, 0) }
      },
      { block: 'pc.rom', page: Uint32Array.of(0), how: Uint8Array.of(1), bytes: Uint16Array.of(16) }
    ],
    more: 0
  });
  expect(log.take()).toEqual({ sent: [], more: 0 });
});

test('it grows with what comes', () => {
  const { ram } = setup();
  const log = new PageLog();
  for (let page = 0; page < 5000; page++) log.add(ram, page, page % 2 ? 'zero' : 'normal', page);
  const [sent] = log.take().sent;
  expect([sent!.page.length, sent!.page[4999], sent!.how[4999], sent!.bytes[4998]]).toEqual([5000, 4999, 1, 4998]);
});

test('each dirty page has its writer, in the order of the bits', () => {
  const { host, physmem, ram } = setup();
  physmem.pageWriters = host.allocate('writers', 8 << 20).offset;
  const table = physmem.pageWriters / 8 + (ram.offset >>> 12);
  host.views.u64[table + 1] = 0x10_2030n;
  host.views.u64[table + 17] = 0x10_2030n;
  ram.store(0x14000, 1, 4);
  const bitmap = Uint8Array.of(0b11, 0, 0b10010);
  const [dirty, unknown] = withWriters(
    [
      { block: 'pc.ram', pages: 24, bitmap },
      { block: 'gone', pages: 0, bitmap: new Uint8Array(0) }
    ],
    physmem
  );
  expect(dirty!.writers).toEqual({ names: ['', '0x102030', 'device'], of: Uint16Array.of(0, 1, 1, 2) });
  expect(unknown!.writers).toBeUndefined();
  const named = withSymbols([dirty!, unknown!], (address) => (address === 0x10_2030n ? 'memset+0x10' : undefined));
  expect(named[0]!.writers!.names).toEqual(['', '0x102030 memset+0x10', 'device']);
  expect(named[1]).toBe(unknown);
});
