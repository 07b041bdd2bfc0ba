/** PS/2 keyboard and mouse. Source: QEMU hw/input/ps2.c; IBM PS/2 technical reference, keyboards. */
import { fieldsOf, struct, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, i32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { Irq } from '../core/irq.ts';
import { keyOf, translate } from './keys.ts';

const PS2_BUFFER_SIZE = 256;
/** Keys and movement fill it up to here; replies to commands have the room behind. */
const PS2_QUEUE_SIZE = 16;
/** Bytes of the longest reply. */
const PS2_QUEUE_HEADROOM = 8;

interface PS2Queue {
  rptr: number;
  wptr: number;
  count: number;
  data: Uint8Array;
  cwptr: number;
}
interface PS2State {
  write_cmd: number;
  queue: PS2Queue;
}
export interface PS2KbdState {
  parent_obj: PS2State;
  scan_enabled: number;
  translate: number;
  scancode_set: number;
  ledstate: number;
  need_high_bit: boolean;
}
export interface PS2MouseState {
  parent_obj: PS2State;
  mouse_status: number;
  mouse_resolution: number;
  mouse_sample_rate: number;
  mouse_wrap: number;
  mouse_type: number;
  mouse_detect_state: number;
  mouse_dx: number;
  mouse_dy: number;
  mouse_dz: number;
  mouse_buttons: number;
}

/** Commands whose next byte is awaited. */
const WRITE_CMD: Meaning = {
  doc: 'Command that the next byte belongs to',
  radix: 16,
  values: {
    [-1]: 'none',
    0xe8: 'mouse: SET_RES',
    0xed: 'keyboard: SET_LEDS',
    0xf0: 'keyboard: SCANCODE',
    0xf3: 'SET_RATE (keyboard), SET_SAMPLE (mouse)'
  }
};

const common = fieldsOf<PS2State>();
const ps2Common = struct<PS2State>({
  name: 'PS2 Common State',
  version: 3,
  minimumVersion: 2,
  fields: [
    common('write_cmd', i32, WRITE_CMD),
    common('queue.rptr', i32, { doc: 'Place of the next byte for the guest' }),
    common('queue.wptr', i32),
    common('queue.count', i32, { unit: 'bytes' }),
    common('queue.data', buffer(PS2_BUFFER_SIZE), { doc: 'A ring; 7.2 fills it anew each time from 0' })
  ]
});

const k = fieldsOf<PS2KbdState>();
export const vmstate_ps2_keyboard: VMStateDescription<PS2KbdState> = {
  name: 'ps2kbd',
  version: 3,
  minimumVersion: 2,
  fields: [
    k('parent_obj', ps2Common),
    k('scan_enabled', i32, { doc: 'Keys are reported' }),
    k('translate', i32, { doc: 'The controller translates to scan code set 1' }),
    k('scancode_set', i32, { since: 3, values: { 1: 'XT', 2: 'AT', 3: 'PS/2' } })
  ],
  subsections: [
    {
      name: 'ps2kbd/ledstate',
      version: 3,
      minimumVersion: 2,
      needed: (s) => (s.ledstate ?? 0) !== 0,
      fields: [
        k('ledstate', i32, {
          bits: [
            { name: 'scroll_lock', bit: 0 },
            { name: 'num_lock', bit: 1 },
            { name: 'caps_lock', bit: 2 }
          ]
        })
      ]
    },
    {
      name: 'ps2kbd/need_high_bit',
      version: 1,
      minimumVersion: 1,
      needed: (s) => s.need_high_bit === true,
      fields: [k('need_high_bit', bool, { doc: 'The next translated code is a release' })]
    },
    {
      name: 'ps2kbd/command_reply_queue',
      version: 0,
      minimumVersion: 0,
      needed: (s) => (s.parent_obj.queue.cwptr ?? -1) !== -1,
      fields: [k('parent_obj.queue.cwptr', i32, { doc: 'End of the replies to commands in the queue' })]
    }
  ]
};

const m = fieldsOf<PS2MouseState>();
export const vmstate_ps2_mouse: VMStateDescription<PS2MouseState> = {
  name: 'ps2mouse',
  version: 2,
  minimumVersion: 2,
  fields: [
    m('parent_obj', ps2Common),
    m('mouse_status', u8, {
      bits: [
        { name: 'SCALE21', bit: 4 },
        { name: 'ENABLED', bit: 5, doc: 'movements are reported' },
        { name: 'REMOTE', bit: 6, doc: 'only when asked' }
      ]
    }),
    m('mouse_resolution', u8, { values: { 0: '1/mm', 1: '2/mm', 2: '4/mm', 3: '8/mm' } }),
    m('mouse_sample_rate', u8, { unit: 'Hz' }),
    m('mouse_wrap', u8, { doc: 'Bytes are echoed' }),
    m('mouse_type', u8, { values: { 0: 'PS/2', 3: 'IntelliMouse', 4: 'IntelliMouse Explorer' } }),
    m('mouse_detect_state', u8, { doc: 'How far the magic sequence of sample rates has come' }),
    m('mouse_dx', i32),
    m('mouse_dy', i32),
    m('mouse_dz', i32),
    m('mouse_buttons', u8, {
      bits: [
        { name: 'left', bit: 0 },
        { name: 'right', bit: 1 },
        { name: 'middle', bit: 2 },
        { name: 'side', bit: 3 },
        { name: 'extra', bit: 4 }
      ]
    })
  ]
};

/** What keyboard and mouse share: a queue to the guest, with the replies to its commands before what was typed. */
class PS2Device implements PS2State {
  write_cmd = -1;
  queue: PS2Queue = { rptr: 0, wptr: 0, count: 0, data: new Uint8Array(PS2_BUFFER_SIZE), cwptr: -1 };
  readonly #irq: Irq;

  constructor(irq: Irq) {
    this.#irq = irq;
  }

  reset(): void {
    this.write_cmd = -1;
    this.resetQueue();
    this.#irq(0);
  }

  resetQueue(): void {
    Object.assign(this.queue, { rptr: 0, wptr: 0, count: 0, cwptr: -1 });
  }

  get room(): number {
    return PS2_QUEUE_SIZE - this.queue.count;
  }

  /** All of the bytes, or none. Source: ps2_queue, ps2_queue_2, … */
  put(...bytes: number[]): void {
    if (this.room < bytes.length) return;
    const { queue } = this;
    for (const byte of bytes) {
      queue.data[queue.wptr] = byte;
      queue.wptr = (queue.wptr + 1) % PS2_BUFFER_SIZE;
      queue.count++;
    }
    this.#irq(1);
  }

  /** A reply goes before what waits. Source: ps2_cqueue_1, … */
  reply(...bytes: number[]): void {
    const { queue } = this;
    queue.rptr = (queue.rptr - bytes.length) & (PS2_BUFFER_SIZE - 1);
    for (const [i, byte] of bytes.entries()) queue.data[(queue.rptr + i) % PS2_BUFFER_SIZE] = byte;
    queue.cwptr = (queue.rptr + bytes.length) % PS2_BUFFER_SIZE;
    queue.count += bytes.length;
    this.#irq(1);
  }

  /** A new command: what is left of the last one's reply goes. Source: ps2_cqueue_reset. */
  dropReply(): void {
    const { queue } = this;
    if (queue.cwptr === -1) return;
    queue.count -= (queue.cwptr - queue.rptr) & (PS2_BUFFER_SIZE - 1);
    queue.rptr = queue.cwptr;
    queue.cwptr = -1;
  }

  /** The next byte; the last one again when there is none, which EMM386 needs. Source: ps2_read_data. */
  read(): number {
    const { queue } = this;
    if (queue.count === 0) return queue.data[(queue.rptr - 1) & (PS2_BUFFER_SIZE - 1)]!;
    const byte = queue.data[queue.rptr]!;
    queue.rptr = (queue.rptr + 1) % PS2_BUFFER_SIZE;
    queue.count--;
    if (queue.rptr === queue.cwptr) queue.cwptr = -1;
    this.#irq(0);
    if (queue.count > 0) this.#irq(1);
    return byte;
  }

  /** Numbers from a stream are made to fit the ring. Source: ps2_common_post_load. */
  postLoad(): void {
    const { queue } = this;
    const mask = PS2_BUFFER_SIZE - 1;
    let replies = 0;
    if (queue.cwptr !== -1) replies = Math.min((queue.cwptr - queue.rptr) & mask, PS2_QUEUE_HEADROOM);
    queue.count = Math.max(replies, Math.min(queue.count, replies + PS2_QUEUE_SIZE));
    queue.rptr &= mask;
    queue.wptr = (queue.rptr + queue.count) & mask;
    queue.cwptr = replies > 0 ? (queue.rptr + replies) & mask : -1;
  }
}

const ACK = 0xfa;
const RESEND = 0xfe;
const PASSED = 0xaa;
const PAUSE_SET_1 = [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5];
const PAUSE_SET_2 = [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77];
const PRINT = {
  1: { down: [0xe0, 0x2a, 0xe0, 0x37], up: [0xe0, 0xb7, 0xe0, 0xaa] },
  2: { down: [0xe0, 0x12, 0xe0, 0x7c], up: [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12] }
} as const;

/** An MF2 keyboard with scan code sets 1 to 3. */
export class PS2Keyboard implements PS2KbdState {
  readonly parent_obj: PS2Device;
  scan_enabled = 1;
  translate = 0;
  scancode_set = 2;
  ledstate = 0;
  need_high_bit = false;

  constructor(irq: Irq) {
    this.parent_obj = new PS2Device(irq);
  }

  reset(): void {
    this.parent_obj.reset();
    this.scan_enabled = 1;
    this.translate = 0;
    this.scancode_set = 2;
  }

  preLoad(): void {
    this.ledstate = 0;
    this.need_high_bit = false;
    this.parent_obj.queue.cwptr = -1;
  }

  postLoad(version: number): void {
    if (version === 2) this.scancode_set = 2;
    this.parent_obj.postLoad();
  }

  /** A key goes down or up. @param qcode QEMU's name of it, as in `sendkey` */
  key(qcode: string, down: boolean): void {
    if (!this.scan_enabled) return;
    const set = this.scancode_set;
    if (qcode === 'pause') {
      if (down && set < 3) this.#send(set === 1 ? PAUSE_SET_1 : PAUSE_SET_2);
      return;
    }
    if (qcode === 'print') {
      if (set < 3) this.#send(PRINT[set === 1 ? 1 : 2][down ? 'down' : 'up']);
      return;
    }
    const code = keyOf(qcode)?.codes[set - 1];
    if (!code) return;
    const prefix = code > 0xff ? [code >> 8] : [];
    if (set === 1) this.#send([...prefix, (code & 0xff) | (down ? 0 : 0x80)]);
    else this.#send([...prefix, ...(down ? [] : [0xf0]), code & 0xff]);
  }

  /** Source: ps2_put_keycode. */
  #send(codes: readonly number[]): void {
    for (const code of codes) {
      if (!this.translate) this.parent_obj.put(code);
      else if (code === 0xf0) this.need_high_bit = true;
      else {
        this.parent_obj.put(translate(code) | (this.need_high_bit ? 0x80 : 0));
        this.need_high_bit = false;
      }
    }
  }

  /** A byte from the guest. Source: ps2_write_keyboard. */
  write(value: number): void {
    const device = this.parent_obj;
    device.dropReply();
    const command = device.write_cmd;
    device.write_cmd = -1;
    if (command === 0xf0) {
      if (value === 0) device.reply(ACK, this.translate ? translate(this.scancode_set) : this.scancode_set);
      else if (value <= 3) {
        this.scancode_set = value;
        device.reply(ACK);
      } else device.reply(RESEND);
      return;
    }
    if (command !== -1) {
      if (command === 0xed) this.ledstate = value;
      device.reply(ACK);
      return;
    }
    switch (value) {
      case 0x00:
      case 0xfa: // all keys typematic
        return device.reply(ACK);
      case 0xee: // echo
        return device.reply(0xee);
      case 0xf2: // identify: an MF2 keyboard
        return device.reply(ACK, 0xab, this.translate ? 0x41 : 0x83);
      case 0xed: // indicators
      case 0xf0: // scan code set
      case 0xf3: // typematic rate
      case 0xfc: // make and break
        device.write_cmd = value;
        return device.reply(ACK);
      case 0xf4:
        this.scan_enabled = 1;
        return device.reply(ACK);
      case 0xf5: // default, disabled
      case 0xf6: // default
        this.#resetState();
        this.scan_enabled = value === 0xf6 ? 1 : 0;
        return device.reply(ACK);
      case 0xff:
        this.#resetState();
        return device.reply(ACK, PASSED);
      default:
        return device.reply(RESEND);
    }
  }

  #resetState(): void {
    this.scan_enabled = 1;
    this.scancode_set = 2;
    this.ledstate = 0;
    this.parent_obj.resetQueue();
  }
}

const REMOTE = 0x40;
const ENABLED = 0x20;
const SCALE21 = 0x10;
/** Sample rates that tell a driver's intention: the last two of three, and the type that answers. */
const KNOCKS: Readonly<Record<number, Readonly<Record<number, number>>>> = { 0: { 200: 1 }, 1: { 100: 2, 200: 3 } };
const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value));

/** A mouse that becomes an IntelliMouse, with wheel, when it is knocked at. */
export class PS2Mouse implements PS2MouseState {
  readonly parent_obj: PS2Device;
  mouse_status = 0;
  mouse_resolution = 0;
  mouse_sample_rate = 0;
  mouse_wrap = 0;
  mouse_type = 0;
  mouse_detect_state = 0;
  mouse_dx = 0;
  mouse_dy = 0;
  mouse_dz = 0;
  mouse_buttons = 0;

  constructor(irq: Irq) {
    this.parent_obj = new PS2Device(irq);
  }

  reset(): void {
    this.parent_obj.reset();
    this.mouse_status = this.mouse_resolution = this.mouse_sample_rate = this.mouse_wrap = this.mouse_type = 0;
    this.mouse_detect_state = this.mouse_dx = this.mouse_dy = this.mouse_dz = this.mouse_buttons = 0;
  }

  postLoad(): void {
    this.parent_obj.queue.cwptr = -1;
    this.parent_obj.postLoad();
  }

  /**
   * Movement since the last event, in the mouse's units; y grows upwards, dz downwards.
   * @param buttons as in `mouse_buttons`
   */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    if (!(this.mouse_status & ENABLED)) return;
    this.mouse_dx += dx;
    this.mouse_dy += dy;
    this.mouse_dz += dz;
    this.mouse_buttons = buttons;
    if (this.mouse_status & REMOTE) return;
    while (this.#sendPacket() && (this.mouse_dx || this.mouse_dy || this.mouse_dz));
  }

  /** Source: ps2_mouse_send_packet. */
  #sendPacket(): boolean {
    const dx = clamp(this.mouse_dx, 127);
    const dy = clamp(this.mouse_dy, 127);
    const first = 0x08 | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0) | (this.mouse_buttons & 7);
    const bytes = [first, dx & 0xff, dy & 0xff];
    if (this.parent_obj.room < (this.mouse_type ? 4 : 3)) return false;
    if (this.mouse_type === 3) {
      const dz = clamp(this.mouse_dz, 127);
      bytes.push(dz & 0xff);
      this.mouse_dz -= dz;
    } else if (this.mouse_type === 4) {
      const dz = clamp(this.mouse_dz, 7);
      bytes.push((dz & 0xf) | ((this.mouse_buttons & 0x18) << 1));
      this.mouse_dz -= dz;
    } else this.mouse_dz = 0;
    this.parent_obj.put(...bytes);
    this.mouse_dx -= dx;
    this.mouse_dy -= dy;
    return true;
  }

  /** A byte from the guest. Source: ps2_write_mouse. */
  write(value: number): void {
    const device = this.parent_obj;
    const command = device.write_cmd;
    device.write_cmd = -1;
    if (command === 0xf3) return this.#setSampleRate(value);
    if (command === 0xe8) {
      this.mouse_resolution = value;
      return device.put(ACK);
    }
    if (this.mouse_wrap && value !== 0xff) {
      if (value === 0xec) this.mouse_wrap = 0;
      return device.put(value === 0xec ? ACK : value);
    }
    switch (value) {
      case 0xe6:
        this.mouse_status &= ~SCALE21;
        break;
      case 0xe7:
        this.mouse_status |= SCALE21;
        break;
      case 0xe8: // resolution
      case 0xf3: // sample rate
        device.write_cmd = value;
        break;
      case 0xe9:
        return device.put(ACK, this.mouse_status, this.mouse_resolution, this.mouse_sample_rate);
      case 0xea:
        this.mouse_status &= ~REMOTE;
        break;
      case 0xeb:
        device.put(ACK);
        this.#sendPacket();
        return;
      case 0xee:
        this.mouse_wrap = 1;
        break;
      case 0xf0:
        this.mouse_status |= REMOTE;
        break;
      case 0xf2:
        return device.put(ACK, this.mouse_type);
      case 0xf4:
        this.mouse_status |= ENABLED;
        break;
      case 0xf5:
        this.mouse_status &= ~ENABLED;
        break;
      case 0xf6:
        this.#setDefaults();
        break;
      case 0xff:
        this.#setDefaults();
        this.mouse_type = 0;
        device.resetQueue();
        return device.put(ACK, PASSED, this.mouse_type);
      default:
        return;
    }
    device.put(ACK);
  }

  #setDefaults(): void {
    this.mouse_sample_rate = 100;
    this.mouse_resolution = 2;
    this.mouse_status = 0;
  }

  #setSampleRate(rate: number): void {
    this.mouse_sample_rate = rate;
    const state = this.mouse_detect_state;
    if (state >= 2 && rate === 80) this.mouse_type = state === 2 ? 3 : 4;
    this.mouse_detect_state = KNOCKS[state]?.[rate] ?? 0;
    this.parent_obj.put(ACK);
  }
}
