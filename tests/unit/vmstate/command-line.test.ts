import { expect, test } from 'vitest';
import { commandOptions, isOn, properties, shellWords, sizeOf } from '../../../src/lib/vmstate/command-line.ts';
import { processorTime } from '../../support/processor-time.ts';

test('words are split as a shell splits them', () => {
  expect(shellWords(`qemu  -m 512M \\\n  -append 'console=ttyS0 quiet' -name "a \\"b\\" c" x\\ y ''`)).toEqual([
    'qemu',
    '-m',
    '512M',
    '-append',
    'console=ttyS0 quiet',
    '-name',
    'a "b" c',
    'x y',
    ''
  ]);
  expect(shellWords(`-append 'never closed`)).toEqual(['-append', 'never closed']);
});

test('options take the next word, flags do not, two dashes are one', () => {
  expect(commandOptions(['qemu', '-nographic', '--device', 'e1000', 'disk.img', '-S', '-m'])).toEqual([
    { name: 'nographic', value: '' },
    { name: 'device', value: 'e1000' },
    { name: 'S', value: '' },
    { name: 'm', value: '' }
  ]);
  // A value may begin with a dash.
  expect(commandOptions(['-append', '-v', '-m', '1G'])).toEqual([
    { name: 'append', value: '-v' },
    { name: 'm', value: '1G' }
  ]);
});

test('properties have an implied first name, doubled commas and JSON', () => {
  const list = (text: string) => Object.fromEntries(properties(text, 'driver'));
  expect(list('e1000,addr=5,multifunction')).toEqual({ driver: 'e1000', addr: '5', multifunction: 'on' });
  expect(list('file=a,,b.img,if=virtio')).toEqual({ file: 'a,b.img', if: 'virtio' });
  expect(list('{"driver": "e1000", "addr": "5", "disable-modern": true}')).toEqual({
    driver: 'e1000',
    addr: '5',
    'disable-modern': 'on'
  });
  expect(list('{"driver": ')).toEqual({});
});

test('booleans and sizes are QEMU’s', () => {
  expect([isOn('on'), isOn('yes'), isOn('off'), isOn('no'), isOn('auto'), isOn(undefined)]).toEqual([
    true,
    true,
    false,
    false,
    undefined,
    undefined
  ]);
  expect([sizeOf('512'), sizeOf('512M'), sizeOf('1.5G'), sizeOf('64k'), sizeOf('4096', 1), sizeOf('lots')]).toEqual([
    2 ** 29,
    2 ** 29,
    1.5 * 2 ** 30,
    2 ** 16,
    4096,
    undefined
  ]);
});

test('a long text is read in bounded time', () => {
  const start = processorTime();
  commandOptions(shellWords(`-device ${'a,'.repeat(1_000_000)} ${'"'.repeat(99_999)}`)).map((o) =>
    properties(o.value, 'x')
  );
  expect(processorTime() - start).toBeLessThan(2000);
});
