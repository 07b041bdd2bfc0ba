/** Names of addresses of code, kept: the same few are asked for at every step. */

/** More than are on any screen. */
const MOST = 10_000;

export class NameCache {
  readonly #names = new Map<bigint, string | undefined>();
  #namings: number | undefined;

  /**
   * @param namings another number than before: the names that are kept are old
   * @param ask names of those that are not known; undefined where an address has none
   */
  async of(
    addresses: readonly bigint[],
    namings: number,
    ask: (unknown: readonly bigint[]) => Promise<readonly (string | undefined)[]>
  ): Promise<ReadonlyMap<bigint, string>> {
    if (namings !== this.#namings || this.#names.size > MOST) this.#names.clear();
    this.#namings = namings;
    const unknown = [...new Set(addresses)].filter((address) => !this.#names.has(address));
    if (unknown.length > 0) {
      const found = await ask(unknown);
      unknown.forEach((address, i) => this.#names.set(address, found[i]));
    }
    return new Map(
      addresses.flatMap((address) => {
        const name = this.#names.get(address);
        return name === undefined ? [] : [[address, name] as const];
      })
    );
  }
}
