import { expect, test } from 'vitest';
import { VMMouse } from '../../../../../src/lib/emulator/hw/i386/vmmouse.ts';
import { Vmport, type VmportRegister } from '../../../../../src/lib/emulator/hw/i386/vmport.ts';
import { testHost } from '../../../../support/device-host.ts';

const MAGIC = 0x564d5868;

function machine() {
  const test = testHost();
  const registers: Record<VmportRegister, number> = { eax: 0, ebx: 0, ecx: 0, edx: 0, esi: 0, edi: 0 };
  const cpu = { get: (r: VmportRegister) => registers[r], set: (r: VmportRegister, v: number) => (registers[r] = v) };
  const uuid = Uint8Array.from({ length: 16 }, (_, i) => i);
  const port = new Vmport(test.host, { cpu, memory: 2 ** 29, uuid });
  let woken = 0;
  const mouse = new VMMouse(port, () => woken++);
  /** Asks the port as a driver does: IN EAX, DX. */
  const ask = (command: number, ebx = 0, eax = MAGIC): Record<VmportRegister, number> => {
    Object.assign(registers, { eax, ebx, ecx: command, edx: 0x5658, esi: 0, edi: 0 });
    expect(test.in(0x5658, 4)).toBe(registers.eax);
    return { ...registers };
  };
  return { mouse, ask, woken: () => woken };
}

test('The port answers who knows the word, and nobody else', () => {
  const { ask } = machine();
  expect(ask(10)).toMatchObject({ eax: 6, ebx: MAGIC, ecx: 2 });
  expect(ask(20)).toMatchObject({ eax: 2 ** 29, ebx: 0x1177 });
  expect(ask(19)).toMatchObject({ eax: 0x03020100, ebx: 0x07060504, ecx: 0x0b0a0908, edx: 0x0f0e0d0c });
  expect(ask(10, 0, 1)).toMatchObject({ eax: 0xffff_ffff, ebx: 0 });
  expect(ask(43)).toMatchObject({ eax: 0xffff_ffff });
});

test('A driver that takes the mouse gets places on the screen', () => {
  const { mouse, ask, woken } = machine();
  expect(ask(40).eax).toBe(0xffff_0000);
  ask(41, 0x45414552);
  expect(mouse.active).toBe(true);
  expect(ask(40).eax).toBe(1);
  expect(ask(39, 1).eax).toBe(0x3442554a);
  ask(41, 0x53424152);
  mouse.event(0x7fff, 0x4000, -1, 5);
  expect(woken()).toBe(1);
  expect(ask(40).eax).toBe(4);
  expect(ask(39, 4)).toMatchObject({ eax: 0x28, ebx: 0xffff, ecx: 0x8000, edx: 0xffff_ffff });
  expect(ask(40).eax).toBe(0);
});

test('What is relative is said to be, and more than there is turns the mouse off', () => {
  const { mouse, ask } = machine();
  ask(41, 0x45414552);
  ask(39, 1);
  ask(41, 0x4c455252);
  mouse.event(-3, 2, 0, 2);
  expect(ask(39, 4)).toMatchObject({ eax: 0x1_0010, ebx: 0xffff_fffd, ecx: 2, edx: 0 });
  ask(39, 4);
  expect(mouse.active).toBe(false);
});

test('A queue that nobody reads is full one day', () => {
  const { mouse, ask } = machine();
  ask(41, 0x45414552);
  for (let i = 0; i < 2000; i++) mouse.event(i, i, 0, 0);
  expect(mouse.nb_queue).toBeLessThanOrEqual(1024);
  expect(mouse.queue).toHaveLength(1024);
});
