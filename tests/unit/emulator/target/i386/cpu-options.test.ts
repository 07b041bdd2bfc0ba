import { expect, test } from 'vitest';
import { parseCpu } from '../../../../../src/lib/emulator/target/i386/cpu-options.ts';
import { cpuError, cpuModel } from '../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { lackedOf } from '../../../../../src/lib/emulator/target/i386/cpu-support.ts';

const supported = new Set(['fpu', 'sse', 'sse4.1', 'svm', 'xsave', 'avx', 'smep', 'hypervisor']);
const bit = (text: string, word: string, n: number): number => (cpuModel(text, supported)!.features[word]! >>> n) & 1;

test('features are added and taken away in all of their spellings', () => {
  expect(bit('qemu64', '1_ECX', 19)).toBe(0);
  for (const spelling of ['+sse4.1', '+sse4_1', 'sse4-1', 'sse4.1=on', 'sse4_1=yes'])
    expect(bit(`qemu64,${spelling}`, '1_ECX', 19)).toBe(1);
  expect(bit('qemu64', '1_ECX', 31)).toBe(1);
  for (const spelling of ['-hypervisor', 'hypervisor=off']) expect(bit(`qemu64,${spelling}`, '1_ECX', 31)).toBe(0);
});

test('what is taken away counts last, and a feature needs what it is made of', () => {
  expect(bit('qemu64,-xsave,+xsave', '1_ECX', 26)).toBe(0);
  expect(bit('qemu64,+avx', '1_ECX', 28)).toBe(0);
  expect(bit('qemu64,+avx,+xsave', '1_ECX', 28)).toBe(1);
});

test('identity is changed by name, and the level follows the features', () => {
  const model = cpuModel('qemu32,+smep,vendor=AuthenticAMD,family=0x17,model=1,stepping=2,model-id=A CPU', supported)!;
  expect(model).toMatchObject({
    level: 7,
    vendor: 'AuthenticAMD',
    family: 0x17,
    model: 1,
    stepping: 2,
    modelId: 'A CPU'
  });
  expect(cpuModel('qemu32', supported)!.level).toBe(4);
  expect(cpuModel('qemu32,+smep,level=1', supported)!.level).toBe(1);
});

test.each([
  ['i486', "unable to find CPU model 'i486'; there are: qemu64, qemu32, kvm64, max, host"],
  ['', "unable to find CPU model ''; there are: qemu64, qemu32, kvm64, max, host"],
  ['qemu64,+nope', "Property 'qemu64-x86_64-cpu.nope' not found"],
  ['qemu64,__proto__', "Property 'qemu64-x86_64-cpu.--proto--' not found"],
  ['qemu64,avx=perhaps', "Parameter 'avx' expects 'on' or 'off'"],
  ['qemu64,family=300', "Parameter 'family' doesn't take value '300'"],
  ['qemu64,vendor=me', "Property 'vendor' doesn't take value 'me'"]
])('-cpu %s is refused', (text, message) => {
  expect(cpuError(text)).toBe(message);
  expect(cpuModel(text, supported)).toBeUndefined();
});

test('what was asked for and is not there is named', () => {
  expect(parseCpu('max,enforce')).toMatchObject({ name: 'max', enforce: true });
  expect(lackedOf('qemu64,+avx512f,+avx,enforce')).toEqual({ lacked: ['avx512f'], enforce: true });
});
