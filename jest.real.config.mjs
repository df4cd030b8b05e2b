import config from './jest.config.mjs';

/** `npm run test:real`: every real kernel, one after the other; the first time takes long. */
export default {
  ...config,
  testMatch: ['<rootDir>/__tests__/real/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
};
