/** JSON made readable; text that is none stays as it is. */
export function prettyJson(text: string): { readonly text: string; readonly error?: string } {
  try {
    return { text: JSON.stringify(JSON.parse(text), undefined, 2) };
  } catch (error) {
    // A RangeError too: 10,000 levels deep.
    return { text, error: error instanceof Error ? error.message : String(error) };
  }
}
