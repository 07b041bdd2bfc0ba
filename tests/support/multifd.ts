/** multifd captures, written byte for byte. */
export interface Packet {
  readonly flags?: number;
  readonly allocated?: number;
  readonly num?: number;
  readonly block?: string;
  /** Offsets of normal pages and their contents, one byte repeated, or the payload where it is compressed. */
  readonly normal?: readonly (readonly [offset: number, fill: number])[];
  readonly payload?: Uint8Array;
  readonly zero?: readonly number[];
  /** next_packet_size where it is not the payload's. */
  readonly size?: number;
}

export function init(id: number): Uint8Array {
  const out = new Uint8Array(64);
  out.set([0x11, 0x22, 0x33, 0x44, 0, 0, 0, 1]);
  out.fill(0xaa, 8, 24);
  out[24] = id;
  return out;
}

export function packet(p: Packet): Uint8Array {
  const normal = p.normal ?? [];
  const payload = p.payload ?? Buffer.concat(normal.map(([, fill]) => new Uint8Array(4096).fill(fill)));
  const out = new Uint8Array(1344 + payload.length);
  const view = new DataView(out.buffer);
  const words = [0x11223344, 1, p.flags ?? 0, p.allocated ?? 128, normal.length, p.size ?? payload.length];
  words.forEach((word, i) => view.setUint32(4 * i, word));
  view.setUint32(28, p.num ?? 0);
  view.setUint32(32, p.zero?.length ?? 0);
  out.set(Buffer.from(p.block ?? 'pc.ram'), 64);
  [...normal.map(([offset]) => offset), ...(p.zero ?? [])].forEach((offset, i) => {
    view.setBigUint64(320 + 8 * i, BigInt(offset));
  });
  out.set(payload, 1344);
  return out;
}

/** SYNC as 9.0 and later send it: all zeros but for its number. */
export const sync = (num: number): Uint8Array => packet({ flags: 1, allocated: 0, block: '', num });

export const capture = (id: number, ...packets: readonly Uint8Array[]): Buffer => Buffer.concat([init(id), ...packets]);
