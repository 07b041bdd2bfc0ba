/**
 * The bridge of `migrascope serve`, as the address that it prints names it: `http://127.0.0.1:8470/#bridge=TOKEN`. The
 * token is kept for this tab and taken out of the address, so that no link that is copied carries it.
 */
import type { BridgeAddress } from '../emulator/machine-api.ts';

export const BRIDGE_HASH = 'bridge';
/** Below the page's own address. */
export const BRIDGE_PATH = 'bridge';

const KEY = 'migrascope.bridge';
const TOKEN = /^[\w-]{16,128}$/;

/** The hash without the token, which goes to the store. */
export function takeToken(hash: string, store: Pick<Storage, 'setItem'>): string {
  const params = new URLSearchParams(hash.replace(/^#/, ''));
  const token = params.get(BRIDGE_HASH);
  if (token === null) return hash;
  if (TOKEN.test(token)) store.setItem(KEY, token);
  params.delete(BRIDGE_HASH);
  const rest = params.toString();
  return rest === '' ? '' : `#${rest}`;
}

/** Undefined: the page was not opened by the address of a server that has a bridge. */
export function bridgeAddress(store: Pick<Storage, 'getItem'>, base: string): BridgeAddress | undefined {
  const token = store.getItem(KEY);
  if (token === null || !TOKEN.test(token)) return undefined;
  const url = new URL(BRIDGE_PATH, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return { url: url.href, token };
}
