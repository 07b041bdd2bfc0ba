import { expect, test } from 'vitest';
import type { LastWrite, MachineHost } from '../../../../src/lib/emulator/machine-api.ts';
import { runBackToWrite } from '../../../../src/lib/viz/machine/last-write.ts';
import type { Workspace } from '../../../../src/lib/viz/workspace.svelte.ts';

async function said(write: LastWrite | undefined): Promise<{ text: string; asked: unknown[] }> {
  const asked: unknown[] = [];
  let text = '';
  const host = { backToWrite: (...wanted: unknown[]) => (asked.push(...wanted), Promise.resolve(write)) };
  const workspace = {
    announce: (words: string) => (text = words),
    machine: {
      async act(what: (host: MachineHost, id: number) => Promise<unknown>) {
        await what(host as unknown as MachineHost, 7);
        return true;
      }
    }
  } as unknown as Workspace;
  await runBackToWrite(workspace, { space: 'virtual', address: 0xffff_8000_0000_1000n });
  return { text, asked };
}

test('says who wrote, and when', async () => {
  const { text, asked } = await said({ device: false, icount: 1234567 });
  expect(text).toBe('This instruction writes to virtual 0xffff800000001000, at 1,234,567 instructions.');
  expect(asked).toEqual([7, 'virtual', 0xffff_8000_0000_1000n, 8]);
  expect((await said({ device: true, icount: 5 })).text).toMatch(/^A device wrote to virtual /);
  expect((await said(undefined)).text).toBe('Nothing wrote to virtual 0xffff800000001000 in the past that is known.');
});
