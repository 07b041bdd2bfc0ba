/** The channels of a multifd migration together: their pages in time order. Source: QEMU migration/multifd.c. */
import {
  MultifdChannel,
  type MultifdChannelInfo,
  type MultifdInput,
  type MultifdPacketInfo
} from './multifd-channel.ts';
import type { Problems } from './problem.ts';
import { MAX_SOURCES, type RamIndex } from './ram-index.ts';
import type { Yield } from './stream-window.ts';
import { tooManyFiles } from './mapped-ram.ts';

/** What a hostile capture may make of packets without contents. */
const MAX_PACKETS = 1_000_000;

export interface MultifdResult {
  readonly channels: readonly MultifdChannelInfo[];
  /** In the order in which their pages were added. */
  readonly packets: readonly MultifdPacketInfo[];
  /** `ram.count` at each synchronisation of all channels: what came before is at the receiver. */
  readonly syncs: readonly number[];
}

/**
 * All channels of a migration, read side by side. Pages are added in time order: between two synchronisations, which
 * hold on all channels, by packet number; on one channel always as they lie there. A page is sent at most once between
 * two synchronisations, so what memory became is exact.
 */
export class Multifd {
  readonly #channels: MultifdChannel[] = [];
  readonly #ram: RamIndex;
  readonly #problems: Problems;
  readonly #packets: MultifdPacketInfo[] = [];
  readonly #syncs: number[] = [];
  /** What the main channel marks a synchronisation with: EOS up to 8.0, MULTIFD_FLUSH since 8.1. */
  #mark: 'eos' | 'flush' | undefined;

  readonly #yieldTo: Yield;

  private constructor(ram: RamIndex, problems: Problems, yieldTo: Yield) {
    this.#ram = ram;
    this.#problems = problems;
    this.#yieldTo = yieldTo;
  }

  static async open(
    inputs: readonly MultifdInput[],
    ram: RamIndex,
    problems: Problems,
    yieldTo: Yield = () => undefined
  ): Promise<Multifd> {
    const multifd = new Multifd(ram, problems, yieldTo);
    for (const input of inputs) {
      if (ram.sources.length > MAX_SOURCES) {
        tooManyFiles(input.name, problems);
        break;
      }
      const channel = new MultifdChannel(input, ram.sources.push(input.source) - 1, problems);
      multifd.#channels.push(channel);
      await channel.open();
    }
    return multifd;
  }

  /**
   * The main channel has a mark that may stand for a synchronisation: adds what the channels carried before it. Called
   * at every EOS and every MULTIFD_FLUSH, it lets records of both come in time order.
   */
  async synchronise(mark: 'eos' | 'flush'): Promise<void> {
    // The setup section ends in FLUSH and EOS, or in EOS alone: that tells which of them counts.
    this.#mark ??= mark;
    if (this.#mark === mark) await this.#segment();
  }

  /** Adds what is left. */
  async finish(): Promise<MultifdResult> {
    while (this.#channels.some((c) => c.next) && !this.#full) await this.#segment();
    if (this.#full) {
      const message = `more than ${MAX_PACKETS} packets or ${this.#ram.count} pages`;
      this.#problems.add({ code: 'multifd-packets', severity: 'fatal', at: 0, message });
    }
    const channels = this.#channels.map((c) => c.info);
    return { channels, packets: this.#packets, syncs: this.#syncs };
  }

  get #full(): boolean {
    return this.#packets.length >= MAX_PACKETS || this.#ram.room === 0;
  }

  /** Adds the packets up to the next SYNC of each channel. */
  async #segment(): Promise<void> {
    const open = new Set(this.#channels.keys());
    let synced = false;
    while (!this.#full) {
      let channel = -1;
      for (const i of open) {
        const { next } = this.#channels[i]!;
        if (!next) open.delete(i);
        else if (channel < 0 || next.packetNum < this.#channels[channel]!.next!.packetNum) channel = i;
      }
      if (channel < 0) break;
      const pause = this.#yieldTo();
      if (pause) await pause;
      const info = await this.#channels[channel]!.take(this.#ram);
      if (!info) continue;
      this.#packets.push({ channel, ...info });
      if (info.sync) {
        synced = true;
        open.delete(channel);
      }
    }
    if (synced) this.#syncs.push(this.#ram.count);
  }
}

/**
 * Adds the pages of all channels behind the records that are there already. With records of the main channel between
 * them (zero pages up to 8.2, postcopy) that is only nearly the order of time: use `Multifd` while the stream is read.
 */
export async function addMultifd(
  channels: readonly MultifdInput[],
  ram: RamIndex,
  problems: Problems
): Promise<MultifdResult> {
  return (await Multifd.open(channels, ram, problems)).finish();
}
