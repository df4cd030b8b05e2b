import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { tarballPath } from '../../src/archive/layout.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silent } from '../../src/report/progress.ts';
import { noCache } from '../../src/rpmmd/cache.ts';
import { BUILT_IN } from '../../src/sources/built-in.ts';
import { builtInSource, chooseSource } from '../../src/sources/choose.ts';
import { findKernels } from '../../src/sources/discover.ts';
import { parseSource } from '../../src/sources/source.ts';
import { DISTRIBUTION_SHAPES } from '../tree/distributions.ts';
import { fastPlatform } from '../tree/platform.ts';
import { makeRepository } from '../tree/repository.ts';
import { tinyRpm } from '../tree/rpm-file.ts';
import { serveTree } from '../tree/server.ts';

const root = join(import.meta.dirname, '..', '..');
const files = readdirSync(join(root, 'sources')).filter((name) => name.endsWith('.yaml'));
const folder = mkdtempSync(join(tmpdir(), 'btfhub-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the program carries every file of sources/, as it is', () => {
  const read = files.map((name) => ({
    file: `sources/${name}`,
    data: parse(readFileSync(join(root, 'sources', name), 'utf8')),
  }));
  expect(BUILT_IN).toEqual(read.sort((one, two) => (one.file < two.file ? -1 : 1)));
});

test.each(files)(
  'sources/%s names the schema in its first line, its evidence, and is valid',
  (name) => {
    const text = readFileSync(join(root, 'sources', name), 'utf8');
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.\/schema\.json\n/);
    const source = parseSource(parse(text), name);
    expect(source.key ?? source.id).toBe(name.replace('.yaml', ''));
    expect(source.evidence.length).toBeGreaterThan(0);
  },
);

test.each(files.map((name) => name.replace('.yaml', '')))(
  'a tree of the shape of %s is planned with the right names',
  async (key) => {
    const shape = DISTRIBUTION_SHAPES[key];
    if (!shape) throw new Error(`There is no tree for sources/${key}.yaml.`);
    const [name = '', version = '', release = '', arch = ''] = shape.rpm.split(' ');
    const source = builtInSource(key);
    const mirror = join(folder, key);
    const rpm = { name, version, release, arch, filler: 99 };
    const isFlat = source.repositories.some(({ packages }) => packages === 'listing');
    if (isFlat) {
      mkdirSync(join(mirror, shape.at), { recursive: true });
      writeFileSync(
        join(mirror, shape.at, `${name}-${version}-${release}.${arch}.rpm`),
        tinyRpm(rpm),
      );
    } else makeRepository(join(mirror, shape.at), [rpm]);
    await using server = await serveTree(mirror);
    const query = {
      source,
      mirrors: [server.url],
      releases: [],
      arches: [],
      kernels: [],
      flavours: [],
      method: 'dwarf' as const,
      cache: noCache,
    };
    const { kernels, problems } = await findKernels(
      fastPlatform({ clock: systemClock }),
      query,
      silent,
    );
    expect(problems).toEqual([]);
    expect(kernels.map((one) => tarballPath(one, one.uname))).toEqual([
      `${shape.tarball}.btf.tar.xz`,
    ]);
    expect(kernels[0]).toMatchObject({ vmlinuxPath: shape.vmlinux });
  },
);

test.each(['distributions.md', 'distributions.zh-CN.md'])(
  'the example in docs/%s is valid',
  (name) => {
    const text = readFileSync(join(root, 'docs', name), 'utf8');
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];
    const source = parseSource(parse(example), name);
    expect(source.id).toBe('ol');
    expect(source.repositories.map(({ packages }) => packages)).toContain('listing');
  },
);

test('an unconfirmed description is not offered by name, and is taken from its file', async () => {
  await expect(chooseSource('kylin', [])).rejects.toMatchObject({
    reason: 'not-found',
    advice: expect.stringContaining('sources/kylin.yaml'),
  });
  const own = await chooseSource('kylin', [join(root, 'sources/kylin.yaml')]);
  expect(own.id).toBe('kylin');
});
