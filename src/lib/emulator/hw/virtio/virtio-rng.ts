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

/** Fills bytes; comes from outside, so that a replay gives the same (QEMU: RngBackend). */
export interface RngBackend {
  fill(into: Uint8Array): void;
  /** Where it is, to come back to. */
  state?: Uint32Array;
}

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
      this.#rng.fill(bytes);
      ring.push(element, writeSegments(this.memory, element.in, bytes));
      any = true;
    }
    if (any) this.notify(ring);
  }

  override saveLocal(): unknown {
    return this.#rng.state;
  }
  override loadLocal(state: Uint32Array | undefined): void {
    if (state) this.#rng.state = state;
  }
}
