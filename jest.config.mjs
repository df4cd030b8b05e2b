/** Tests are ESM as the sources are; swc strips the types, tsc checks them (`npm run types`). */
export default {
  rootDir: '.',
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  // All real kernels but one: `npm run test:real` (jest.real.config.mjs).
  testPathIgnorePatterns: [
    '/node_modules/',
    '/__tests__/real/(?!one-kernel)',
    '/__tests__/real-forge/',
    '/__tests__/real-runner/',
    '/__tests__/real-pages/',
  ],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript' },
          target: 'es2022',
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  // Half of the work is done by other programs, which jest's default would leave a core for.
  maxWorkers: '100%',
  // No test measures time: this is for one that hangs, also on a machine that does much else.
  testTimeout: 180_000,
};
