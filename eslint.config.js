import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import ts from 'typescript-eslint';

// The process belongs to the one who runs it: only an entry point listens to it, reads it and ends it.
const processParts = ['on', 'once', 'addListener', 'exit', 'exitCode', 'env', 'argv', 'abort'];

export default defineConfig(
  { ignores: ['dist/', 'coverage/', '.cache/', 'node_modules/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [ts.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      eqeqeq: 'error',
      'max-lines': ['error', 400],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            ':matches(PropertyDefinition, MethodDefinition:not([kind="constructor"]))[accessibility="private"]',
          message: 'Use #private (a constructor may be private: #constructor is not legal).',
        },
        { selector: 'ExportAllDeclaration', message: 'src/index.ts lists every name.' },
      ],
    },
  },
  {
    files: ['src/**/*.ts', 'proxy/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        // the type check knows a page's globals because the tests' evaluate() needs them; Node 20 has none of these
        ...['document', 'window', 'self', 'location', 'localStorage', 'sessionStorage', 'WebSocket', 'name'],
        ...[
          'event',
          'status',
          'close',
          'length',
          'parent',
          'top',
          'origin',
          'stop',
          'find',
          'open',
          'frames',
        ],
      ],
    },
  },
  {
    files: ['src/**/*.ts', 'proxy/**/*.ts'],
    ignores: ['proxy/main.ts', 'proxy/run.ts', 'proxy/chrome-launcher/main.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...processParts.map((property) => ({
          object: 'process',
          property,
          message: 'Only the main.ts of an executable may; take it as an argument.',
        })),
      ],
      'no-restricted-imports': [
        'error',
        ...['process', 'node:process'].map((name) => ({
          name,
          importNames: processParts,
          message: 'Only the main.ts of an executable may.',
        })),
      ],
    },
  },
  {
    files: ['proxy/main.ts', 'proxy/run.ts', 'proxy/chrome-launcher/main.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // what comes out of JSON.parse and evaluate() is any; the assertion on it is its check
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        ...{ process: 'readonly', console: 'readonly', performance: 'readonly', Buffer: 'readonly' },
        ...{ URL: 'readonly', setTimeout: 'readonly', clearTimeout: 'readonly', fetch: 'readonly' },
      },
    },
  },
  { files: ['**/*.cjs'], languageOptions: { globals: { module: 'writable', require: 'readonly' } } },
);
