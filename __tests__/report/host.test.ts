import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  addGithubNamesOfAtomGit,
  findHost,
  writeOutputs,
  writeSummary,
} from '../../src/report/host.ts';
import { toolkitLog, withoutCommands } from '../../src/report/workflow.ts';

let folder: string;
/** One for all tests: the toolkit keeps the path of the first one. */
const summaryFolder = mkdtempSync(join(tmpdir(), 'summary-'));
const summaryFile = join(summaryFolder, 'summary.md');
afterAll(() => rmSync(summaryFolder, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'host-'));
  writeFileSync(summaryFile, '');
});
afterEach(() => rmSync(folder, { recursive: true }));

function emptyFile(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  return path;
}

/** The toolkit reads the process's own environment: it is lent these and gets its own back. */
async function within(env: Record<string, string>, work: () => void | Promise<void>) {
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    await work();
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

const github = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://forge.test',
  GITHUB_REPOSITORY: 'a/b',
  GITHUB_RUN_ID: '4711',
  GITHUB_RUN_NUMBER: '12',
};

test('each host is detected by its own variables, and so is the page of the run', () => {
  expect(findHost({})).toMatchObject({ name: 'none', isActions: false, runUrl: undefined });
  expect(findHost(github)).toEqual({
    name: 'github',
    isActions: true,
    runUrl: 'https://forge.test/a/b/actions/runs/4711',
  });
  expect(findHost({ ...github, GITEA_ACTIONS: 'true' })).toEqual({
    name: 'gitea',
    isActions: true,
    runUrl: 'https://forge.test/a/b/actions/runs/12',
  });
  expect(findHost({ JENKINS_URL: 'http://j/', BUILD_URL: 'http://j/job/n/3/' })).toMatchObject({
    name: 'jenkins',
    runUrl: 'http://j/job/n/3/',
  });
  expect(findHost({ GITEE_PIPELINE_NAME: 'nightly' }).name).toBe('gitee-go');
});

test("AtomGit's variables get GitHub's names; its token does not, and no variable is overwritten", () => {
  const env: NodeJS.ProcessEnv = {
    ATOMGIT_ACTIONS: 'true',
    ATOMGIT_OUTPUT: '/o',
    ATOMGIT_SHA: 'a1',
    ATOMGIT_TOKEN: 'secret',
    GITHUB_SHA: 'b2',
  };
  addGithubNamesOfAtomGit(env);
  expect(findHost(env)).toMatchObject({ name: 'atomgit', isActions: true });
  expect(env.GITHUB_OUTPUT).toBe('/o');
  expect(env.GITHUB_SHA).toBe('b2');
  expect(env.GITHUB_TOKEN).toBeUndefined();

  const elsewhere: NodeJS.ProcessEnv = { ATOMGIT_OUTPUT: '/o' };
  addGithubNamesOfAtomGit(elsewhere);
  expect(elsewhere).toEqual({ ATOMGIT_OUTPUT: '/o' });
});

test("outputs and summary go to GitHub's files, with any content", async () => {
  const env = {
    ...github,
    GITHUB_OUTPUT: emptyFile('output'),
    GITHUB_STEP_SUMMARY: summaryFile,
  };
  await within(env, async () => {
    writeOutputs(findHost(env), env, { built: '3', report: '{"a":1}\nEOF\nbuilt=9' });
    await writeSummary(findHost(env), env, '| a | b |');
  });
  const [first, value, end, second] = readFileSync(env.GITHUB_OUTPUT, 'utf8').split('\n');
  expect([first?.slice(0, 7), value]).toEqual(['built<<', '3']);
  expect(end).toBe(first?.slice(7));
  expect(second).toMatch(/^report<</);
  expect(readFileSync(env.GITHUB_STEP_SUMMARY, 'utf8')).toBe('| a | b |\n');
});

test('an output that is too large for the host is not set, and is named', async () => {
  const env = { ...github, GITHUB_OUTPUT: emptyFile('output') };
  const outputs = { report: 'x'.repeat(1_000_001), built: '1' };
  await within(env, () => expect(writeOutputs(findHost(env), env, outputs)).toEqual(['report']));
  expect(readFileSync(env.GITHUB_OUTPUT, 'utf8')).toMatch(/^built<<\S+\n1\n\S+\n$/);
});

test('a summary that is too large for the host is cut at a line and says so', async () => {
  const env = { ...github, GITHUB_STEP_SUMMARY: summaryFile };
  const line = `${'kernel '.repeat(20)}\n`;
  await within(env, () => writeSummary(findHost(env), env, line.repeat(10_000)));
  const written = readFileSync(env.GITHUB_STEP_SUMMARY);
  expect(written.length).toBeLessThanOrEqual(1024 * 1024);
  expect(written.toString()).toMatch(/kernel \n\nThe rest is larger than the host allows.*\n\n$/);
});

test('on other hosts they go to the files of BTFHUB_OUTPUTS and BTFHUB_SUMMARY', async () => {
  const env = {
    JENKINS_URL: 'http://j/',
    BTFHUB_OUTPUTS: join(folder, 'outputs'),
    BTFHUB_SUMMARY: join(folder, 'summary.md'),
  };
  writeOutputs(findHost(env), env, { built: '3', failed: '0' });
  await writeSummary(findHost(env), env, '# Built');
  expect(readFileSync(env.BTFHUB_OUTPUTS, 'utf8')).toBe('built=3\nfailed=0\n');
  expect(readFileSync(env.BTFHUB_SUMMARY, 'utf8')).toBe('# Built\n');
});

/** What is written to standard output meanwhile. */
function stdoutOf(work: () => void): string {
  let text = '';
  const write = process.stdout.write;
  process.stdout.write = (chunk) => {
    text += chunk;
    return true;
  };
  try {
    work();
  } finally {
    process.stdout.write = write;
  }
  return text;
}

test('an annotation is one line with any message, and each line of a secret is masked', () => {
  const text = stdoutOf(() => {
    toolkitLog.error('100%\n::add-mask::x', '5.10.0,x:y');
    toolkitLog.mask('one\ntwo\n');
  });
  expect(text.split('\n')).toEqual([
    '::error title=5.10.0%2Cx%3Ay::100%25%0A::add-mask::x',
    '::add-mask::one',
    '::add-mask::two',
    '',
  ]);
});

test('a message that contains a workflow command is not one', () => {
  const hostile = 'a\n  ::set-output name=x::y\n##[add-path]/tmp\nstruct a::b';
  expect(withoutCommands(hostile)).toBe(
    'a\n  : :set-output name=x::y\n## [add-path]/tmp\nstruct a::b',
  );
  const text = stdoutOf(() => toolkitLog.info('::stop-commands::x'));
  expect(text).toBe(': :stop-commands::x\n');
});
