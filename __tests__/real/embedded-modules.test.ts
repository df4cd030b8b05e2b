import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import { DEFAULT_MODULES } from '../../src/jobs/make-btf/modules.ts';
import { checked } from '../schemas.ts';
import { bootRepository } from './boot-repository.ts';
import { kindsByBpftool, run } from './by-hand.ts';
import { BUNDLE, type BuildDocument } from './run-build.ts';

const MINUTE = 60_000;
/** Debian's cloud kernel has ext4 built in. */
const MODULES = DEFAULT_MODULES.filter((name) => name !== 'ext4');

describe("Debian's 6.1 for x86_64, out of its kernel package", () => {
  const work = mkdtempSync(join(tmpdir(), 'btfhub-boot-modules-'));
  let server: Served;
  let source: string;

  beforeAll(async () => {
    const repository = await bootRepository('--kernel', '6.1-amd64');
    source = repository.source;
    server = await serveFolder(repository.mirror);
  }, 60 * MINUTE);

  afterAll(async () => {
    await server?.close();
    rmSync(work, { recursive: true, force: true });
  });

  test(
    'the modules that its .ko.xz files carry BTF of are in the second file, as bpftool counts them',
    async () => {
      const output = join(work, 'btf');
      const text = await run(
        ...([process.execPath, BUNDLE, 'build', '--json', '--distribution', 'debian'] as const),
        ...['--sources', source, '--mirror', server.url, '--method', 'embedded'],
        ...['--modules', 'default', '--signature', 'off', '--cache', 'none', '--output', output],
        ...['--pahole', 'system', '--xz', 'system'],
      );
      const [kernel] = (checked('build', JSON.parse(text)) as BuildDocument).kernels;
      const merged = kernel?.withModules;
      if (merged === undefined) throw new Error(text);
      expect(merged).toMatchObject({
        method: 'embedded',
        modules: { included: MODULES, excluded: [] },
      });
      await run('tar', '-xJf', join(`${output}-modules`, merged.tarball.path), '-C', work);
      const file = join(work, `${merged.uname}.btf`);
      expect(await kindsByBpftool(file)).toEqual(merged.btf.kinds);
      const dump = await run('bpftool', 'btf', 'dump', 'file', file);
      for (const name of ['ip_vs_conn', 'xfs_inode', 'nf_conn']) {
        expect(dump).toMatch(new RegExp(`^\\[\\d+\\] STRUCT '${name}' `, 'm'));
      }
    },
    10 * MINUTE,
  );
});
