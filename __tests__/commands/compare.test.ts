import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { compare } from '../../src/commands/compare.ts';
import type { FileComparison } from '../../src/jobs/compare.ts';
import { asUname } from '../../src/names.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { bzImage, compress, elfKernel, flatKernel, UNAME, withSize } from '../boot-image/made.ts';
import { compile, EVERY_KIND, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { runCommand } from '../schemas.ts';

const folder = temporaryFolder();
const platform: Platform = {
  env: {},
  clock: systemClock,
  programs,
  interrupted: new AbortController().signal,
  http: { request: () => Promise.reject(new Error('compare uses no network')) },
  stdout: { write: () => true },
  stderr: { write: () => true },
};

let files = 0;
function file(bytes: Uint8Array, suffix = '.btf'): string {
  const path = join(folder, `compared-${++files}${suffix}`);
  writeFileSync(path, bytes);
  return path;
}

const made = (source: string, ...args: string[]) => file(paholeBtf(folder, source, ...args));

async function run(first: string, second: string) {
  const outcome = await runCommand(compare, platform, {}, [first, second]);
  return { ...outcome, document: outcome.document as FileComparison };
}

function kindOf(comparison: FileComparison, kind: string) {
  const found = comparison.kinds.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

const BEFORE = `
enum color { RED, GREEN = 5 };
typedef int number;
struct same { number n; enum color c; };
struct moved { char a; int b; };
struct gone { int x; };
int unchanged(struct same *s) { return s->n; }
int changed(struct moved *m) { return m->a; }
int removed(struct gone *g) { return g->x; }
`;
const AFTER = `
struct come { long y; };
struct moved { int b; char a; };
typedef int number;
enum color { RED, GREEN = 6, BLUE };
struct same { number n; enum color c; };
long changed(struct moved *m, int more) { return m->b + more; }
int unchanged(struct same *s) { return s->n + 1; }
int added(struct come *c) { return c->y; }
`;

test('a file is equal to itself, with exit status 0', async () => {
  const path = made(EVERY_KIND);
  const { status, document, text } = await run(path, path);
  expect(status).toBe(0);
  expect(document).toMatchObject({ equal: true, identical: true });
  expect(text).toContain('same bytes');
});

test('the order of types does not count', async () => {
  const forward = made(
    'struct a { int x; }; struct b { struct a *a; }; int f(struct b *b) { return 0; }',
  );
  const backward = made(
    'struct a; struct b { struct a *a; }; struct a { int x; }; int f(struct b *b) { return b->a->x; }',
  );
  const { status, document } = await run(forward, backward);
  expect(document.identical).toBe(false);
  expect(status).toBe(0);
});

test('each kind says what is only in one file, and what differs in layout, enumerators or signature', async () => {
  const { status, document, text } = await run(made(BEFORE), made(AFTER));
  expect(status).toBe(1);
  expect(kindOf(document, 'STRUCT')).toMatchObject({
    equal: 1,
    onlyFirst: ['gone'],
    onlySecond: ['come'],
    different: [
      {
        name: 'moved',
        aspect: 'layout',
        onlyFirst: ['0: char a', '4: int b'],
        onlySecond: ['0: int b', '4: char a'],
      },
    ],
  });
  expect(kindOf(document, 'ENUM').different).toEqual([
    {
      name: 'color',
      aspect: 'enumerators',
      onlyFirst: ['GREEN = 5'],
      onlySecond: ['GREEN = 6', 'BLUE = 7'],
    },
  ]);
  expect(kindOf(document, 'FUNC')).toMatchObject({
    equal: 1,
    onlyFirst: ['removed'],
    onlySecond: ['added'],
    different: [{ name: 'changed', aspect: 'signature' }],
  });
  for (const part of ['FUNC only in the first: removed', 'has another layout', '- GREEN = 5']) {
    expect(text).toContain(part);
  }
});

test('a type without a name is compared by its content', async () => {
  const inner = (member: string) =>
    `struct outer { struct { ${member} }; } o; int f(struct outer *o) { return 0; }`;
  const { document } = await run(made(inner('int a;')), made(inner('long a;')));
  expect(kindOf(document, 'STRUCT').different.map(({ name }) => name)).toEqual(['outer']);
  const again = await run(made(inner('int a;')), made(inner('int a;')));
  expect(again.status).toBe(0);
});

test('an enum is equal whether its values are said to be signed or not, and is not when they are cut off', async () => {
  const wide = 'enum wide { BIG = 0x100000001ULL } w; int f(enum wide *w) { return 0; }';
  const cut = 'enum wide { BIG = 1 } w; int f(enum wide *w) { return 0; }';
  const { document } = await run(made(wide), made(cut));
  expect(kindOf(document, 'ENUM').different).toMatchObject([
    { name: 'wide', aspect: 'enumerators' },
  ]);
});

test('raw BTF, an ELF file, a tarball and boot images of the same BTF are equal', async () => {
  const btf = paholeBtf(folder, EVERY_KIND);
  const raw = file(btf);
  const uname = asUname('6.6.0-1.oe2403.x86_64');
  const object = compile(folder, EVERY_KIND);
  execFileSync('objcopy', ['--add-section', `.BTF=${raw}`, object, `${object}.elf`]);
  const others = {
    ELF: `${object}.elf`,
    tarball: file(await packBtf(programs, uname, btf), '.btf.tar.xz'),
    'boot image': file(bzImage(withSize('gzip', elfKernel(folder, btf))), ''),
  };
  for (const [from, path] of Object.entries(others)) {
    const { status, document } = await run(raw, path);
    expect(document.second).toMatchObject({ from, path });
    expect(document.identical).toBe(true);
    expect(status).toBe(0);
  }
  const flat = file(compress('gzip', flatKernel({ form: 'arm64', btf: [btf] })), '');
  expect((await run(raw, flat)).document.second).toMatchObject({
    from: 'boot image',
    uname: UNAME,
  });
});

test('damaged BTF and another number of files are refused', async () => {
  const good = made(EVERY_KIND);
  const bad = file(readFileSync(good).subarray(0, 100));
  await expect(run(good, bad)).rejects.toMatchObject({ reason: 'bad-btf' });
  await expect(runCommand(compare, platform, {}, [good])).rejects.toMatchObject({
    reason: 'usage',
  });
  await expect(runCommand(compare, platform, {}, [good, good, good])).rejects.toMatchObject({
    reason: 'usage',
  });
});
