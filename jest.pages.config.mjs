import { existsSync } from 'node:fs';
import config from './jest.config.mjs';

const chromium = process.env.BTFHUB_TEST_CHROMIUM ?? '/usr/bin/chromium';
if (!existsSync(chromium)) {
  throw new Error(
    `${chromium} is not there. Install Chromium (Debian: chromium), or set BTFHUB_TEST_CHROMIUM to its program.`,
  );
}

/** The explorer's pages in a real Chromium: `npm run test:pages`. */
export default {
  ...config,
  testMatch: ['<rootDir>/__tests__/real-pages/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
