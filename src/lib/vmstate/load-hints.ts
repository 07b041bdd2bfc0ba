/** What to change at the destination, by the names of sections and RAM blocks. */
import { hex } from './hex.ts';

const MiB = 2 ** 20;

interface Hint {
  readonly name: RegExp;
  readonly hint: string | ((size: number | undefined) => string);
}

const pathOf = (name: string): string | undefined =>
  /^([0-9a-f]{4}:)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])\//.exec(name)?.[0].slice(0, -1);

/** Sections that a default machine has, and what takes them away. */
const sectionHints: readonly Hint[] = [
  { name: /^serial$/, hint: 'Do not use -serial none or -nodefaults; give as many serial ports as the source had.' },
  { name: /^parallel_isa$/, hint: 'Do not use -parallel none or -nodefaults.' },
  { name: /^hpet$/, hint: 'Do not use hpet=off or -no-hpet.' },
  { name: /^i8254$|^pcspk$/, hint: 'Do not use pit=off.' },
  { name: /^(ps2kbd|ps2mouse|pckbd)$/, hint: 'Do not use i8042=off.' },
  { name: /^vmmouse$/, hint: 'Do not use vmport=off or i8042=off.' },
  { name: /^(acpi_build|i2c_bus)$|\/piix4_pm$/, hint: 'Do not use acpi=off or -no-acpi.' },
  { name: /^fdc$/, hint: 'The floppy controller: on q35 it takes -device isa-fdc or a floppy drive.' },
  {
    name: /^slirp$/,
    hint: 'The source had a user-mode network: give the destination one too (-nic user, -netdev user).'
  },
  { name: /^(cpu|cpu_common|apic)$/, hint: 'The source had more vCPUs: give the same -smp.' },
  { name: /^kvmclock$/, hint: 'The source ran with KVM: run the destination with KVM too.' },
  { name: /^kvm-tpr-opt$/, hint: 'The APIC’s vapic property is off at the destination.' },
  {
    name: /\/(vga|cirrus_vga|qxl|vmware_vga|virtio-vga|virtio-gpu)$/,
    hint: 'Give the same -vga (std is the default) in the same slot.'
  }
];

const blockHints: readonly Hint[] = [
  {
    name: /^pc\.ram$/,
    hint: (size) =>
      size === undefined
        ? 'The destination’s memory has another name: the source used no memory backend. Leave memory-backend= and -numa memdev= out.'
        : `Start the destination with -m ${size / MiB}M.`
  },
  {
    name: /^pc\.(bios|rom)$|^system\.flash/,
    hint: 'The firmware file has another size: use the same file (-bios, pflash).'
  },
  { name: /\/vga\.vram$/, hint: 'Give the same -vga and vgamem_mb, in the same slot.' },
  {
    name: /\.rom$/,
    hint: 'The device’s option ROM: give the same device in the same slot, with the same romfile, or set romsize.'
  },
  {
    name: /^\/rom@/,
    hint: 'A table that the source’s firmware interface held: use the same machine type and devices.'
  },
  { name: /^vmsvga\.fifo$/, hint: 'Give -vga vmware.' }
];

function find(hints: readonly Hint[], name: string, size?: number): string | undefined {
  const found = hints.find((h) => h.name.test(name))?.hint;
  return typeof found === 'function' ? found(size) : found;
}

/** What brings a section back that the destination lacks. */
export function deviceHint(idstr: string): string {
  const known = find(sectionHints, idstr);
  if (known) return known;
  const path = pathOf(idstr);
  if (path === undefined) return 'Start the destination with the same devices.';
  const slot = Number.parseInt(path.slice(-4, -2), 16);
  const device = idstr.slice(idstr.lastIndexOf('/') + 1);
  return (
    `Give the destination ${device} at PCI address ${path} (addr=${hex(slot)}). Slots are handed out in order: a device ` +
    `more or less before it, such as a default network card (-nic none), moves it.`
  );
}

/** What makes a RAM block fit. @param size bytes in the stream, when it is there with another size */
export function ramBlockHint(idstr: string, size?: number): string {
  const known = find(blockHints, idstr, size);
  if (known) return known;
  if (pathOf(idstr) !== undefined) return deviceHint(idstr);
  return `A memory backend: give the destination -object memory-backend-…,id=${idstr} of the same size, used in the same way.`;
}
