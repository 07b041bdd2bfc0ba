import ts from 'typescript-eslint';
import svelte from 'eslint-plugin-svelte';
import svelteConfig from './svelte.config.js';

export default ts.config(
  {
    ignores: [
      'node_modules',
      '.svelte-kit',
      '.cache',
      'build',
      'bin/dist',
      'tests/golden',
      'static',
      'screenshots',
      '**/*.bundle.mjs'
    ]
  },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig } }
  },
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-constant-condition': ['error', { checkLoops: false }],
      // The page is a single static document; links are hash states or plain relative paths.
      'svelte/no-navigation-without-resolve': 'off',
      // Field names on the wire are QEMU's snake_case, so no naming rule.
      eqeqeq: 'error',
      'no-console': 'off'
    }
  },
  {
    files: ['src/**'],
    ignores: ['src/bridge/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*'], message: 'src/lib runs in the browser too: Node modules live in src/bridge.' }
          ]
        }
      ]
    }
  }
);
