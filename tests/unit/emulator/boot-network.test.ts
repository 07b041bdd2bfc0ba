/** Network cards as Linux uses them: its driver comes up, DHCP gives it an address, and the gateway answers a ping. */
import { describe, expect, test } from 'vitest';
import { bootImages } from '../../../scripts/boot-images.mjs';
import { boot, BY_INSTRUCTIONS, LINUX_APPEND } from '../../support/boot.ts';

const images = bootImages();
if (!images) console.warn('SKIPPED: no guests to boot; get them with: node scripts/boot-images.mjs');

const CARDS = ['e1000', 'virtio-net-pci'];

describe.skipIf(!images)("Debian's i386 kernel", () => {
  test(`gets addresses on ${CARDS.join(' and ')}, and pings`, { timeout: 300_000 }, async () => {
    const { vmlinux686, initrd686 } = images!;
    const machine = boot(
      ...['-bios', 'none', '-vga', 'none', ...BY_INSTRUCTIONS, '-m', '256'],
      ...CARDS.flatMap((model) => ['-nic', `user,model=${model}`]),
      ...['-kernel', vmlinux686, '-initrd', initrd686, '-append', LINUX_APPEND]
    );
    const shell = async (line: string, answer: RegExp): Promise<string> => {
      const from = machine.output().length;
      machine.type(`${line}; echo $((6*7))-done\n`);
      await machine.says(new RegExp(`^[^]{${from}}[^]*42-done\\r`), 100);
      const said = machine.output().slice(from);
      expect(said).toMatch(answer);
      return said;
    };
    try {
      await machine.says(/# /, 220);
      await shell('network load; cat /proc/net/dev', /eth0:[^]*eth1:/);
      for (const card of ['eth0', 'eth1']) {
        const lease = `${card} has 10.0.2.15 of 10.0.2.2, by 10.0.2.2, names from 10.0.2.3, for 86400 s`;
        await shell(`network ${card}`, new RegExp(lease.replaceAll('.', '\\.')));
        await shell('ping -c 3 -s 1000 10.0.2.2', /3 packets transmitted, 3 packets received, 0% packet loss/);
        await shell('ping -c 1 10.0.2.3', /1 packets received/);
        await shell('arp -n', /10\.0\.2\.2\) at 52:55:0a:00:02:02/);
        await shell(
          'cat /proc/interrupts',
          card === 'eth0' ? /[1-9]\d* +IO-APIC .*eth0/ : /[1-9]\d* +PCI-MSI .*virtio0-input/
        );
        await shell(`ifconfig ${card} down; ifconfig ${card} 0.0.0.0`, /done/);
      }
      expect(machine.output()).not.toMatch(/Oops|Kernel panic|BUG:|Tx Unit Hang|NETDEV WATCHDOG/);
    } finally {
      await machine.end();
    }
  });
});
