/** What firmware is told, beside what native QEMU tells it. */
import { describe, expect, test } from 'vitest';
import { prepareBoot } from '../../../../../src/lib/emulator/boot.ts';
import { bootConfigOf } from '../../../../../src/lib/emulator/boot-order.ts';
import { parseOptions } from '../../../../../src/lib/emulator/system/vl.ts';
import { machineOf } from '../../../../support/machine.ts';
import { nativeQemus, qtest, takesQtest } from '../../../../support/qtest.ts';

const versions = nativeQemus.filter(takesQtest);
if (versions.length === 0) console.warn('SKIPPED: no native QEMU that takes qtest commands');

/** A ROM by which KVM patches Windows XP's accesses to the task priority: not modelled. */
const KVMVAPIC = 'genroms/kvmvapic.bin';
const FILE_DIR = 0x19;
const FIRST_FILE = 0x20;
const FILES = 16;
const DIRECTORY_BYTES = 4 + 64 * FILES;
/** Enough of each file: what is longer is ACPI's, and tested there. */
const MOST = 640;
/** Items with numbers: signature, UUID, RAM, graphics, CPUs, node, menu; hidden from them are kernels. */
const ITEMS = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0d, 0x0e, 0x0f, 0x8002, 0x8004];
const ITEM_BYTES = 24;

interface Told {
  readonly items: readonly string[];
  /** By name: length and contents. */
  readonly files: Readonly<Record<string, readonly [length: number, contents: string]>>;
}

/** @param bytes of an item by its number */
function toldBy(item: (key: number, bytes: number) => readonly number[]): Told {
  const directory = Buffer.from(item(FILE_DIR, DIRECTORY_BYTES));
  const files = Array.from({ length: directory.readUInt32BE(0) }, (_, n) => {
    const at = 4 + 64 * n;
    const length = directory.readUInt32BE(at);
    const name = directory.toString('latin1', at + 8, directory.indexOf(0, at + 8));
    const contents = item(directory.readUInt16BE(at + 4), MOST).slice(0, length);
    const acpi = /acpi|table-loader/.test(name);
    return [name, [length, acpi ? '' : Buffer.from(contents).toString('hex')]] as const;
  });
  const shown = files.filter(([name]) => name !== KVMVAPIC);
  return {
    items: ITEMS.map((key) => Buffer.from(item(key, ITEM_BYTES)).toString('hex')),
    files: Object.fromEntries(shown)
  };
}

async function native(qemu: (typeof versions)[number], words: readonly string[]): Promise<Told> {
  const wanted: (readonly [key: number, bytes: number])[] = [
    [FILE_DIR, DIRECTORY_BYTES],
    ...ITEMS.map((key) => [key, ITEM_BYTES] as const)
  ];
  for (let n = 0; n < FILES; n++) wanted.push([FIRST_FILE + n, MOST]);
  const commands = wanted.flatMap(([key, bytes]) => [
    `outw 0x510 0x${key.toString(16)}`,
    ...new Array<string>(bytes).fill('inb 0x511')
  ]);
  const { values } = await qtest(qemu, words, commands);
  const items = new Map<number, readonly number[]>();
  let at = 0;
  for (const [key, bytes] of wanted) {
    items.set(key, values.slice(at + 1, at + 1 + bytes).map(Number));
    at += 1 + bytes;
  }
  return toldBy((key) => items.get(key)!);
}

function ours(words: readonly string[]): Told {
  const all = ['-nodefaults', '-display', 'none', '-serial', 'null', ...words];
  const { machine } = machineOf(all);
  const boot = bootConfigOf(parseOptions(all));
  prepareBoot(machine, { bios: new Uint8Array(0x40000), roms: new Map(), graphics: true, boot });
  machine.reset();
  const { ports } = machine.board.pc;
  const told = toldBy((key, bytes) => {
    ports.write(0x510, key, 2);
    return Array.from({ length: bytes }, () => ports.read(0x511, 1));
  });
  machine.destroy();
  return told;
}

describe.each(versions.map((qemu) => [qemu.version, qemu] as const))('QEMU %s', (_version, qemu) => {
  test.each([
    ['a machine of 7.0', ['-M', 'pc-i440fx-7.0', '-m', '64']],
    ['a machine of 7.2', ['-M', 'pc-i440fx-7.2', '-m', '64']],
    ['a machine of 8.2', ['-M', 'pc-i440fx-8.2', '-m', '64']],
    ['a machine of 10.0', ['-M', 'pc-i440fx-10.0', '-m', '64']],
    ['another size, a UUID', ['-m', '300', '-uuid', '12345678-9abc-def0-1122-334455667788']],
    ['a boot menu that waits', ['-m', '64', '-boot', 'menu=on,splash-time=5000,strict=on']],
    ['a time until it boots again', ['-m', '64', '-boot', 'order=dc,reboot-timeout=7000']],
    ['no HPET', ['-m', '64', '-M', 'hpet=off']],
    [
      'drives with boot indices',
      [
        ...['-m', '64', '-boot', 'strict=on', '-drive', 'if=none,id=a,file=/dev/null,format=raw'],
        ...['-drive', 'if=none,id=b,media=cdrom', '-drive', 'if=none,id=c,media=cdrom'],
        ...['-device', 'virtio-blk-pci,drive=a,bootindex=7,addr=1b', '-device', 'ide-cd,drive=b,bus=ide.1,bootindex=2'],
        ...['-device', 'ide-cd,drive=c,bus=ide.0,unit=1,bootindex=3']
      ]
    ]
  ])('%s', { timeout: 60_000 }, async (_, words) => {
    const all = words.includes('-M') && words[1]?.startsWith('pc') ? words : ['-M', 'pc-i440fx-10.0', ...words];
    expect(ours(all)).toEqual(await native(qemu, all));
  });
});
