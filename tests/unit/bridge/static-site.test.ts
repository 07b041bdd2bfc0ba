import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inlineScriptHashes, serveSite, type Site } from '../../../src/bridge/static-site.ts';

let folder = '';
let site: Site;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  const root = join(folder, 'site');
  mkdirSync(join(root, '_app/immutable'), { recursive: true });
  writeFileSync(join(root, 'index.html'), '<script>start()</script><script src="a.js"></script>');
  writeFileSync(join(root, '_app/immutable/a.js'), 'export {}');
  writeFileSync(join(root, 'a.wasm'), 'wasm');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  site = await serveSite(root, 0);
});
afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

/** As a browser would not: the path goes out as it is. */
function raw(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { port, hostname } = new URL(site.url);
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const sent = request({ port, hostname, path, headers, method }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('every answer isolates the page, so that memory can be shared', async () => {
  for (const path of ['', '_app/immutable/a.js', 'nowhere.js']) {
    const { headers } = await fetch(site.url + path);
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  }
});

test('the page may run its own inline script and no other', async () => {
  const policy = (await fetch(site.url)).headers.get('content-security-policy');
  // printf 'start()' | openssl dgst -sha256 -binary | base64
  expect(policy).toContain(
    "script-src 'self' 'wasm-unsafe-eval' 'sha256-DIm7WJS6ZKDYe5qFLPy+h4JFI9Bol5QmYC57mt3Fb00=';"
  );
  expect(inlineScriptHashes('<script src="a.js"></script>')).toEqual([]);
});

test('files have their types; what never changes is kept, the rest asked for again', async () => {
  const wasm = await fetch(`${site.url}a.wasm`);
  expect(wasm.headers.get('content-type')).toBe('application/wasm');
  expect(wasm.headers.get('cache-control')).toBe('no-cache');
  const again = await fetch(`${site.url}a.wasm`, { headers: { 'If-None-Match': wasm.headers.get('etag')! } });
  expect(again.status).toBe(304);
  const script = await fetch(`${site.url}_app/immutable/a.js`);
  expect(script.headers.get('content-type')).toContain('text/javascript');
  expect(script.headers.get('cache-control')).toContain('immutable');
});

test('a path of the app is the app, a file that is not there is not', async () => {
  expect(await (await fetch(`${site.url}compare`)).text()).toContain('start()');
  expect((await fetch(`${site.url}missing.js`)).status).toBe(404);
});

test('nothing outside of the site is served', async () => {
  for (const path of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '/_app/../../secret.txt']) {
    expect((await raw(path)).body).not.toContain('secret');
  }
  expect((await raw('/%zz')).status).toBe(400);
  expect((await raw('/%00.js')).status).toBe(404);
});

test('a foreign host name and other methods are refused', async () => {
  expect((await raw('/', { Host: 'evil.example' })).status).toBe(403);
  expect((await raw('/', { Host: 'localhost:1' })).status).toBe(200);
  expect((await raw('/', {}, 'POST')).status).toBe(405);
  expect(await raw('/', {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
});

test('a taken port is an error', async () => {
  await expect(serveSite(folder, Number(new URL(site.url).port))).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
