// Machines at work that tests/unit/emulator/lockstep.test.ts follows instruction by instruction.
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootSector } from '../qemu/boot-sector.mjs';
import { seedMachine } from '../qemu/linux.mjs';
import { SMALL } from './parts.mjs';

/** @typedef {import('./make.mjs').Scenario} Scenario */
/** @typedef {import('../qemu/machine.mjs').Machine} Machine */

/** Programs that compute, each for so short a time that a million instructions see all of them. */
const WORK = [
  "awk 'BEGIN { for (i = 1; i < 100; i++) s += sqrt(i) * sin(i) / exp(i / 99) + log(i) - atan2(i, 7); print s }'",
  'head -c 3000 /bin/busybox | gzip | sha256sum',
  'echo $((RANDOM * 7919 % 1000003)) | sort | md5sum'
];

/** @type {readonly Scenario[]} */
export const lockstep = [
  // Real mode, with the timer's interrupts; sectors come from an IDE disk.
  {
    name: 'lockstep-real-mode',
    create: (_, folder) => {
      const path = join(folder, 'boot.raw');
      writeFileSync(path, bootSector());
      truncateSync(path, 1 << 20);
    },
    args: [...SMALL, '-drive', 'if=ide,format=raw,file=boot.raw'],
    ready: 'ready\n'
  },
  // Programs under Linux. Time passes with instructions: a native QEMU that logs each of them is so slow that by a real
  // clock, the guest would be in its timer's interrupt all the time.
  ...[
    { name: 'lockstep-user', cpu: 'qemu64', slow: false },
    // AVX in the C library, XSAVE in the kernel.
    { name: 'lockstep-max', cpu: 'max', slow: true }
  ].map(({ name, cpu, slow }) => ({
    ...{ name, slow },
    args: () => [...seedMachine({ memory: '128M' }), '-cpu', cpu, '-icount', 'shift=6,sleep=off'],
    ready: '\n# ',
    prepare: async (/** @type {Machine} */ machine) => {
      machine.type(`while :; do ${WORK.join('; ')}; echo ro'und'; done\r`);
      await machine.waitFor('round\r\n');
    }
  }))
];
