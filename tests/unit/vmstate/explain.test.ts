import { expect, test } from 'vitest';
import { explain } from '../../../src/lib/vmstate/explain.ts';
import { configSpace, snapshot } from '../../support/snapshots.ts';
import { processorTime } from '../../support/processor-time.ts';

const state = snapshot({
  machine: 'pc-i440fx-7.2',
  blocks: { 'pc.ram': 0x20000000 },
  sections: [
    { name: 'configuration', kind: 'configuration', fields: { name: 'pc-i440fx-7.2' } },
    { name: 'serial', fields: { state: { divider: 12 } } },
    { name: 'i8254', version: 3, fields: { count: 1 } },
    {
      name: '0000:00:01.3/piix4_pm',
      fields: {
        sts: 1,
        'piix4_pm/cpuhp': { cpuhp_state: { selector: 0, devs: { '[0]': { is_inserting: false } } } }
      }
    },
    { name: '0000:00:03.0/virtio-blk', fields: { virtio: { config: configSpace({ 0x34: 0x98 }), vq: { num: 256 } } } }
  ]
});
const section = (name: string) => state.sections.find((s) => s.name === name)!;

test('program name, time stamps and log prefixes do not matter', () => {
  const text = "Machine type received is 'pc-i440fx-7.2' and local is 'pc-q35-7.2'";
  for (const line of [text, `qemu-system-x86_64: ${text}`, `2024-05-01T10:00:00Z qemu-kvm: ${text}`, `\n${text}\r\n`]) {
    expect(explain(line)).toMatchObject([
      { section: 'configuration/0', path: 'name', hint: expect.stringContaining('-machine pc-i440fx-7.2') }
    ]);
  }
});

test('with the state at hand the bytes are named, without it the section still is', () => {
  const line =
    "qemu-system-x86_64: Unknown savevm section or instance 'serial' 0. Make sure that your current VM setup matches";
  const { start, end } = section('serial');
  expect(explain(line, state)).toMatchObject([
    { section: 'serial/0', start, end, hint: expect.stringContaining('-serial none') }
  ]);
  expect(explain(line)).toMatchObject([{ section: 'serial/0' }]);
  expect(explain(line)[0]).not.toHaveProperty('start');
});

test('a slot that moved is what a missing PCI device often means', () => {
  const [finding] = explain("Unknown section or instance '0000:00:03.0/virtio-blk' 0. Make sure …", state);
  expect(finding!.hint).toMatch(/0000:00:03\.0 \(addr=0x3\).*-nic none/);
});

test('a missing footer of piix4_pm is about hot-plug structs, with their bytes', () => {
  const [finding] = explain('Missing section footer for 0000:00:01.3/piix4_pm', state);
  expect(finding).toMatchObject({
    section: '0000:00:01.3/piix4_pm/0',
    path: 'piix4_pm/cpuhp.cpuhp_state.devs',
    why: expect.stringContaining('1 hot-plug struct of 10 bytes'),
    hint: expect.stringContaining('-smp')
  });
  expect(finding!.end! - finding!.start!).toBe(1);
});

test('the lines together tell which device a configuration byte is of', () => {
  const text = [
    'qemu-system-x86_64: get_pci_config_device: Bad config data: i=0x34 read: 98 device: 40 cmask: ff wmask: 0 w1cmask:0',
    'qemu-system-x86_64: Failed to load PCIDevice:config',
    'qemu-system-x86_64: Failed to load virtio-blk:virtio',
    "qemu-system-x86_64: error while loading state for instance 0x0 of device '0000:00:03.0/virtio-blk'",
    'qemu-system-x86_64: load of migration failed: Invalid argument'
  ].join('\n');
  const findings = explain(text, state);
  expect(findings).toHaveLength(1);
  const config = section('0000:00:03.0/virtio-blk').fields[0]!.children![0]!;
  expect(findings[0]).toMatchObject({
    section: '0000:00:03.0/virtio-blk/0',
    path: 'virtio.config',
    start: config.start + 0x34,
    end: config.start + 0x35,
    why: expect.stringContaining('the stream has 0x98, the destination’s device 0x40'),
    source: 'hw/pci/pci.c get_pci_config_device'
  });
});

test('feature bits are named by the property that switches them', () => {
  const [finding] = explain('Features 0x10130006e74 unsupported. Allowed features: 0x10100006e74');
  expect(finding!.why).toContain('RING_INDIRECT_DESC (indirect_desc), RING_EVENT_IDX (event_idx)');
});

test('memory and ROM sizes come with what to change', () => {
  expect(explain('Size mismatch: pc.ram: 0x20000000 != 0x10000000: Invalid argument', state)).toMatchObject([
    {
      section: 'ram/0',
      path: 'pc.ram',
      why: expect.stringContaining('512 MiB in the stream and 256 MiB'),
      hint: 'Start the destination with -m 512M.'
    }
  ]);
  expect(explain('Length mismatch: 0000:00:03.0/e1000.rom: 0x40000 in != 0x80000')[0]!.hint).toContain('romsize');
});

test('a version that is too new points at the four bytes that tell it', () => {
  const { bodyStart } = section('i8254');
  expect(explain("savevm: unsupported version 99 for 'i8254' v3", state)).toMatchObject([
    { section: 'i8254/0', path: 'version_id', start: bodyStart - 4, end: bodyStart }
  ]);
});

test('warnings stand behind what fails', () => {
  const text = "warning: Machine type 'pc-i440fx-6.2' is deprecated\nMachine type received is 'a' and local is 'b'";
  expect(explain(text).map((f) => f.severity)).toEqual(['fails', 'warns']);
});

test('the last line alone says that it says little', () => {
  expect(explain('qemu-system-x86_64: load of migration failed: Invalid argument')).toMatchObject([
    { severity: 'fails', why: expect.stringContaining('what was printed before it') }
  ]);
});

test('what nobody knows is said to be unknown', () => {
  expect(explain('segmentation fault')).toMatchObject([{ severity: 'unknown', message: 'segmentation fault' }]);
  expect(explain('')).toMatchObject([{ severity: 'unknown', message: '' }]);
});

test('a huge paste is read in bounded time', () => {
  const start = processorTime();
  explain(`${'a'.repeat(5_000_000)}\n${"of device '".repeat(100_000)}\n${'qemu-'.repeat(200_000)}`, state);
  expect(processorTime() - start).toBeLessThan(1000);
});
