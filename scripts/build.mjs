#!/usr/bin/env node
// Builds the site into build/ and the command line into bin/dist/.
import { bundle } from './bundle.mjs';
import { run } from './stages.mjs';

if (!run(['vite', 'build'])) process.exit(1);
await bundle();
