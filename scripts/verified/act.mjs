// Which act the tests of `npm run test:runner` met.
import { execFileSync } from 'node:child_process';

export async function version() {
  return execFileSync('act', ['--version'], { encoding: 'utf8' }).trim();
}
