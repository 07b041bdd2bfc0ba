import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nothing, type Selection } from '../../../src/lib/viz/selection.svelte.ts';
import {
  mendHash,
  readHash,
  readSelection,
  selectionText,
  upgrade,
  VERSION,
  writeHash
} from '../../../src/lib/viz/url-state.ts';

describe('the hash', () => {
  test('holds what was open, what was selected and what the panels keep', () => {
    const state = {
      file: 'vm & more.state',
      print: '10-abcdef',
      snapshot: '2',
      sample: 'workload',
      preset: 'plateau',
      selection: { kind: 'field', section: 12, path: 'env.regs[3]' } as const,
      cursor: 4711,
      settings: new Map([
        ['ram.colour', 'kind'],
        ['tab.main', 'bytes']
      ])
    };
    expect(readHash('#' + writeHash(state))).toEqual(state);
  });

  test('of nothing is only its version', () => {
    expect(writeHash({ selection: nothing, settings: new Map() })).toBe(`v=${VERSION}`);
  });

  test('of a lesson names a sample and a preset, and no version', () => {
    expect(readHash('#sample=linux-load&preset=never')).toMatchObject({ sample: 'linux-load', preset: 'never' });
    expect(readHash('#preset=never')).toBeUndefined();
  });

  test('of another page or of the future is not ours', () => {
    expect(readHash('')).toBeUndefined();
    expect(readHash('#section-2')).toBeUndefined();
    expect(readHash(`#v=${VERSION + 1}`)).toBeUndefined();
    expect(readHash('#v=0')).toBeUndefined();
    expect(readHash('#v=1.5')).toBeUndefined();
  });

  test('of an old version takes every step since', () => {
    const steps = [
      (p: URLSearchParams) => p.set('sel', p.get('s') ?? ''),
      (p: URLSearchParams) => p.set('at', String(Number(p.get('at')) * 2))
    ];
    const upgraded = upgrade(new URLSearchParams('v=1&s=section:3&at=8'), steps);
    expect(upgraded?.get('sel')).toBe('section:3');
    expect(upgraded?.get('at')).toBe('16');
    expect(upgraded?.get('v')).toBe('3');
    expect(upgrade(new URLSearchParams('v=2&at=8'), steps)?.get('at')).toBe('16');
    expect(upgrade(new URLSearchParams('v=3&at=8'), steps)?.get('at')).toBe('8');
  });

  test('made by anybody never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void readHash(text)));
    fc.assert(fc.property(fc.string(), (text) => void readHash(`v=1&sel=${text}&at=${text}`)));
  });
});

describe('a hash that was cut', () => {
  test('within a character is mended, the rest of it kept', () => {
    expect(mendHash('#v=1&sample=idle&sel=field%3A3%3Acpu%')).toBe('#v=1&sample=idle&sel=field%3A3%3Acpu%25');
    expect(readHash(mendHash('#v=1&sample=idle&sel=field%'))?.sample).toBe('idle');
    expect(mendHash('#%ff')).toBe('#%EF%BF%BD=');
  });

  test('anywhere, or made by anybody, decodes', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeURIComponent(mendHash(`#${text}`))));
    const whole = '#v=1&sel=field%3A12%3Aenv.regs%5B3%5D';
    for (let end = 0; end <= whole.length; end++) decodeURIComponent(mendHash(whole.slice(0, end)));
    expect(mendHash(whole)).toBe(whole);
  });
});

describe('a selection as text', () => {
  const all: Selection[] = [
    { kind: 'section', section: 0 },
    { kind: 'field', section: 3, path: 'a:b.c[2]' },
    { kind: 'bytes', start: 0, end: 1 },
    { kind: 'range', start: 5, end: 2 ** 40 },
    { kind: 'page', page: 9 },
    { kind: 'page', page: 9, record: 7 },
    { kind: 'page', page: 9, offset: 4095 },
    { kind: 'page', page: 9, record: 7, offset: 1 },
    {
      kind: 'pages',
      runs: [
        [0, 160],
        [256, 4096]
      ]
    },
    { kind: 'gva', gva: 0xffffffff81000000n }
  ];
  test.each(all)('comes back: $kind', (selection) =>
    expect(readSelection(selectionText(selection))).toEqual(selection)
  );

  test.each([
    '',
    'field:x:y',
    'field:1',
    'bytes:5-5',
    'bytes:9-2',
    'bytes:-1-2',
    'page:1e3',
    'pages:',
    'pages:5-5',
    'pages:0-4,2-9',
    'pages:0-x',
    'gva:12',
    'gva:0xzz',
    'section:99999999999999999'
  ])('that says nothing selects nothing: %s', (text) => expect(readSelection(text)).toEqual(nothing));
});
