/** Back to who wrote last to a place in guest memory. */
import { count, plainHex } from '../format.ts';
import type { Workspace } from '../workspace.svelte.ts';
import type { GuestAddress } from './selected-address.ts';

/** What is looked for when nobody says how much: as much as one store writes. */
const BYTES = 8;

/** Says what was found; the machine stays where it is when nothing was. */
export function runBackToWrite(
  workspace: Pick<Workspace, 'machine' | 'announce'>,
  { space, address }: GuestAddress
): Promise<boolean> {
  return workspace.machine.act(async (host, id) => {
    const write = await host.backToWrite(id, space, address, BYTES);
    const where = `${space} ${plainHex(address)}`;
    workspace.announce(
      write
        ? `${write.device ? 'A device wrote' : 'This instruction writes'} to ${where}, at ${count(write.icount)} instructions.`
        : `Nothing wrote to ${where} in the past that is known.`
    );
  });
}
