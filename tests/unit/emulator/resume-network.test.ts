/**
 * Guests of native QEMU with their network cards in use: they go on here, where the local network answers, and in native
 * QEMU after that.
 */
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bootImages } from '../../../scripts/boot-images.mjs';
import { withMachine, type Machine as Native } from '../../../scripts/qemu/machine.mjs';
import { saveVmState } from '../../../src/lib/emulator/migration/outgoing.ts';
import { LINUX_APPEND } from '../../support/boot.ts';
import { romQemu } from '../../support/kernels.ts';
import { resumed } from '../../support/resumed.ts';

const images = bootImages();
if (!images || !romQemu)
  console.warn('SKIPPED: no guest to boot, or no native QEMU; get them with: node scripts/boot-images.mjs');

/** A card of several pairs of queues needs a host's interface of several, which root alone may make. */
const taps = ((): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();
if (!taps) console.warn('SKIPPED: no network interface of several queues may be made here (root, /dev/net/tun)');

const PAIRS = 4;
/** Debian's first prompt, with a question for where the cursor is. */
const PROMPT = /\n# (\u001b\[6n)?$/;
const LEASE = /has 10\.0\.2\.15 of 10\.0\.2\.2/;
const PINGED = /3 packets transmitted, 3 packets received/;

/** Boots native QEMU with these cards, does something there, goes on here, does something, and ends there. */
async function thereAndBack(
  cards: readonly string[],
  before: (native: Native) => Promise<void>,
  here: (guest: Awaited<ReturnType<typeof resumed>>) => Promise<void>,
  after: (native: Native) => Promise<void>
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  const [state, back] = [join(folder, 'state'), join(folder, 'back')];
  const { vmlinux686, initrd686 } = images!;
  const machine = ['-m', '256', '-vga', 'none', '-nic', 'none', ...cards];
  const args = [...machine, '-kernel', vmlinux686, '-initrd', initrd686, '-append', LINUX_APPEND];
  try {
    await withMachine(romQemu!, args, async (native) => {
      await native.waitFor('# ', { timeout: 120_000 });
      await before(native);
      await native.migrate(`exec:cat > ${state}`);
    });
    const meta = { qemu: { suite: romQemu!.suite }, commandLine: ['qemu-system-x86_64', ...args] };
    writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta));
    const guest = await resumed({ name: 'network', folder, state });
    expect(guest.report.problems.filter(({ severity }) => severity === 'fatal')).toEqual([]);
    expect(guest.machine.layout.filter(({ frozen, name }) => frozen && /net|e1000/.test(name))).toEqual([]);
    guest.machine.start();
    await here(guest);
    await guest.machine.stopForMigration();
    writeFileSync(back, Buffer.concat([...saveVmState(guest.machine)]));
    guest.machine.destroy();
    await withMachine(romQemu!, [...args, '-incoming', `exec:cat ${back}`], async (native) => {
      await native.resumed();
      await after(native);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const says = async (native: Native, line: string, answer: RegExp): Promise<void> => {
  const from = native.serial.length;
  await native.shell(line, 60_000);
  expect(native.serial.slice(from)).toMatch(answer);
};

describe.skipIf(!images || !romQemu)("Debian's i386 kernel", () => {
  test.each(['e1000', 'virtio-net-pci,mq=on'])('pings there, here and there by a %s', { timeout: 400_000 }, (card) =>
    thereAndBack(
      ['-netdev', 'user,id=n', '-device', `${card},netdev=n,romfile=`],
      async (native) => {
        await native.shell('network load', 60_000);
        await says(native, 'network eth0', LEASE);
        await says(native, 'ping -c 3 10.0.2.2', PINGED);
      },
      async ({ shell }) => {
        expect(await shell('ping -c 3 10.0.2.2', PROMPT)).toMatch(PINGED);
        expect(await shell('network eth0', PROMPT)).toMatch(LEASE);
      },
      (native) => says(native, 'ping -c 3 10.0.2.2', PINGED)
    )
  );

  test.skipIf(!taps)(`gets its address by a card of ${PAIRS} pairs of queues`, { timeout: 400_000 }, () => {
    const tap = `tap,id=n,ifname=mgscope0,script=no,downscript=no,queues=${PAIRS}`;
    const vectors = 2 * PAIRS + 2;
    return thereAndBack(
      ['-netdev', tap, '-device', `virtio-net-pci,netdev=n,mq=on,vectors=${vectors},romfile=`],
      async (native) => {
        await native.shell('network load; ifconfig eth0 up', 60_000);
      },
      async ({ machine, shell }) => {
        expect(machine.plan.pci).toMatchObject([{ kind: 'virtio-net', pairs: PAIRS, vnetHdr: true }]);
        expect(await shell('network eth0', PROMPT)).toMatch(LEASE);
        expect(await shell('ping -c 3 10.0.2.2', PROMPT)).toMatch(PINGED);
      },
      (native) => says(native, 'ifconfig eth0', /inet addr:10\.0\.2\.15/)
    );
  });
});
