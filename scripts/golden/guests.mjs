// Scenarios whose point is what runs in the guest: page tables, Linux, devices caught in the middle of something.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { paging, pagingModes } from '../qemu/guest.mjs';
import { kernelSymbols, seedMachine } from '../qemu/linux.mjs';
import { hashBlocks } from '../qemu/memory.mjs';
import { runOf } from '../qemu/qemu.mjs';
import { busyGuest, disk, SMALL } from './parts.mjs';

/** @typedef {import('./make.mjs').Scenario} Scenario */
/** @typedef {import('../qemu/machine.mjs').Machine} Machine */

/** What a stopped guest maps where, by QEMU's own page walk. @param {Machine} machine @param {readonly bigint[]} addresses */
async function pageWalk(machine, addresses) {
  const walk = [];
  for (const address of addresses) {
    const answer = await machine.hmp(`gva2gpa 0x${address.toString(16)}`);
    const [, physical] = /gpa: (\w+)/.exec(answer) ?? [];
    walk.push({
      virtual: `0x${address.toString(16)}`,
      physical: physical && `0x${BigInt(`0x${physical.replace(/^0x/, '')}`).toString(16)}`
    });
  }
  return walk;
}

/**
 * 1,000 addresses of a paused Linux: in and at the edges of what `info mem` says is mapped, and some anywhere.
 * @param {Machine} machine
 */
async function linuxAddresses(machine) {
  const lines = (await machine.hmp('info mem')).matchAll(/^([0-9a-f]{16})-([0-9a-f]{16})/gm);
  const ranges = [...lines].map(([, first, end]) => [BigInt(`0x${first}`), BigInt(`0x${end}`)]);
  /** @type {Set<bigint>} */
  const addresses = new Set();
  for (let turn = 0n; addresses.size < 1000; turn++) {
    for (const [first = 0n, end = 0n] of ranges) {
      const step = ((end - first) * ((turn * 37n) % 101n)) / 101n;
      addresses
        .add(first + step)
        .add(BigInt.asUintN(64, first - 1n))
        .add(end);
      if (addresses.size >= 1000) break;
    }
  }
  return [...addresses].slice(0, 1000);
}

/** @type {readonly Scenario[]} */
export const guests = [
  ...Object.keys(pagingModes).map((mode) => ({
    name: `paging-${mode}`,
    args: [...SMALL, '-cpu', 'max'],
    guest: () => paging(mode).image,
    after: async (/** @type {Machine} */ machine) => ({ pageWalk: await pageWalk(machine, paging(mode).addresses) })
  })),
  {
    name: 'linux',
    args: () => seedMachine({ memory: '256M' }),
    ready: '\n# ',
    prepare: (machine) => machine.shell('echo test > /tmp/before-migration'),
    after: async (machine) => {
      await machine.hmp('pmemsave 0 0x10000000 pmemsave');
      await machine.hmp('dump-guest-memory dump.elf');
      return { pageWalk: await pageWalk(machine, await linuxAddresses(machine)) };
    }
  },
  {
    name: 'linux-max',
    args: () => [...seedMachine({ memory: '256M' }), '-cpu', 'max', '-smp', '2'],
    ready: '\n# ',
    // Registers of both processors hold something when the stream is made: each works, the AVX state is in use.
    live: true,
    prepare: (machine) => machine.shell('(while :; do sha256sum /bin/busybox; done > /dev/null) & sleep 1')
  },
  {
    name: 'linux-seed',
    args: () => seedMachine(),
    ready: '\n# ',
    prepare: async (machine, folder) => {
      writeFileSync(join(folder, 'System.map'), await kernelSymbols(machine));
      await machine.shell('echo test > /tmp/before-migration');
      // Its prompt is written; the shell that wrote it has to come to wait for a key.
      while (!(await machine.hmp('info registers')).includes('HLT=1')) await sleep(50);
    }
  },
  {
    name: 'linux-suspended',
    slow: true,
    args: () => seedMachine({ memory: '256M' }),
    ready: '\n# ',
    live: true,
    prepare: async (machine) => {
      machine.type('echo mem > /sys/power/state\r');
      await machine.event('SUSPEND');
    }
  },
  // Characters that the stopped guest has not read wait in the serial port's FIFO.
  {
    name: 'serial-busy',
    slow: true,
    args: () => seedMachine({ memory: '256M' }),
    ready: '\n# ',
    prepare: async (machine) => {
      await machine.qmp('stop');
      machine.type('echo typed while stopped\r');
      await sleep(200);
    }
  },
  // A disk that fails its first read stops the machine with the request in flight.
  ...['virtio-blk-pci', 'ide-hd', 'scsi-hd'].map((device) => ({
    name: `in-flight-${device}`,
    live: true,
    files: disk,
    args: [
      ...SMALL,
      ...[
        '-blockdev',
        'driver=blkdebug,node-name=disk0,image.driver=file,image.filename=disk.raw,inject-error.0.event=none,inject-error.0.iotype=read'
      ],
      ...(device === 'scsi-hd' ? ['-device', 'virtio-scsi-pci'] : []),
      ...['-device', `${device},drive=disk0,rerror=stop`]
    ],
    ready: 'SeaBIOS',
    prepare: (/** @type {Machine} */ machine) => machine.event('STOP', 20_000)
  })),
  // Two internal snapshots of one disk; the first one's RAM hashes are under `prepared`, the second one's under `ram`.
  {
    name: 'qcow2-snapshots',
    guest: busyGuest,
    create: ({ suite }, folder) => {
      const path = join(folder, 'disk.qcow2');
      runOf(suite, 'usr/bin/qemu-img', ['create', '-q', '-f', 'qcow2', '-o', 'compat=1.1', path, '16M']);
    },
    args: [...SMALL, '-drive', 'if=virtio,format=qcow2,file=disk.qcow2'],
    prepare: async (machine) => {
      await machine.qmp('stop');
      await machine.hmp('savevm first');
      const first = await hashBlocks(machine);
      await machine.qmp('cont');
      await sleep(100);
      return { first };
    },
    via: async (machine) => {
      await machine.hmp('savevm second');
      return { samples: [] };
    }
  }
];
