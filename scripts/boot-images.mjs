#!/usr/bin/env node
// What the tests boot beside the seed guest, from Debian's packages: its i386 kernel with a busybox initrd, GRUB's rescue
// CD and floppy, Memtest86+. Kept under `.cache/boot`; nothing is installed. Needs apt and a network, not root.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { debsIn, privateApt, unpack } from './qemu/apt.mjs';
import { cpio } from './qemu/linux.mjs';
import { cache, runOf } from './qemu/qemu.mjs';

const SUITE = 'bookworm';
const folder = join(cache, 'boot');

/** Architecture by architecture; of a meta package the package that it names counts. */
const PACKAGES = {
  amd64: ['grub-rescue-pc', 'memtest86+'],
  i386: ['busybox-static', 'linux-image-686-pae']
};

/** Waits for no disk: its shell is all that there is. */
const INIT = `#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
export PATH=/bin PS1='# '
/bin/busybox --install -s /bin
exec setsid cttyhack sh
`;

/** Drivers of its network cards, in the order in which they can be loaded. */
const MODULES = [
  'drivers/net/ethernet/intel/e1000/e1000',
  'drivers/virtio/virtio',
  'drivers/virtio/virtio_ring',
  'drivers/virtio/virtio_pci_legacy_dev',
  'drivers/virtio/virtio_pci_modern_dev',
  'drivers/virtio/virtio_pci',
  'net/core/failover',
  'drivers/net/net_failover',
  'drivers/net/virtio_net'
];

/** `network eth0` has it ask for an address, and takes what it is given; also what udhcpc calls with an event. */
const NETWORK = `#!/bin/sh
case $1 in
  load) for module in ${MODULES.map((path) => basename(path)).join(' ')}; do insmod /modules/$module.ko; done ;;
  bound)
    ifconfig $interface $ip netmask $subnet
    route add default gw $router dev $interface
    echo "$interface has $ip of $serverid, by $router, names from $dns, for $lease s" ;;
  eth*) ifconfig $1 up; udhcpc -i $1 -n -q -s /bin/network ;;
esac
`;

const RECIPE = createHash('sha256')
  .update(JSON.stringify([SUITE, PACKAGES, INIT, MODULES, NETWORK, 'vmlinux, CD, relative']))
  .digest('hex')
  .slice(0, 16);

/**
 * @typedef {object} BootImages paths of files
 * @property {string} grubCd
 * @property {string} grubFloppy
 * @property {string} memtest64 a bzImage
 * @property {string} memtest32
 * @property {string} memtestCd
 * @property {string} kernel686 Debian's i386 kernel with PAE
 * @property {string} vmlinux686 the same unpacked, an ELF file: an emulator's CPU takes a minute to unpack it
 * @property {string} initrd686
 */

/** @returns {BootImages | undefined} undefined: the script has not run here */
export function bootImages() {
  const record = join(folder, 'images.json');
  if (!existsSync(record)) return undefined;
  const { images } = JSON.parse(readFileSync(record, 'utf8'));
  return /** @type {BootImages} */ (
    Object.fromEntries(Object.entries(images).map(([name, path]) => [name, join(folder, path)]))
  );
}

/**
 * @param {string} into
 * @param {keyof typeof PACKAGES} architecture
 * @returns {string} the folder that its packages are unpacked in
 */
function fetch(into, architecture) {
  const state = join(into, 'apt', architecture);
  // The point release does: what is booted stays the same for months.
  const apt = privateApt({ suite: SUITE, security: false, state, architecture });
  const archives = join(state, 'cache/archives');
  const root = join(into, architecture);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  apt('apt-get', ['update']);
  for (const name of PACKAGES[architecture]) {
    const depends = name.startsWith('linux-image-') ? apt('apt-cache', ['depends', name]) : '';
    const [, named = name] = /Depends: (linux-image-\S+)/.exec(depends) ?? [];
    apt('apt-get', ['download', named], archives);
  }
  for (const deb of debsIn(archives)) unpack(deb, root);
  rmSync(state, { recursive: true });
  return root;
}

/** @param {string} busybox @param {string} modules the folder that MODULES lie in */
const initrd = (busybox, modules) =>
  gzipSync(
    cpio([
      ...['bin', 'dev', 'modules', 'proc'].map((name) => ({ name, mode: 0o40755 })),
      { name: 'dev/console', mode: 0o20600, device: [5, 1] },
      { name: 'bin/busybox', mode: 0o100755, data: readFileSync(busybox) },
      { name: 'bin/network', mode: 0o100755, data: Buffer.from(NETWORK) },
      { name: 'init', mode: 0o100755, data: Buffer.from(INIT) },
      ...MODULES.map((path) => ({
        name: `modules/${basename(path)}.ko`,
        mode: 0o100644,
        data: readFileSync(join(modules, `${path}.ko`))
      }))
    ])
  );

/**
 * What a bzImage unpacks when it starts. Source: Linux Documentation/arch/x86/boot.rst, payload_offset.
 * @param {string} path of one that is compressed with xz
 */
function payloadOf(path) {
  const image = readFileSync(path);
  const from = (image.readUInt8(0x1f1) + 1) * 512 + image.readUInt32LE(0x248);
  // Behind the stream is its length.
  const packed = image.subarray(from, from + image.readUInt32LE(0x24c) - 4);
  // The program of install.mjs: the package xz-decompress lacks the filter for x86 code.
  return runOf(SUITE, 'usr/bin/xz', ['-dc'], { input: packed, maxBuffer: 1 << 28 });
}

function make() {
  // Tests that boot the old ones meanwhile are not disturbed.
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  const [amd64, i386] = [fetch(fresh, 'amd64'), fetch(fresh, 'i386')];
  const kernel = readdirSync(join(i386, 'boot')).find((name) => name.startsWith('vmlinuz-')) ?? '';
  const initrd686 = join(fresh, 'initrd-686.gz');
  const modules = join(i386, 'lib/modules', kernel.replace('vmlinuz-', ''), 'kernel');
  writeFileSync(initrd686, initrd(join(i386, 'bin/busybox'), modules));
  const kernel686 = join(i386, 'boot', kernel);
  const vmlinux686 = join(fresh, 'vmlinux-686');
  writeFileSync(vmlinux686, payloadOf(kernel686));
  // Modules are most of it, and the initrd has those that are loaded.
  rmSync(join(i386, 'lib'), { recursive: true, force: true });
  /** @type {BootImages} */
  const images = {
    grubCd: join(amd64, 'usr/lib/grub-rescue/grub-rescue-cdrom.iso'),
    grubFloppy: join(amd64, 'usr/lib/grub-rescue/grub-rescue-floppy.img'),
    memtest64: join(amd64, 'boot/memtest86+x64.bin'),
    memtest32: join(amd64, 'boot/memtest86+ia32.bin'),
    memtestCd: join(amd64, 'usr/lib/memtest86+/memtest86+x64.iso'),
    kernel686,
    vmlinux686,
    initrd686
  };
  const missing = Object.values(images).filter((path) => !existsSync(path));
  if (missing.length > 0) throw new Error(`the packages lack ${missing.join(', ')}`);
  const inside = Object.fromEntries(Object.entries(images).map(([name, path]) => [name, relative(fresh, path)]));
  writeFileSync(join(fresh, 'images.json'), JSON.stringify({ recipe: RECIPE, images: inside }, null, 1));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const record = join(folder, 'images.json');
  const done = existsSync(record) && JSON.parse(readFileSync(record, 'utf8')).recipe === RECIPE;
  try {
    execFileSync('which', ['apt-get', 'dpkg-deb'], { stdio: 'ignore' });
  } catch {
    console.log('No images to boot: apt-get or dpkg-deb not found. SKIPPED: the tests that boot them.');
    process.exit(0);
  }
  if (!done) make();
  for (const path of Object.values(bootImages() ?? {})) console.log(path);
}
