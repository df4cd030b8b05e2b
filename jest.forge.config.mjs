import config from './jest.config.mjs';

for (const name of ['BTFHUB_TEST_FORGE_URL', 'BTFHUB_TEST_FORGE_TOKEN']) {
  if (!process.env[name]) {
    throw new Error(
      `${name} is not set. Start a Gitea, then set BTFHUB_TEST_FORGE_URL to its address and BTFHUB_TEST_FORGE_TOKEN to an administrator's token.`,
    );
  }
}

/** Against a real Gitea, whose address and administrator's token the environment names: `npm run test:forge`. */
export default {
  ...config,
  testMatch: ['<rootDir>/__tests__/real-forge/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
  reporters: [
    'default',
    [
      '<rootDir>/scripts/verified/reporter.mjs',
      { sections: [{ name: 'gitea', program: './gitea.mjs', tests: '.test.ts' }] },
    ],
  ],
};
