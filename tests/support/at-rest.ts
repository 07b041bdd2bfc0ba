import type { MachineHost } from '../../src/lib/emulator/machine-api.ts';

const TRIES = 200;

/** Lets a guest run until it stands in its idle loop: native QEMU stopped it wherever it was. */
export async function comeToRest(host: MachineHost, id: number): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    if ((await host.cpu(id)).halted) return;
    await host.resume(id);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await host.pause(id);
  }
  throw new Error('the guest is never idle');
}
