// The Linux guest of the scripts: Debian's cloud kernel, an initrd that loads Debian's virtio modules, and an ext4 root
// file system with busybox. Built from unpacked Debian packages without root rights, kept under `.cache/guest`.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { cache, prefixOf, runOf } from './qemu.mjs';

const SUITE = 'bookworm';

/** Debian's cloud kernel has ext4 built in and virtio as modules; loaded in this order. */
const MODULES = [
  'virtio/virtio_ring',
  'virtio/virtio',
  'virtio/virtio_pci_modern_dev',
  'virtio/virtio_pci_legacy_dev',
  'virtio/virtio_pci',
  'block/virtio_blk',
  'char/virtio_console'
];

const INITRD_INIT = `#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
for module in ${MODULES.map((path) => path.replace(/.*\//, '')).join(' ')}; do busybox insmod /$module.ko; done
until [ -b /dev/vda ]; do busybox sleep 0.1; done
busybox mount -t ext4 -o ro /dev/vda /root
busybox mount --move /dev /root/dev
exec busybox switch_root /root /sbin/init
`;

const ROOT_INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o size=100% tmpfs /tmp
export HOME=/ PATH=/bin:/sbin PS1='# '
cd /
while true; do setsid cttyhack sh; done
`;

/** The kernel command line of QEMU Wasm's migration example. */
export const APPEND = 'earlyprintk=ttyS0,115200n8 console=ttyS0,115200n8 root=/dev/vda rootwait ro loglevel=7';

/**
 * A "newc" cpio archive, as the kernel unpacks for an initrd (Documentation/driver-api/early-userspace/buffer-format).
 * @param {readonly { name: string, mode: number, data?: Buffer, device?: readonly [number, number] }[]} entries
 */
export function cpio(entries) {
  const aligned = (/** @type {Buffer} */ bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  /** @type {typeof entries} */
  const all = [...entries, { name: 'TRAILER!!!', mode: 0 }];
  const parts = all.flatMap(({ name, mode, data = Buffer.alloc(0), device: [major, minor] = [0, 0] }, index) => {
    const fields = [index + 1, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length + 1, 0];
    const header = '070701' + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    return [aligned(Buffer.from(`${header}${name}\0`, 'latin1')), aligned(data)];
  });
  return Buffer.concat(parts);
}

/** @param {string} busybox @param {string} kernel */
function makeInitrd(busybox, kernel) {
  const versions = join(kernel, 'lib/modules');
  const drivers = join(versions, readdirSync(versions)[0] ?? '', 'kernel/drivers');
  const [folder, file, device] = [0o40755, 0o100755, 0o20600];
  return gzipSync(
    cpio([
      ...['bin', 'dev', 'root'].map((name) => ({ name, mode: folder })),
      { name: 'dev/console', mode: device, device: [5, 1] },
      { name: 'bin/busybox', mode: file, data: readFileSync(busybox) },
      { name: 'init', mode: file, data: Buffer.from(INITRD_INIT) },
      ...MODULES.map((path) => ({
        name: path.replace(/.*\//, '') + '.ko',
        mode: file,
        data: readFileSync(join(drivers, `${path}.ko`))
      }))
    ])
  );
}

/** @param {string} busybox @param {string} disk */
function makeDisk(busybox, disk) {
  const tree = `${disk}.tree`;
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ['bin', 'dev', 'proc', 'sys', 'tmp', 'sbin', 'etc']) {
    mkdirSync(join(tree, folder), { recursive: true });
  }
  copyFileSync(busybox, join(tree, 'bin/busybox'));
  const applets = runOf(SUITE, 'bin/busybox', ['--list']).toString().split('\n');
  for (const applet of applets.filter((name) => name && name !== 'busybox')) {
    symlinkSync('busybox', join(tree, 'bin', applet));
  }
  writeFileSync(join(tree, 'sbin/init'), ROOT_INIT);
  chmodSync(join(tree, 'sbin/init'), 0o755);
  rmSync(disk, { force: true });
  writeFileSync(disk, '');
  truncateSync(disk, 16 << 20);
  const fixed = [
    '-U',
    '7bd5a1e4-6f6b-4a4b-9d43-1f1f3f0c6a55',
    '-E',
    'root_owner=0:0,hash_seed=7bd5a1e4-6f6b-4a4b-9d43-1f1f3f0c6a55'
  ];
  runOf(SUITE, 'sbin/mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', ...fixed, '-d', tree, disk]);
  rmSync(tree, { recursive: true });
}

/**
 * The guest's files, built when they are not there yet.
 * @returns {{ kernel: string, initrd: string, disk: string }}
 */
export function linuxGuest() {
  const kernel = join(prefixOf(SUITE), 'linux');
  const busybox = join(prefixOf(SUITE), 'root/bin/busybox');
  const image = readdirSync(join(kernel, 'boot')).find((name) => name.startsWith('vmlinuz-')) ?? '';
  const version = image.replace('vmlinuz-', '');
  const recipe = JSON.stringify([version, MODULES, INITRD_INIT, ROOT_INIT, makeDisk.toString()]);
  const folder = join(cache, 'guest', createHash('sha256').update(recipe).digest('hex').slice(0, 16));
  const guest = {
    kernel: join(kernel, 'boot', image),
    initrd: join(folder, 'initrd.gz'),
    disk: join(folder, 'rootfs.ext4')
  };
  if (!existsSync(guest.disk)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(guest.initrd, makeInitrd(busybox, kernel));
    makeDisk(busybox, guest.disk);
  }
  return guest;
}

/**
 * The options of QEMU Wasm's migration example, plus the initrd that Debian's kernel needs.
 * @param {{ memory?: string, append?: string }} [options]
 */
export function seedMachine({ memory = '512M', append = APPEND } = {}) {
  const { kernel, initrd, disk } = linuxGuest();
  // prettier-ignore
  return [
    '-m', memory,
    '-nic', 'none',
    '-drive', `if=virtio,format=raw,file=${disk},readonly=on`,
    '-kernel', kernel,
    '-initrd', initrd,
    '-append', append
  ];
}

/**
 * The running kernel's symbols where they are in this guest, in the form of a System.map (Debian's own is a stub, and
 * the kernel moves at each boot). Takes about ten seconds on the serial port. The guest must be at its shell.
 * @param {import('./machine.mjs').Machine} machine
 */
export async function kernelSymbols(machine) {
  const from = machine.serial.length;
  // Without kernel messages in between.
  await machine.shell('dmesg -n 1; gzip -c < /proc/kallsyms | base64; dmesg -n 7');
  // A gzip file begins so in base64; the echoed command before it may be broken over lines.
  const [encoded = ''] = /H4sI[\w+/=\r\n]*?(?=\r\ndone\.)/.exec(machine.serial.slice(from)) ?? [];
  return gunzipSync(Buffer.from(encoded, 'base64'));
}
