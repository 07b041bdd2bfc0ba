/** The channels of a multifd migration together: their pages in time order. Source: QEMU migration/multifd.c. */
import { Column } from './column.ts';
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
/** A sound capture has none or a few. */
const MAX_RACES = 10_000;

export interface MultifdResult {
  readonly channels: readonly MultifdChannelInfo[];
  /** In the order in which their pages were added. */
  readonly packets: readonly MultifdPacketInfo[];
  /** `ram.count` at each synchronisation of all channels: what came before is at the receiver. */
  readonly syncs: readonly number[];
  readonly races: readonly PageRace[];
}

/** A page that two channels carried between the same two synchronisations, with different contents. */
export interface PageRace {
  readonly page: number;
  /** Record that a destination has as well, if its threads run so. */
  readonly earlier: number;
  /** Record of the higher packet number: the one that counts here. */
  readonly later: number;
}

/**
 * All channels of a migration, read side by side. Pages are added in time order: between two synchronisations, which
 * hold on all channels, by packet number; on one channel always as they lie there. A page is meant to be sent once between
 * two synchronisations. Where it was not, a destination keeps what its threads wrote last: such races are listed.
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
    const races = findRaces(this.#ram, this.#syncs);
    if (races.length > 0) this.#noteRaces(races);
    return { channels, packets: this.#packets, syncs: this.#syncs, races };
  }

  #noteRaces(races: readonly PageRace[]): void {
    const { page, later } = races[0]!;
    const { idstr = '?', firstPage = 0 } = this.#ram.blockOf(page) ?? {};
    const offset = ((page - firstPage) * this.#ram.pageSize).toString(16);
    const which = `0x${offset} of ${idstr}${races.length > 1 ? ` and ${races.length - 1} more` : ''}`;
    const source = this.#ram.sourceOf(later);
    const name = this.#channels.find((c) => c.source === source)?.name ?? '?';
    this.#problems.add({
      ...{ code: 'multifd-race', severity: 'note', at: this.#ram.offsetOf(later) },
      message: `multifd ${name}: another channel carried page ${which} too before the next SYNC, with other contents`,
      hint: 'A destination keeps what its threads write last; shown is the one with the higher packet number.'
    });
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
 * QEMU up to 8.0 may queue the page that fills a packet for the next one too, which another channel sends
 * (multifd_queue_page looks at a packet that its thread may have emptied already); the guest may write in between.
 */
function findRaces(ram: RamIndex, syncs: readonly number[]): readonly PageRace[] {
  const races: PageRace[] = [];
  /** 1 + last record of each page. */
  const seen = new Column();
  let segment = 0;
  let next = 0;
  ram.each(0, ram.count, (later, page, _kind, _offset, source) => {
    while (later >= (syncs[next] ?? Infinity)) segment = syncs[next++]!;
    const earlier = seen.get(page) - 1;
    seen.set(page, later + 1);
    if (earlier < segment || source === 0 || races.length >= MAX_RACES) return;
    const other = ram.sourceOf(earlier);
    if (other === 0 || other === source) return;
    const same = ram.hashLowOf(earlier) === ram.hashLowOf(later) && ram.hashHighOf(earlier) === ram.hashHighOf(later);
    if (!same) races.push({ page, earlier, later });
  });
  return races;
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
