import { expect, test } from 'vitest';
import { chosenState, fileTitle } from '../../../src/lib/viz/image-states.ts';

const file = { name: 'disk.qcow2', bytes: 1, containers: ['qcow2'], streamOffset: 0 };
const [first, second] = ['first', 'second'].map((name, i) => ({ id: String(i + 1), name, date: 0 })) as [
  { id: string; name: string; date: number },
  { id: string; name: string; date: number }
];

test('of several states the one that is read is named', () => {
  const image = { ...file, snapshots: [first, second], snapshot: '1' };
  expect([chosenState(image), fileTitle(image)]).toEqual(['1', 'disk.qcow2 (first)']);
});

test('a file with one state, or none that has a name, is the file', () => {
  const image = { ...file, snapshots: [first], snapshot: '1' };
  expect([chosenState(image), fileTitle(image)]).toEqual([undefined, 'disk.qcow2']);
  expect([chosenState(file), fileTitle(file)]).toEqual([undefined, 'disk.qcow2']);
  expect(chosenState(undefined)).toBeUndefined();
});
