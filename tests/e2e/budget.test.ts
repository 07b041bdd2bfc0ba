/** What is fetched when: little before a file is open, and the large parts only once they are used. No timing. */
import { gzipSync } from 'node:zlib';
import type { Page, Request } from '@playwright/test';
import { expect, test } from './support/app.ts';

const LIMIT = 250 * 1024;
/** Large parts, by what only their own code holds. */
const parts = {
  Monaco: 'monaco-mouse-cursor-text',
  disassembler: 'iced_x86_bg',
  terminal: 'xterm-helper-textarea'
} as const;

/** Scripts and WebAssembly that the page and its workers have fetched so far. */
function scripts(page: Page): Request[] {
  const seen: Request[] = [];
  page.on('requestfinished', (request) => {
    if (/\.(?:m?js|wasm)(?:\?|$)/.test(request.url())) seen.push(request);
  });
  return seen;
}
const bodyOf = async (request: Request): Promise<Buffer> => (await request.response())!.body();
/** How many of them are of a large part, by its name or in its code. */
async function requestsOf(seen: readonly Request[], part: keyof typeof parts): Promise<number> {
  const own = await Promise.all(
    seen.map(async (request) => request.url().includes(parts[part]) || (await bodyOf(request)).includes(parts[part]))
  );
  return own.filter(Boolean).length;
}

test('less than 250 KB of JavaScript comes before a file is open, compressed', async ({ page }) => {
  const seen = scripts(page);
  await page.goto('/');
  await page.waitForFunction(() => window.migrascope !== undefined);
  await page.evaluate(() => window.migrascope.idle());
  await page.waitForLoadState('networkidle');
  const sizes = await Promise.all(seen.map(async (request) => gzipSync(await bodyOf(request)).length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  console.log(`${seen.length} scripts, ${(total / 1024).toFixed(1)} KiB compressed; at most ${LIMIT / 1024} KiB`);
  expect(seen.length).toBeGreaterThan(0);
  expect(total).toBeLessThan(LIMIT);
});

test('the editor and the disassembler come when they are used, not before', async ({ page, app }) => {
  // Bodies are gone with the page that fetched them.
  await page.goto('about:blank');
  const seen = scripts(page);
  await app.go('/#v=1&sample=workload');
  await app.row('cpu').click();
  await app.idle();
  expect(seen.length).toBeGreaterThan(0);
  for (const part of ['Monaco', 'disassembler', 'terminal'] as const) expect(await requestsOf(seen, part)).toBe(0);

  await app.show('Page');
  await page.getByRole('region', { name: 'Hot pages' }).getByRole('button').first().click();
  await app.idle();
  expect(await requestsOf(seen, 'disassembler')).toBe(0);
  await app.pageView.getByRole('tab', { name: 'Code' }).click();
  await app.idle();
  await expect.poll(() => requestsOf(seen, 'disassembler')).toBeGreaterThan(0);

  expect(await requestsOf(seen, 'Monaco')).toBe(0);
  await app.show('JSON');
  await app.idle();
  await expect.poll(() => requestsOf(seen, 'Monaco')).toBeGreaterThan(0);
  expect(await requestsOf(seen, 'terminal')).toBe(0);
});
