/**
 * The virtio console as it runs: consoles and named ports (the guest agent's channel), each a character device. What the
 * guest sends is always taken at once, so that no port is ever throttled.
 * Source: QEMU hw/char/virtio-serial-bus.c, virtio-console.c; virtio 1.2 section 5.3.
 */
import type { CharBackend } from '../../chardev/char.ts';
import type { DeviceHost } from '../core/qdev.ts';
import { bit, S_DRIVER_OK, VirtioDevice } from '../virtio/virtio-device.ts';
import { segmentsOf, VIRTIO_QUEUE_MAX, type ElementSegments, type VirtQueueElement } from '../virtio/virtio.ts';
import { lengthOf, readSegments, skipSegments, writeSegments, type VirtioRing } from '../virtio/virtqueue.ts';
import type { VirtIOSerial, VirtIOSerialPort } from './virtio-serial-bus.ts';

const F_MULTIPORT = 1n;
const F_EMERG_WRITE = 2n;
const EMERG_WR = 8;
const PORT_QUEUE = 128;
const CONTROL_QUEUE = 32;
/** Queues of port 0 come first, then the control queues, then the others'. */
const CONTROL_FIRST = 2;
const MESSAGE = 8;
const EVENT = { deviceReady: 0, portAdd: 1, portReady: 3, consolePort: 4, portOpen: 6, portName: 7 } as const;
const MAX_PORTS = VIRTIO_QUEUE_MAX / 2 - 1;
/** At a time; input that finds no more room waits in its character device. Source: virtio_serial_guest_ready. */
const MOST_INPUT = 4096;
/** Output is read in such pieces: a buffer may be as long as its driver says. */
const PIECE = 1 << 16;
const MOST_OUTPUT = 1 << 24;

export interface SerialPortOptions {
  readonly id: number;
  /** A console is told of as one: the guest makes it hvc0. */
  readonly isConsole: boolean;
  readonly name?: string | undefined;
  /** Without one nobody is there: what the guest sends is thrown away. */
  readonly chr?: CharBackend | undefined;
}

export interface VirtIOSerialOptions {
  readonly ports: readonly SerialPortOptions[];
  /** Most that there can be, port 0 among them: 31 as QEMU has it. */
  readonly maxPorts?: number;
  /** Machine types from 7.2 on. */
  readonly queueReset?: boolean;
}

class Port implements VirtIOSerialPort {
  readonly id: number;
  readonly options: SerialPortOptions;
  guest_connected = 0;
  host_connected: number;
  elem_popped = 0;
  iov_idx = 0;
  iov_offset = 0n;
  elem: VirtQueueElement = { old: new Uint8Array(0) } as VirtQueueElement;

  constructor(options: SerialPortOptions) {
    this.options = options;
    this.id = options.id;
    this.host_connected = options.chr ? 1 : 0;
  }

  forget(): void {
    this.elem_popped = 0;
  }
}

export class VirtioSerialDevice extends VirtioDevice implements VirtIOSerial {
  readonly name = 'virtio-console';
  cols = 0;
  rows = 0;
  max_nr_ports: number;
  ports_map: number[];
  readonly #ports: readonly Port[];
  readonly #max: number;
  readonly #control: VirtioRing;

  /** @throws RangeError for ports that cannot be */
  constructor(host: DeviceHost, { ports, maxPorts = 31, queueReset = true }: VirtIOSerialOptions) {
    super(host, { deviceId: 3, configLength: 12, queueReset });
    if (!(maxPorts >= 1 && maxPorts <= MAX_PORTS)) throw new RangeError(`maximum ports supported: ${MAX_PORTS}`);
    this.#max = this.max_nr_ports = maxPorts;
    this.#ports = ports.map((options) => new Port(options));
    this.ports_map = new Array<number>(Math.ceil(maxPorts / 32)).fill(0);
    for (const id of [0, ...ports.map((port) => port.id)]) {
      if (!(id >= 0 && id < maxPorts))
        throw new RangeError(`Out-of-range port id specified, max. allowed: ${maxPorts - 1}`);
      this.ports_map[id >> 5] = (this.ports_map[id >> 5]! | (1 << (id & 31))) >>> 0;
    }
    const port = (id: number): void => {
      this.addQueue(PORT_QUEUE, () => this.#input(id));
      this.addQueue(PORT_QUEUE, (ring) => this.#output(ring, id));
    };
    port(0);
    this.#control = this.addQueue(CONTROL_QUEUE, () => {});
    this.addQueue(CONTROL_QUEUE, (ring) => this.#controlOut(ring));
    for (let id = 1; id < maxPorts; id++) port(id);
    for (const there of this.#ports) {
      there.options.chr?.attach({
        canReceive: () => this.#guestReady(there),
        receive: (bytes) => this.#toGuest(there, bytes)
      });
    }
  }

  get nr_active_ports(): number {
    return this.#loadedPorts ?? this.#ports.length;
  }
  set nr_active_ports(count: number) {
    this.#loadedPorts = count;
  }
  #loadedPorts: number | undefined;
  /** As in a stream: filled in place, by their order. */
  get ports(): VirtIOSerialPort[] {
    return this.#stream ?? [...this.#ports];
  }
  set ports(loaded: VirtIOSerialPort[]) {
    this.#stream = loaded;
  }
  #stream: VirtIOSerialPort[] | undefined;

  protected override getFeatures(features: bigint): bigint {
    return features | bit(F_EMERG_WRITE) | (this.#max > 1 ? bit(F_MULTIPORT) : 0n);
  }

  protected override getConfig(config: Uint8Array): void {
    new DataView(config.buffer, config.byteOffset).setUint32(0, 0, true);
    new DataView(config.buffer, config.byteOffset).setUint32(4, this.#max, true);
  }

  /** A character written where there is no driver yet. */
  protected override configWritten(config: Uint8Array): void {
    const character = config[EMERG_WR]!;
    if (!config.subarray(EMERG_WR, EMERG_WR + 4).some(Boolean)) return;
    config.fill(0, EMERG_WR, EMERG_WR + 4);
    const console_ = this.#ports.find(({ options }) => options.isConsole && options.chr);
    console_?.options.chr!.write(Uint8Array.of(character));
  }

  protected override statusWritten(status: number): void {
    if (!(status & S_DRIVER_OK)) return this.#guestReset();
    const first = this.#ports.find(({ id }) => id === 0);
    if (first && !this.has(F_MULTIPORT)) first.guest_connected = 1;
  }
  protected override onReset(): void {
    this.#guestReset();
  }
  #guestReset(): void {
    for (const port of this.#ports) {
      port.forget();
      port.guest_connected = 0;
    }
  }

  override preLoad(): void {
    super.preLoad();
    this.#stream = [];
    this.#loadedPorts = undefined;
  }

  /** Source: virtio_serial_load_device, fetch_active_ports_list. */
  protected override loaded(): string | undefined {
    const [sent, count] = [this.#stream ?? [], this.#loadedPorts ?? 0];
    this.#stream = this.#loadedPorts = undefined;
    this.max_nr_ports = this.#max;
    if (count !== this.#ports.length) return `${count} ports where there are ${this.#ports.length}`;
    for (const from of sent) {
      const port = this.#ports.find(({ id }) => id === from.id);
      if (!port) return `there is no port ${from.id}`;
      port.guest_connected = from.guest_connected;
      port.elem_popped = from.elem_popped;
      if (from.elem_popped) {
        Object.assign(port, { iov_idx: from.iov_idx, iov_offset: from.iov_offset, elem: from.elem });
      }
      port.host_connected = from.host_connected;
    }
    return undefined;
  }

  /** What was under way goes on; a guest whose other side came or went meanwhile is told. */
  override vmStateChange(running: boolean): void {
    super.vmStateChange(running);
    if (!running) return;
    for (const port of this.#ports) {
      const connected = port.options.chr ? 1 : 0;
      if (port.host_connected !== connected && this.driverOk) {
        port.host_connected = connected;
        this.#event(port, EVENT.portOpen, connected);
      }
      if (port.elem_popped) this.#finish(port);
      port.options.chr?.acceptInput();
    }
  }

  #ringOf(id: number, output: 0 | 1): VirtioRing {
    return this.rings[id === 0 ? output : CONTROL_FIRST + 2 * id + output]!;
  }
  #portOf(id: number): Port | undefined {
    return this.#ports.find((port) => port.id === id);
  }

  // To the guest.

  #guestReady(port: Port): number {
    const ring = this.#ringOf(port.id, 0);
    if (!this.running || !this.driverOk || !ring.isReady || ring.isEmpty || !port.host_connected) return 0;
    if (!port.guest_connected) return 0;
    return Math.min(MOST_INPUT, ring.availBytes(MOST_INPUT, 0).in);
  }

  /** Source: write_to_port. */
  #toGuest(port: Port, bytes: Uint8Array): void {
    const ring = this.#ringOf(port.id, 0);
    for (let done = 0; done < bytes.length;) {
      const element = ring.pop();
      if (!element) break;
      const length = writeSegments(this.memory, element.in, bytes.subarray(done));
      ring.push(element, length);
      done += length;
    }
    this.notify(ring);
  }

  #input(id: number): void {
    this.#portOf(id)?.options.chr?.acceptInput();
  }

  /** A message for the driver; lost where it has given no buffer. Source: send_control_msg. */
  #event({ id }: Port, event: number, value: number, text = ''): void {
    if (!this.#control.isReady) return;
    const element = this.#control.pop();
    if (!element) return;
    const name = text === '' ? [] : [...new TextEncoder().encode(text), 0];
    const message = new Uint8Array(MESSAGE + name.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, id, true);
    view.setUint16(4, event, true);
    view.setUint16(6, value, true);
    message.set(name, MESSAGE);
    writeSegments(this.memory, element.in, message);
    this.#control.push(element, message.length);
    this.notify(this.#control);
  }

  // From the guest.

  /** Source: handle_output, do_flush_queued_data. */
  #output(ring: VirtioRing, id: number): void {
    const port = this.#portOf(id);
    if (!this.running) return;
    let any = false;
    for (let element = ring.pop(); element; element = ring.pop()) {
      if (port?.host_connected) this.#write(port, element, 0);
      ring.push(element, 0);
      any = true;
    }
    if (any) this.notify(ring);
  }

  #write(port: Port, { out }: ElementSegments, skip: number): void {
    const end = Math.min(lengthOf(out), MOST_OUTPUT);
    for (let done = skip; done < end;) {
      const bytes = new Uint8Array(Math.min(PIECE, end - done));
      readSegments(this.memory, skipSegments(out, done), bytes);
      port.options.chr?.write(bytes);
      done += bytes.length;
    }
  }

  /** The rest of a buffer that the sender had half written. */
  #finish(port: Port): void {
    const element = segmentsOf(port.elem);
    const before = lengthOf(element.out.slice(0, port.iov_idx));
    port.forget();
    this.#write(port, element, before + Number(port.iov_offset));
    const ring = this.#ringOf(port.id, 1);
    ring.push(element, 0);
    this.notify(ring);
  }

  #controlOut(ring: VirtioRing): void {
    let any = false;
    for (let element = ring.pop(); element; element = ring.pop()) {
      const message = new Uint8Array(MESSAGE);
      if (readSegments(this.memory, element.out, message) === MESSAGE) this.#message(message);
      ring.push(element, 0);
      any = true;
    }
    if (any) this.notify(ring);
  }

  /** Source: handle_control_message. */
  #message(message: Uint8Array): void {
    const view = new DataView(message.buffer);
    const [id, event, value] = [view.getUint32(0, true), view.getUint16(4, true), view.getUint16(6, true)];
    if (event === EVENT.deviceReady) {
      if (value) for (const port of this.#ports) this.#event(port, EVENT.portAdd, 1);
      else this.host.log(this.name, 'Guest failure in adding device');
      return;
    }
    const port = this.#portOf(id);
    if (!port) return this.host.log(this.name, `Unexpected port id ${id}`);
    const { isConsole, name = '', chr } = port.options;
    if (event === EVENT.portReady) {
      if (!value) return this.host.log(this.name, `Guest failure in adding port ${id}`);
      if (isConsole) this.#event(port, EVENT.consolePort, 1);
      if (name !== '') this.#event(port, EVENT.portName, 1, name);
      if (port.host_connected) this.#event(port, EVENT.portOpen, 1);
    } else if (event === EVENT.portOpen) {
      port.guest_connected = value & 0xff;
      if (value) chr?.acceptInput();
    }
  }
}
