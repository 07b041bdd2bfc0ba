import { expect, test } from 'vitest';
import { specFrom, titleOf, type BreakpointForm } from '../../../../src/lib/viz/machine/breakpoint-spec.ts';

const form = (part: Partial<BreakpointForm>): BreakpointForm => ({
  ...{ kind: 'code', where: '', space: 'virtual', bytes: '4', access: 'write', condition: '' },
  ...part
});
const lookUp = (name: string): Promise<bigint | undefined> => Promise.resolve(name === 'do_idle' ? 0x1000n : undefined);

test('each kind is read from what a person writes', async () => {
  const from = (part: Partial<BreakpointForm>) => specFrom(form(part), lookUp);
  expect(await from({ where: 'do_idle', condition: ' $rax == 1 ' })).toEqual({
    ...{ kind: 'code', address: 0x1000n, condition: '$rax == 1' }
  });
  expect(await from({ kind: 'data', where: '0x20', access: 'read', space: 'physical' })).toEqual({
    ...{ kind: 'data', space: 'physical', address: 0x20n, bytes: 4, access: 'read' }
  });
  expect(await from({ kind: 'port', where: '0x3f8' })).toEqual({
    kind: 'port',
    port: 0x3f8,
    ports: 1,
    access: 'write'
  });
  expect(await from({ kind: 'port', where: '0x3f8-0x3ff' })).toMatchObject({ port: 0x3f8, ports: 8 });
  expect(await from({ kind: 'msr', where: '0xc0000082' })).toEqual({
    kind: 'msr',
    index: 0xc000_0082,
    access: 'write'
  });
  expect(await from({ kind: 'vector', where: '14' })).toEqual({ kind: 'vector', vector: 14 });
  expect(await from({ kind: 'field', where: ' 0000:00:03.0/virtio-blk/0  vdev.isr ' })).toEqual({
    ...{ kind: 'field', section: '0000:00:03.0/virtio-blk/0', path: 'vdev.isr' }
  });
});

test('what cannot be understood says what could be', async () => {
  const refused = (part: Partial<BreakpointForm>) => expect(specFrom(form(part), lookUp)).rejects;
  await refused({ where: 'nowhere' }).toThrow('no address');
  await refused({ kind: 'port', where: '0x10000' }).toThrow('no port');
  await refused({ kind: 'port', where: '9-8' }).toThrow('before the first');
  await refused({ kind: 'vector', where: '256' }).toThrow('no vector');
  await refused({ kind: 'msr', where: '' }).toThrow('no MSR');
  await refused({ kind: 'field', where: 'apic' }).toThrow('name/instance path');
});

test('breakpoints have titles', () => {
  expect(titleOf({ kind: 'code', address: 0x7c00n })).toBe('Code at 0x0000000000007c00');
  expect(titleOf({ kind: 'port', port: 0x3f8, ports: 8, access: 'access' })).toBe(
    'read or write of port 0x3f8 to 0x3ff'
  );
  expect(titleOf({ kind: 'field', section: 'apic/0', path: 'tpr' })).toBe('apic/0 tpr changes');
});
