// Machines caught at one moment or another of their life, each near something that shows that it goes on: firmware, boot,
// disk requests, programs at work.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runToAddress } from '../qemu/gdb.mjs';
import { seedMachine } from '../qemu/linux.mjs';
import { SMALL } from './parts.mjs';

/** @typedef {import('./make.mjs').Scenario} Scenario */
/** @typedef {import('../qemu/machine.mjs').Machine} Machine */

const linux = () => seedMachine({ memory: '128M' });
/** Where QEMU puts a kernel's real-mode part, and how far in its code begins (hw/i386/x86-common.c x86_load_linux). */
const SETUP = 0x10000 + 0x200;
const PE = 1n;
const PG = 1n << 31n;
/** 64 KiB, of which the guest copies so many. */
const BLOCKS = 64;

/** @param {Machine} machine */
async function registers(machine) {
  const text = await machine.hmp('info registers');
  const number = (/** @type {RegExp} */ pattern) => BigInt(`0x${pattern.exec(text)?.[1] ?? '0'}`);
  return { ip: number(/[ER]IP=(\w+)/), cr0: number(/CR0=(\w+)/) };
}

/** @type {readonly Scenario[]} */
export const moments = [
  // SeaBIOS waits for a key, in real mode between its timer's interrupts.
  {
    name: 'moment-seabios',
    args: [...SMALL, '-boot', 'menu=on,splash-time=1000'],
    ready: 'Press ESC'
  },
  // The card's ROM begins; that of the e1000 is in `pc`.
  { name: 'moment-ipxe', args: ['-m', '64M', '-nic', 'user,model=virtio-net-pci'], ready: 'iPXE' },
  // The kernel's own real-mode code has begun: it asks the BIOS for memory, disks and video modes.
  {
    name: 'moment-real-mode',
    args: () => [...linux(), '-S'],
    ready: '',
    prepare: async (machine, folder) => {
      await runToAddress(machine, join(folder, 'gdb'), SETUP);
      const { cr0 } = await registers(machine);
      if (cr0 & PE) throw new Error('it is in protected mode already');
    }
  },
  // The kernel unpacks itself, in long mode on page tables of its own.
  {
    name: 'moment-decompressor',
    args: linux,
    ready: 'Booting from ROM',
    prepare: async (machine) => {
      for (;;) {
        await machine.qmp('stop');
        const { ip, cr0 } = await registers(machine);
        if (ip >> 32n) throw new Error('the kernel itself runs already');
        if (cr0 & PG) return;
        await machine.qmp('cont');
        await sleep(10);
      }
    }
  },
  // A copy from disk to disk. One write fails and stops the machine: that request is in the state, those after it wait in
  // the ring. (What a throttled drive holds back is not: QEMU lets it through before it saves.)
  {
    name: 'moment-disk-io',
    live: true,
    create: (_, folder) => {
      const path = join(folder, 'scratch.raw');
      writeFileSync(path, '');
      truncateSync(path, BLOCKS << 16);
    },
    args: () => [
      ...linux(),
      ...[
        '-blockdev',
        'driver=blkdebug,node-name=scratch,image.driver=file,image.filename=scratch.raw,' +
          'inject-error.0.event=none,inject-error.0.iotype=write,inject-error.0.sector=4096,inject-error.0.once=on'
      ],
      // Behind the root disk, which is to be /dev/vda.
      ...['-device', 'virtio-blk-pci,drive=scratch,werror=stop,addr=5']
    ],
    ready: '\n# ',
    prepare: async (machine) => {
      const copy = `dd if=/dev/vda of=/dev/vdb bs=64k count=${BLOCKS} 2> /dev/null; sync`;
      const compare = `echo 3 > /proc/sys/vm/drop_caches; cmp -n ${BLOCKS << 16} /dev/vda /dev/vdb && echo sa'me'`;
      machine.type(`${copy}; ${compare}\r`);
      await machine.event('STOP');
    }
  },
  // Programs at work; there are a guest agent's channel and a source of random numbers, too.
  {
    name: 'moment-load',
    args: () => [
      ...linux(),
      ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci', '-chardev', 'file,id=agent,path=agent.txt'],
      ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0']
    ],
    ready: '\n# ',
    prepare: async (machine) => {
      const work = 'head -c 200000 /bin/busybox | gzip | sha256sum';
      await machine.shell(`${work} > /tmp/right`);
      machine.type(`while :; do ${work} | cmp - /tmp/right && echo ri'ght' || echo wr'ong'; done\r`);
      await machine.waitFor('right\r\n');
    }
  }
];
