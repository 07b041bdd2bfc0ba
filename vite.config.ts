import { readFileSync } from 'node:fs';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vitest/config';
import { icedX86 } from './scripts/vite-iced-x86.ts';
import { listLicences } from './scripts/vite-licences.ts';
import { listSamples } from './scripts/vite-samples.ts';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

/**
 * Only what native QEMU did not do in time is tried again: on a busy machine a process may get no turn for long. What
 * answers wrongly is wrong at once. The words are those of scripts/qemu/machine.mjs; npm test says what was tried again.
 */
const retry = { count: process.env.CI ? 2 : 0, condition: /took longer than \d+ ms/ };

/** What shared memory needs (design.md 2): every server of ours sends them. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp'
};

export default defineConfig({
  plugins: [sveltekit(), icedX86(), listLicences(), listSamples()],
  worker: { format: 'es', plugins: () => [icedX86()] },
  server: { headers: isolation },
  preview: { headers: isolation },
  define: { __VERSION__: JSON.stringify(version) },
  test: {
    include: ['tests/unit/**/*.test.ts'],
    testTimeout: 90_000,
    hookTimeout: 90_000,
    // What is polled for comes at once; a busy machine may need longer than the second that vitest gives it.
    expect: { poll: { timeout: 30_000 } },
    retry
  }
});
