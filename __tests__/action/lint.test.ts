import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate } from '@actions/languageservice';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { actions, pages, root, type WorkflowFile, workflows } from './files.ts';
import { metadataOf } from './others.ts';
import { RULES } from './rules.ts';

const files = [...workflows, ...actions];

/** What GitHub's own language service has to say about a file, with what it names fetched from here. */
async function diagnose({ path, text }: WorkflowFile): Promise<string[]> {
  const place = /action\.yml$/.test(path) ? path : `.github/workflows/${path.split('/').at(-1)}`;
  const document = TextDocument.create(`file:///repository/${place}`, 'yaml', 1, text);
  const found = await validate(document, {
    fileProvider: {
      getFileContent: async ({ path: name }) => ({
        name,
        content: readFileSync(join(root, name), 'utf8'),
      }),
    },
    actionsMetadataProvider: {
      fetchActionMetadata: async ({ owner, name, path: below }) =>
        metadataOf([owner, name, ...(below ? [below] : [])].join('/')),
    },
  });
  return found.map(({ message, range }) => `${path}:${range.start.line + 1}: ${message}`);
}

/** actionlint's findings, made by a program of its own. */
function actionlint(paths: readonly string[]): string[] {
  const program = join(import.meta.dirname, 'actionlint.cjs');
  const { stdout, stderr } = spawnSync(process.execPath, [program, ...paths], {
    cwd: root,
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as string[];
}

test.each(files.map((file) => [file.path, file] as const))(
  "GitHub's language service finds nothing in %s",
  async (_, file) => {
    expect(await diagnose(file)).toEqual([]);
  },
);

test('the language service does find what is wrong', async () => {
  const [file] = workflows;
  const text = file?.text.replace('runs-on:', 'run-on:').replace('github.ref', 'gitub.ref') ?? '';
  expect((await diagnose({ path: 'x.yml', text })).length).toBeGreaterThan(0);
});

test('actionlint finds nothing in any workflow', () => {
  const found = actionlint(workflows.map(({ path }) => path));
  // Contexts that GitHub has had since 2026 and actionlint 1.7.7 does not know.
  const known = /property "workflow_(sha|repository)" is not defined/;
  expect(found.filter((line) => !known.test(line))).toEqual([]);
});

describe.each(Object.entries(RULES))('the rule "%s"', (_, rule) => {
  test('is kept by every workflow and action', () => {
    expect(files.flatMap(rule)).toEqual([]);
  });
});

const expression = (inner: string) => `\${{ ${inner} }}`;

/** Each rule, and an edit of a real file that breaks it. */
const BREAKAGES: readonly (readonly [string, string, (text: string) => string])[] = [
  [
    'no expression inside run',
    'action.yml',
    (text) => text.replace(/setup --show-cache/, `$& ${expression('inputs.pahole')}`),
  ],
  [
    'actions of others are pinned by commit, with the version beside',
    'action.yml',
    (text) => text.replace(/setup-node@\w+/, 'setup-node@v7'),
  ],
  [
    'actions of others are pinned by commit, with the version beside',
    'action.yml',
    (text) => text.replace(/ # v7\.0\.0/, ''),
  ],
  [
    'no permission at the top',
    '.github/workflows/ci.yml',
    (text) => text.replace('permissions: {}', 'permissions: read-all'),
  ],
  [
    'no permission at the top',
    '.github/workflows/ci.yml',
    (text) => text.replace('permissions: {}\n', ''),
  ],
  [
    'each job asks for the least',
    '.github/workflows/update-archive.yml',
    (text) => text.replace('contents: read', 'contents: write'),
  ],
  [
    'each job asks for the least',
    '.github/workflows/ci.yml',
    (text) => text.replace(/ +permissions:\n +contents: read\n/, ''),
  ],
  [
    'tokens only where they are used',
    '.github/workflows/update-archive.yml',
    (text) =>
      text.replace('signature: ', `sources: ${expression('secrets.BTFHUB_TOKEN')}\n          $&`),
  ],
  [
    'a checkout keeps no credentials',
    '.github/workflows/ci.yml',
    (text) => text.replace('persist-credentials: false', 'persist-credentials: true'),
  ],
  [
    'each job has a name and an end',
    '.github/workflows/ci.yml',
    (text) => text.replace('timeout-minutes: 60', ''),
  ],
  [
    'each workflow says what may overlap',
    '.github/workflows/ci.yml',
    (text) => text.replace('concurrency:', 'env:'),
  ],
  [
    'each input, output and secret is described',
    'plan/action.yml',
    (text) => text.replace(/description: Number of kernels.*/, "description: ''"),
  ],
  [
    'each input, output and secret is described',
    '.github/workflows/update-archive.yml',
    (text) => text.replace(/description: The archive's git URL\n */, ''),
  ],
  [
    'a script of an action runs in bash',
    'action.yml',
    (text) => text.replace('shell: bash', 'shell: sh'),
  ],
];

test.each(BREAKAGES)('the rule "%s" is seen to break in %s', (name, path, edit) => {
  const file = files.find((one) => one.path === path);
  const text = file ? edit(file.text) : '';
  expect(text).not.toBe(file?.text);
  expect(RULES[name]?.({ path, text })).not.toEqual([]);
});

test('every rule is broken once to see it caught', () => {
  expect([...new Set(BREAKAGES.map(([name]) => name))].sort()).toEqual(Object.keys(RULES).sort());
});

test('an action of others has one version in all files', () => {
  // Gitea's artifacts are of an older version.
  const ours = files.filter(({ path }) => !path.startsWith('examples/gitea'));
  const pins = ours.flatMap(
    ({ text }) => text.match(/[\w.-]+\/[\w./-]+@[0-9a-f]{40} # \S+/g) ?? [],
  );
  const byName = new Map<string, Set<string>>();
  for (const pin of pins) {
    const name = pin.split(/[/@]/).slice(0, 2).join('/');
    byName.set(name, (byName.get(name) ?? new Set()).add(pin.replace(/^.*@/, '')));
  }
  expect(byName.size).toBeGreaterThan(4);
  expect([...byName].filter(([, versions]) => versions.size > 1)).toEqual([]);
});

test('the example that owners copy is ten lines', () => {
  const example = workflows.find(({ path }) => path === 'examples/github/update-archive.yml');
  const lines = example?.text.split('\n').filter((line) => !/^(#.*|name:.*|)$/.test(line)) ?? [];
  expect(lines.length).toBeLessThanOrEqual(10);
});

test("pages and examples name this project's own address and this version's major", () => {
  const { repository, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const own = repository.replace('github:', '');
  const [owner] = own.split('/');
  const addresses = new RegExp(
    `${owner}/btfhub[\\w-]*(?:[\\w/.-]*@(v\\d+))?|TOOL_VERSION\\W+(v\\d+)`,
    'g',
  );
  const found = pages.flatMap(({ text }) => [...text.matchAll(addresses)]);
  const strange = found
    .map(([whole]) => whole)
    .filter(
      (whole) =>
        whole.includes('/') && !new RegExp(`^(${own}|${owner}/btfhub-archive)`).test(whole),
    );
  expect(strange).toEqual([]);
  const majors = new Set(found.flatMap(([, one, other]) => one ?? other ?? []));
  expect([...majors]).toEqual([`v${version.split('.')[0]}`]);
});
