/**
 * Pages as their difference from what the receiver has, out of a cache of what was sent.
 * Source: QEMU migration/page_cache.c, migration/ram.c (save_xbzrle_page); the encoding is in vmstate/xbzrle.ts.
 */
import { encodeXbzrle } from '../../vmstate/xbzrle.ts';
import { PAGE } from './savevm.ts';

/** Rounds for which a page is not replaced by another that falls on its place. */
const CACHED_PAGE_LIFETIME = 2;
/** The byte before the length of a delta: the only encoding there is. */
export const ENCODING_FLAG_XBZRLE = 1;

interface CacheItem {
  address: number;
  age: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What was sent last of some pages, by address; each has one place. Source: page_cache.c. */
export class PageCache {
  readonly #items: (CacheItem | undefined)[];

  /** @param bytes a power of two, at least a page */
  constructor(bytes: number) {
    this.#items = new Array<CacheItem | undefined>(bytes / PAGE).fill(undefined);
  }

  #place(address: number): number {
    return (address / PAGE) % this.#items.length;
  }

  /** The page's contents, to be changed in place; a hit makes them young again. */
  find(address: number, age: number): Uint8Array<ArrayBuffer> | undefined {
    const item = this.#items[this.#place(address)];
    if (item?.address !== address) return undefined;
    item.age = age;
    return item.data;
  }

  /** False where another page lies there that is too young to be replaced. */
  insert(address: number, page: Uint8Array, age: number): boolean {
    const place = this.#place(address);
    const item = this.#items[place];
    if (item && item.address !== address && item.age + CACHED_PAGE_LIFETIME > age) return false;
    if (item) {
      item.data.set(page);
      item.address = address;
      item.age = age;
    } else this.#items[place] = { address, age, data: new Uint8Array(page) };
    return true;
  }

  /** As it is, in another size; of pages that fall together the younger stays. Source: cache_resize. */
  resized(bytes: number): PageCache {
    const other = new PageCache(bytes);
    for (const item of this.#items.filter((i) => i !== undefined).toSorted((a, b) => a.age - b.age)) {
      other.#items[other.#place(item.address)] = item;
    }
    return other;
  }
}

/** What became of a page: its delta, `same` as the receiver has it, or to be sent whole. */
export type Encoded = Uint8Array<ArrayBuffer> | 'same' | 'whole';

/** Source: XBZRLECacheStats. */
export class Xbzrle {
  #cache: PageCache;
  #cacheBytes: number;
  readonly #zero = new Uint8Array(PAGE);
  bytes = 0;
  pages = 0;
  cache_miss = 0;
  cache_miss_rate = 0;
  encoding_rate = 0;
  overflow = 0;
  #before = { cache_miss: 0, pages: 0, bytes: 0 };

  constructor(cacheBytes: number) {
    this.#cacheBytes = cacheBytes;
    this.#cache = new PageCache(cacheBytes);
  }

  get cacheBytes(): number {
    return this.#cacheBytes;
  }
  set cacheBytes(bytes: number) {
    if (bytes === this.#cacheBytes) return;
    this.#cacheBytes = bytes;
    this.#cache = this.#cache.resized(bytes);
  }

  /**
   * @param address the page's place in all of RAM, in bytes
   * @param age dirty_sync_count
   * @param last no page will be sent after this round: the cache need not be kept up to date
   */
  encode(address: number, page: Uint8Array, age: number, last: boolean): Encoded {
    const old = this.#cache.find(address, age);
    if (!old) {
      this.cache_miss++;
      if (!last) this.#cache.insert(address, page, age);
      return 'whole';
    }
    this.pages++;
    const delta = encodeXbzrle(old, page);
    if (delta?.length === 0) return 'same';
    if (!last) old.set(page);
    if (delta) return delta;
    this.overflow++;
    this.bytes += PAGE;
    return 'whole';
  }

  /** A page was sent as zeros: an old one must not stay. */
  zeroPage(address: number, age: number): void {
    this.#cache.insert(address, this.#zero, age);
  }

  /** A period of at least a second is over. Source: migration_update_rates. @param pages sent in it */
  updateRates(pages: number): void {
    const before = this.#before;
    this.cache_miss_rate = (this.cache_miss - before.cache_miss) / pages;
    const encoded = this.bytes - before.bytes;
    this.encoding_rate = encoded === 0 ? 0 : ((this.pages - before.pages) * PAGE) / encoded;
    this.#before = { cache_miss: this.cache_miss, pages: this.pages, bytes: this.bytes };
  }
}
