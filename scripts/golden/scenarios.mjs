// The test streams, one row each: what machine, what happens in it, how it is migrated. `make.mjs` explains the columns.
import { writer } from '../qemu/guest.mjs';
import { Recorder } from '../qemu/recorder.mjs';
import { guests } from './guests.mjs';
import { busyGuest, compressibleGuest, disk, idleGuest, SMALL } from './parts.mjs';
import { lockstep } from './lockstep.mjs';
import { moments } from './moments.mjs';
import { zoo } from './zoo.mjs';

/** @typedef {import('./make.mjs').Scenario} Scenario */
/** @typedef {import('../qemu/machine.mjs').Machine} Machine */

const DISK = ['-drive', 'if=virtio,format=raw,file=disk.raw'];
const UUID = '01234567-89ab-cdef-0123-456789abcdef';

/**
 * A link so slow and a limit so tight that a writing guest keeps it going until the link is opened. With a limit of 0
 * QEMU 10 would not look for newly dirty pages and end after the first round.
 */
const slowLink = { 'max-bandwidth': 48 << 20, 'downtime-limit': 1 };

/** @type {readonly Scenario[]} */
const machines = [
  { name: 'pc', args: ['-m', '64M'], ready: 'iPXE' },
  { name: 'pc-seed', args: ['-m', '512M', '-nic', 'none', ...DISK], files: disk },
  { name: 'q35', args: ['-M', 'q35', ...SMALL] },
  { name: 'running', live: true, args: SMALL },
  { name: 'smp', args: [...SMALL, '-smp', '4'] },
  { name: 'two-vcpus', slow: true, args: [...SMALL, '-smp', '2'], live: true },
  { name: 'cpu-max', args: [...SMALL, '-cpu', 'max'] },
  { name: 'q35-smp-max', args: ['-M', 'q35', ...SMALL, '-smp', '2', '-cpu', 'max'] },
  { name: 'isapc', until: 10, args: ['-M', 'isapc', ...SMALL] },
  { name: 'microvm', since: 9, args: ['-M', 'microvm', '-m', '64M'], ready: 'SeaBIOS' },
  { name: 'no-hpet-no-acpi', args: ['-M', 'pc,hpet=off,acpi=off', ...SMALL] },
  // Above the PCI hole pc.ram is one block in two places of guest memory.
  { name: 'four-gigabytes', slow: true, args: ['-m', '4G', '-nic', 'none'] },
  // Machine types that leave out parts of the framing: footers and the configuration section came with 2.4.
  { name: 'pc-2.3', until: 8, args: ['-M', 'pc-i440fx-2.3', ...SMALL] },
  { name: 'pc-2.9', slow: true, until: 9, args: ['-M', 'pc-i440fx-2.9', ...SMALL] },
  { name: 'pc-4.0', slow: true, args: ['-M', 'pc-i440fx-4.0', ...SMALL], until: 10 },
  { name: 'pc-7.2', since: 8, args: ['-M', 'pc-i440fx-7.2', ...SMALL] },
  { name: 'no-vmdesc', args: ['-M', 'pc,suppress-vmdesc=on', ...SMALL] },
  { name: 'no-footers', args: [...SMALL, '-global', 'migration.send-section-footer=off'] },
  // 10 and 11 abort when they save such a machine.
  { name: 'no-configuration', until: 8, args: [...SMALL, '-global', 'migration.send-configuration=off'] },
  ...zoo
];

/** @type {readonly Scenario[]} */
const capabilities = [
  {
    name: 'ignore-shared',
    guest: idleGuest,
    args: [
      '-M',
      'pc,memory-backend=ram0',
      '-nic',
      'none',
      '-m',
      '64M',
      '-object',
      'memory-backend-file,id=ram0,size=64M,mem-path=ram,share=on'
    ],
    capabilities: ['x-ignore-shared']
  },
  { name: 'uuid', args: [...SMALL, '-uuid', UUID], capabilities: ['validate-uuid'] },
  {
    name: 'precopy-rounds',
    live: true,
    load: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['events'],
    parameters: slowLink,
    openLinkAfter: 10
  },
  {
    name: 'auto-converge',
    slow: true,
    live: true,
    load: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['events', 'auto-converge'],
    parameters: {
      ...slowLink,
      'cpu-throttle-initial': 50,
      'cpu-throttle-increment': 40,
      'throttle-trigger-threshold': 10
    },
    openLinkAfter: 50
  },
  {
    name: 'xbzrle',
    live: true,
    load: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['xbzrle', 'events'],
    parameters: { ...slowLink, 'max-bandwidth': 8 << 20 },
    openLinkAfter: 8
  },
  {
    name: 'compress',
    until: 8,
    live: true,
    load: true,
    guest: compressibleGuest,
    args: SMALL,
    capabilities: ['compress', 'events'],
    parameters: { ...slowLink, 'max-bandwidth': 4 << 20, 'compress-threads': 2 },
    openLinkAfter: 4
  },
  ...['none', 'zlib', 'zstd'].map((compression) => ({
    name: compression === 'none' ? 'multifd' : `multifd-${compression}`,
    live: true,
    guest: compressibleGuest,
    args: SMALL,
    capabilities: ['multifd', 'events'],
    parameters: { ...slowLink, 'max-bandwidth': 8 << 20, 'multifd-channels': 3, 'multifd-compression': compression },
    via: /** @type {const} */ ('destination'),
    openLinkAfter: 4
  })),
  {
    name: 'multifd-swallowed',
    slow: true,
    guest: idleGuest,
    args: SMALL,
    capabilities: ['multifd'],
    parameters: { 'multifd-channels': 2 },
    via: 'recorder'
  },
  {
    name: 'multifd-legacy-zero-pages',
    since: 9,
    guest: idleGuest,
    args: SMALL,
    capabilities: ['multifd'],
    parameters: { 'zero-page-detection': 'legacy' },
    via: 'recorder'
  },
  {
    name: 'mapped-ram',
    since: 9,
    load: true,
    guest: idleGuest,
    args: SMALL,
    capabilities: ['mapped-ram'],
    via: 'mapped'
  },
  {
    name: 'file-offset',
    since: 9,
    args: SMALL,
    via: async (machine) => ({ samples: await machine.migrate('file:state,offset=4096') })
  },
  {
    name: 'mapped-ram-multifd',
    since: 9,
    live: true,
    load: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['mapped-ram', 'multifd'],
    via: 'mapped'
  },
  {
    name: 'return-path',
    guest: idleGuest,
    args: SMALL,
    capabilities: ['return-path', 'late-block-activate'],
    via: 'destination'
  },
  {
    name: 'switchover-ack',
    since: 9,
    guest: idleGuest,
    args: SMALL,
    capabilities: ['return-path', 'switchover-ack'],
    via: 'destination'
  },
  {
    name: 'postcopy',
    live: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['postcopy-ram', 'events'],
    parameters: slowLink,
    via: 'destination',
    postcopyAfter: 2
  },
  // The guest goes on at the destination and asks for the pages it touches.
  {
    name: 'postcopy-faults',
    live: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['postcopy-ram', 'return-path', 'events'],
    parameters: { ...slowLink, 'max-postcopy-bandwidth': 32 << 20 },
    via: 'running destination',
    postcopyAfter: 2
  },
  {
    name: 'postcopy-preempt',
    live: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['postcopy-ram', 'postcopy-preempt', 'return-path', 'events'],
    parameters: { ...slowLink, 'max-postcopy-bandwidth': 32 << 20 },
    via: 'running destination',
    postcopyAfter: 2
  },
  // Advised, so that the block list carries page sizes where they differ, but never switched.
  { name: 'postcopy-advised', guest: idleGuest, args: SMALL, capabilities: ['postcopy-ram'], via: 'destination' },
  {
    name: 'background-snapshot',
    live: true,
    load: true,
    guest: busyGuest,
    args: SMALL,
    capabilities: ['background-snapshot'],
    parameters: { 'max-bandwidth': 16 << 20 }
  },
  {
    name: 'dirty-bitmaps',
    args: [
      ...SMALL,
      '-blockdev',
      'driver=file,filename=disk.raw,node-name=disk0',
      '-device',
      'virtio-blk-pci,drive=disk0'
    ],
    files: disk,
    prepare: (machine) => machine.qmp('block-dirty-bitmap-add', { node: 'disk0', name: 'backup', granularity: 65536 }),
    capabilities: ['dirty-bitmaps']
  },
  { name: 'block', until: 8, args: [...SMALL, ...DISK], files: disk, capabilities: ['block'] },
  {
    name: 'cpr-reboot',
    since: 9,
    guest: idleGuest,
    args: [
      '-M',
      'pc,memory-backend=ram0',
      ...SMALL,
      '-object',
      'memory-backend-file,id=ram0,size=64M,mem-path=ram,share=on'
    ],
    capabilities: ['x-ignore-shared'],
    parameters: { mode: 'cpr-reboot' }
  },
  {
    name: 'cpr-transfer',
    since: 10,
    guest: idleGuest,
    args: [
      '-M',
      'pc,memory-backend=ram0,aux-ram-share=on',
      ...SMALL,
      '-object',
      'memory-backend-memfd,id=ram0,size=64M,share=on'
    ],
    parameters: { mode: 'cpr-transfer' },
    via: async (machine, folder) => {
      const main = await new Recorder(folder).listen();
      const cpr = await new Recorder(folder, { hangUpAfter: 500 }).listen();
      const channel = (/** @type {string} */ type, /** @type {Recorder} */ { socket }) => ({
        'channel-type': type,
        addr: { transport: 'socket', type: 'unix', path: socket }
      });
      await machine.qmp('migrate', { channels: [channel('main', main), channel('cpr', cpr)] });
      const samples = await machine.migrated();
      await Promise.all([main.close(), cpr.close()]);
      return { samples };
    }
  },
  // The new program only keeps what it is handed: the state file whose descriptor's number is in its environment.
  {
    name: 'cpr-exec',
    since: 11,
    guest: idleGuest,
    args: [
      '-M',
      'pc,memory-backend=ram0,aux-ram-share=on',
      ...SMALL,
      '-object',
      'memory-backend-memfd,id=ram0,size=64M,share=on'
    ],
    parameters: {
      mode: 'cpr-exec',
      'cpr-exec-command': ['/bin/sh', '-c', 'cat /proc/self/fd/$QEMU_CPR_EXEC_STATE > cpr']
    },
    via: async (machine) => {
      await machine.qmp('migrate', { uri: 'file:state' });
      await machine.exited;
      return {};
    }
  }
];

/** @type {readonly Scenario[]} */
const benches = [
  {
    name: 'bench-512m',
    onDemand: true,
    args: ['-m', '512M', '-nic', 'none'],
    guest: () => writer({ pages: 24 << 10 })
  },
  { name: 'bench-2g', onDemand: true, args: ['-m', '2G', '-nic', 'none'], guest: () => writer({ pages: 480 << 10 }) }
];

export const scenarios = [...machines, ...capabilities, ...guests, ...moments, ...lockstep, ...benches];
