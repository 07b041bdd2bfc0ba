/** A source of random numbers. Source: QEMU hw/virtio/virtio-rng.c; virtio 1.2 section 5.4. */
import type { DeviceHost } from '../core/qdev.ts';
import { virtioSection } from './virtio-bus.ts';
import { VirtioDevice } from './virtio-device.ts';
import { lengthOf, writeSegments, type VirtioRing } from './virtqueue.ts';

export const vmstate_virtio_rng = virtioSection({
  name: 'virtio-rng',
  version: 1,
  features: [],
  config: []
});

/** Bytes that one request gets at most: a device may give fewer than there is room for. */
const MOST = 1 << 16;

/** Fills bytes with what cannot be guessed; comes from outside, so that a replay gives the same (QEMU: RngBackend). */
export type RngBackend = (into: Uint8Array) => void;

export interface VirtIORNGOptions {
  readonly rng: RngBackend;
  /** Machine types from 7.2 on. */
  readonly queueReset?: boolean;
}

export class VirtIORNG extends VirtioDevice {
  readonly name = 'virtio-rng';
  readonly #rng: RngBackend;

  constructor(host: DeviceHost, { rng, queueReset = true }: VirtIORNGOptions) {
    super(host, { deviceId: 4, configLength: 0, queueReset });
    this.#rng = rng;
    this.addQueue(8, (ring) => this.#process(ring));
  }

  #process(ring: VirtioRing): void {
    if (!this.driverOk) return;
    let any = false;
    for (let element = ring.pop(); element; element = ring.pop()) {
      const bytes = new Uint8Array(Math.min(lengthOf(element.in), MOST));
      this.#rng(bytes);
      ring.push(element, writeSegments(this.memory, element.in, bytes));
      any = true;
    }
    if (any) this.notify(ring);
  }
}
