/** Run before the router starts. */
import { takeToken } from '$lib/viz/bridge-address';
import { mendHash } from '$lib/viz/url-state';

const mended = takeToken(mendHash(location.hash), { setItem: keep });
if (mended !== location.hash) history.replaceState(history.state, '', mended || location.pathname + location.search);

/** Where storage is forbidden, the token is not kept. */
function keep(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // The page then says that there is no bridge.
  }
}
