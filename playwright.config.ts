import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

/** Debian's Chromium: Playwright's own browsers are not needed. Without a window it does the same in half the time. */
const installed = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));
const executablePath = process.env.CHROMIUM ?? installed;
const port = Number(process.env.MIGRASCOPE_E2E_PORT ?? 4199);

export default defineConfig({
  testDir: 'tests/e2e',
  testMatch: '**/*.test.ts',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 2,
  forbidOnly: !!process.env.CI,
  // A busy machine may make one look of a page late; what fails three times is broken.
  retries: process.env.CI ? 2 : 0,
  use: {
    baseURL: `http://127.0.0.1:${port}`,
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-quic'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync']
      ]
    },
    // Recording costs as much as the journeys: `--trace=on` where one is wanted.
    trace: 'on-first-retry'
  },
  webServer: {
    command: `node bin/migrascope serve --port ${port}`,
    url: `http://127.0.0.1:${port}`,
    reuseExistingServer: false,
    timeout: 30_000
  }
});
