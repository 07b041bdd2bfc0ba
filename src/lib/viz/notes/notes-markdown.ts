/** The notebook as a document to hand on. */
import type { Note } from './notebook.svelte.ts';

/** Notes as Markdown, each with a link back. `link` gives the address of a place. */
export function notesMarkdown(file: string, notes: readonly Note[], link: (note: Note) => string): string {
  const safe = (text: string) => text.replace(/([\\`*_{}[\]<>#|])/g, '\\$1');
  const sections = notes.map(
    (note) =>
      `## [${safe(note.title)}](${link(note)})\n\n${note.text}\n\n*${new Date(note.made).toISOString().slice(0, 16)}*\n`
  );
  return [`# Notes on ${safe(file)}\n`, ...sections].join('\n');
}
