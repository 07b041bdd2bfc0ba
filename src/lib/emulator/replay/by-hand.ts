/** Changes that a person makes to a machine, as input: a run again makes them too. */
import { setRegister } from '../cpu-view.ts';
import { readMemory, type Space, writeMemory } from '../debug/guest-memory.ts';
import type { Machine } from '../machine.ts';
import { TimeTravelError } from './time-travel-error.ts';

/** Names of inputs. */
export const RESET = 'reset';
export const POWERDOWN = 'powerdown';
const REGISTER = 'register';
const MEMORY = 'memory';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** To be called once for a machine. */
export function takeChanges(machine: Machine): void {
  machine.inputs.register(RESET, () => machine.onReset('host-qmp-system-reset'));
  machine.inputs.register(POWERDOWN, () => {
    machine.onPowerdown();
    machine.board.pm?.powerDown();
  });
  machine.inputs.register(REGISTER, (data) => {
    const [name = '', value = ''] = decode(data).split('=');
    setRegister(machine.cpu, name, BigInt(value));
  });
  machine.inputs.register(MEMORY, (data) => {
    const end = data.indexOf(0);
    const [space, address = ''] = decode(data.subarray(0, end)).split(' ');
    writeMemory(machine, space as Space, BigInt(address), data.subarray(end + 1));
  });
}

/** @throws in the machine's past, which is as it was; and what the change itself does */
export function byHand(machine: Machine, to: string, data: Uint8Array): void {
  if (machine.timeTravel.inPast) {
    throw new TimeTravelError('the machine stands in its past: what came after it has to be forgotten first');
  }
  machine.inputs.perform(to, data);
}

/** @throws as `setRegister` */
export const changeRegister = (machine: Machine, name: string, value: bigint): void =>
  byHand(machine, REGISTER, encode(`${name}=${value}`));

/** Whether all of it is RAM, and so was written. */
export function changeMemory(machine: Machine, space: Space, address: bigint, bytes: Uint8Array): boolean {
  if (readMemory(machine, space, address, bytes.length).length < bytes.length) return false;
  const head = encode(`${space} ${address}\0`);
  const data = new Uint8Array(head.length + bytes.length);
  data.set(head);
  data.set(bytes, head.length);
  byHand(machine, MEMORY, data);
  return true;
}
