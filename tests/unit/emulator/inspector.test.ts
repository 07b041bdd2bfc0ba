import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { createInspector } from '../../../src/lib/emulator/inspector.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { placedAt } from '../../../src/lib/vmstate/vmstate.ts';

const sample = new URL('../../../static/samples/workload/workload.vmstate.gz', import.meta.url);

/** The sample with a second vCPU whose paging is off. */
async function twoVcpus(): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Uint8Array(gunzipSync(readFileSync(sample)));
  const { sections } = await readSnapshot(bytesSource(stream), { descriptions });
  const cpu = sections.find(({ name, kind }) => name === 'cpu' && kind === 'full')!;
  const second = stream.slice(cpu.start, cpu.end);
  const view = new DataView(second.buffer);
  // Type, section id, length and name, instance id; at its end the footer with the id again.
  view.setUint32(1, 0x7777);
  view.setUint32(1 + 4 + 1 + 'cpu'.length, 1);
  view.setUint32(second.length - 4, 0x7777);
  const cr0 = placedAt(cpu.fields, 'env.cr[0]')!;
  view.setBigUint64(cr0.start - cpu.start, 0x11n);
  return new Uint8Array(Buffer.concat([stream.subarray(0, cpu.end), second, stream.subarray(cpu.end)]));
}

test('addresses are walked as the vCPU that is asked for translates them', async () => {
  const inspector = createInspector();
  const { id, sections } = await inspector.open([new File([await twoVcpus()], 'state')], () => undefined);
  expect(sections.filter(({ name }) => name === 'cpu').map(({ instance }) => instance)).toEqual([0, 1]);
  const gva = 0xffffffff80100cc4n;
  expect(await inspector.walk(id, gva)).toMatchObject({ mode: '4-level', gpa: 0x100cc4 });
  expect(await inspector.walk(id, gva, { vcpu: 0, cr3: 0x110000n })).toMatchObject({ gpa: 0x100cc4 });
  expect(await inspector.walk(id, 0x1234n, { vcpu: 1 })).toMatchObject({ mode: 'none', gpa: 0x1234 });
  expect((await inspector.mappings(id)).length).toBeGreaterThan(1);
  expect(await inspector.mappings(id, { vcpu: 1 })).toEqual([]);
  await expect(inspector.walk(id, gva, { vcpu: 2 })).rejects.toThrow('no cpu section');
});
