import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');

export interface WorkflowFile {
  /** From the repository's root. */
  readonly path: string;
  readonly text: string;
}

function below(folder: string, fits: (name: string) => boolean): WorkflowFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => fits(name) && !name.includes('node_modules'))
    .sort()
    .map((name) => join(folder, name))
    .map((path) => ({
      path: relative(root, join(root, path)),
      text: readFileSync(join(root, path), 'utf8'),
    }));
}

/** Every workflow that GitHub or Gitea would run: ours, and those we show to others. */
export const workflows: readonly WorkflowFile[] = [
  ...below('.github/workflows', (name) => name.endsWith('.yml')),
  ...below('examples/github', (name) => name.endsWith('.yml')),
  ...below('examples/gitea', (name) => name.endsWith('.yml')),
];

/** Every action of this repository. */
export const actions: readonly WorkflowFile[] = below('.', (name) =>
  /^(\w+\/)?action\.yml$/.test(name),
);

/** What people read and copy: pages, examples, issue forms. */
export const pages: readonly WorkflowFile[] = [
  ...below('.', (name) => /^[A-Z]+\.md$/.test(name)),
  ...below('examples', (name) => /\.(yml|md)$|Jenkinsfile$/.test(name)),
  ...below('.github', (name) => /\.(yml|md)$/.test(name)),
];
