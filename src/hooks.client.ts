/** Run before the router starts. */
import { mendHash } from '$lib/viz/url-state';

const mended = mendHash(location.hash);
if (mended !== location.hash) history.replaceState(history.state, '', mended);
