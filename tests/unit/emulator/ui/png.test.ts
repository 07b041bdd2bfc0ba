import { expect, test } from 'vitest';
import { createSurface, ppm, rgb } from '../../../../src/lib/emulator/ui/console.ts';
import { png } from '../../../../src/lib/emulator/ui/png.ts';
import { pixelsOfPng } from '../../../support/png.ts';

test('A picture of one red pixel has the chunks of the specification', async () => {
  const surface = createSurface(1, 1);
  surface.pixels[0] = rgb(255, 0, 0);
  const file = Buffer.from(await png(surface)).toString('hex');
  expect(file.slice(0, 66)).toBe('89504e470d0a1a0a0000000d49484452000000010000000108020000009077' + '53de');
  expect(file.slice(-24)).toBe('0000000049454e44ae426082');
  expect(pixelsOfPng(await png(surface))).toEqual({ width: 1, height: 1, rgb: Uint8Array.of(255, 0, 0) });
});

test('What is read back is what PPM holds', async () => {
  const surface = createSurface(37, 23);
  surface.pixels.forEach((_, i, pixels) => (pixels[i] = rgb((i * 7) & 255, (i * i) & 255, (i >> 3) & 255)));
  const { width, height, rgb: bytes } = pixelsOfPng(await png(surface));
  expect([width, height]).toEqual([37, 23]);
  expect(bytes).toEqual(ppm(surface).subarray('P6\n37 23\n255\n'.length));
});

test('A picture without pixels is a file without rows', async () => {
  expect(pixelsOfPng(await png(createSurface(0, 0))).rgb).toHaveLength(0);
});
