/** The 82540EM as it runs. Source: QEMU hw/net/e1000.c, e1000x_common.c; Intel 8254x software developer's manual. */
import { ETH_ALEN, type NetBackend, type NetFrontend } from '../../net/net.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { QEMUTimer } from '../../util/qemu-timer.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import { BAR_SPACE_IO, BAR_SPACE_MEMORY, PCIFunction } from '../pci/pci_device.ts';
import {
  DATA_SIZE,
  noProps,
  processDescriptor,
  writeBack,
  type Transmitter,
  type TxProgress
} from './e1000-transmit.ts';
import {
  at,
  CLEARED,
  CLEARED_WITH_LOW,
  EEPROM_CHECKSUM,
  eepromOf,
  MAC_INIT,
  MAC_REGISTERS,
  MII,
  PHY_ACCESS,
  PHY_READ,
  PHY_WRITE,
  phyInit,
  READABLE,
  WRITABLE,
  type RegisterName
} from './e1000-registers.ts';
import { vmstate_e1000, type E1000State, type E1000TxdProps } from './e1000.ts';

const ICR = { TXDW: 1, TXQE: 2, LSC: 4, RXDMT0: 0x10, RXO: 0x40, RXT0: 0x80, MDAC: 0x200 } as const;
const STATUS_LU = 2;
const CTRL_RST = 1 << 26;
const CTRL_VME = 1 << 30;
const RCTL = { EN: 2, SBP: 4, UPE: 8, MPE: 0x10, LPE: 0x20, BAM: 0x8000, VFE: 0x40000, SECRC: 0x400_0000 } as const;
const RAH_AV = 0x8000_0000;
const TCTL_EN = 2;
const BMCR = { LOOPBACK: 0x4000, AUTOEN: 0x1000, ANRESTART: 0x200, IGNORED: 0x823f } as const;
const BMSR = { LINK_ST: 4, AN_COMP: 0x20 } as const;
const ANLPAR_ACK = 0x4000;
const EECD = { SK: 1, CS: 2, DI: 4, DO: 8, KEPT: 0x77, ALWAYS: 0x180 } as const;
const MDIC = {
  READ: 0x800_0000,
  WRITE: 0x400_0000,
  READY: 0x1000_0000,
  INT_EN: 0x2000_0000,
  ERROR: 0x4000_0000
} as const;
const EERD = { START: 1, DONE: 0x10 } as const;
const EEPROM_READ_OPCODE = 6;
const RXD = { DD: 1, EOP: 2, IXSM: 4, VP: 8 } as const;
const DESCRIPTOR = 16;
const FCS = 4;
const VLAN_HEADER = 4;
const MACS = 12;
const [LONGEST_SHORT, LONGEST_LARGE] = [1518, 16 * 1024 - FCS];
const MMIO_SIZE = 0x20000;
const IO_SIZE = 0x40;
const MAX_DMA = 2 ** 52;
const NS_A_MS = 1_000_000n;
const AUTONEG_NS = 500n * NS_A_MS;
const FLUSH_NS = 1000n * NS_A_MS;
/** Least time between two interrupts, in units of 256 ns. */
const LEAST_DELAY = 500;
/** A driver whose descriptors have the card send more than this at once goes on at the next write to TDT. */
const MOST_WORK = 1 << 26;
const RX_SIZES = [2048, 1024, 512, 256];
const RX_SIZES_EXTENDED = [2048, 16384, 8192, 4096];
const MTA_SHIFT = [4, 3, 2, 0];
const SIZES = [64, 127, 255, 511, 1023] as const;
const RX_COUNTERS = ['PRC64', 'PRC127', 'PRC255', 'PRC511', 'PRC1023', 'PRC1522'] as const;
const TX_COUNTERS = ['PTC64', 'PTC127', 'PTC255', 'PTC511', 'PTC1023', 'PTC1522'] as const;
/** A mark that no stream can bring: the subsection was not there. */
const NOT_SENT = -1;

export interface E1000Options {
  readonly mac: Uint8Array;
  readonly backend: NetBackend;
}

const isBroadcast = (frame: Uint8Array): boolean => frame.subarray(0, ETH_ALEN).every((byte) => byte === 0xff);

export class E1000Device implements E1000State, Device, NetFrontend, Transmitter {
  readonly vmsd = vmstate_e1000 as never;
  readonly idstr: string;
  readonly parent_obj: PCIFunction;
  rxbuf_size = 0;
  rxbuf_min_shift = 1;
  eecd_state = { val_in: 0, bitnum_in: 0, bitnum_out: 0, reading: 0, old_eecd: 0 };
  mig_props: E1000TxdProps = noProps();
  tx = {
    ...{ size: 0, tso_frames: 0, sum_needed: 0, tso_props: noProps() },
    ...{ header: new Uint8Array(256), data: new Uint8Array(DATA_SIZE) }
  };
  eeprom_data: number[];
  phy_reg: number[] = phyInit();
  mac_reg: number[] = new Array<number>(MAC_REGISTERS).fill(0);
  mit_irq_level = false;
  props = noProps();
  readonly #mac: Uint8Array;
  readonly #backend: NetBackend;
  readonly #now: () => bigint;
  readonly #autoneg: QEMUTimer;
  readonly #mitigation: QEMUTimer;
  readonly #flush: QEMUTimer;
  #mitigating = false;
  #delayTx = false;
  #flushPending = false;
  #sending = false;
  readonly #progress: TxProgress = { segmenting: false, vlan: undefined };

  constructor(host: DeviceHost, bus: PCIRootBus, devfn: number, { mac, backend }: E1000Options) {
    this.#mac = mac.slice();
    this.#backend = backend;
    this.eeprom_data = eepromOf(mac);
    const { virtual } = host.clocks;
    this.#now = () => virtual.now();
    this.#autoneg = virtual.timer(() => this.#negotiated());
    this.#mitigation = virtual.timer(() => {
      this.#mitigating = false;
      this.#setCause(this.#get('ICR'));
    });
    this.#flush = virtual.timer(() => {
      this.#flushPending = false;
      this.#backend.flush();
    });
    const dev = new PCIFunction(bus, devfn, {
      ...{ name: 'e1000', vendor_id: 0x8086, device_id: 0x100e, revision: 3, class_id: 0x0200 }
    });
    this.parent_obj = dev;
    this.idstr = `${dev.path}/e1000`;
    dev.config[0x0c] = 0x10;
    dev.config[0x3d] = 1;
    const mmio = MemoryRegion.io('e1000-mmio', MMIO_SIZE, {
      impl: { min: 4, max: 4 },
      read: (addr) => this.#read(addr >> 2),
      write: (addr, value) => this.#write(addr >> 2, value)
    });
    const io = MemoryRegion.io('e1000-io', IO_SIZE, { read: () => 0, write: () => {} });
    dev.registerBar(0, BAR_SPACE_MEMORY, mmio);
    dev.registerBar(1, BAR_SPACE_IO, io);
    dev.onConfigWrite((addr, _value, length) => {
      if (addr <= 4 && addr + length > 4 && this.#isMaster) this.#backend.flush();
    });
    backend.attach(this);
    this.reset();
  }

  get #isMaster(): boolean {
    return this.parent_obj.isMaster;
  }
  #get(name: RegisterName): number {
    return this.mac_reg[at(name)]!;
  }
  #set(name: RegisterName, value: number): void {
    this.mac_reg[at(name)] = value >>> 0;
  }

  // Device.

  saveLocal(): unknown {
    return { pending: this.#backend.pending, mitigating: this.#mitigating, flush: this.#flushPending };
  }
  loadLocal({
    pending,
    mitigating,
    flush
  }: {
    pending: readonly Uint8Array[];
    mitigating: boolean;
    flush: boolean;
  }): void {
    this.#backend.pending = pending;
    this.#mitigating = mitigating;
    this.#flushPending = flush;
  }

  /** Source: e1000_reset_hold. */
  reset(): void {
    for (const timer of [this.#autoneg, this.#mitigation, this.#flush]) timer.del();
    this.#mitigating = this.#delayTx = this.#flushPending = this.mit_irq_level = false;
    this.phy_reg = phyInit();
    this.mac_reg.fill(0);
    for (const [name, value] of MAC_INIT) this.#set(name, value);
    this.rxbuf_min_shift = 1;
    Object.assign(this.tx, { size: 0, tso_frames: 0, sum_needed: 0, tso_props: noProps() });
    this.tx.header.fill(0);
    this.tx.data.fill(0);
    this.props = noProps();
    Object.assign(this.#progress, { segmenting: false, vlan: undefined });
    const mac = new DataView(Uint8Array.from([...this.#mac, 0, 0]).buffer);
    this.#set('RA', mac.getUint32(0, true));
    this.mac_reg[at('RA') + 1] = (RAH_AV | mac.getUint16(4, true)) >>> 0;
    this.parent_obj.reset();
  }

  preLoad(): void {
    this.tx.tso_props = { ...noProps(), mss: NOT_SENT };
  }
  preSave(): void {
    this.mig_props = { ...this.props };
  }
  /** Source: e1000_post_load. */
  postLoad(): string | undefined {
    const refusal = this.parent_obj.postLoad();
    if (refusal) return refusal;
    if (this.rxbuf_size > 16384 || this.rxbuf_min_shift > 31) return `receive buffers of ${this.rxbuf_size} bytes`;
    this.#delayTx = this.#flushPending = false;
    this.#mitigating = true;
    this.#mitigation.mod(this.#now() + 1n);
    if (this.#autonegotiates && !(this.phy_reg[MII.BMSR]! & BMSR.AN_COMP)) this.#autoneg.mod(this.#now() + AUTONEG_NS);
    this.props = { ...this.mig_props };
    if (this.tx.tso_props.mss === NOT_SENT) this.tx.tso_props = { ...this.mig_props };
    return undefined;
  }

  // Interrupts.

  /** Source: set_interrupt_cause. */
  #setCause(value: number): void {
    this.#set('ICR', value);
    this.#set('ICS', value);
    const pending = (this.#get('IMS') & this.#get('ICR')) >>> 0;
    if (!this.mit_irq_level && pending) {
      // Inside the window after an interrupt, the next one waits for its end.
      if (this.#mitigating) return;
      const delays = [
        this.#delayTx && pending & (ICR.TXQE | ICR.TXDW) ? this.#get('TADV') * 4 : 0,
        this.#get('RDTR') && pending & ICR.RXT0 ? this.#get('RADV') * 4 : 0,
        this.#get('ITR')
      ].filter((delay) => delay > 0);
      this.#mitigating = true;
      const delay = delays.length === 0 ? LEAST_DELAY : Math.max(LEAST_DELAY, Math.min(...delays));
      this.#mitigation.mod(this.#now() + BigInt(delay) * 256n);
      this.#delayTx = false;
    }
    this.mit_irq_level = pending !== 0;
    this.parent_obj.irq(this.mit_irq_level ? 1 : 0);
  }
  #addCause(bits: number): void {
    this.#setCause((bits | this.#get('ICR')) >>> 0);
  }
  delayInterrupt(): void {
    this.#delayTx = true;
  }

  // Link.

  get #autonegotiates(): boolean {
    return (this.phy_reg[MII.BMCR]! & BMCR.AUTOEN) !== 0;
  }

  #negotiated(): void {
    this.#set('STATUS', this.#get('STATUS') | STATUS_LU);
    this.phy_reg[MII.BMSR]! |= BMSR.LINK_ST | BMSR.AN_COMP;
    this.phy_reg[MII.ANLPAR]! |= ANLPAR_ACK;
    this.#backend.flush();
    this.#addCause(ICR.LSC);
  }

  #phyControl(value: number): void {
    this.phy_reg[MII.BMCR] = value & ~BMCR.IGNORED;
    if (!this.#autonegotiates || !(value & BMCR.ANRESTART)) return;
    this.#set('STATUS', this.#get('STATUS') & ~STATUS_LU);
    this.phy_reg[MII.BMSR]! &= ~(BMSR.LINK_ST | BMSR.AN_COMP);
    this.phy_reg[MII.ANLPAR]! &= ~ANLPAR_ACK;
    this.#autoneg.mod(this.#now() + AUTONEG_NS);
  }

  // Registers.

  #read(index: number): number {
    if (index === at('ICR')) {
      const value = this.#get('ICR');
      this.#setCause(0);
      return value;
    }
    if (index === at('EECD')) return this.#eecd();
    if (index === at('EERD')) return this.#eerd();
    const value = this.mac_reg[index] ?? 0;
    if (READABLE.has(index)) return value;
    if (CLEARED.has(index)) this.mac_reg[index] = 0;
    else if (CLEARED_WITH_LOW.has(index)) this.mac_reg[index] = this.mac_reg[index - 1] = 0;
    else return 0;
    return value;
  }

  #write(index: number, value: number): void {
    const special = this.#writers.get(index);
    if (special) return special(value >>> 0);
    const mask = WRITABLE.get(index);
    if (mask !== undefined) this.mac_reg[index] = (value & mask) >>> 0;
  }

  readonly #writers: ReadonlyMap<number, (value: number) => void> = new Map(
    Object.entries({
      CTRL: (value) => this.#set('CTRL', value & ~CTRL_RST),
      ICR: (value) => this.#setCause((this.#get('ICR') & ~value) >>> 0),
      ICS: (value) => this.#addCause(value),
      IMS: (value) => {
        this.#set('IMS', this.#get('IMS') | value);
        this.#addCause(0);
      },
      IMC: (value) => {
        this.#set('IMS', this.#get('IMS') & ~value);
        this.#addCause(0);
      },
      RCTL: (value) => this.#receiveControl(value),
      RDT: (value) => {
        this.#set('RDT', value & 0xffff);
        if (this.#hasBuffers(1)) this.#backend.flush();
      },
      TCTL: (value) => this.#transmit('TCTL', value),
      TDT: (value) => this.#transmit('TDT', value),
      MDIC: (value) => this.#mdic(value),
      EECD: (value) => this.#setEecd(value)
    } satisfies Partial<Record<RegisterName, (value: number) => void>>).map(([name, write]) => [
      at(name as RegisterName),
      write
    ])
  );

  /** Source: set_mdic. */
  #mdic(value: number): void {
    const [data, addr] = [value & 0xffff, (value >>> 16) & 0x1f];
    const access = PHY_ACCESS[addr] ?? 0;
    let result = value;
    if (((value >>> 21) & 0x1f) !== 1) result = this.#get('MDIC') | MDIC.ERROR;
    else if (value & MDIC.READ) {
      if (access & PHY_READ) result = (value & ~0xffff) | this.phy_reg[addr]!;
      else result |= MDIC.ERROR;
    } else if (value & MDIC.WRITE) {
      if (!(access & PHY_WRITE)) result |= MDIC.ERROR;
      else if (addr === MII.BMCR) this.#phyControl(data);
      else this.phy_reg[addr] = data;
    }
    this.#set('MDIC', result | MDIC.READY);
    if (result & MDIC.INT_EN) this.#addCause(ICR.MDAC);
  }

  /** The EEPROM's serial lines. Source: get_eecd, set_eecd. */
  #eecd(): number {
    const { reading, bitnum_out, old_eecd } = this.eecd_state;
    const bit = (this.eeprom_data[(bitnum_out >> 4) & 0x3f]! >> ((bitnum_out & 15) ^ 15)) & 1;
    return EECD.ALWAYS | old_eecd | (!reading || bit ? EECD.DO : 0);
  }
  #setEecd(value: number): void {
    const s = this.eecd_state;
    const changed = value ^ s.old_eecd;
    s.old_eecd = value & EECD.KEPT;
    if (!(value & EECD.CS)) return;
    if (changed & EECD.CS) Object.assign(s, { val_in: 0, bitnum_in: 0, bitnum_out: 0, reading: 0 });
    if (!(changed & EECD.SK)) return;
    if (!(value & EECD.SK)) {
      s.bitnum_out = (s.bitnum_out + 1) & 0xffff;
      return;
    }
    s.val_in = ((s.val_in << 1) | (value & EECD.DI ? 1 : 0)) >>> 0;
    s.bitnum_in = (s.bitnum_in + 1) & 0xffff;
    if (s.bitnum_in !== 9 || s.reading) return;
    s.bitnum_out = (((s.val_in & 0x3f) << 4) - 1) & 0xffff;
    s.reading = ((s.val_in >> 6) & 7) === EEPROM_READ_OPCODE ? 1 : 0;
  }
  #eerd(): number {
    const value = this.#get('EERD');
    if (!(value & EERD.START)) return value;
    const rest = value & ~EERD.START;
    const index = rest >>> 8;
    const word = index > EEPROM_CHECKSUM ? 0 : this.eeprom_data[index]!;
    return ((word << 16) | EERD.DONE | rest) >>> 0;
  }

  // Counters.

  #count(name: RegisterName): void {
    if (this.#get(name) !== 0xffff_ffff) this.#set(name, this.#get(name) + 1);
  }
  /** 64 bits in two registers; full they stay. */
  #grow(low: RegisterName, bytes: number): void {
    const i = at(low);
    const sum = (BigInt(this.mac_reg[i + 1]!) << 32n) + BigInt(this.mac_reg[i]!) + BigInt(bytes);
    const kept = sum > 0xffff_ffff_ffff_ffffn ? 0xffff_ffff_ffff_ffffn : sum;
    this.mac_reg[i] = Number(kept & 0xffff_ffffn);
    this.mac_reg[i + 1] = Number(kept >> 32n);
  }
  #countSize(counters: readonly RegisterName[], size: number): void {
    const n = size === SIZES[0] ? 0 : size < SIZES[0] ? undefined : SIZES.findIndex((most) => size <= most);
    if (n !== undefined) this.#count(counters[n < 0 ? SIZES.length : n]!);
  }

  // Memory.

  read(addr: number, into: Uint8Array): void {
    if (addr + into.length > MAX_DMA) into.fill(0);
    else this.parent_obj.dma.readBytes(addr, into);
  }
  #dmaWrite(addr: number, from: Uint8Array): void {
    if (addr + from.length <= MAX_DMA) this.parent_obj.dma.writeBytes(addr, from);
  }
  #ring(high: RegisterName, low: RegisterName): number {
    return this.#get(high) * 2 ** 32 + (this.#get(low) & ~0xf) + (this.#get(low) & 0x8000_0000 ? 2 ** 32 : 0);
  }

  // Out.

  get vlanEnabled(): boolean {
    return (this.#get('CTRL') & CTRL_VME) !== 0;
  }
  get vlanType(): number {
    return this.#get('VET') & 0xffff;
  }
  segmented(): void {
    this.#count('TSCTC');
  }
  sent(frame: Uint8Array, size: number): void {
    if (this.phy_reg[MII.BMCR]! & BMCR.LOOPBACK) this.receive(frame);
    else this.#backend.send(frame);
    if (isBroadcast(frame)) this.#count('BPTC');
    else if (frame[0]! & 1) this.#count('MPTC');
    this.#countSize(TX_COUNTERS, frame.length + FCS);
    this.#count('TPT');
    this.#grow('TOTL', size + FCS);
    this.#count('GPTC');
    this.#grow('GOTCL', size + FCS);
  }

  /** Source: set_tctl, start_xmit. */
  #transmit(name: 'TCTL' | 'TDT', value: number): void {
    this.#set(name, value);
    this.#set('TDT', this.#get('TDT') & 0xffff);
    if (!(this.#get('TCTL') & TCTL_EN) || this.#sending) return;
    this.#sending = true;
    const start = this.#get('TDH');
    const count = this.#get('TDLEN') / DESCRIPTOR;
    let cause: number = ICR.TXQE;
    for (let work = 0; this.#get('TDH') !== this.#get('TDT') && work < MOST_WORK;) {
      const head = this.#get('TDH');
      const base = this.#ring('TDBAH', 'TDBAL') + DESCRIPTOR * head;
      const descriptor = new DataView(new ArrayBuffer(DESCRIPTOR));
      this.read(base, new Uint8Array(descriptor.buffer));
      work += 64 + processDescriptor(this, this.#progress, descriptor);
      const status = writeBack(descriptor);
      if (status !== undefined) {
        descriptor.setUint32(12, status, true);
        this.#dmaWrite(base + 12, new Uint8Array(descriptor.buffer, 12));
        cause |= ICR.TXDW;
      }
      this.#set('TDH', head + 1 >= count ? 0 : head + 1);
      // A tail outside the ring is never reached.
      if (this.#get('TDH') === start || start >= Math.floor(count)) break;
    }
    this.#sending = false;
    this.#addCause(cause);
  }

  // In.

  #receiveControl(value: number): void {
    this.#set('RCTL', value);
    const sizes = value & 0x200_0000 ? RX_SIZES_EXTENDED : RX_SIZES;
    this.rxbuf_size = sizes[(value >>> 16) & 3]!;
    this.rxbuf_min_shift = ((value >>> 8) & 3) + 1;
    this.#flushPending = true;
    this.#flush.mod(this.#now() + FLUSH_NS);
  }

  /** Source: e1000_has_rxbufs. */
  #hasBuffers(size: number): boolean {
    const [head, tail] = [this.#get('RDH'), this.#get('RDT')];
    if (size <= this.rxbuf_size) return head !== tail;
    if (head === tail) return false;
    const count = tail - head + (tail < head ? Math.floor(this.#get('RDLEN') / DESCRIPTOR) : 0);
    return size <= count * this.rxbuf_size;
  }

  canReceive(): boolean {
    const up = (this.#get('STATUS') & STATUS_LU) !== 0 && (this.#get('RCTL') & RCTL.EN) !== 0;
    return up && this.#isMaster && this.rxbuf_size > 0 && this.#hasBuffers(1) && !this.#flushPending;
  }

  /** Source: receive_filter, e1000x_rx_group_filter. */
  #accepts(frame: Uint8Array): boolean {
    const rctl = this.#get('RCTL');
    if (this.#isVlan(frame) && rctl & RCTL.VFE) {
      const vid = (frame[14]! << 8) | frame[15]!;
      if (!((this.mac_reg[at('VFTA') + ((vid >> 5) & 0x7f)]! >>> (vid & 31)) & 1)) return false;
    }
    const all = isBroadcast(frame) ? RCTL.BAM : frame[0]! & 1 ? RCTL.MPE : RCTL.UPE;
    if (rctl & all) return true;
    const [low, high] = [
      (frame[0]! | (frame[1]! << 8) | (frame[2]! << 16) | (frame[3]! << 24)) >>> 0,
      frame[4]! | (frame[5]! << 8)
    ];
    for (let i = at('RA'); i < at('RA') + 32; i += 2) {
      const upper = this.mac_reg[i + 1]!;
      if (upper >= RAH_AV && this.mac_reg[i] === low && (upper & 0xffff) === high) return true;
    }
    const hash = (high >> MTA_SHIFT[(rctl >>> 12) & 3]!) & 0xfff;
    return ((this.mac_reg[at('MTA') + (hash >> 5)]! >>> (hash & 31)) & 1) !== 0;
  }
  #isVlan(frame: Uint8Array): boolean {
    return ((frame[12]! << 8) | frame[13]!) === this.vlanType;
  }

  /** Source: e1000_receive_iov. */
  receive(whole: Uint8Array): void {
    const rctl = this.#get('RCTL');
    if (!(this.#get('STATUS') & STATUS_LU) || !(rctl & RCTL.EN) || this.#flushPending || this.rxbuf_size === 0) return;
    const most = rctl & RCTL.LPE ? LONGEST_LARGE : LONGEST_SHORT;
    if (whole.length > most && !(rctl & RCTL.SBP)) return this.#count('ROC');
    if (whole.length < MACS + 2 + VLAN_HEADER || !this.#accepts(whole)) return;
    let [frame, special, vlan] = [whole, 0, 0];
    if (this.vlanEnabled && this.#isVlan(whole)) {
      special = (whole[14]! << 8) | whole[15]!;
      vlan = RXD.VP;
      frame = Uint8Array.from([...whole.subarray(0, MACS), ...whole.subarray(MACS + VLAN_HEADER)]);
    }
    const total = frame.length + (rctl & RCTL.SECRC ? 0 : FCS);
    if (!this.#hasBuffers(total)) return this.#overrun();
    const [start, count] = [this.#get('RDH'), this.#get('RDLEN') / DESCRIPTOR];
    for (let done = 0; done < total;) {
      const head = this.#get('RDH');
      const base = this.#ring('RDBAH', 'RDBAL') + DESCRIPTOR * head;
      const bytes = new Uint8Array(DESCRIPTOR);
      const descriptor = new DataView(bytes.buffer);
      this.read(base, bytes);
      descriptor.setUint16(14, special, true);
      bytes[12]! &= ~RXD.DD;
      const addr = descriptor.getUint32(0, true) + descriptor.getUint32(4, true) * 2 ** 32;
      // One without a buffer is passed over.
      if (addr !== 0) {
        const size = Math.min(total - done, this.rxbuf_size);
        this.#dmaWrite(addr, frame.subarray(done, done + size));
        done += size;
        descriptor.setUint16(8, size, true);
        if (done >= total) bytes[12]! |= RXD.EOP | RXD.IXSM;
        else bytes[12]! &= ~RXD.EOP;
      }
      this.#dmaWrite(base, bytes);
      bytes[12]! |= vlan | RXD.DD;
      this.#dmaWrite(base + 12, bytes.subarray(12, 13));
      this.#set('RDH', head + 1 >= count ? 0 : head + 1);
      if (this.#get('RDH') === start || start >= Math.floor(count)) return this.#overrun();
    }
    this.#received(frame, total);
  }

  #overrun(): void {
    this.#count('RNBC');
    this.#count('MPC');
    this.#addCause(ICR.RXO);
  }

  #received(frame: Uint8Array, total: number): void {
    this.#countSize(RX_COUNTERS, total);
    this.#count('TPR');
    this.#count('GPRC');
    this.#grow('TORL', frame.length + FCS);
    this.#grow('GORCL', frame.length + FCS);
    if (isBroadcast(frame)) this.#count('BPRC');
    else if (frame[0]! & 1) this.#count('MPRC');
    const length = this.#get('RDLEN');
    const tail = this.#get('RDT') + (this.#get('RDT') < this.#get('RDH') ? Math.floor(length / DESCRIPTOR) : 0);
    const few = (tail - this.#get('RDH')) * DESCRIPTOR <= length >>> this.rxbuf_min_shift;
    this.#addCause(ICR.RXT0 | (few ? ICR.RXDMT0 : 0));
  }
}
