/**
 * A split ring as the device works on it. What the driver must not do breaks the device, as in QEMU, and is never an
 * exception. Packed rings are not offered.
 * Source: QEMU hw/virtio/virtio.c (virtqueue_split_pop, virtqueue_split_fill, virtio_split_should_notify); virtio 1.2
 * section 2.7.
 */
import { MAX_ADDRESS, type AddressSpace } from '../../system/memory.ts';
import {
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_F_VERSION_1,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTQUEUE_MAX_SIZE,
  type ElementSegments,
  type Segment,
  type VirtQueue
} from './virtio.ts';

const DESC_SIZE = 16;
const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
const AVAIL_F_NO_INTERRUPT = 1;
const USED_F_NO_NOTIFY = 1;
/** VIRTIO_PCI_VRING_ALIGN. */
const VRING_ALIGN = 4096;
export const VIRTIO_NO_VECTOR = 0xffff;

/** What a ring needs of its device. */
export interface RingOwner {
  readonly memory: AddressSpace;
  /** Nothing may be taken or returned: broken, or its bus mastering was turned off. */
  readonly isDisabled: boolean;
  /** Whether the driver has accepted a feature. */
  has(feature: bigint): boolean;
  /** The driver did what it must not. */
  error(message: string): void;
}

interface Descriptor {
  readonly addr: number;
  readonly length: number;
  readonly flags: number;
  readonly next: number;
}

/** Bytes of several segments. */
export const lengthOf = (segments: readonly Segment[]): number => segments.reduce((sum, { length }) => sum + length, 0);

/** The segments without their first `skip` bytes. */
export function skipSegments(segments: readonly Segment[], skip: number): Segment[] {
  const out: Segment[] = [];
  for (const { addr, length } of segments) {
    const gone = Math.min(skip, length);
    skip -= gone;
    if (gone < length) out.push({ addr: addr + gone, length: length - gone });
  }
  return out;
}

/** Reads at most `into.length` bytes out of segments, returns how many there were. */
export function readSegments(memory: AddressSpace, segments: readonly Segment[], into: Uint8Array): number {
  let done = 0;
  for (const { addr, length } of segments) {
    const n = Math.min(length, into.length - done);
    if (n === 0) break;
    memory.readBytes(addr, into.subarray(done, done + n));
    done += n;
  }
  return done;
}

/** Writes into segments as many bytes as fit, returns how many. */
export function writeSegments(memory: AddressSpace, segments: readonly Segment[], from: Uint8Array): number {
  let done = 0;
  for (const { addr, length } of segments) {
    const n = Math.min(length, from.length - done);
    if (n === 0) break;
    memory.writeBytes(addr, from.subarray(done, done + n));
    done += n;
  }
  return done;
}

/** Whether [addr, addr + length) lies in one piece of the address space. Source: address_space_cache_init. */
function isMapped(memory: AddressSpace, addr: number, length: number): boolean {
  const range = memory.find(addr);
  return range?.region.ram !== undefined && addr + length <= range.end;
}

const isAfter = (event: number, now: number, old: number): boolean =>
  ((now - event - 1) & 0xffff) < ((now - old) & 0xffff);

export class VirtioRing implements VirtQueue {
  readonly vring: VirtQueue['vring'];
  vector = VIRTIO_NO_VECTOR;
  last_avail_idx = 0;
  last_avail_wrap_counter = true;
  used_idx = 0;
  used_wrap_counter = true;
  inuse = 0;
  readonly index: number;
  /** What the device does when the driver has put something in. */
  readonly handleOutput: () => void;
  readonly #owner: RingOwner;
  #shadowAvail = 0;
  #signalledUsed = 0;
  #signalledValid = false;
  #notification = true;
  /** Where the rings are; 0 while they are not set up. */
  #desc = 0;
  #avail = 0;
  #used = 0;

  constructor(owner: RingOwner, index: number, size: number, handleOutput: () => void) {
    this.#owner = owner;
    this.index = index;
    this.handleOutput = handleOutput;
    this.vring = { num: size, num_default: size, align: VRING_ALIGN, desc: 0n, avail: 0n, used: 0n };
  }

  /** Source: __virtio_queue_reset. */
  reset(): void {
    const { vring } = this;
    vring.desc = vring.avail = vring.used = 0n;
    vring.num = vring.num_default;
    this.last_avail_idx = this.used_idx = this.inuse = this.#shadowAvail = this.#signalledUsed = 0;
    this.last_avail_wrap_counter = this.used_wrap_counter = this.#notification = true;
    this.#signalledValid = false;
    this.vector = VIRTIO_NO_VECTOR;
    this.map();
  }

  /** It is there anew with so many descriptors; with 0 it is not. Source: virtio_add_queue, virtio_del_queue. */
  resize(size: number): void {
    this.vring.num_default = size;
    this.reset();
  }

  /** Keeps within what there can be. Source: virtio_queue_set_num. */
  setNum(num: number): void {
    if ((num !== 0) === (this.vring.num !== 0) && num <= VIRTQUEUE_MAX_SIZE) this.vring.num = num;
  }

  /** A legacy driver gives one address for all three rings. Source: virtio_queue_set_addr, virtio_queue_update_rings. */
  setAddress(desc: bigint): void {
    const { vring } = this;
    if (vring.num === 0) return;
    vring.desc = desc;
    this.updateRings();
  }
  updateRings(): void {
    const { vring } = this;
    if (vring.num === 0 || vring.desc === 0n || vring.align === 0) return;
    const align = BigInt(vring.align);
    vring.avail = vring.desc + BigInt(vring.num * DESC_SIZE);
    const end = vring.avail + BigInt(4 + 2 * vring.num);
    vring.used = ((end + align - 1n) / align) * align;
    this.map();
  }

  setRings(desc: bigint, avail: bigint, used: bigint): void {
    const { vring } = this;
    if (vring.num === 0) return;
    Object.assign(vring, { desc, avail, used });
    this.map();
  }

  /** Finds the rings in memory; a driver that puts them nowhere breaks the device. Source: virtio_init_region_cache. */
  map(): void {
    const { vring } = this;
    const { num } = vring;
    this.#desc = this.#avail = this.#used = 0;
    if (vring.desc === 0n) return;
    const event = this.#owner.has(VIRTIO_RING_F_EVENT_IDX) ? 2 : 0;
    const places = [
      { what: 'descriptor ring', addr: Number(vring.desc), length: num * DESC_SIZE },
      { what: 'used ring', addr: Number(vring.used), length: 4 + 8 * num + event },
      { what: 'available ring', addr: Number(vring.avail), length: 4 + 2 * num + event }
    ];
    const bad = places.find(({ addr, length }) => !isMapped(this.#owner.memory, addr, length));
    if (bad) {
      this.#owner.error(`Failed to map ${bad.what} of queue ${this.index}: invalid guest physical address`);
      return;
    }
    [this.#desc, this.#used, this.#avail] = places.map(({ addr }) => addr) as [number, number, number];
  }

  get isReady(): boolean {
    return this.#desc !== 0;
  }

  /** A sender that does not say what it had by default has just as many as it says. Source: virtio_ringsize_needed. */
  preLoad(): void {
    this.vring.num_default = 0;
  }

  /** What was loaded must fit what lies in memory. Returns why not. Source: virtio_load. */
  postLoad(): string | undefined {
    const { vring } = this;
    this.#signalledValid = false;
    this.#notification = true;
    vring.num_default ||= vring.num;
    if (vring.num > VIRTQUEUE_MAX_SIZE) return `VQ ${this.index} of ${vring.num} descriptors`;
    if (vring.desc === 0n) return undefined;
    if (this.#owner.has(VIRTIO_F_VERSION_1)) this.map();
    else this.updateRings();
    if (!this.isReady) return undefined;
    const avail = this.#availIdx();
    const heads = (avail - this.last_avail_idx) & 0xffff;
    if (heads > vring.num) {
      this.used_idx = this.#shadowAvail = this.inuse = 0;
      this.#owner.error(
        `VQ ${this.index} size 0x${vring.num.toString(16)} Guest index 0x${avail.toString(16)} inconsistent with ` +
          `Host index 0x${this.last_avail_idx.toString(16)}: delta 0x${heads.toString(16)}`
      );
      return undefined;
    }
    this.used_idx = this.#owner.memory.read(this.#used + 2, 2);
    this.inuse = (this.last_avail_idx - this.used_idx) & 0xffff;
    if (this.inuse <= vring.num) return undefined;
    const numbers = [vring.num, this.last_avail_idx, this.used_idx].map((n) => `0x${n.toString(16)}`);
    return `VQ ${this.index} size ${numbers[0]} < last_avail_idx ${numbers[1]} - used_idx ${numbers[2]}`;
  }

  #availIdx(): number {
    return (this.#shadowAvail = this.#owner.memory.read(this.#avail + 2, 2));
  }

  get isEmpty(): boolean {
    if (this.#owner.isDisabled || !this.isReady) return true;
    return this.#shadowAvail === this.last_avail_idx && this.#availIdx() === this.last_avail_idx;
  }

  #head(idx: number): number | undefined {
    const head = this.#owner.memory.read(this.#avail + 4 + 2 * (idx % this.vring.num), 2);
    if (head < this.vring.num) return head;
    this.#owner.error(`Guest says index ${head} is available`);
    return undefined;
  }

  #descriptor(table: number, i: number): Descriptor {
    const { memory } = this.#owner;
    const at = table + i * DESC_SIZE;
    const flagsAndNext = memory.read(at + 12, 4);
    return {
      addr: memory.read(at, 4) + memory.read(at + 4, 4) * 2 ** 32,
      length: memory.read(at + 8, 4),
      flags: flagsAndNext & 0xffff,
      next: flagsAndNext >>> 16
    };
  }

  /** The descriptors of a chain, through an indirect table where it has one. Undefined when it broke the device. */
  #chain(head: number): Descriptor[] | undefined {
    const fail = (message: string): undefined => {
      this.#owner.error(message);
      return undefined;
    };
    let table = this.#desc;
    let max = this.vring.num;
    let descriptor = this.#descriptor(table, head);
    if (descriptor.flags & DESC_F_INDIRECT) {
      const { addr, length } = descriptor;
      if (length === 0 || length % DESC_SIZE !== 0) return fail('Invalid size for indirect buffer table');
      if (!isMapped(this.#owner.memory, addr, length)) return fail('Cannot map indirect buffer');
      table = addr;
      max = length / DESC_SIZE;
      descriptor = this.#descriptor(table, 0);
    }
    const chain = [descriptor];
    while (descriptor.flags & DESC_F_NEXT) {
      if (descriptor.next >= max) return fail(`Desc next is ${descriptor.next}`);
      descriptor = this.#descriptor(table, descriptor.next);
      chain.push(descriptor);
      if (chain.length > max) return fail('Looped descriptor');
      if (chain.length > VIRTQUEUE_MAX_SIZE) return fail('virtio: too many write descriptors in indirect table');
    }
    return chain;
  }

  /** Adds a descriptor's buffer, in pieces where memory is. Returns whether it could. Source: virtqueue_map_desc. */
  #map(segments: Segment[], room: number, { addr, length }: Descriptor, write: boolean): boolean {
    const fail = (message: string): boolean => {
      this.#owner.error(message);
      return false;
    };
    if (length === 0) return fail('virtio: zero sized buffers are not allowed');
    for (let done = 0; done < length;) {
      if (segments.length >= room) return fail('virtio: too many write descriptors in indirect table');
      const range = addr + done < MAX_ADDRESS ? this.#owner.memory.find(addr + done) : undefined;
      if (!range?.region.ram || (write && range.readonly)) {
        return fail('virtio: bogus descriptor or out of resources');
      }
      const piece = Math.min(length - done, range.end - addr - done);
      segments.push({ addr: addr + done, length: piece });
      done += piece;
    }
    return true;
  }

  /** The next request, undefined when there is none or the driver broke the rules. Source: virtqueue_split_pop. */
  pop(): ElementSegments | undefined {
    const owner = this.#owner;
    if (this.isEmpty) return undefined;
    if (((this.#shadowAvail - this.last_avail_idx) & 0xffff) > this.vring.num) {
      owner.error(`Guest moved used index from ${this.last_avail_idx} to ${this.#shadowAvail}`);
      return undefined;
    }
    if (this.inuse >= this.vring.num) {
      owner.error('Virtqueue size exceeded');
      return undefined;
    }
    const index = this.#head(this.last_avail_idx);
    this.last_avail_idx = (this.last_avail_idx + 1) & 0xffff;
    if (index === undefined) return undefined;
    if (owner.has(VIRTIO_RING_F_EVENT_IDX)) this.#setAvailEvent(this.last_avail_idx);
    const chain = this.#chain(index);
    if (!chain) return undefined;
    const out: Segment[] = [];
    const in_: Segment[] = [];
    for (const descriptor of chain) {
      const write = (descriptor.flags & DESC_F_WRITE) !== 0;
      if (!write && in_.length > 0) {
        owner.error('Incorrect order for descriptors');
        return undefined;
      }
      const room = write ? VIRTQUEUE_MAX_SIZE - out.length : VIRTQUEUE_MAX_SIZE;
      if (!this.#map(write ? in_ : out, room, descriptor, write)) return undefined;
    }
    this.inuse++;
    return { index, out, in: in_ };
  }

  /** Bytes that waiting requests have room for, counted up to what is asked. Source: virtqueue_get_avail_bytes. */
  availBytes(maxIn: number, maxOut: number): { in: number; out: number } {
    const total = { in: 0, out: 0 };
    if (this.#owner.isDisabled || !this.isReady) return total;
    const heads = (this.#availIdx() - this.last_avail_idx) & 0xffff;
    if (heads > this.vring.num) {
      this.#owner.error(`Guest moved used index from ${this.last_avail_idx} to ${this.#shadowAvail}`);
      return total;
    }
    for (let i = 0; i < heads; i++) {
      const head = this.#head(this.last_avail_idx + i);
      const chain = head === undefined ? undefined : this.#chain(head);
      if (!chain) return { in: 0, out: 0 };
      for (const { flags, length } of chain) total[flags & DESC_F_WRITE ? 'in' : 'out'] += length;
      if (total.in >= maxIn && total.out >= maxOut) break;
    }
    return total;
  }

  /** Returns a request with `length` bytes filled. Source: virtqueue_push. */
  push({ index }: ElementSegments, length: number): void {
    this.inuse--;
    if (this.#owner.isDisabled || !this.isReady) return;
    const { memory } = this.#owner;
    const at = this.#used + 4 + 8 * (this.used_idx % this.vring.num);
    memory.write(at, index, 4);
    memory.write(at + 4, length >>> 0, 4);
    this.used_idx = (this.used_idx + 1) & 0xffff;
    memory.write(this.#used + 2, this.used_idx, 2);
    // The event index that was signalled last has been overtaken: there is nothing to compare with.
    if (((this.used_idx - this.#signalledUsed) << 16) >> 16 < 1) this.#signalledValid = false;
  }

  /** Forgets a request: it will never be returned. Source: virtqueue_detach_element. */
  detach(): void {
    this.inuse--;
  }

  /** Puts requests taken last back; they are taken again. Source: virtqueue_rewind. */
  rewind(count: number): void {
    if (count > this.inuse) return;
    this.last_avail_idx = (this.last_avail_idx - count) & 0xffff;
    this.inuse -= count;
  }

  /** Whether the driver wants to be told of what was returned. Source: virtio_split_should_notify. */
  shouldNotify(): boolean {
    const { memory } = this.#owner;
    if (!this.isReady) return false;
    if (this.#owner.has(VIRTIO_F_NOTIFY_ON_EMPTY) && this.inuse === 0 && this.isEmpty) return true;
    if (!this.#owner.has(VIRTIO_RING_F_EVENT_IDX)) return !(memory.read(this.#avail, 2) & AVAIL_F_NO_INTERRUPT);
    const [valid, old] = [this.#signalledValid, this.#signalledUsed];
    this.#signalledValid = true;
    this.#signalledUsed = this.used_idx;
    const event = memory.read(this.#avail + 4 + 2 * this.vring.num, 2);
    return !valid || isAfter(event, this.used_idx, old);
  }

  #setAvailEvent(idx: number): void {
    if (this.#notification) this.#owner.memory.write(this.#used + 4 + 8 * this.vring.num, idx, 2);
  }

  /** Whether the driver is to tell of new requests. Source: virtio_queue_split_set_notification. */
  setNotification(enable: boolean): void {
    this.#notification = enable;
    if (!this.isReady) return;
    const { memory } = this.#owner;
    if (this.#owner.has(VIRTIO_RING_F_EVENT_IDX)) {
      this.#setAvailEvent(this.#availIdx());
      return;
    }
    const flags = memory.read(this.#used, 2);
    memory.write(this.#used, enable ? flags & ~USED_F_NO_NOTIFY : flags | USED_F_NO_NOTIFY, 2);
  }
}
