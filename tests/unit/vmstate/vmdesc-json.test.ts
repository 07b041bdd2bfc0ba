import { expect, test } from 'vitest';
import { parseVmDescriptionText } from '../../../src/lib/vmstate/vmdesc-json.ts';
import { processorTime } from '../../support/processor-time.ts';

const device = (name: string) => `{"name": "${name}", "instance_id": 0, "fields": [{"name": "a\\n", "size": 12}]}`;
const parsed = (name: string) => ({ name, instance_id: 0, fields: [{ name: 'a\n', size: 12 }] });
const good = `{"page_size": 4096, "devices": [${device('one')}, ${device('two')}, ${device('three')}]}`;

test('a good text is what JSON.parse makes of it', () => {
  expect(parseVmDescriptionText(good)).toEqual({ json: JSON.parse(good) });
  expect(parseVmDescriptionText(' [1, -2.5e3, true, null, "\\u00e9", {}, []] ')).toEqual({
    json: [1, -2500, true, null, 'é', {}, []]
  });
});

test('of a text cut anywhere the whole values before the cut are kept', () => {
  for (let n = 0; n < good.length; n++) {
    const { json, damagedAt } = parseVmDescriptionText(good.slice(0, n));
    expect(damagedAt).toBeLessThanOrEqual(n);
    const { devices = [] } = (json ?? {}) as { devices?: { name?: string }[] };
    const whole = ['one', 'two', 'three'].filter((name) => n >= good.indexOf(device(name)) + device(name).length);
    expect(devices.slice(0, whole.length)).toEqual(whole.map(parsed));
  }
});

test('a number at the cut does not count: digits may be missing', () => {
  expect(parseVmDescriptionText('{"a": 1, "size": 12')).toEqual({ json: { a: 1 }, damagedAt: 17 });
});

test('devices behind a damaged one are found again', () => {
  const at = good.indexOf('"two"') + 30;
  const { json, damagedAt } = parseVmDescriptionText(good.slice(0, at) + '\0' + good.slice(at + 1));
  expect(damagedAt).toBe(at);
  const names = (json as { devices: { name: string }[] }).devices.map((d) => d.name);
  expect(names).toEqual(['one', 'two', 'three']);
});

test('what stands behind the JSON is told by its place', () => {
  expect(parseVmDescriptionText('{} trailing')).toEqual({ json: {}, damagedAt: 2 });
});

test.each(['', '}', 'nul', '\0\0\0', '"open', '-', '{"a" 1}', '[1 2]', '{,}', '[,]'])('%j is no JSON', (text) => {
  const { json, damagedAt } = parseVmDescriptionText(text);
  expect(damagedAt).toBeDefined();
  expect(json === undefined || Object.keys(json as object).length <= 1).toBe(true);
});

test('bytes past the depth that QEMU could write are cut off, in time linear in the text', () => {
  const started = processorTime();
  for (const text of ['['.repeat(2e6), '{"a":'.repeat(1e6), '[{"name":"a","instance_id":'.repeat(1e5)]) {
    expect(parseVmDescriptionText(text).damagedAt).toBeLessThan(20_000);
  }
  expect(processorTime() - started).toBeLessThan(2000);
});

test('values past the number that QEMU could write are cut off', () => {
  for (const [text, kept] of [
    ['{"devices":[' + '{},'.repeat(1.2e6) + '{}]}', 1 << 20],
    ['{"devices":[' + '1,'.repeat(5e6) + '1]}', 1 << 22]
  ] as const) {
    const { json, damagedAt } = parseVmDescriptionText(text);
    expect(damagedAt).toBeLessThan(text.length);
    expect((json as { devices: unknown[] }).devices.length).toBeLessThanOrEqual(kept);
  }
});
