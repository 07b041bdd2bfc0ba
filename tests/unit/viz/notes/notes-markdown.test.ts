import { expect, test } from 'vitest';
import { notesMarkdown } from '../../../../src/lib/viz/notes/notes-markdown.ts';

test('notes become a document with a link back to each place', () => {
  const note = {
    id: 1,
    print: 'p',
    place: 'section:3',
    title: 'cpu_common/0 [x]',
    text: 'Why?',
    made: Date.UTC(2026, 0, 2, 3, 4)
  };
  expect(notesMarkdown('vm_1.state', [note], (n) => `https://x/#${n.place}`)).toBe(
    '# Notes on vm\\_1.state\n\n## [cpu\\_common/0 \\[x\\]](https://x/#section:3)\n\nWhy?\n\n*2026-01-02T03:04*\n'
  );
});
