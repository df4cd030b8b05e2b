import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Material for tests that lies beside the repository, where it does: packages and files that other programs made. */
export const shared = process.env.BTFHUB_SHARED ?? join(import.meta.dirname, '..', '..', 'shared');

/** `test`, or a test that is skipped and says why, where the material `folder` is missing. */
export function testWithShared(folder: string): typeof test {
  if (existsSync(join(shared, folder))) return test;
  process.stderr.write(`skipping tests: there is no ${join(shared, folder)}\n`);
  return test.skip as typeof test;
}

/** The names in a shared folder that end in `suffix`; one placeholder where there is none, so that the skipping shows. */
export function sharedFiles(folder: string, suffix: string): string[] {
  const path = join(shared, folder);
  if (!existsSync(path)) return [`(no ${folder})`];
  return readdirSync(path).filter((name) => name.endsWith(suffix));
}
