import { expect, test } from 'vitest';
import { prettyJson } from '../../../../src/lib/viz/fields/json-text.ts';

test('JSON is made readable', () => {
  expect(prettyJson('{"a":[1]}')).toEqual({ text: '{\n  "a": [\n    1\n  ]\n}' });
});
test('what is no JSON stays as it is, with the reason', () => {
  expect(prettyJson('{"a":')).toMatchObject({ text: '{"a":', error: expect.stringMatching(/JSON/) });
});
test('JSON that is as deep as a well does not throw', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(prettyJson(deep).text.length).toBeGreaterThanOrEqual(deep.length);
});
