import { expect, test, vi } from 'vitest';
import { Commands } from '../../../src/lib/viz/commands.ts';

const press = (key: string, more: object = {}) => ({
  ...{ key, code: '', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false },
  ...{ preventDefault: vi.fn(), stopPropagation: vi.fn() },
  ...more
});

test('a command is done by whoever said how, while it can be', () => {
  const commands = new Commands();
  const run = vi.fn();
  let open = false;
  expect(commands.can('file.open')).toBe(false);
  commands.run('file.open');
  const off = commands.on({ 'file.open': { run, when: () => open } });
  commands.run('file.open');
  expect(run).not.toHaveBeenCalled();
  open = true;
  commands.run('file.open');
  expect(run).toHaveBeenCalledTimes(1);
  off();
  expect(commands.can('file.open')).toBe(false);
});

test('the one who says so last is asked, and the one before keeps his hands off', () => {
  const commands = new Commands();
  const [first, second] = [vi.fn(), vi.fn()];
  const off = commands.on({ 'file.open': first });
  commands.on({ 'file.open': second });
  off();
  commands.run('file.open');
  expect(second).toHaveBeenCalledTimes(1);
});

test('a key runs its command and goes no further; a panel has keys of its own', () => {
  const commands = new Commands();
  const [palette, copy] = [vi.fn(), vi.fn()];
  commands.on({ 'view.palette': palette, 'bytes.copyHex': copy });
  const key = press('k', { ctrlKey: true });
  expect(commands.press(key)).toBe(true);
  expect(palette).toHaveBeenCalledTimes(1);
  expect(key.preventDefault).toHaveBeenCalled();
  expect(commands.press(press('c', { ctrlKey: true }))).toBe(false);
  expect(commands.press(press('c', { ctrlKey: true }), 'bytes')).toBe(true);
  expect(copy).toHaveBeenCalledTimes(1);
  expect(commands.press(press('x'))).toBe(false);
});
