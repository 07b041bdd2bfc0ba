/** What a click on a hit selects. */
import type { SearchHit } from '../../emulator/api.ts';
import { nothing, type Selection } from '../selection.svelte.ts';

export function hitSelection(hit: SearchHit): Selection {
  if (hit.section !== undefined && hit.path !== undefined)
    return { kind: 'field', section: hit.section, path: hit.path };
  // Found in guest memory: the page is what it means, wherever the stream has it.
  if (hit.page !== undefined) {
    return { kind: 'page', page: hit.page, ...(hit.gpa !== undefined && { offset: hit.gpa % 4096 }) };
  }
  if (hit.kind === 'section' && hit.section !== undefined) return { kind: 'section', section: hit.section };
  if (hit.start !== undefined) return { kind: 'bytes', start: hit.start, end: hit.end ?? hit.start + 1 };
  return nothing;
}
