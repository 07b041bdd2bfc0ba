import { expect, test } from 'vitest';
import { planOfOptions } from '../../../src/lib/emulator/machine-options.ts';
import { OptionError } from '../../../src/lib/emulator/system/qemu-option.ts';
import { parseOptions } from '../../../src/lib/emulator/system/vl.ts';
import { machineOf } from '../../support/machine.ts';

const isaOf = (...words: string[]) => planOfOptions(parseOptions([...words, '-nic', 'none'])).plan.isa;

test('devices of the ISA bus have the places of QEMU unless told otherwise', () => {
  expect(isaOf('-device', 'isa-debug-exit')).toEqual([{ driver: 'isa-debug-exit', iobase: 0x501, iosize: 2 }]);
  expect(isaOf('-device', 'isa-debug-exit,iobase=0xf4,iosize=4')).toEqual([
    { driver: 'isa-debug-exit', iobase: 0xf4, iosize: 4 }
  ]);
  expect(isaOf('-device', 'pc-testdev')).toEqual([{ driver: 'pc-testdev' }]);
  expect(isaOf('-device', 'isa-debugcon,chardev=log,iobase=0x402', '-chardev', 'null,id=log')).toEqual([
    { driver: 'isa-debugcon', chardev: 'log', iobase: 0x402, readback: 0xe9 }
  ]);
  expect(isaOf('-debugcon', 'stdio')).toEqual([
    { driver: 'isa-debugcon', chardev: 'debugcon', iobase: 0xe9, readback: 0xe9 }
  ]);
});

test.each([
  ['isa-debug-exit,port=1', "Property 'isa-debug-exit.port' not found"],
  ['isa-debug-exit,iobase=here', "Parameter 'iobase' expects uint32_t, not 'here'"],
  ['isa-debug-exit,iobase=0x100000000', "Parameter 'iobase' expects uint32_t"],
  ['pc-testdev,iobase=1', "Property 'pc-testdev.iobase' not found"],
  ['isa-debugcon', 'empty char device']
])('-device %s is refused: %s', (device, why) => {
  expect(() => isaOf('-device', device)).toThrow(OptionError);
  expect(() => isaOf('-device', device)).toThrow(why);
});

test('a machine has them: the guest ends it with a status', async () => {
  const { machine } = machineOf(['-m', '16', '-nographic', '-nic', 'none', '-device', 'isa-debug-exit,iobase=0xf4']);
  const status = new Promise((resolve) => (machine.onShutdown = resolve));
  // mov $0x15,%al; out %al,$0xf4; hlt, at the reset vector
  machine.board.pc.map.bios.write(0x3fff0, Uint8Array.of(0xb0, 0x15, 0xe6, 0xf4, 0xf4));
  machine.reset();
  machine.start();
  expect(await status).toBe(0x2b);
  await machine.stop();
  machine.destroy();
});
