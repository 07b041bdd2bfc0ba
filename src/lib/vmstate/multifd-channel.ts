/**
 * The capture of a multifd channel: pages that did not go through the main stream.
 *
 *   channel ::= init packet*
 *   init    ::= magic:u32 version:u32 uuid:byte[16] id:u8 0:byte[39]
 *   packet  ::= magic:u32 version:u32 flags:u32 ( ram | device )
 *   ram     ::= pages_alloc:u32 normal_pages:u32 next_packet_size:u32 packet_num:u64 zero_pages:u32 0:byte[28]
 *               ramblock:char[256] offset:u64[128] contents      offsets of normal pages, then of zero pages
 *   device  ::= idstr:char[256] instance_id:u32 next_packet_size:u32 byte[next_packet_size]
 *
 * Up to 8.2 zero_pages is zero and SYNC may come with pages; its next_packet_size is stale when it has none. Since 9.0
 * a SYNC packet is all zeros but for its number. Device packets are of 10.0. Source: QEMU migration/multifd.[ch].
 */
import { multifdCompressions, packetDecoder, type PacketDecoder } from './multifd-compression.ts';
import { hashPage, ZERO_PAGE_HASH } from './page-hash.ts';
import { PeekStream } from './peek-stream.ts';
import type { Problems } from './problem.ts';
import { latin1 } from './qemu-file.ts';
import { PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import { printable } from './ram.ts';
import { sequential, type ByteSource } from './source.ts';
import { PAGE } from './page.ts';

const MAGIC = 0x11223344;
const VERSION = 1;
const INIT = 64;
/** MULTIFD_PACKET_SIZE in pages: every packet has so many offsets, whatever its pages_alloc says. */
const OFFSETS = 128;
const RAM_HEADER = 320 + 8 * OFFSETS;
const DEVICE_HEADER = 276;
/** QEMU's buffer for a compressed payload, and a bound for a device's (QEMU has none). */
const MAX_COMPRESSED = 2 * OFFSETS * PAGE;
const MAX_DEVICE_STATE = 2 ** 30;

const SYNC = 1;
const COMPRESSION = 0x3e;
const DEVICE_STATE = 64;

export interface MultifdPacketInfo {
  /** Index into the channels given. */
  readonly channel: number;
  /** Counts over all channels; -1 for device state, which has none. */
  readonly packetNum: number;
  /** Offsets in the channel's capture, contents included. */
  readonly start: number;
  readonly end: number;
  readonly sync: boolean;
  readonly compression: string;
  /** The RAM block, or the device's idstr. */
  readonly name: string;
  readonly normal: number;
  readonly zero: number;
  /** Page records [first, last) that it became. */
  readonly records: readonly [first: number, last: number];
  readonly deviceState?: { readonly instance: number; readonly bytes: number };
}

export interface MultifdChannelInfo {
  readonly name: string;
  /** The channel's number, -1 without a readable init message. */
  readonly id: number;
  readonly uuid: Uint8Array | undefined;
  /** What the packets tell about the sender: SYNC packets with pages_alloc are of 8.2 or older. */
  readonly sender: '<= 8.2' | '>= 9.0' | undefined;
  readonly packets: number;
  /** Bytes that could be read. */
  readonly bytes: number;
}

export interface MultifdInput {
  readonly name: string;
  readonly source: ByteSource;
}

/** A packet whose header has been read; its contents come next. */
interface Packet {
  readonly start: number;
  readonly header: DataView;
  readonly flags: number;
  readonly packetNum: number;
  readonly normal: number;
  readonly zero: number;
  readonly payload: number;
  readonly name: string;
  /** instance_id of a device. */
  readonly instance?: number;
}

/** A NUL-terminated text in a field of 256 bytes. */
function nameAt(view: DataView, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, 256);
  const end = bytes.indexOf(0);
  return printable(latin1(end < 0 ? bytes : bytes.subarray(0, end)));
}

const big = (view: DataView, at: number): number => view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);

/** One capture, packet by packet. */
export class MultifdChannel {
  readonly name: string;
  /** In `RamIndex.sources`. */
  readonly source: number;
  id = -1;
  uuid: Uint8Array | undefined;
  sender: MultifdChannelInfo['sender'];
  packets = 0;
  /** The next packet, undefined at the end of what can be read. */
  next: Packet | undefined;
  readonly #input: PeekStream;
  readonly #problems: Problems;
  #decoder: PacketDecoder | undefined;
  #compression = 0;
  #undecodable = false;

  constructor({ name, source }: MultifdInput, index: number, problems: Problems) {
    this.name = name;
    this.source = index;
    this.#input = new PeekStream(sequential(source));
    this.#problems = problems;
  }

  get info(): MultifdChannelInfo {
    const { name, id, uuid, sender, packets } = this;
    return { name, id, uuid, sender, packets, bytes: this.#input.position };
  }

  #problem(code: string, message: string, at = this.#input.position): void {
    this.#problems.add({ code, severity: 'warning', at, message: `multifd ${this.name}: ${message}` });
  }

  /** The next bytes; undefined, with a problem, where magic and version are not those of multifd. */
  async #begins(code: string, bytes: number): Promise<DataView | undefined> {
    const head = await this.#input.peek(bytes);
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    if (head.length < 8) return view;
    const [magic, version] = [view.getUint32(0), view.getUint32(4)];
    if (magic === MAGIC && version === VERSION) return view;
    const got = `magic ${magic.toString(16)} version ${version}`;
    this.#problem(code, `received packet ${got}, expected ${MAGIC.toString(16)} ${VERSION}`);
    return undefined;
  }

  async open(): Promise<void> {
    const view = await this.#begins('multifd-init', INIT);
    if (!view) return;
    if (view.byteLength < INIT) return this.#problem('multifd-init', 'the capture ends in its first message');
    const init = await this.#input.take(INIT);
    this.uuid = init.slice(8, 24);
    this.id = init[24]!;
    await this.#advance();
  }

  /** Reads the next header. What QEMU would refuse ends the channel. */
  async #advance(): Promise<void> {
    this.next = undefined;
    const start = this.#input.position;
    const view = await this.#begins('multifd-packet', RAM_HEADER);
    if (!view || view.byteLength === 0) return;
    const device = view.byteLength >= 12 && (view.getUint32(8) & DEVICE_STATE) !== 0;
    const length = device ? DEVICE_HEADER : RAM_HEADER;
    if (view.byteLength < length) return this.#truncated('a packet header');
    const header = new DataView(view.buffer, view.byteOffset, length);
    const packet = device ? this.#deviceHeader(header, start) : this.#ramHeader(header, start);
    if (typeof packet === 'string') return this.#problem('multifd-packet', packet);
    await this.#input.skip(length);
    this.packets++;
    this.next = packet;
  }

  #truncated(what: string): void {
    this.#problem('multifd-truncated', `the capture ends in ${what}`);
  }

  #deviceHeader(header: DataView, start: number): Packet | string {
    const payload = header.getUint32(272);
    if (payload === 0) return 'received empty device state packet';
    if (payload > MAX_DEVICE_STATE) return `${payload} bytes of device state`;
    const [flags, name, instance] = [header.getUint32(8), nameAt(header, 12), header.getUint32(268)];
    return { start, header, flags, packetNum: -1, normal: 0, zero: 0, payload, name, instance };
  }

  /** QEMU: multifd_ram_unfill_packet. */
  #ramHeader(header: DataView, start: number): Packet | string {
    const flags = header.getUint32(8);
    const allocated = header.getUint32(12);
    const normal = header.getUint32(16);
    const size = header.getUint32(20);
    const zero = header.getUint32(32);
    if (allocated > OFFSETS) return `received packet with ${allocated} pages, expected ${OFFSETS}`;
    if (normal > allocated) {
      return `received packet with ${normal} non-zero pages, which exceeds maximum expected pages ${allocated}`;
    }
    if (zero > allocated - normal) {
      return `received packet with ${zero} zero pages, expected maximum ${allocated - normal}`;
    }
    if (flags & SYNC) this.sender = allocated > 0 ? '<= 8.2' : '>= 9.0';
    if (zero > 0) this.sender = '>= 9.0';
    const raw = (flags & COMPRESSION) === 0;
    // next_packet_size counts only where there are pages; without compression QEMU does not look at it.
    const payload = normal === 0 ? 0 : raw ? normal * PAGE : size;
    if (raw && normal > 0 && size !== payload) {
      this.#problem('multifd-size', `next_packet_size is ${size}, but ${normal} pages follow`, start + 20);
    }
    if (payload > MAX_COMPRESSED) return `a payload of ${payload} bytes for ${normal} pages`;
    return { start, header, flags, packetNum: big(header, 24), normal, zero, payload, name: nameAt(header, 64) };
  }

  /** Adds the pages of the next packet and moves on. Undefined when the capture ends in it before any page. */
  async take(ram: RamIndex): Promise<Omit<MultifdPacketInfo, 'channel'> | undefined> {
    const packet = this.next!;
    const { start, flags, packetNum, normal, zero, payload, name, instance } = packet;
    const first = ram.count;
    if (normal + zero > 0) await this.#addPages(packet, ram);
    else await this.#input.skip(payload);
    const end = start + packet.header.byteLength + payload;
    const cut = this.#input.position < end;
    const info = {
      ...{ packetNum, start, end: this.#input.position, sync: (flags & SYNC) !== 0, name, normal, zero },
      compression: multifdCompressions[(flags & COMPRESSION) >> 1] ?? 'unknown',
      records: [first, ram.count] as const,
      ...(instance === undefined ? {} : { deviceState: { instance, bytes: payload } })
    };
    if (!cut) {
      await this.#advance();
      return info;
    }
    this.#truncated('the contents of a packet');
    this.next = undefined;
    return ram.count > first ? info : undefined;
  }

  async #addPages(packet: Packet, ram: RamIndex): Promise<void> {
    const { start, normal, payload, name, flags } = packet;
    const block = ram.block(name);
    if (!block) this.#problem('multifd-block', `unknown ram block ${JSON.stringify(name)}`, start + 64);
    const pages = this.#pages(packet, block);
    const { low, high } = ZERO_PAGE_HASH;
    for (const page of pages.splice(normal)) {
      if (page >= 0) ram.add(PageKind.zero, page, start, this.source, low, high, 0);
    }
    const contents = await this.#input.peek(payload);
    if ((flags & COMPRESSION) === 0) await this.#addRaw(pages, contents, ram);
    else if (contents.length === payload) {
      await this.#addCompressed(pages, contents, flags, ram);
      await this.#input.skip(payload);
    }
  }

  /** Page numbers of a packet's offsets, -1 for those that lie outside of the block. */
  #pages({ header, start, normal, zero }: Packet, block: RamBlock | undefined): number[] {
    return Array.from({ length: normal + zero }, (_, i) => {
      if (!block) return -1;
      const offset = big(header, 320 + 8 * i);
      if (offset % PAGE === 0 && offset / PAGE < block.pages) return block.firstPage + offset / PAGE;
      const message = `offset too long ${offset} (max ${block.usedLength})`;
      this.#problem('multifd-offset', message, start + 320 + 8 * i);
      return -1;
    });
  }

  async #addRaw(pages: readonly number[], contents: Uint8Array, ram: RamIndex): Promise<void> {
    const at = this.#input.position;
    const whole = Math.min(pages.length, Math.floor(contents.length / PAGE));
    for (let i = 0; i < whole; i++) {
      const { low, high } = hashPage(contents.subarray(i * PAGE, (i + 1) * PAGE));
      if (pages[i]! >= 0) ram.add(PageKind.normal, pages[i]!, at + i * PAGE, this.source, low, high, 0);
    }
    await this.#input.skip(whole * PAGE);
  }

  async #addCompressed(pages: readonly number[], payload: Uint8Array, flags: number, ram: RamIndex): Promise<void> {
    const at = this.#input.position;
    const contents = await this.#decode(payload, pages.length, flags);
    for (const [i, page] of pages.entries()) {
      if (page < 0) continue;
      if (!contents) {
        ram.add(PageKind.compressed, page, at, this.source, 0, 0, 0);
        continue;
      }
      const bytes = contents.subarray(i * PAGE, (i + 1) * PAGE);
      const { low, high, zero } = hashPage(bytes);
      const slot = zero ? -1 : ram.store.put(bytes, low, high);
      if (slot < 0 && !zero) this.#problem('store-full', 'page contents are not kept: memory is used up');
      ram.add(PageKind.compressed, page, at, this.source, low, high, slot + 1);
    }
  }

  async #decode(payload: Uint8Array, pages: number, flags: number): Promise<Uint8Array | undefined> {
    if (this.#undecodable) return undefined;
    const compression = (flags & COMPRESSION) >> 1;
    if (!this.#decoder) {
      this.#compression = compression;
      this.#decoder = packetDecoder(compression);
    }
    const contents =
      this.#decoder && this.#compression === compression
        ? await this.#decoder.decode(payload, pages * PAGE)
        : `compression ${multifdCompressions[compression] ?? compression} cannot be decoded here`;
    if (typeof contents !== 'string') return contents;
    this.#undecodable = true;
    this.#problem('multifd-damaged', `${contents}; the pages from here on are unknown`);
    return undefined;
  }
}
