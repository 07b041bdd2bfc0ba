/** What is shown of a machine, gathered at once: a PC without a guest, and a Linux guest of native QEMU. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callBefore } from '../../../../src/lib/emulator/debug/call-chain.ts';
import { cpuTables } from '../../../../src/lib/emulator/debug/cpu-tables.ts';
import { boardSheets } from '../../../../src/lib/emulator/debug/board.ts';
import { interruptState } from '../../../../src/lib/emulator/debug/interrupt-state.ts';
import type { LookRequest, MachineHost, Sheet } from '../../../../src/lib/emulator/machine-api.ts';
import { createMachineHost } from '../../../../src/lib/emulator/machine-host.ts';
import { HF } from '../../../../src/lib/emulator/target/i386/env.ts';
import { comeToRest } from '../../../support/at-rest.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const sheet = (sheets: readonly Sheet[], title: RegExp): Sheet => sheets.find((s) => title.test(s.title))!;

test('a near call in front of an address is recognised by its length, and told where it goes', () => {
  const at = 0xffff_ffff_8100_1000n;
  const bytes = (...tail: number[]): Uint8Array =>
    Uint8Array.from([...Array<number>(8 - tail.length).fill(0x90), ...tail]);
  expect(callBefore(bytes(0xe8, 0x00, 0xff, 0xff, 0xff), at, 64)).toEqual({ target: at - 0x100n });
  expect(callBefore(bytes(0xff, 0xd0), at, 64)).toEqual({}); // call rax
  expect(callBefore(bytes(0xff, 0x15, 1, 2, 3, 4), at, 64)).toEqual({}); // call [rip + …]
  expect(callBefore(bytes(0xe9, 0x00, 0xff, 0xff, 0xff), at, 64)).toBeUndefined(); // jmp
  expect(callBefore(bytes(0x90), at, 64)).toBeUndefined();
});

test('descriptor tables of protected mode are decoded', () => {
  const machine = smallMachine();
  const { env } = machine.cpu;
  const words = [0, 0, 0x0000_ffff, 0x00cf_9b00, 0x0000_ffff, 0x00cf_9300, 0x2000_0067, 0x0000_8b01];
  words.forEach((word, n) => machine.memory.write(0x1000 + 4 * n, word, 4));
  machine.memory.write(0x3000 + 8 * 13, 0x0008_5678, 4);
  machine.memory.write(0x3004 + 8 * 13, 0x0012_8e00, 4);
  machine.memory.write(0x1_2004, 0xdead_0000, 4);
  env.set64('gdt_base', 0x1000n);
  env.set('gdt_limit', 31);
  env.set64('idt_base', 0x3000n);
  env.set('idt_limit', 14 * 8 - 1);
  env.set64('tr_base', 0x1_2000n);
  env.set('tr_limit', 0x67);
  env.set('tr_selector', 0x18);
  env.set64('cr', 0x11n, 0);
  env.set('hflags', HF.PE | HF.CS32 | HF.SS32);
  const sheets = cpuTables(machine, undefined);
  expect(sheet(sheets, /^GDT at 0x1000/).rows.map((r) => r.cells.slice(0, 5))).toEqual([
    ['0x0008', 'code, readable, 32-bit, accessed', '0x00000000', '0xffffffff', '0'],
    ['0x0010', 'data, writable, 32-bit, accessed', '0x00000000', '0xffffffff', '0'],
    ['0x0018', 'tss32 busy', '0x00012000', '0x00000067', '0']
  ]);
  expect(sheet(sheets, /^IDT/).rows).toEqual([
    { cells: ['0x0d #GP', '0x0008:0x00125678', 'interrupt gate32, DPL 0', ''], code: 0x12_5678n }
  ]);
  expect(sheet(sheets, /^TSS 0x0018/).rows.find((r) => r.cells[0] === 'ESP0')?.cells[1]).toBe('0xdead0000');
  expect(sheet(sheets, /^LDT/).rows).toEqual([]);
});

test('interrupt lines and the board are listed', () => {
  const machine = smallMachine();
  machine.board.pc.isaIrqs[1]!(1);
  const pic = sheet(interruptState(machine), /^8259/);
  expect(pic.rows.length).toBe(16);
  expect(pic.rows[1]!.cells.slice(0, 4)).toEqual(['IRQ 1', 'keyboard', pic.rows[1]!.cells[2], '●']);
  const [pci, memory, ports] = boardSheets(machine);
  expect(pci!.rows.map((r) => r.cells[0])).toContain('00:00.0');
  expect(memory!.rows[0]!.cells[1]).toBe('system');
  expect(ports!.rows.some((r) => r.cells[0] === '0x03f8 to 0x03ff')).toBe(true);
});

const folder = ['11.1.3', '10.0.13', '7.2.22']
  .map((version) => new URL(`../../../golden/${version}/linux-seed/`, import.meta.url))
  .find((url) => existsSync(new URL('state', url)));
if (!folder) console.warn('SKIPPED: no golden linux-seed; npm run golden makes it');

describe.skipIf(!folder)('a Linux guest', () => {
  let host: MachineHost;
  let id: number;
  beforeAll(async () => {
    host = createMachineHost();
    const file = (name: string): File => new File([readFileSync(new URL(name, folder))], name);
    ({ id } = await host.create({ state: [file('state'), file('System.map')] }));
    await comeToRest(host, id);
  });
  afterAll(() => host.destroy(id));

  const ALL: LookRequest = {
    code: { before: 48, after: 512 },
    ...{ stack: 64, calls: true, devices: ['apic/0', 'none/0'] },
    sheets: ['tables', 'interrupts', 'board', 'virtqueues']
  };

  test('looking changes nothing, and all of it agrees', async () => {
    const before = (await host.monitor(id, 'info registers')).text;
    const look = await host.look(id, { ...ALL, walk: { gva: (await host.cpu(id)).pc } });
    expect((await host.monitor(id, 'info registers')).text).toBe(before);
    const { code, stack, calls, devices, sheets, walk, cpu } = look;
    expect(code).toMatchObject({ at: cpu.pc, start: cpu.pc - 48n });
    expect(code!.bytes.length).toBe(560);
    const near = await host.look(id, { code: { at: cpu.pc + 5n, before: 4, after: 8 } });
    expect(near.code).toMatchObject({ at: cpu.pc + 5n, start: cpu.pc + 1n, bytes: code!.bytes.slice(49, 61) });
    const functionOf = (name: string | undefined): string | undefined => name?.replace(/\+0x.*/, '');
    expect([...code!.names.values()].map(functionOf)).toContain(functionOf(calls![0]!.name));
    expect(stack!.length).toBe(64);
    expect(walk!.steps.length).toBeGreaterThanOrEqual(3);
    expect([...devices!.keys()]).toEqual(['apic/0']);
    const idt = sheet(sheets!.get('tables')!, /^IDT/);
    expect(idt.rows.length).toBe(256);
    expect(idt.rows.find((r) => r.cells[0] === '0x0e #PF')?.cells.slice(2)).toEqual([
      'interrupt gate64, DPL 0',
      'asm_exc_page_fault'
    ]);
    const [, , size, available, taken] = sheet(sheets!.get('virtqueues')!, /^Virtqueues/).rows[0]!.cells;
    expect(Number(size)).toBeGreaterThan(0);
    expect(taken).toBe(available);
    expect(calls![0]).toMatchObject({ address: cpu.pc, how: 'runs' });
  });

  test('the idle task was called down from the start of the kernel', async () => {
    const { calls } = await host.look(id, { calls: true });
    const sure = calls!.filter((f) => f.how !== 'guess').map((f) => f.name?.replace(/\+.*/, ''));
    expect(calls!.map((f) => f.name?.replace(/\+.*/, ''))).toEqual(
      expect.arrayContaining(['do_idle', 'cpu_startup_entry', 'rest_init'])
    );
    expect(sure.length).toBeGreaterThanOrEqual(3);
  });

  test('a look that is sent along with a step tells how it is after it', async () => {
    const before = (await host.cpu(id)).instructions;
    const [status, look] = await Promise.all([host.step(id), host.look(id, ALL)]);
    expect([look.cpu.instructions, look.status.state]).toEqual([before + 1, 'paused']);
    expect(status.instructions).toBe(look.cpu.instructions);
  });
});
