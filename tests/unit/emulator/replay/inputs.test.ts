import { expect, test } from 'vitest';
import { Inputs } from '../../../../src/lib/emulator/replay/inputs.ts';

function inputs() {
  const all = new Inputs();
  const log: string[] = [];
  all.onArrival = () => log.push('arrives');
  all.onDeliver = ({ to, data }) => log.push(`log ${to} ${data.join()}`);
  all.register('serial0', (data) => log.push(`serial0 ${data.join()}`));
  all.register('picky', () => {
    throw new RangeError('no');
  });
  return { all, log };
}

test('waits until the CPU is between slices, in order', () => {
  const { all, log } = inputs();
  const bytes = Uint8Array.of(1, 2);
  all.post('serial0', bytes);
  bytes[0] = 9;
  all.post('serial0', Uint8Array.of(3));
  expect(log).toEqual(['arrives', 'arrives']);
  all.run();
  expect(log.slice(2)).toEqual(['log serial0 1,2', 'serial0 1,2', 'log serial0 3', 'serial0 3']);
  all.run();
  expect(log.length).toBe(6);
});

test('what is refused is logged all the same: it will be refused again', () => {
  const { all, log } = inputs();
  expect(() => all.perform('picky', Uint8Array.of(1))).toThrow('no');
  expect(log).toEqual(['log picky 1']);
  expect(() => all.take({ to: 'nobody', data: Uint8Array.of() })).toThrow("'nobody'");
});
