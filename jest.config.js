/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  reporters: ['default', '<rootDir>/scripts/summary-reporter.mjs'],
  // babel's instrumentation shifts the lines in stack traces
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', 'proxy/**/*.ts'],
  // every worker may hold a Chrome
  maxWorkers: 2,
  // the modules of files that are done stay in V8's heap, and collecting garbage takes ever longer
  workerIdleMemoryLimit: '300MB',
  testTimeout: 30_000,
};
