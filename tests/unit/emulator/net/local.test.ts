/** What a guest sees of the local network: ARP (RFC 826), ping (RFC 792), DHCP (RFC 2131). */
import { expect, test } from 'vitest';
import { LocalNetwork } from '../../../../src/lib/emulator/net/local.ts';
import { checksum, defaultMac, parseMac } from '../../../../src/lib/emulator/net/net.ts';
import { QEMUClock } from '../../../../src/lib/emulator/util/qemu-timer.ts';

const GUEST = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const ROUTER = [0x52, 0x55, 10, 0, 2, 2];

function network(open = true) {
  let now = 0n;
  const clock = new QEMUClock(() => now);
  const net = new LocalNetwork(clock);
  const received: Uint8Array[] = [];
  const card = { open, canReceive: () => card.open, receive: (frame: Uint8Array) => void received.push(frame) };
  net.attach(card);
  return {
    ...{ net, card, received },
    pass() {
      now += 1_000_000n;
      clock.run();
    }
  };
}

const frame = (type: number, payload: readonly number[], to: readonly number[] = ROUTER): Uint8Array =>
  Uint8Array.from([...to, ...GUEST, type >> 8, type & 0xff, ...payload]);
const arp = (ip: readonly number[]): Uint8Array =>
  frame(
    0x0806,
    [0, 1, 8, 0, 6, 4, 0, 1, ...GUEST, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, ...ip],
    [255, 255, 255, 255, 255, 255]
  );

test('the router and the name server say their addresses, nobody else does', () => {
  const { net, received, pass } = network();
  net.send(arp([10, 0, 2, 2]));
  net.send(arp([10, 0, 2, 3]));
  net.send(arp([10, 0, 2, 99]));
  expect(received).toEqual([]);
  pass();
  expect(received.map((reply) => [...reply.subarray(0, 32)])).toEqual(
    [2, 3].map((host) => [
      ...[...GUEST, 0x52, 0x55, 10, 0, 2, host, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2],
      ...[0x52, 0x55, 10, 0, 2, host, 10, 0, 2, host]
    ])
  );
  expect(received[0]!.length).toBe(60);
});

test('ping is answered with the same bytes and a right checksum', () => {
  const { net, received, pass } = network();
  const icmp = [8, 0, 0, 0, 0x12, 0x34, 0, 1, 0x61, 0x62, 0x63];
  net.send(frame(0x0800, [0x45, 0, 0, 31, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2, ...icmp]));
  pass();
  const packet = received[0]!.subarray(14, 14 + 31);
  expect([...packet.subarray(12, 20)]).toEqual([10, 0, 2, 2, 10, 0, 2, 15]);
  expect(checksum(packet.subarray(0, 20))).toBe(0);
  expect(checksum(packet.subarray(20))).toBe(0);
  expect([...packet.subarray(20, 22), ...packet.subarray(24)]).toEqual([0, 0, ...icmp.slice(4)]);
});

const dhcp = (type: number, options: readonly number[] = []): Uint8Array => {
  const message = new Uint8Array(300);
  message.set([1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe]);
  message.set(GUEST, 28);
  message.set([0x63, 0x82, 0x53, 0x63, 53, 1, type, ...options, 255], 236);
  const udp = [0, 68, 0, 67, 1, 0x34, 0, 0, ...message];
  const ip = [0x45, 0, 1, 0x48, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255];
  return frame(0x0800, [...ip, ...udp], [255, 255, 255, 255, 255, 255]);
};
/** Address given, and the first options. */
const answerOf = (reply: Uint8Array) => {
  const message = reply.subarray(14 + 20 + 8);
  return {
    xid: [...message.subarray(4, 8)],
    yiaddr: [...message.subarray(16, 20)],
    options: [...message.subarray(240, 249)]
  };
};

test('DHCP offers 10.0.2.15 and acknowledges it, and refuses another address', () => {
  const { net, received, pass } = network();
  net.send(dhcp(1));
  net.send(dhcp(3, [50, 4, 10, 0, 2, 15]));
  net.send(dhcp(3, [50, 4, 192, 168, 0, 1]));
  pass();
  const xid = [0xca, 0xfe, 0xba, 0xbe];
  expect(received.map(answerOf)).toEqual([
    { xid, yiaddr: [10, 0, 2, 15], options: [53, 1, 2, 54, 4, 10, 0, 2, 2] },
    { xid, yiaddr: [10, 0, 2, 15], options: [53, 1, 5, 54, 4, 10, 0, 2, 2] },
    { xid, yiaddr: [0, 0, 0, 0], options: [53, 1, 6, 54, 4, 10, 0, 2, 2] }
  ]);
});

test('frames wait for a card that takes none, and too many are dropped', () => {
  const { net, card, received, pass } = network(false);
  for (let i = 0; i < 300; i++) net.send(arp([10, 0, 2, 2]));
  pass();
  expect([received.length, net.pending.length]).toEqual([0, 256]);
  card.open = true;
  net.flush();
  expect([received.length, net.pending.length]).toEqual([256, 0]);
});

test('nonsense is not answered', () => {
  const { net, received, pass } = network();
  for (let length = 0; length < 60; length++) {
    net.send(arp([10, 0, 2, 2]).subarray(0, length % 42));
    net.send(frame(0x0800, new Array<number>(length).fill(0x4f)));
    net.send(dhcp(1).subarray(0, 14 + 28 + 4 * length));
  }
  pass();
  expect(received).toEqual([]);
});

test('MAC addresses are read as QEMU writes them', () => {
  expect([...defaultMac(1)]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x57]);
  expect([...parseMac('52:54:00:ab:CD:ef')!]).toEqual([0x52, 0x54, 0, 0xab, 0xcd, 0xef]);
  expect(parseMac('52:54:00:ab:CD')).toBeUndefined();
});
