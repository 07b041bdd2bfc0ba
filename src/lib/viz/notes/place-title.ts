/** What a place is called, for people. */
import { sectionLabel } from '../../vmstate/snapshot.ts';
import { counted, plainHex } from '../format.ts';
import type { Session } from '../session.svelte.ts';
import type { Selection } from '../selection.svelte.ts';

export function placeTitle(place: Selection, session: Session): string {
  switch (place.kind) {
    case 'none':
      return 'the file';
    case 'section': {
      const section = session.section(place.section);
      return section ? sectionLabel(section) : `section ${place.section}`;
    }
    case 'field':
      return `${session.section(place.section)?.name ?? `section ${place.section}`}.${place.path}`;
    case 'bytes':
    case 'range':
      return `bytes ${plainHex(place.start)} to ${plainHex(place.end)}`;
    case 'page': {
      const block = session.info?.blocks.findLast((b) => b.firstPage <= place.page);
      return block ? `${block.idstr} + ${plainHex((place.page - block.firstPage) * 4096)}` : `page ${place.page}`;
    }
    case 'pages':
      return counted(
        place.runs.reduce((sum, [first, end]) => sum + end - first, 0),
        'page'
      );
    case 'gva':
      return `guest-virtual ${plainHex(place.gva, 16)}`;
  }
}
