/**
 * What a PC of QEMU has that shows in a migration stream: the sections of its board, its devices by model name, and
 * which PCI slots they take. From QEMU 7.2 to 11.1.
 * Source: QEMU hw/i386/pc_piix.c, pc_q35.c, pc.c (pc_basic_device_init), microvm.c, and each device's vmsd.
 */
import type { BoardSection, DeviceModel, MachineData, MachineFamily, Plan } from '../../../vmstate/destination.ts';

const at = (name: string, instances?: BoardSection['instances']): BoardSection =>
  instances ? { name, instances } : { name };
const if_ = (name: string, condition: (plan: Plan) => boolean, count = 1): BoardSection =>
  at(name, (plan) => (condition(plan) ? count : 0));

const cpus = (plan: Plan): number => plan.cpus ?? Infinity;
const i8042 = (plan: Plan): boolean => plan.on('i8042', true);

/** Registered whatever the machine; `block` until 9.0. */
const always: readonly BoardSection[] = [
  at('dirty-bitmap'),
  if_('block', ({ qemu }) => !qemu || qemu[0] < 9 || (qemu[0] === 9 && qemu[1] === 0))
];
const processors: readonly BoardSection[] = [
  ...always,
  at('timer'),
  at('cpu_common', cpus),
  at('cpu', cpus),
  at('globalstate')
];

/** pc_basic_device_init, and what i440fx and q35 share. */
const pc: readonly BoardSection[] = [
  ...processors,
  at('apic', cpus),
  at('kvm-tpr-opt'),
  if_('kvmclock', (plan) => plan.kvm),
  at('fw_cfg'),
  at('PCIHost'),
  at('PCIBUS'),
  at('dma', () => 2),
  at('i8259', () => 2),
  at('ioapic'),
  if_('hpet', (plan) => plan.on('hpet', true)),
  at('mc146818rtc'),
  if_('i8254', (plan) => plan.on('pit', true)),
  if_('pcspk', (plan) => plan.on('pit', true)),
  at('serial', (plan) => plan.serials),
  at('parallel_isa', (plan) => plan.parallels),
  if_('ps2kbd', i8042),
  if_('ps2mouse', i8042),
  if_('pckbd', i8042),
  if_('vmmouse', (plan) => i8042(plan) && plan.on('vmport', true)),
  at('port92'),
  if_('acpi_build', (plan) => plan.on('acpi', true)),
  at('slirp', (plan) => plan.userNets),
  at('pflash_cfi01', (plan) => plan.flashes)
];

const families: readonly MachineFamily[] = [
  {
    type: /^pc-i440fx-/,
    alias: 'pc',
    prefix: 'pc-i440fx-',
    slots: [0, 1],
    bus: 'pci.0',
    nic: 'e1000',
    sections: [
      ...pc,
      at('0000:00:00.0/I440FX'),
      at('0000:00:01.0/PIIX3'),
      at('0000:00:01.1/ide'),
      if_('0000:00:01.2/uhci', (plan) => plan.on('usb', false)),
      if_('0000:00:01.3/piix4_pm', (plan) => plan.on('acpi', true)),
      if_('i2c_bus', (plan) => plan.on('acpi', true)),
      at('fdc')
    ]
  },
  {
    type: /^pc-q35-/,
    alias: 'q35',
    prefix: 'pc-q35-',
    slots: [0, 31],
    bus: 'pcie.0',
    nic: 'e1000e',
    sections: [
      ...pc,
      at('0000:00:00.0/mch'),
      at('0000:00:1f.0/ICH9LPC'),
      if_('0000:00:1f.2/ich9_ahci', (plan) => plan.on('sata', true)),
      if_('0000:00:1f.3/ich9_smb', (plan) => plan.on('smbus', true)),
      if_('i2c_bus', (plan) => plan.on('smbus', true)),
      if_('fdc', (plan) => plan.floppies)
    ]
  },
  {
    type: /^isapc$/,
    alias: 'isapc',
    prefix: 'isapc',
    slots: [],
    bus: undefined,
    nic: 'ne2k_isa',
    sections: [
      ...pc.filter(({ name }) => !/^(PCI|acpi_build|hpet|ioapic)/.test(name)),
      at('isa-ide', () => 2),
      at('cirrus_vga'),
      at('fdc')
    ]
  },
  {
    type: /^microvm$/,
    alias: 'microvm',
    prefix: 'microvm',
    slots: [],
    bus: undefined,
    nic: '',
    sections: [
      ...processors,
      at('apic', cpus),
      at('kvm-tpr-opt'),
      if_('kvmclock', (plan) => plan.kvm),
      at('fw_cfg'),
      at('ioapic', (plan) => (plan.on('ioapic2', false) ? 2 : 1)),
      at('i8259', () => 2),
      at('i8254'),
      at('mc146818rtc'),
      at('serial', (plan) => plan.serials),
      at('acpi-ged')
    ]
  }
];

const pci = (section: string, more: Partial<DeviceModel> = {}): DeviceModel => ({ section, bus: 'pci', ...more });
const onBus = (bus: DeviceModel['bus'], section?: string): DeviceModel => ({ bus, ...(section ? { section } : {}) });
const none = onBus('other');

/** Feature bits of the virtio device types: Virtio 1.2, sections 5.1 and 5.2; QEMU's property names. */
const virtioBlk = { scsi: 7, 'config-wce': 11, discard: 13, 'write-zeroes': 14 };
const virtioNet = {
  ...{ csum: 0, guest_csum: 1, ctrl_guest_offloads: 2, guest_tso4: 7, guest_tso6: 8, guest_ecn: 9, guest_ufo: 10 },
  ...{ host_tso4: 11, host_tso6: 12, host_ecn: 13, host_ufo: 14, mrg_rxbuf: 15, status: 16, ctrl_vq: 17, ctrl_rx: 18 },
  ...{ ctrl_vlan: 19, guest_announce: 21, mq: 22, ctrl_mac_addr: 23 }
};

const devices: Readonly<Record<string, DeviceModel>> = {
  // Displays
  VGA: pci('vga', { rom: true }),
  'cirrus-vga': pci('cirrus_vga', { rom: true }),
  'vmware-svga': pci('vmware_vga', { rom: true, plain: ['vga'] }),
  'virtio-vga': pci('virtio-gpu', { rom: true, more: ['virtio-vga'], virtio: {} }),
  'qxl-vga': pci('qxl', { rom: true }),
  qxl: pci('qxl', { rom: true }),
  'secondary-vga': pci('vga'),
  'bochs-display': pci('bochs-display'),
  'virtio-gpu-pci': pci('virtio-gpu', { virtio: {} }),
  // Network
  e1000: pci('e1000', { rom: true }),
  'e1000-82544gc': pci('e1000', { rom: true }),
  'e1000-82545em': pci('e1000', { rom: true }),
  e1000e: pci('e1000e', { rom: true }),
  igb: pci('igb', { rom: true }),
  rtl8139: pci('rtl8139', { rom: true }),
  pcnet: pci('pcnet', { rom: true }),
  ne2k_pci: pci('ne2000', { rom: true }),
  ne2k_isa: onBus('isa', 'ne2000'),
  i82550: pci('i82550', { rom: true, more: ['eeprom'] }),
  i82557b: pci('i82557b', { rom: true, more: ['eeprom'] }),
  i82559er: pci('i82559er', { rom: true, more: ['eeprom'] }),
  tulip: pci('tulip', { rom: true, more: ['eeprom'] }),
  vmxnet3: pci('vmxnet3', { rom: true }),
  'virtio-net-pci': pci('virtio-net', { rom: true, virtio: { features: virtioNet } }),
  // Storage
  'virtio-blk-pci': pci('virtio-blk', {
    virtio: { features: virtioBlk, queueSize: 256, vectors: (queues) => queues + 1 }
  }),
  'virtio-scsi-pci': pci('virtio-scsi', { virtio: { vectors: (queues) => queues + 3 } }),
  nvme: pci('nvme'),
  ahci: pci('ich9_ahci'),
  'ich9-ahci': pci('ich9_ahci'),
  lsi53c895a: pci('lsiscsi'),
  lsi53c810: pci('lsiscsi'),
  megasas: pci('megasas'),
  'megasas-gen2': pci('megasas-gen2'),
  mptsas1068: pci('mptsas'),
  pvscsi: pci('pvscsi'),
  am53c974: pci('pciespscsi'),
  dc390: pci('dc390'),
  'sdhci-pci': pci('sdhci'),
  'scsi-hd': onBus('scsi', 'scsi-disk'),
  'scsi-cd': onBus('scsi', 'scsi-disk'),
  'scsi-block': onBus('scsi', 'scsi-disk'),
  'sd-card': onBus('other', 'sd-card'),
  'ide-hd': onBus('ide'),
  'ide-cd': onBus('ide'),
  floppy: none,
  'isa-fdc': onBus('isa', 'fdc'),
  // USB
  'piix3-usb-uhci': pci('uhci'),
  'piix4-usb-uhci': pci('uhci'),
  'ich9-usb-uhci1': pci('uhci'),
  'ich9-usb-uhci2': pci('uhci'),
  'ich9-usb-uhci3': pci('uhci'),
  'usb-ehci': pci('ehci'),
  'ich9-usb-ehci1': pci('ehci'),
  'qemu-xhci': pci('xhci'),
  'nec-usb-xhci': pci('xhci'),
  'usb-tablet': onBus('usb', 'usb-ptr'),
  'usb-mouse': onBus('usb', 'usb-ptr'),
  'usb-kbd': onBus('usb', 'usb-kbd'),
  'usb-hub': onBus('usb', 'usb-hub'),
  'usb-storage': onBus('usb', 'usb-storage'),
  'usb-ccid': onBus('usb', 'usb-ccid'),
  // Virtio, others
  'virtio-rng-pci': pci('virtio-rng', { virtio: {} }),
  'virtio-balloon-pci': pci('virtio-balloon', { virtio: {} }),
  'virtio-serial-pci': pci('virtio-console', { virtio: {} }),
  'virtio-keyboard-pci': pci('virtio-input', { virtio: {} }),
  'virtio-mouse-pci': pci('virtio-input', { virtio: {} }),
  'virtio-tablet-pci': pci('virtio-input', { virtio: {} }),
  'virtio-mem-pci': pci('virtio-mem', { virtio: {}, more: ['virtio-mem-device-early'] }),
  'virtio-crypto-pci': pci('virtio-crypto', { virtio: {} }),
  virtserialport: none,
  virtconsole: none,
  // Bridges
  'pci-bridge': pci('pci_bridge'),
  'pcie-root-port': pci('pcie-root-port'),
  'pcie-pci-bridge': pci('pcie-pci-bridge'),
  ioh3420: pci('ioh-3240-express-root-port'),
  'x3130-upstream': pci('xio3130-express-upstream-port'),
  'xio3130-downstream': pci('xio3130-express-downstream-port'),
  'pxb-pcie': onBus('other'),
  pxb: onBus('other'),
  // Sound
  AC97: pci('ac97'),
  ES1370: pci('es1370'),
  'intel-hda': pci('intel-hda'),
  'ich9-intel-hda': pci('intel-hda'),
  'hda-duplex': onBus('other', 'hda-audio'),
  'hda-output': onBus('other', 'hda-audio'),
  'hda-micro': onBus('other', 'hda-audio'),
  sb16: onBus('isa', 'sb16'),
  adlib: onBus('isa'),
  // The rest
  'isa-serial': onBus('isa'),
  'pci-serial': pci('pci-serial'),
  'isa-parallel': onBus('isa'),
  'isa-debug-exit': onBus('isa'),
  'isa-debugcon': onBus('isa'),
  'pc-testdev': onBus('isa'),
  'pci-testdev': { bus: 'pci' },
  edu: { bus: 'pci' },
  i6300esb: pci('i6300esb_wdt'),
  ib700: onBus('isa', 'ib700_wdt'),
  'ipmi-bmc-sim': onBus('other', 'ipmi-bmc-sim'),
  'isa-ipmi-kcs': onBus('isa', 'ipmi-interface'),
  'isa-ipmi-bt': onBus('isa', 'ipmi-interface'),
  'intel-iommu': onBus('other', 'iommu-intel'),
  vmcoreinfo: onBus('other', 'vmcoreinfo'),
  vmgenid: onBus('other', 'vmgenid'),
  pvpanic: onBus('isa'),
  'pc-dimm': none,
  nvdimm: none
};

export const machines: MachineData = {
  families,
  devices: {
    ...devices,
    // Names without a bus: QEMU takes the machine's own (system/qdev-monitor.c, qdev_alias_table).
    ...Object.fromEntries(
      ['blk', 'net', 'scsi', 'rng', 'balloon', 'serial', 'keyboard', 'mouse', 'tablet', 'gpu'].map((kind) => [
        `virtio-${kind}`,
        devices[`virtio-${kind}-pci`]!
      ])
    )
  },
  vga: { std: 'VGA', cirrus: 'cirrus-vga', vmware: 'vmware-svga', virtio: 'virtio-vga', qxl: 'qxl-vga' },
  nics: { virtio: 'virtio-net-pci' },
  versions: {
    ...{ I440FX: 3, ICH9LPC: 1, PCIBUS: 1, PCIHost: 1, PIIX3: 3, ac97: 3, 'acpi-ged': 1, acpi_build: 1, apic: 3 },
    ...{ cirrus_vga: 2, cpu: 12, cpu_common: 1, 'dirty-bitmap': 1, dma: 1, e1000: 2, e1000e: 1, eeprom: 20061113 },
    ...{ ehci: 2, es1370: 2, fdc: 2, fw_cfg: 2, globalstate: 1, 'hda-audio': 2, hpet: 2, i2c_bus: 1 },
    ...{ i6300esb_wdt: 10000, i8254: 3, i82557b: 3, i8259: 1, ib700_wdt: 0, ich9_ahci: 1, ich9_smb: 1, ide: 3, igb: 1 },
    ...{ 'intel-hda': 1, ioapic: 3, 'ioh-3240-express-root-port': 1, 'iommu-intel': 1, 'ipmi-bmc-sim': 2 },
    ...{ 'ipmi-interface': 2, 'isa-ide': 3, 'kvm-tpr-opt': 1, lsiscsi: 1, mc146818rtc: 3, mch: 1, megasas: 0 },
    ...{ mptsas: 0, ne2000: 3, nvme: 1, parallel_isa: 1, pci_bridge: 0, 'pcie-pci-bridge': 0, 'pcie-root-port': 1 },
    ...{ pciespscsi: 2, pckbd: 3, pcnet: 3, pcspk: 1, piix4_pm: 3, port92: 1, ps2kbd: 3, ps2mouse: 2, pvscsi: 0 },
    ...{ ram: 4, rtl8139: 5, sb16: 1, 'scsi-disk': 1, 'sd-card': 2, sdhci: 1, serial: 3, slirp: 4, timer: 2, tulip: 0 },
    ...{ uhci: 3, 'usb-ccid': 1, 'usb-hub': 1, 'usb-kbd': 1, 'usb-ptr': 1, 'usb-storage': 1, vga: 2 },
    ...{ 'virtio-balloon': 1, 'virtio-blk': 2, 'virtio-console': 3, 'virtio-gpu': 1, 'virtio-input': 1 },
    ...{ 'virtio-mem': 1, 'virtio-mem-device-early': 1, 'virtio-net': 11, 'virtio-rng': 1, 'virtio-scsi': 1 },
    ...{ 'virtio-vga': 2, vmcoreinfo: 1, vmgenid: 1, vmmouse: 0, vmware_vga: 0, vmxnet3: 1, xhci: 1 },
    ...{ 'xio3130-express-downstream-port': 1, 'xio3130-express-upstream-port': 1 }
  }
};
