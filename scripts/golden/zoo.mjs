// Machines full of devices, so that whatever QEMU's descriptions can do appears in some stream.

import { SMALL } from './parts.mjs';

/** @typedef {import('./make.mjs').Scenario} Scenario */

const Q35 = ['-M', 'q35', ...SMALL];

/** @param {readonly string[]} names each with its options, as -device takes them */
const devices = (...names) => names.flatMap((name) => ['-device', name]);

/** An empty medium for a device that wants one. @param {string} id */
const medium = (id) => ['-drive', `if=none,id=${id},format=raw,file=${id}.raw`];

/** @param {readonly string[]} ids */
const mediaFiles = (...ids) => Object.fromEntries(ids.map((id) => [`${id}.raw`, 16 << 20]));

/** Network cards without their boot ROMs, which SeaBIOS would try one after another. @param {readonly string[]} names */
const cards = (...names) =>
  names.flatMap((name, index) => ['-netdev', `user,id=net${index}`, '-device', `${name},netdev=net${index},romfile=`]);

/** @type {readonly Scenario[]} */
export const zoo = [
  { name: 'net', args: [...SMALL, ...cards('e1000', 'virtio-net-pci')] },
  { name: 'net-others', args: [...SMALL, ...cards('rtl8139', 'pcnet', 'ne2k_pci', 'i82557b', 'vmxnet3', 'tulip')] },
  { name: 'q35-net', args: [...Q35, ...cards('e1000e', 'virtio-net-pci,mq=on')] },
  { name: 'q35-igb', since: 8, args: [...Q35, ...cards('igb')] },
  {
    name: 'usb',
    files: mediaFiles('stick'),
    args: [
      ...SMALL,
      ...medium('stick'),
      ...devices('piix3-usb-uhci,id=uhci', 'qemu-xhci,id=xhci', 'usb-tablet,bus=uhci.0', 'usb-kbd,bus=xhci.0'),
      ...devices('usb-storage,bus=xhci.0,drive=stick')
    ]
  },
  {
    name: 'q35-usb',
    files: mediaFiles('stick'),
    args: [
      ...Q35,
      ...medium('stick'),
      ...devices('ich9-usb-ehci1,id=ehci', 'nec-usb-xhci,id=xhci', 'usb-hub,bus=xhci.0', 'usb-mouse,bus=xhci.0'),
      ...devices('usb-storage,bus=ehci.0,drive=stick', 'usb-ccid,bus=xhci.0')
    ]
  },
  {
    name: 'q35-storage',
    files: mediaFiles('sata', 'blk'),
    args: [
      ...Q35,
      ...['sata', 'blk'].flatMap(medium),
      ...devices('ide-hd,drive=sata,bus=ide.0', 'virtio-blk-pci,drive=blk,num-queues=2')
    ]
  },
  // Older versions refuse: "State blocked by non-migratable device".
  {
    name: 'q35-nvme',
    since: 11,
    files: mediaFiles('nvme'),
    args: [...Q35, ...medium('nvme'), ...devices('nvme,drive=nvme,serial=1')]
  },
  {
    name: 'pc-storage',
    files: mediaFiles('sata', 'cd', 'floppy', 'ide'),
    args: [
      ...SMALL,
      ...['sata', 'cd', 'floppy', 'ide'].flatMap(medium),
      ...devices('ich9-ahci,id=ahci', 'ide-hd,drive=sata,bus=ahci.0', 'ide-cd,drive=cd,bus=ide.1'),
      ...devices('floppy,drive=floppy', 'ide-hd,drive=ide,bus=ide.0')
    ]
  },
  {
    name: 'scsi',
    files: mediaFiles('virtio', 'lsi', 'mega', 'mpt', 'pv', 'am', 'card'),
    args: [
      ...SMALL,
      ...['virtio', 'lsi', 'mega', 'mpt', 'pv', 'am', 'card'].flatMap(medium),
      ...devices('virtio-scsi-pci,id=virtio0', 'scsi-hd,drive=virtio,bus=virtio0.0', 'lsi53c895a,id=lsi0'),
      ...devices('scsi-cd,drive=lsi,bus=lsi0.0', 'megasas,id=mega0', 'scsi-hd,drive=mega,bus=mega0.0'),
      ...devices('mptsas1068,id=mpt0', 'scsi-hd,drive=mpt,bus=mpt0.0', 'pvscsi,id=pv0', 'scsi-hd,drive=pv,bus=pv0.0'),
      ...devices('am53c974,id=am0', 'scsi-hd,drive=am,bus=am0.0', 'sdhci-pci', 'sd-card,drive=card')
    ]
  },
  {
    name: 'virtio',
    args: [
      ...SMALL,
      ...devices(
        'virtio-balloon-pci',
        'virtio-rng-pci',
        'virtio-serial-pci',
        'virtserialport,name=org.qemu.guest_agent.0'
      ),
      ...devices('virtconsole', 'virtio-keyboard-pci', 'virtio-tablet-pci')
    ]
  },
  {
    name: 'virtio-others',
    args: [
      ...['-m', '64M,slots=2,maxmem=1G', '-nic', 'none', '-object', 'memory-backend-ram,id=mem1,size=64M'],
      ...devices('virtio-mouse-pci', 'virtio-mem-pci,memdev=mem1,requested-size=16M')
    ]
  },
  {
    name: 'memory-devices',
    args: [
      ...['-m', '64M,slots=4,maxmem=1G', '-nic', 'none', '-object', 'memory-backend-ram,id=mem1,size=128M'],
      ...devices('pc-dimm,memdev=mem1,id=dimm1', 'vmgenid', 'vmcoreinfo', 'pvpanic', 'pci-testdev', 'isa-debug-exit')
    ]
  },
  { name: 'isa-debug-exit', args: [...SMALL, ...devices('isa-debug-exit,iobase=0xf4,iosize=4')] },
  ...['cirrus', 'vmware', 'virtio', 'none'].map((vga) => ({ name: `vga-${vga}`, args: [...SMALL, '-vga', vga] })),
  {
    name: 'audio',
    args: [
      ...SMALL,
      ...['-audiodev', 'none,id=a'],
      ...devices('AC97,audiodev=a', 'ES1370,audiodev=a', 'sb16,audiodev=a', 'adlib,audiodev=a', 'intel-hda'),
      ...devices('hda-duplex,audiodev=a')
    ]
  },
  {
    name: 'watchdogs',
    args: [
      ...SMALL,
      ...['-chardev', 'null,id=null'],
      ...devices('i6300esb', 'ib700', 'ipmi-bmc-sim,id=bmc', 'isa-ipmi-kcs,bmc=bmc', 'edu', 'isa-debugcon,chardev=null')
    ]
  },
  {
    name: 'q35-bridges',
    args: [
      ...['-M', 'q35,kernel-irqchip=split', '-m', '64M', '-nic', 'none', '-device', 'intel-iommu'],
      ...devices(
        'pcie-root-port,id=port0',
        'x3130-upstream,id=up,bus=port0',
        'xio3130-downstream,bus=up,id=down,chassis=3'
      ),
      ...devices('pcie-pci-bridge,id=bridge', 'ioh3420,id=ioh,chassis=4', 'pxb-pcie,bus_nr=64,id=pxb')
    ]
  },
  {
    name: 'pc-bridges',
    args: [
      ...SMALL,
      ...devices('pci-bridge,chassis_nr=1,id=b1', 'pcie-root-port,id=p1', 'e1000,bus=b1,addr=1,romfile=')
    ]
  }
];
