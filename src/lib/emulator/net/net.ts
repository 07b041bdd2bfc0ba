/** Network cards and what they are plugged into. Source: QEMU net/net.c (NetClientInfo, qemu_send_packet). */

/** The card's side. Frames are Ethernet's without their checksum. */
export interface NetFrontend {
  /** Whether a frame would be taken now; `flush` of the backend tells that this has changed. */
  canReceive(): boolean;
  receive(frame: Uint8Array): void;
}

/** What a card sees of the network. */
export interface NetBackend {
  /** What `info network` says of it. */
  readonly info: string;
  /** Frames on their way to the card: in no stream. */
  pending: readonly Uint8Array[];
  attach(frontend: NetFrontend): void;
  /** The card sends; the bytes are taken over. */
  send(frame: Uint8Array): void;
  /** The card may take frames again. Source: qemu_flush_queued_packets. */
  flush(): void;
}

export const ETH_ALEN = 6;

/** Source: net/util.c; the last byte counts the cards. */
export const defaultMac = (n: number): Uint8Array => Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56 + n);

/** `52:54:00:12:34:56`; undefined: it is none. Source: net_parse_macaddr. */
export function parseMac(text: string): Uint8Array | undefined {
  const parts = text.split(/[:-]/);
  if (parts.length !== ETH_ALEN || !parts.every((p) => /^[\da-f]{1,2}$/i.test(p))) return undefined;
  return Uint8Array.from(parts, (p) => Number.parseInt(p, 16));
}

/** The Internet checksum of bytes, over those of `seed` too. RFC 1071. */
export function checksum(bytes: Uint8Array, seed = 0): number {
  let sum = seed;
  for (let i = 0; i < bytes.length; i++) sum += i & 1 ? bytes[i]! : bytes[i]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** What comes before a UDP or TCP segment in its checksum: a seed for `checksum`. RFC 768, 793. */
export function pseudoHeader(source: Uint8Array, target: Uint8Array, protocol: number, length: number): number {
  let sum = protocol + length;
  for (let i = 0; i < 4; i += 2) sum += (source[i]! << 8) + source[i + 1]! + (target[i]! << 8) + target[i + 1]!;
  return sum;
}
