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
import type { Problems, Severity } from './problem.ts';
import { PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import { sequential, type ByteSource } from './source.ts';
import { StreamWindow } from './stream-window.ts';

const MAGIC = 0x11223344;
const VERSION = 1;
const INIT = 64;
const PAGE = 4096;
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

/** A packet whose header has been read; its contents come next in the window. */
interface Packet {
  readonly flags: number;
  readonly start: number;
  readonly header: number;
  readonly packetNum: number;
  readonly normal: number;
  readonly zero: number;
  readonly payload: number;
  readonly name: string;
  readonly instance?: number;
}

/** A NUL-terminated text, as Latin-1. */
function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end));
}

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
  readonly window: StreamWindow;
  readonly #problems: Problems;
  #decoder: PacketDecoder | undefined;
  #compression = 0;
  #undecodable = false;

  constructor({ name, source }: MultifdInput, index: number, problems: Problems) {
    this.name = name;
    this.source = index;
    this.window = new StreamWindow(sequential(source), source);
    this.#problems = problems;
  }

  problem(code: string, severity: Severity, message: string, at = this.window.offset): void {
    this.#problems.add({ code, severity, at, message: `multifd ${this.name}: ${message}` });
  }

  async open(): Promise<void> {
    const { window } = this;
    if (!(await window.need(INIT)))
      return this.problem('multifd-init', 'warning', 'the capture ends in its first message');
    const { view, pos, bytes } = window;
    const [magic, version] = [view.getUint32(pos), view.getUint32(pos + 4)];
    if (magic !== MAGIC || version !== VERSION) {
      const got = `magic ${magic.toString(16)} version ${version}`;
      return this.problem(
        'multifd-init',
        'warning',
        `received packet ${got}, expected ${MAGIC.toString(16)} ${VERSION}`
      );
    }
    this.uuid = bytes.slice(pos + 8, pos + 24);
    this.id = bytes[pos + 24]!;
    window.pos += INIT;
    await this.advance();
  }

  /** Reads the next header. What QEMU would refuse ends the channel. */
  async advance(): Promise<void> {
    const { window } = this;
    this.next = undefined;
    const start = window.offset;
    if (!(await window.need(12))) {
      if (window.end > window.pos) this.#truncated('a packet header');
      return;
    }
    const flags = window.view.getUint32(window.pos + 8);
    const [magic, version] = [window.view.getUint32(window.pos), window.view.getUint32(window.pos + 4)];
    if (magic !== MAGIC || version !== VERSION) {
      const got = `magic ${magic.toString(16)} version ${version}`;
      return this.problem(
        'multifd-packet',
        'warning',
        `received packet ${got}, expected ${MAGIC.toString(16)} ${VERSION}`
      );
    }
    const device = (flags & DEVICE_STATE) !== 0;
    const header = device ? DEVICE_HEADER : RAM_HEADER;
    if (!(await window.need(header))) return this.#truncated('a packet header');
    const packet = device ? this.#deviceHeader(flags, start) : this.#ramHeader(flags, start);
    if (typeof packet === 'string') return this.problem('multifd-packet', 'warning', packet, start);
    this.packets++;
    this.next = packet;
  }

  #truncated(what: string): void {
    this.problem('multifd-truncated', 'warning', `the capture ends in ${what}`);
  }

  #deviceHeader(flags: number, start: number): Packet | string {
    const { view, bytes, pos } = this.window;
    const payload = view.getUint32(pos + 272);
    if (payload === 0) return 'received empty device state packet';
    if (payload > MAX_DEVICE_STATE) return `${payload} bytes of device state`;
    const name = cString(bytes.subarray(pos + 12, pos + 268));
    const instance = view.getUint32(pos + 268);
    return { flags, start, header: DEVICE_HEADER, packetNum: -1, normal: 0, zero: 0, payload, name, instance };
  }

  /** QEMU: multifd_ram_unfill_packet. */
  #ramHeader(flags: number, start: number): Packet | string {
    const { view, bytes, pos } = this.window;
    const allocated = view.getUint32(pos + 12);
    const normal = view.getUint32(pos + 16);
    const size = view.getUint32(pos + 20);
    const packetNum = view.getUint32(pos + 24) * 2 ** 32 + view.getUint32(pos + 28);
    const zero = view.getUint32(pos + 32);
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
      this.problem('multifd-size', 'warning', `next_packet_size is ${size}, but ${normal} pages follow`, start + 20);
    }
    if (payload > MAX_COMPRESSED) return `a payload of ${payload} bytes for ${normal} pages`;
    const name = cString(bytes.subarray(pos + 64, pos + 320));
    return { flags, start, header: RAM_HEADER, packetNum, normal, zero, payload, name };
  }

  /** Adds the pages of the next packet and moves on. Undefined when the capture ends in it. */
  async take(ram: RamIndex): Promise<Omit<MultifdPacketInfo, 'channel'> | undefined> {
    const packet = this.next!;
    const { window } = this;
    const { flags, start, header, packetNum, normal, zero, payload, name, instance } = packet;
    const first = ram.count;
    const ended = packet.instance !== undefined ? await this.#skipDevice(packet) : await this.#addPages(packet, ram);
    const info = {
      ...{ packetNum, start, end: start + header + payload, sync: (flags & SYNC) !== 0, name, normal, zero },
      compression: multifdCompressions[(flags & COMPRESSION) >> 1] ?? 'unknown',
      records: [first, ram.count] as const,
      ...(instance === undefined ? {} : { deviceState: { instance, bytes: payload } })
    };
    if (!ended) {
      this.#truncated('the contents of a packet');
      this.next = undefined;
      return ram.count > first ? { ...info, end: window.offset } : undefined;
    }
    await this.advance();
    return info;
  }

  async #skipDevice({ header, payload }: Packet): Promise<boolean> {
    return this.window.skip(header + payload);
  }

  async #addPages({ start, header, normal, zero, payload, name, flags }: Packet, ram: RamIndex): Promise<boolean> {
    const { window } = this;
    const pages: number[] = [];
    if (normal + zero > 0) {
      const block = ram.block(name);
      if (!block) this.problem('multifd-block', 'warning', `unknown ram block ${JSON.stringify(name)}`, start + 64);
      for (let i = 0; i < normal + zero; i++) pages.push(block ? this.#page(block, i, start) : -1);
    }
    const { low, high } = ZERO_PAGE_HASH;
    for (const page of pages.splice(normal)) {
      if (page >= 0) ram.add(PageKind.zero, page, start, this.source, low, high, 0);
    }
    window.pos += header;
    if (normal === 0) return true;
    if ((flags & COMPRESSION) === 0) return this.#addRaw(pages, ram);
    if (!(await window.need(payload))) return false;
    await this.#addCompressed(pages, payload, flags, ram);
    window.pos += payload;
    return true;
  }

  /** Page number of the i-th offset of the packet in the window, -1 where it lies outside of the block. */
  #page(block: RamBlock, i: number, start: number): number {
    const { view, pos } = this.window;
    const at = pos + 320 + 8 * i;
    const offset = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
    if (offset % PAGE === 0 && offset / PAGE < block.pages) return block.firstPage + offset / PAGE;
    const message = `offset too long ${offset} (max ${block.usedLength})`;
    this.problem('multifd-offset', 'warning', message, start + 320 + 8 * i);
    return -1;
  }

  async #addRaw(pages: readonly number[], ram: RamIndex): Promise<boolean> {
    const { window } = this;
    for (const page of pages) {
      if (!(await window.need(PAGE))) return false;
      window.buffer.hash(window.pos);
      const { low, high } = window.buffer;
      if (page >= 0) ram.add(PageKind.normal, page, window.offset, this.source, low, high, 0);
      window.pos += PAGE;
    }
    return true;
  }

  async #addCompressed(pages: readonly number[], payload: number, flags: number, ram: RamIndex): Promise<void> {
    const { window } = this;
    const at = window.offset;
    const contents = await this.#decode(window.bytes.subarray(window.pos, window.pos + payload), pages.length, flags);
    for (const [i, page] of pages.entries()) {
      if (page < 0) continue;
      if (!contents) {
        ram.add(PageKind.compressed, page, at, this.source, 0, 0, 0);
        continue;
      }
      const bytes = contents.subarray(i * PAGE, (i + 1) * PAGE);
      const { low, high, zero } = hashPage(bytes);
      const slot = zero ? -1 : ram.store.put(bytes, low, high);
      if (slot < 0 && !zero) this.problem('store-full', 'warning', 'page contents are not kept: memory is used up', at);
      ram.add(PageKind.compressed, page, at, this.source, low, high, slot + 1);
    }
  }

  async #decode(payload: Uint8Array, pages: number, flags: number): Promise<Uint8Array | undefined> {
    const compression = (flags & COMPRESSION) >> 1;
    if (this.#undecodable) return undefined;
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
    this.problem('multifd-damaged', 'warning', `${contents}; the pages from here on are unknown`);
    return undefined;
  }
}
