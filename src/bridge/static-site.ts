/** Serves the built site on loopback with the headers that shared memory needs. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';
import type { Duplex } from 'node:stream';

export interface Site {
  /** `http://127.0.0.1:8470/` */
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2'
};

/** CSP sources of the scripts that stand in an HTML text: SvelteKit starts the app with one. */
export function inlineScriptHashes(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\bsrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  );
}

/**
 * What the page may do. Scripts are ours, WebAssembly is made while it runs; styles come from components and from
 * Monaco, which writes them into the page.
 */
const contentSecurityPolicy = (hashes: readonly string[]): string =>
  [
    `default-src 'self'`,
    `script-src ${["'self'", "'wasm-unsafe-eval'", ...hashes].join(' ')}`,
    `style-src 'self' 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `font-src 'self' data:`,
    `worker-src 'self' blob:`,
    `connect-src 'self' blob: data:`,
    `object-src 'none'`,
    `base-uri 'self'`,
    `form-action 'none'`
  ].join('; ');

/** Sent with every answer. Cross-origin isolation makes `SharedArrayBuffer` available. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer'
};

/** The file that a URL's path means: itself, `NAME.html`, or the app for a path of the app. */
function fileFor(folder: string, pathname: string): string | undefined {
  const path = join(folder, decodeURIComponent(pathname));
  if (path !== folder && !path.startsWith(folder + sep)) return undefined;
  const candidates = [path, join(path, 'index.html'), `${path}.html`];
  if (extname(path) === '') candidates.push(join(folder, 'index.html'));
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
}

/** A name that somebody else's DNS points at loopback is not ours. */
function isOurs({ headers }: IncomingMessage): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  return host === LOOPBACK || host === 'localhost';
}

function answer(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const refuse = (status: number, text: string): void => {
    response.writeHead(status, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
  };
  if (!isOurs(request)) return refuse(403, 'served to this machine only');
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'only GET and HEAD');
  let pathname: string;
  let file: string | undefined;
  try {
    ({ pathname } = new URL(request.url ?? '/', `http://${LOOPBACK}`));
    file = fileFor(folder, pathname);
  } catch {
    return refuse(400, 'no such path can be');
  }
  if (file === undefined) return refuse(404, 'not found');
  const stats = statSync(file);
  const tag = `"${stats.size.toString(16)}-${stats.mtimeMs.toString(16)}"`;
  const forever = pathname.includes('/immutable/');
  const html = extname(file) === '.html' ? readFileSync(file, 'utf8') : undefined;
  const all = {
    ...headers,
    'Content-Type': types[extname(file)] ?? 'application/octet-stream',
    'Cache-Control': forever ? 'public, max-age=31536000, immutable' : 'no-cache',
    ETag: tag,
    ...(html === undefined ? {} : { 'Content-Security-Policy': contentSecurityPolicy(inlineScriptHashes(html)) })
  };
  if (request.headers['if-none-match'] === tag) return void response.writeHead(304, all).end();
  response.writeHead(200, { ...all, 'Content-Length': html === undefined ? stats.size : Buffer.byteLength(html) });
  if (request.method === 'HEAD') response.end();
  else if (html !== undefined) response.end(html);
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
}

/** Takes over connections that ask for another protocol. */
export interface Upgrades {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/**
 * @param folder the built site
 * @param port 0 for any free one
 * @throws when the port is taken
 */
export function serveSite(folder: string, port: number, upgrades?: Upgrades): Promise<Site> {
  const server = createServer((request, response) => answer(folder, request, response));
  server.on('upgrade', (request, socket, head) => {
    if (upgrades && isOurs(request)) upgrades.upgrade(request, socket, head);
    else socket.destroy();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      const { port: bound } = server.address() as AddressInfo;
      resolve({
        url: `http://${LOOPBACK}:${bound}/`,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
          })
      });
    });
  });
}
