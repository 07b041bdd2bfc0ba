/**
 * Looks on their way from the worker to the page: what is new since the look before is sent, and put together here again.
 * The two halves know their looks by number; where they do not mean the same one, all is sent.
 */
import type { Look, LookNews, LookRequest, MachineHost } from './machine-api.ts';
import { deltaOf, withDelta, type Delta } from './util/delta.ts';

/** The worker's half: of one machine. */
export class LookTeller {
  #last: { readonly number: number; readonly look: Look } | undefined;

  /** @param since the look that the page will have when it gets this one */
  tell(look: Look, number: number, since: number): LookNews {
    const before = this.#last?.number === since ? this.#last.look : undefined;
    this.#last = { number, look };
    return before ? { since, delta: deltaOf(before, look) } : { since: undefined, delta: { value: look } };
  }
}

interface Followed {
  readonly id: number;
  readonly number: number;
  readonly look: Promise<Look>;
}

/** The page's half: `look`, by `lookNews`. What has not changed since the look before is the same object. */
export function followLooks(host: Pick<MachineHost, 'lookNews'>): MachineHost['look'] {
  let asked = 0;
  let last: Followed | undefined;
  return (id: number, wanted: LookRequest): Promise<Look> => {
    const before = last?.id === id ? last : undefined;
    const number = ++asked;
    const ask = async (since: Followed | undefined): Promise<Look> => {
      const news = await host.lookNews(id, wanted, number, since?.number ?? 0);
      const base = news.since === undefined ? undefined : await since!.look.catch(() => undefined);
      // The one before was lost: what is new since then is of no use.
      if (news.since !== undefined && !base) return ask(undefined);
      return withDelta(base, news.delta as Delta | undefined) as Look;
    };
    last = { id, number, look: ask(before) };
    return last.look;
  };
}
