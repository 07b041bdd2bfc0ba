/**
 * A network with nobody on it but a router that answers ARP, DHCP and ping: what QEMU's user networking looks like to a
 * guest, without a way out. Addresses and the router's MAC are slirp's. RFC 826, 792, 2131, 2132.
 */
import type { QEMUClock, QEMUTimer } from '../util/qemu-timer.ts';
import { checksum, ETH_ALEN, pseudoHeader, type NetBackend, type NetFrontend } from './net.ts';

const MASK = Uint8Array.of(255, 255, 255, 0);
const ROUTER = Uint8Array.of(10, 0, 2, 2);
const NAME_SERVER = Uint8Array.of(10, 0, 2, 3);
const FIRST_GUEST = Uint8Array.of(10, 0, 2, 15);
const BROADCAST = new Uint8Array(ETH_ALEN).fill(0xff);
/** Every address of slirp's has the MAC 52:55 and itself. */
const macOf = (ip: Uint8Array): Uint8Array => Uint8Array.of(0x52, 0x55, ...ip);

const ETH_HEADER = 14;
const SMALLEST_FRAME = 60;
const [ETHERTYPE_IP, ETHERTYPE_ARP] = [0x0800, 0x0806];
const [ICMP, UDP] = [1, 17];
const [DHCP_SERVER, DHCP_CLIENT] = [67, 68];
/** Answers come so much later, when the card has done with what it sent. */
const DELAY_NS = 20_000n;
/** Frames that a card does not take are dropped beyond so many. Source: net/queue.c NET_QUEUE maxlen. */
const LONGEST_QUEUE = 256;

const equal = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
const isOurs = (ip: Uint8Array): boolean => equal(ip, ROUTER) || equal(ip, NAME_SERVER);

export class LocalNetwork implements NetBackend {
  readonly info = 'a local network: DHCP and ping only';
  readonly #timer: QEMUTimer;
  readonly #clock: QEMUClock;
  #frontend: NetFrontend | undefined;
  #queue: Uint8Array[] = [];

  constructor(clock: QEMUClock) {
    this.#clock = clock;
    this.#timer = clock.timer(() => this.flush());
  }

  attach(frontend: NetFrontend): void {
    this.#frontend = frontend;
  }

  get pending(): readonly Uint8Array[] {
    return [...this.#queue];
  }
  set pending(frames: readonly Uint8Array[]) {
    this.#queue = [...frames];
  }

  send(frame: Uint8Array): void {
    if (frame.length < ETH_HEADER) return;
    const type = viewOf(frame).getUint16(12);
    const payload = frame.subarray(ETH_HEADER);
    const answer =
      type === ETHERTYPE_ARP ? this.#arp(payload) : type === ETHERTYPE_IP ? this.#ip(frame, payload) : undefined;
    if (!answer || this.#queue.length >= LONGEST_QUEUE) return;
    this.#queue.push(answer);
    this.#timer.mod(this.#clock.now() + DELAY_NS);
  }

  flush(): void {
    for (let first = this.#queue[0]; first && this.#frontend?.canReceive(); first = this.#queue[0]) {
      this.#queue.shift();
      this.#frontend.receive(first);
    }
  }

  #arp(packet: Uint8Array): Uint8Array | undefined {
    if (packet.length < 28) return undefined;
    const view = viewOf(packet);
    // Ethernet, IPv4, request.
    if (view.getUint32(0) !== 0x0001_0800 || view.getUint32(4) !== 0x0604_0001) return undefined;
    const [sender, senderIp, wanted] = [packet.slice(8, 14), packet.slice(14, 18), packet.slice(24, 28)];
    if (!isOurs(wanted)) return undefined;
    const reply = new Uint8Array(28);
    viewOf(reply).setUint32(0, 0x0001_0800);
    viewOf(reply).setUint32(4, 0x0604_0002);
    reply.set([...macOf(wanted), ...wanted, ...sender, ...senderIp], 8);
    return ethernet(sender, macOf(wanted), ETHERTYPE_ARP, reply);
  }

  #ip(frame: Uint8Array, packet: Uint8Array): Uint8Array | undefined {
    const header = (packet[0]! & 0xf) * 4;
    if (packet.length < 20 || packet[0]! >> 4 !== 4 || header < 20) return undefined;
    const view = viewOf(packet);
    const total = view.getUint16(2);
    // Fragments are not put together.
    if (total > packet.length || total < header || view.getUint16(6) & 0x3fff) return undefined;
    const sender = frame.slice(ETH_ALEN, 2 * ETH_ALEN);
    const [source, target, body] = [packet.slice(12, 16), packet.slice(16, 20), packet.subarray(header, total)];
    if (packet[9] === ICMP && isOurs(target)) return ping(sender, source, target, body);
    if (packet[9] === UDP && body.length >= 8 && viewOf(body).getUint16(2) === DHCP_SERVER)
      return dhcp(sender, body.subarray(8));
    return undefined;
  }
}

function ethernet(to: Uint8Array, from: Uint8Array, type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(Math.max(SMALLEST_FRAME, ETH_HEADER + payload.length));
  frame.set(to);
  frame.set(from, ETH_ALEN);
  viewOf(frame).setUint16(12, type);
  frame.set(payload, ETH_HEADER);
  return frame;
}

function ipv4(source: Uint8Array, target: Uint8Array, protocol: number, body: Uint8Array): Uint8Array {
  const packet = new Uint8Array(20 + body.length);
  const view = viewOf(packet);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol]);
  view.setUint16(2, packet.length);
  packet.set(source, 12);
  packet.set(target, 16);
  view.setUint16(10, checksum(packet.subarray(0, 20)));
  packet.set(body, 20);
  return packet;
}

/** Echo gets echo reply. */
function ping(mac: Uint8Array, source: Uint8Array, target: Uint8Array, body: Uint8Array): Uint8Array | undefined {
  if (body.length < 8 || body[0] !== 8) return undefined;
  const reply = body.slice();
  reply.set([0, 0, 0, 0]);
  viewOf(reply).setUint16(2, checksum(reply));
  return ethernet(mac, macOf(target), ETHERTYPE_IP, ipv4(target, source, ICMP, reply));
}

const BOOTP_OPTIONS = 240;
const COOKIE = 0x63825363;
const OPTION = { mask: 1, router: 3, dns: 6, requested: 50, lease: 51, type: 53, server: 54, end: 255 } as const;
const [DISCOVER, OFFER, REQUEST, ACK, NAK] = [1, 2, 3, 5, 6];

/** DHCP's options, first of each; nothing behind the end. */
function optionsOf(message: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = BOOTP_OPTIONS; at + 1 < message.length && message[at] !== OPTION.end;) {
    if (message[at] === 0) at++;
    else {
      const [code, length] = [message[at]!, message[at + 1]!];
      if (!found.has(code)) found.set(code, message.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  return found;
}

/** One guest is there, and gets the first address. */
function dhcp(mac: Uint8Array, message: Uint8Array): Uint8Array | undefined {
  if (message.length < BOOTP_OPTIONS || message[0] !== 1 || viewOf(message).getUint32(236) !== COOKIE) return undefined;
  const options = optionsOf(message);
  const type = options.get(OPTION.type)?.[0];
  if (type !== DISCOVER && type !== REQUEST) return undefined;
  const ciaddr = message.slice(12, 16);
  const wanted = options.get(OPTION.requested) ?? (ciaddr.some(Boolean) ? ciaddr : FIRST_GUEST);
  const refused = type === REQUEST && !equal(wanted, FIRST_GUEST);
  const reply = new Uint8Array(300);
  reply.set([2, 1, ETH_ALEN, 0]);
  reply.set(message.subarray(4, 8), 4);
  reply.set(ciaddr, 12);
  if (!refused) reply.set(FIRST_GUEST, 16);
  reply.set(ROUTER, 20);
  reply.set(message.subarray(28, 44), 28);
  viewOf(reply).setUint32(236, COOKIE);
  const lease = Uint8Array.of(0, 1, 0x51, 0x80);
  const rows: readonly (readonly [code: number, value: Uint8Array])[] = refused
    ? [
        [OPTION.type, Uint8Array.of(NAK)],
        [OPTION.server, ROUTER]
      ]
    : [
        [OPTION.type, Uint8Array.of(type === DISCOVER ? OFFER : ACK)],
        [OPTION.server, ROUTER],
        [OPTION.mask, MASK],
        [OPTION.router, ROUTER],
        [OPTION.dns, NAME_SERVER],
        [OPTION.lease, lease]
      ];
  const bytes = rows.flatMap(([code, value]) => [code, value.length, ...value]);
  reply.set([...bytes, OPTION.end], BOOTP_OPTIONS);

  const target = refused ? new Uint8Array(4).fill(255) : FIRST_GUEST;
  const datagram = new Uint8Array(8 + reply.length);
  const view = viewOf(datagram);
  view.setUint16(0, DHCP_SERVER);
  view.setUint16(2, DHCP_CLIENT);
  view.setUint16(4, datagram.length);
  datagram.set(reply, 8);
  view.setUint16(6, checksum(datagram, pseudoHeader(ROUTER, target, UDP, datagram.length)) || 0xffff);
  const to = refused ? BROADCAST : mac;
  return ethernet(to, macOf(ROUTER), ETHERTYPE_IP, ipv4(ROUTER, target, UDP, datagram));
}
