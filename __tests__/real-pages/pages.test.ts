import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { LANGUAGES, VIEWS } from '../../src/pages/route.ts';
import { TEXTS } from '../../src/pages/texts.ts';
import { compileBpf, temporaryFolder } from '../btf/made.ts';
import { HOSTILE, KERNELS, makeSite } from './make-site.ts';
import { type StaticHost, startStaticHost } from './static-host.ts';

const scratch = temporaryFolder();
const folder = join(scratch, 'site');
const [FIRST = '', SECOND = '', THIRD = ''] = KERNELS.map(([uname]) => uname);

let host: StaticHost;
let browser: Browser;
let page: Page;
/** What went wrong in the browser, and requests to other hosts. */
let complaints: string[];

beforeAll(async () => {
  mkdirSync(folder);
  await makeSite(scratch, folder);
  host = await startStaticHost(folder);
  const executablePath = process.env.BTFHUB_TEST_CHROMIUM ?? '/usr/bin/chromium';
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  await host?.close();
});
beforeEach(async () => {
  host.reset();
  complaints = [];
  await newPage({});
});
afterEach(async () => {
  await page.context().close();
});

async function newPage(options: Parameters<Browser['newContext']>[0]): Promise<void> {
  const context = await browser.newContext(options);
  page = await context.newPage();
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('request', (request) => {
    if (!request.url().startsWith(host.url)) complaints.push(request.url());
  });
}

/** Opens a state of a page, and waits for its heading. */
async function open(hash: string): Promise<void> {
  // A new document: the fragment alone would only move the page that is there.
  await page.goto('about:blank');
  await page.goto(`${host.url}${hash}`);
  await page.locator('main h1').waitFor();
}

const text = (selector: string) => page.locator(selector).first().innerText();

/** The states that show most of each page. */
const STATES = [
  '#/en/coverage',
  `#/en/coverage?kernel=${SECOND}`,
  '#/en/type',
  '#/en/type/task_struct?version=2',
  '#/en/type/absent',
  '#/en/field',
  '#/en/field/task_struct.state',
  '#/en/compare',
  `#/en/compare?a=${SECOND}&b=${THIRD}&open=struct+task_struct`,
  '#/en/program',
];

test('the coverage has a mark for each kernel, and the commands for one', async () => {
  await open('#/en/coverage');
  const labels = await page
    .locator('.bar')
    .evaluateAll((bars) => bars.map((bar) => bar.getAttribute('aria-label')));
  expect(labels.toSorted()).toEqual([
    `${FIRST}: archived`,
    `${SECOND}: archived`,
    `${THIRD}: archived`,
    '5.10.0-60.20.0.52.oe2203.x86_64: failed (no-debuginfo)',
  ]);
  await page.locator(`.bar[aria-label^="${SECOND}"]`).click();
  expect(await text('.card h2')).toBe(SECOND);
  expect(await page.locator('.copyable code').allInnerTexts()).toEqual([
    `btfhub fetch --archive https://example.org/archive.git --kernel ${SECOND}`,
    `btfhub install --archive https://example.org/archive.git --kernel ${SECOND}`,
    `https://example.org/raw/openEuler/22.03/x86_64/${SECOND}.btf.tar.xz`,
  ]);
  await page.getByRole('searchbox').fill('20.03');
  expect(await page.locator('.bar').count()).toBe(1);
  // The state is a link: another reader sees the same.
  const link = page.url();
  await newPage({});
  await page.goto(link);
  await page.locator('.card h2').waitFor();
  expect([await text('.card h2'), await page.locator('.bar').count()]).toEqual([SECOND, 1]);
});

test('a type has its versions, their kernels, and what differs between them', async () => {
  await open('#/en/type/task_struct');
  expect(await text('.answer')).toBe('3 versions, in 3 of 3 kernels.');
  expect(await page.locator('.versions > li').count()).toBe(3);
  expect(await text('.definition .added .c')).toMatch(/unsigned int\s+flags;/);
  expect(await text('.definition .added .layout')).toMatch(/16\s+4/);
  await page.locator('.versions a', { hasText: 'Version 1' }).click();
  await page.locator('.definition', { hasText: 'volatile' }).waitFor();
  expect(await page.locator('.definition .added').count()).toBe(0);
});

test('a field has its offset in each kernel, and its other name', async () => {
  await open('#/en/field/task_struct.state');
  expect(await text('.answer')).toContain('1 of 3 kernels have it');
  expect(await text('.answers')).toContain('Offset 0, 8 bytes');
  await page.locator('.renamed a', { hasText: '__state' }).first().click();
  await page.locator('h1', { hasText: 'task_struct.__state' }).waitFor();
  expect(await text('.answer')).toContain('2 of 3 kernels have it');
});

test('two kernels are compared by name and kind', async () => {
  await open('#/en/compare');
  await page.locator('select').nth(0).selectOption(SECOND);
  await page.locator('select').nth(1).selectOption(THIRD);
  await page.locator('.changes').first().waitFor();
  expect(await text('.answer')).toBe('1 added, 1 removed, 1 changed.');
  await page.locator('select').nth(2).selectOption('function');
  expect(await page.locator('.changes button').allInnerTexts()).toEqual(['function udp_connect']);
  await page.locator('.changes button').click();
  expect(await text('.difference .c')).toContain('udp_connect(struct sock *sk)');
  await page.getByRole('link', { name: 'Swap' }).click();
  await page.locator('h2.removed').waitFor();
});

const PROGRAM = `
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  #include <bpf/bpf_core_read.h>
  struct task_struct { unsigned __state; } __attribute__((preserve_access_index));
  SEC("kprobe/x") int run(void *ctx) {
    struct task_struct *task = (void *)bpf_get_current_task();
    return BPF_CORE_READ(task, __state);
  }
  char LICENSE[] SEC("license") = "GPL";`;

test('a program is judged on every kernel, and sent nowhere', async () => {
  const object = compileBpf(scratch, PROGRAM, 'bpf');
  await open('#/en/program');
  host.sent.paths = [];
  await page.locator('input[type=file]').setInputFiles(object);
  await page.locator('.finding').waitFor();
  expect(await text('.answer')).toContain('It loads on 2 of 3 kernels');
  expect(await text('.finding h3')).toContain('struct task_struct.__state');
  expect(await page.locator('.bar.bad').getAttribute('aria-label')).toContain(FIRST);
  expect(await page.locator('.bar.good').count()).toBe(2);
  expect(host.sent.paths.filter((path) => !path.endsWith('.sqlite'))).toEqual([]);
  await page.locator('input[type=file]').setInputFiles({
    name: 'text.o',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('no object'),
  });
  await page.getByRole('alert').waitFor();
  expect(await text('[role=alert]')).toContain(TEXTS.en.errors['not-an-object']);
});

test('the search completes names, fields and kernels, by keyboard alone', async () => {
  await open('#/en/coverage');
  await page.keyboard.press('/');
  await page.keyboard.type('tcp_con');
  await page.locator('[role=option]').waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('h1', { hasText: 'tcp_connect' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('task_struct.fl');
  await page.locator('[role=option]', { hasText: 'task_struct.flags' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.locator('h1', { hasText: 'task_struct.flags' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type(SECOND);
  await page.locator('[role=option]').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.card h2', { hasText: SECOND }).waitFor();
});

test('the arrow keys move over the marks, of which one is a stop of the tab key', async () => {
  await open(`#/en/coverage?kernel=${SECOND}`);
  expect(await page.locator('.bar[tabindex="0"]').count()).toBe(1);
  await page.locator('.bar[tabindex="0"]').focus();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
  expect(await focused()).toContain(SECOND);
  await page.keyboard.press('ArrowLeft');
  expect(await focused()).toContain(THIRD);
  await page.keyboard.press('ArrowDown');
  expect(await focused()).toContain(FIRST);
  await page.keyboard.press('Enter');
  await page.locator('.card h2', { hasText: FIRST }).waitFor();
});

test('names out of BTF are text on every page', async () => {
  const name = encodeURIComponent(HOSTILE);
  for (const hash of [
    `#/en/type/${name}`,
    `#/en/field/${name}.${name}`,
    `#/en/compare?a=${SECOND}&b=${THIRD}&open=${encodeURIComponent(`struct ${HOSTILE}`)}`,
    `#/en/coverage?kernel=${name}&q=${name}`,
  ]) {
    await open(hash);
    await page.locator('main', { hasText: HOSTILE }).waitFor();
    expect(await page.locator('main img, [onerror]').count()).toBe(0);
  }
  await page.keyboard.press('/');
  await page.keyboard.type('<im');
  await page.locator('[role=option]', { hasText: HOSTILE }).waitFor();
  expect(complaints).toEqual([]);
});

test('a host without ranges gives the same answers', async () => {
  const answers = async () => {
    await open('#/en/type/task_struct');
    return text('main');
  };
  const expected = await answers();
  const ranged = host.sent.paths.filter((path) => path.endsWith('.sqlite')).length;
  host.reset();
  host.settings.ranges = false;
  expect(await answers()).toBe(expected);
  expect(ranged).toBeGreaterThan(0);
  expect(host.sent.paths.filter((path) => path.endsWith('.sqlite'))).toHaveLength(1);
});

test.each([
  ['database is not there', /sqlite$/, 404, 'missing'],
  ['description is not there', /site\.json$/, 404, 'missing'],
  ['host fails', /sqlite$/, 503, 'refused'],
] as const)('a page whose %s says so, and tries again', async (_, path, status, kind) => {
  host.settings.failing = { path, status };
  await page.goto(`${host.url}#/en/coverage`);
  await page.getByRole('alert').waitFor();
  expect(await text('[role=alert]')).toContain(TEXTS.en.errors[kind]);
  host.settings.failing = undefined;
  await page.getByRole('button', { name: TEXTS.en.retry }).click();
  await page.locator('.strip').waitFor();
});

test('a page whose worker did not load says so, and tries again with another', async () => {
  await page.route('**/worker.js', (route) => route.abort());
  await page.goto(`${host.url}#/en/coverage`);
  await page.getByRole('alert').waitFor();
  expect(await text('[role=alert]')).toContain(TEXTS.en.errors.offline);
  await page.unroute('**/worker.js');
  await page.getByRole('button', { name: TEXTS.en.retry }).click();
  await page.locator('.strip').waitFor();
});

test('a page whose host is gone says so', async () => {
  await open('#/zh/type');
  await page.context().setOffline(true);
  await page.evaluate(() => {
    location.hash = '#/zh/type/task_struct';
  });
  // A small database is loaded as a whole: only a page that still has to read something notices.
  await Promise.race([page.getByRole('alert').waitFor(), page.locator('.definition').waitFor()]);
  await page.context().setOffline(false);
  await page.context().route('**/*.sqlite', (route) => route.abort());
  await page.reload();
  await page.getByRole('alert').waitFor();
  expect(await text('[role=alert]')).toContain(TEXTS.zh.errors.offline);
});

test('a page with a damaged database says so', async () => {
  const name = readdirSync(folder).find((one) => one.endsWith('.sqlite')) ?? '';
  const sound = readFileSync(join(folder, name));
  const asked = async (content: Buffer) => {
    writeFileSync(join(folder, name), content);
    await page.goto('about:blank');
    await page.goto(`${host.url}#/en/type/task_struct`);
    await page.getByRole('alert').waitFor();
    return text('[role=alert]');
  };
  try {
    const spoilt = Buffer.from(sound).fill(0xa5, 100);
    expect(await asked(spoilt)).toContain(TEXTS.en.errors.damaged);
    expect(await asked(sound.subarray(0, 5000))).toContain(TEXTS.en.errors.damaged);
    expect(await asked(Buffer.from('<html>not found</html>'))).toContain(TEXTS.en.errors.damaged);
  } finally {
    writeFileSync(join(folder, name), sound);
  }
});

test('a site that is newer than its page says so', async () => {
  await page.route('**/site.json', (route) => route.fulfill({ json: { schema: 2 } }));
  await page.goto(host.url);
  await page.getByRole('alert').waitFor();
  expect(await text('[role=alert]')).toContain(TEXTS.en.errors.newer);
});

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The serious faults that axe finds on the page as it is. */
async function axeFaults(): Promise<readonly string[]> {
  // Not a script of the page, which the content security policy would refuse.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${page.url()}: ${id}: ${nodes[0]?.html} (${nodes.length})`);
}

const LOOKS = LANGUAGES.flatMap((language) =>
  (['light', 'dark'] as const).map((colorScheme) => [language, colorScheme] as const),
);

test.each(LOOKS)(
  'every page is there in %s and %s, and axe finds no serious fault',
  async (language, colorScheme) => {
    await newPage({ colorScheme });
    const faults: string[] = [];
    for (const state of STATES) {
      await open(state.replace('/en/', `/${language}/`));
      expect(await text('nav a')).toBe(TEXTS[language].views.coverage);
      faults.push(...(await axeFaults()));
    }
    expect(faults).toEqual([]);
    expect(complaints).toEqual([]);
  },
);

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

test('no page is wider than a telephone', async () => {
  await newPage({ viewport: { width: 360, height: 740 } });
  for (const state of STATES) {
    await open(state);
    const [content, width] = await page.evaluate(() => {
      const { scrollWidth, clientWidth } = document.documentElement;
      return [scrollWidth, clientWidth];
    });
    expect([state, content]).toEqual([state, width]);
  }
});

test('the first page with the whole program is at most 1.2 MB', async () => {
  await open('#/en/coverage');
  expect(VIEWS[0]).toBe('coverage');
  expect(host.sent.bytes).toBeGreaterThan(100_000);
  expect(host.sent.bytes).toBeLessThan(1_200_000);
  expect(complaints).toEqual([]);
});
