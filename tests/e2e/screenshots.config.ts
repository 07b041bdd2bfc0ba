import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';
import base from '../../playwright.config.ts';

/** Pictures instead of tests, by the same browser and server. */
export default defineConfig({
  ...base,
  testDir: '.',
  testMatch: 'screenshots.ts',
  fullyParallel: true,
  use: { ...base.use, actionTimeout: 10_000 },
  webServer: { ...base.webServer!, cwd: fileURLToPath(new URL('../..', import.meta.url)) } as typeof base.webServer
});
