// Which act_runner the tests of `npm run test:runner` met.
import { execFileSync } from 'node:child_process';

export async function version() {
  const program = process.env.BTFHUB_TEST_ACT_RUNNER;
  return execFileSync(program, ['--version'], { encoding: 'utf8' }).trim();
}
