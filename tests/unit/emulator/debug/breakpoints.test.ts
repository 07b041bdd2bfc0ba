/** Breakpoints of all kinds on a PC without a guest: real-mode code put there by hand. */
import { expect, test } from 'vitest';
import { Breakpoints } from '../../../../src/lib/emulator/debug/breakpoints.ts';
import type { BreakpointSpec } from '../../../../src/lib/emulator/machine-api.ts';
import type { Machine } from '../../../../src/lib/emulator/machine.ts';
import { R_CS } from '../../../../src/lib/emulator/target/i386/env.ts';
import { cpu_x86_load_seg_cache } from '../../../../src/lib/emulator/target/i386/hflags.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const CODE = 0x7c00;

/** Runs so much of the code, with breakpoints; returns why it stood still and where. */
function stops(code: readonly number[], ...specs: readonly BreakpointSpec[]): { machine: Machine; all: Breakpoints } {
  const machine = smallMachine();
  const { env } = machine.cpu;
  cpu_x86_load_seg_cache(env, R_CS, 0, 0, 0xffff, 0x9b00);
  env.set64('eip', BigInt(CODE));
  machine.memory.writeBytes(CODE, Uint8Array.from(code));
  const all = new Breakpoints(machine, (address) => (address === BigInt(CODE) ? 'start' : undefined));
  for (const spec of specs) all.add(spec);
  machine.step(100);
  return { machine, all };
}
const eipOf = ({ cpu }: Machine): number => Number(cpu.env.get64('eip'));

test('a store into watched memory says who, where, and what it was', () => {
  // mov byte [0x500], 0x12; hlt
  const { machine, all } = stops([0xc6, 0x06, 0x00, 0x05, 0x12, 0xf4], {
    ...{ kind: 'data', space: 'physical', address: 0x500n, bytes: 2, access: 'write' }
  });
  expect(machine.runstate.state).toBe('debug');
  expect(machine.runstate.stopped).toEqual({
    ...{ kind: 'breakpoint', id: 1 },
    what: 'write of 1 byte at 0x500 by 0x7c00 (start), 0x00 → 0x12'
  });
  expect([eipOf(machine), all.list[0]!.hits]).toEqual([CODE + 5, 1]);
});

test('a port read or written, by its range and way', () => {
  // mov dx, 0x3f9; in al, dx; out dx, al; hlt
  const code = [0xba, 0xf9, 0x03, 0xec, 0xee, 0xf4];
  const { machine } = stops(code, { kind: 'port', port: 0x3f8, ports: 8, access: 'write' });
  expect(machine.runstate.stopped).toEqual({
    ...{ kind: 'breakpoint', id: 1 },
    what: 'write of 1 B, port 0x3f9 by 0x7c04, 0x0'
  });
  expect(eipOf(machine)).toBe(CODE + 5);
  expect(stops(code, { kind: 'port', port: 0x3f0, ports: 8, access: 'access' }).machine.runstate.state).not.toBe(
    'debug'
  );
});

test('an MSR that is written', () => {
  // xor edx, edx; mov ecx, 0x277; wrmsr; hlt
  const { machine } = stops([0x66, 0x31, 0xd2, 0x66, 0xb9, 0x77, 0x02, 0x00, 0x00, 0x0f, 0x30, 0xf4], {
    ...{ kind: 'msr', index: 0x277, access: 'write' }
  });
  expect(machine.runstate.stopped).toMatchObject({ id: 1, what: 'write of MSR 0x277 by 0x7c09, 0x0' });
  expect(eipOf(machine)).toBe(CODE + 11);
});

test('a vector stops at its handler', () => {
  const code = [0xcd, 0x21, 0xf4]; // int 0x21
  const { machine } = stops(code, { kind: 'vector', vector: 0x21 });
  expect(machine.runstate.stopped).toMatchObject({ id: 1, what: 'int 0x21 by 0x7c00 (start)' });
  expect(machine.cpu.icount).toBe(1n);
});

test('a field of a device that changes, by the access that changed it', () => {
  // mov al, 0x42; out 0x70, al; nop; hlt
  const code = [0xb0, 0x42, 0xe6, 0x70, 0x90, 0xf4];
  const { machine, all } = stops(code, { kind: 'field', section: 'mc146818rtc/0', path: 'cmos_index' });
  expect(machine.runstate.stopped).toMatchObject({ id: 1 });
  expect(machine.runstate.stopped).toHaveProperty(
    'what',
    expect.stringMatching(/^mc146818rtc\/0 cmos_index: .* → .*42/)
  );
  expect(eipOf(machine)).toBe(CODE + 4);
  expect(() => all.add({ kind: 'field', section: 'mc146818rtc/0', path: 'none' })).toThrow("no field 'none'");
  expect(() => all.add({ kind: 'field', section: 'none/0', path: 'x' })).toThrow('no device');
});

test('a condition keeps any of them from stopping, and from counting', () => {
  // 0: inc ax; jmp 0
  const { machine, all } = stops([0x40, 0xeb, 0xfd], {
    kind: 'code',
    address: 0x7c01n,
    condition: '$rax & 0xffff == 7'
  });
  expect(machine.runstate.stopped).toEqual({ kind: 'breakpoint', id: 1 });
  expect([machine.cpu.env.get('regs') & 0xffff, all.list[0]!.hits]).toEqual([7, 1]);
  expect(() => all.add({ kind: 'vector', vector: 1, condition: '$none' })).toThrow('unknown register');
});

test('disabled, removed or of no size, none stops', () => {
  const { machine, all } = stops([0x40, 0xeb, 0xfd]);
  const { id } = all.add({ kind: 'code', address: 0x7c00n });
  all.enable(id, false);
  const before = machine.cpu.icount;
  machine.step(100);
  expect(machine.cpu.icount - before).toBe(100n);
  all.enable(id, true);
  machine.step(100);
  expect(machine.runstate.state).toBe('debug');
  all.remove(id);
  machine.step(100);
  expect(machine.runstate.stopped).toEqual({ kind: 'step' });
  const none = { kind: 'data', space: 'virtual', address: 0n, bytes: 0, access: 'read' } as const;
  expect(() => all.add(none)).toThrow('1 byte');
});
