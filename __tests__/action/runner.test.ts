import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HostServices } from './runner/host.ts';
import { expandMatrix } from './runner/matrix.ts';
import { readFileCommands } from './runner/script.ts';
import { runWorkflow, type Trigger } from './runner/workflow.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runner-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs a workflow that is written here, with composite actions beside it. */
async function run(
  files: Readonly<Record<string, string>>,
  trigger: Partial<Trigger> = {},
  workflow = 'main.yml',
) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const services = new HostServices(folder, join(folder, 'host'));
  return runWorkflow(join(folder, '.github/workflows', workflow), {
    project: folder,
    services,
    home: join(folder, 'run'),
    event: 'push',
    ...trigger,
  });
}

const main = (jobs: string, on = 'push:') => ({
  '.github/workflows/main.yml': `on:\n  ${on}\npermissions: { contents: read }\njobs:\n${jobs}`,
});

test('outputs go from step to job to the job that needs it, also over several lines', async () => {
  const { result } = await run(
    main(`
  a:
    runs-on: ubuntu-24.04
    outputs: { text: '\${{ steps.one.outputs.text }}' }
    steps:
      - id: one
        run: printf 'text<<END\\nx\\ny\\nEND\\n' >> "$GITHUB_OUTPUT"
  b:
    needs: a
    runs-on: ubuntu-24.04
    steps:
      - run: test "$TEXT" = "$(printf 'x\\ny')"
        env: { TEXT: '\${{ needs.a.outputs.text }}' }
`),
  );
  expect(result).toBe('success');
});

test('programs of a folder that a step names are found by those that follow', async () => {
  const { result, jobs } = await run(
    main(`
  a:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          mkdir one two
          printf '#!/bin/sh\\necho "$0"\\n' | tee one/hello > two/hello
          chmod +x one/hello two/hello
          echo "$PWD/one" >> "$GITHUB_PATH"
          echo "$PWD/two" >> "$GITHUB_PATH"
      - run: hello
`),
  );
  expect(jobs[0]?.log).toMatch(/\/two\/hello$/m);
  expect(result).toBe('success');
});

test('after a failure only what asked for it runs, and the run is red', async () => {
  const { jobs, result } = await run(
    main(`
  a:
    runs-on: ubuntu-24.04
    steps:
      - run: 'false'
        continue-on-error: true
      - run: echo forgiven
      - run: exit 3
      - run: echo never
      - if: always()
        run: echo always
      - if: failure()
        run: echo failed
  b: { needs: a, runs-on: ubuntu-24.04, steps: [{ run: echo }] }
  c: { needs: [a, b], if: '\${{ !cancelled() }}', runs-on: ubuntu-24.04, steps: [{ run: echo }] }
  d: { needs: c, runs-on: ubuntu-24.04, steps: [{ run: echo }] }
`),
  );
  const [a] = jobs;
  expect(a?.log).toMatch(/forgiven\n[\s\S]*exit code 3\.\n[\s\S]*always\n[\s\S]*failed\n/);
  expect(a?.log).not.toMatch(/^never$/m);
  expect(jobs.map((job) => job.result)).toEqual(['failure', 'skipped', 'success', 'skipped']);
  expect(result).toBe('failure');
});

test('a composite has inputs, outputs and a status of its own, and no secrets', async () => {
  const action = `
name: one
description: one
inputs: { word: { description: a word, default: none }, job: { description: x, default: '\${{ github.job }}' } }
outputs: { said: { description: what, value: '\${{ steps.say.outputs.said }}' } }
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      run: |
        echo "said=$WORD-$JOB-$(basename "$GITHUB_ACTION_PATH")" >> "$GITHUB_OUTPUT"
        echo KEPT=kept >> "$GITHUB_ENV"
        exit 1
      env: { WORD: '\${{ inputs.word }}', JOB: '\${{ inputs.job }}' }
    - shell: bash
      run: echo never
    - if: always()
      shell: bash
      run: echo "always $KEPT"
`;
  const { jobs } = await run({
    'one/action.yml': action,
    ...main(`
  a:
    runs-on: ubuntu-24.04
    outputs: { said: '\${{ steps.one.outputs.said }}' }
    steps:
      - run: mkdir one && cp "$HOME/../one/action.yml" one/
      - id: one
        uses: ./one
        with: { word: hello }
      - if: failure()
        run: echo outside "$KEPT"
`),
  });
  expect(jobs[0]?.outputs).toEqual({ said: 'hello-a-one' });
  expect(jobs[0]?.log).toMatch(/always kept\n[\s\S]*outside kept\n/);
  expect(jobs[0]?.log).not.toMatch(/^never$/m);
});

test('a matrix out of JSON gives a job each, and with fail-fast off all of them run', async () => {
  const { jobs } = await run(
    main(`
  a:
    name: leg \${{ matrix.n }}
    runs-on: ubuntu-24.04
    strategy:
      fail-fast: false
      matrix: \${{ fromJSON('{"include":[{"n":1},{"n":2},{"n":3}]}') }}
    steps:
      - run: test "$N" != 2
        env: { N: '\${{ matrix.n }}' }
`),
  );
  expect(jobs.map(({ name, result }) => [name, result])).toEqual([
    ['leg 1', 'success'],
    ['leg 2', 'failure'],
    ['leg 3', 'success'],
  ]);
});

test("a matrix follows GitHub's rules, and one without jobs is refused", () => {
  expect(
    expandMatrix({
      a: [1, 2],
      b: ['x', 'y'],
      exclude: [{ a: 2, b: 'y' }],
      include: [{ a: 1, c: true }, { a: 3 }],
    }),
  ).toEqual([{ a: 1, b: 'x', c: true }, { a: 1, b: 'y', c: true }, { a: 2, b: 'x' }, { a: 3 }]);
  expect(() => expandMatrix({ include: [] })).toThrow('does not contain any values');
  const many = Array.from({ length: 257 }, (_, n) => ({ n }));
  expect(() => expandMatrix({ include: many })).toThrow('at most 256');
});

const called = (permissions: string) => ({
  '.github/workflows/called.yml': `
on:
  workflow_call:
    inputs: { word: { type: string, required: true }, dry: { type: boolean, default: true } }
    secrets: { TOKEN: { required: true } }
permissions: {}
jobs:
  inner:
    runs-on: ubuntu-24.04
    permissions: ${permissions}
    steps:
      - run: test "$WORD $DRY $TOKEN" = "hello true t0ken"
        env: { WORD: '\${{ inputs.word }}', DRY: '\${{ inputs.dry }}', TOKEN: '\${{ secrets.TOKEN }}' }
`,
});

test('a called workflow gets inputs and secrets, and starts only with what it asks for', async () => {
  const caller = (lines: string) =>
    main(`
  outer:
    uses: ./.github/workflows/called.yml
    permissions: { contents: read }
    ${lines}
`);
  const secrets = { secrets: { MINE: 't0ken' } };
  const good = `with: { word: hello }\n    secrets: { TOKEN: '\${{ secrets.MINE }}' }`;
  const { jobs } = await run({ ...called('{ contents: read }'), ...caller(good) }, secrets);
  expect(jobs.map(({ id, result }) => [id, result])).toEqual([['outer / inner', 'success']]);
  await expect(run({ ...called('{ id-token: write }'), ...caller(good) }, secrets)).rejects.toThrow(
    "requesting 'id-token: write', but is only allowed 'id-token: none'",
  );
  await expect(
    run({ ...called('{ contents: read }'), ...caller('with: { word: hello }') }, secrets),
  ).rejects.toThrow(/TOKEN/);
});

test("GitHub's own parser has the first word on a workflow", async () => {
  await expect(
    run(main('  a: { run-on: ubuntu-24.04, steps: [{ run: echo }] }\n')),
  ).rejects.toThrow("Unexpected value 'run-on'");
});

test("the host's files are read as the host reads them", () => {
  expect(readFileCommands('a=1=2\nb<<X\nx\n\ny\nX\n')).toEqual({ a: '1=2', b: 'x\n\ny' });
  expect(() => readFileCommands('b<<X\nx')).toThrow('delimiter not found');
  expect(() => readFileCommands('nonsense')).toThrow('Unable to process');
});
