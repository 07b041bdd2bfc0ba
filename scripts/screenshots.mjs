#!/usr/bin/env node
// Pictures of every panel in both themes at 1280x800 into screenshots/, of the site as it is built now.
// Arguments go to Playwright: `npm run screenshots -- --grep ram-map`.
import { join } from 'node:path';
import { root, run } from './stages.mjs';

if (!run([process.execPath, join(root, 'scripts', 'build.mjs')])) process.exit(1);
const config = join(root, 'tests', 'e2e', 'screenshots.config.ts');
const ok = run(['playwright', 'test', `--config=${config}`, '--reporter=list', ...process.argv.slice(2)]);
console.log(`the pictures are in ${join(root, 'screenshots')}`);
process.exit(ok ? 0 : 1);
