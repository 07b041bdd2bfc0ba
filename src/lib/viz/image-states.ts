/** A qcow2 image may hold several VM states; one of them is read. */
import type { FileInfo } from '../vmstate/snapshot.ts';

/** Id of the state that is read, where there is another one to be told from. */
export const chosenState = (file: FileInfo | undefined): string | undefined =>
  (file?.snapshots?.length ?? 0) > 1 ? file?.snapshot : undefined;

/** A file's name, with the state's where there are several. */
export function fileTitle(file: FileInfo): string {
  const chosen = chosenState(file);
  const state = file.snapshots?.find(({ id }) => id === chosen);
  return state && chosen !== undefined ? `${file.name} (${state.name})` : file.name;
}
