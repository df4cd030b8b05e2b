import { existsSync, watch } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DwarfRecord } from '../../src/archive/record.ts';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import {
  coreProgram,
  kindsByBpftool,
  RELOCATED,
  run,
  sha256,
  structByBpftool,
  vmlinuxByHand,
} from './by-hand.ts';
import { kernelRepository, type RealKernel } from './repository.ts';
import { type Built, type Places, startBuild } from './run-build.ts';
import { printTimes } from './times.ts';

const MINUTE = 60_000;
/** What the project promises of Node's memory, whatever the package's size. */
const MOST_MEMORY = 150e6;

/**
 * Everything that holds of one real kernel: the bundle builds it out of a mirror on the loopback
 * interface, and other people's programs judge what came out.
 * @param options of scripts/make-kernel-repository.sh
 * @param ownBtf whether this vmlinux has a `.BTF` of its own
 */
export function testKernel(title: string, options: readonly string[], ownBtf = true): void {
  describe(title, () => {
    let work: string;
    let kernel: RealKernel;
    let server: Served;
    let places: Places;
    let built: Built;
    let record: DwarfRecord;
    let vmlinux: string;
    let btf: string;

    beforeAll(async () => {
      const repository = await kernelRepository(...options);
      kernel = repository.kernel;
      server = await serveFolder(repository.folder);
      work = await mkdtemp(join(tmpdir(), 'btfhub-real-'));
      places = { mirror: server.url, output: join(work, 'output'), temp: join(work, 'temp') };
      await mkdir(places.temp);
      built = await startBuild(kernel, places, join(work, 'peak')).ended;
      const made = built.document?.kernels[0]?.record;
      if (built.status !== 0 || made?.method !== 'dwarf') throw new Error(built.stderr);
      record = made;
      vmlinux = join(work, 'vmlinux');
      await vmlinuxByHand(kernel, vmlinux);
      await run('tar', '-xJf', join(places.output, record.tarball.path), '-C', work);
      btf = join(work, `${kernel.uname}.btf`);
    }, 15 * MINUTE);

    afterAll(async () => {
      await server?.close();
      if (work !== undefined) await rm(work, { recursive: true, force: true });
    });

    test('the build says that it made this one kernel, and nothing is left in its temporary folder', async () => {
      expect(built.document).toMatchObject({ built: 1, failed: 0 });
      expect(record.uname).toBe(kernel.uname);
      expect(await readdir(places.temp)).toEqual([]);
    });

    test('Node stays under 150 MB', () => {
      printTimes(title, built, record);
      expect(built.peak).toBeLessThan(MOST_MEMORY);
    });

    test('the sums in the record are those of the package, of vmlinux and of the tarball', async () => {
      expect(await sha256(kernel.rpm)).toBe(record.package.sha256);
      expect(await sha256(vmlinux)).toBe(record.vmlinux.sha256);
      expect(await sha256(join(places.output, record.tarball.path))).toBe(record.tarball.sha256);
    });

    test(
      'our BTF has the bytes that pahole by hand makes of the same vmlinux with the flags of the record',
      async () => {
        const byHand = join(work, 'by-hand.btf');
        const { flags } = record.pahole;
        await run('pahole', ...flags, `--btf_encode_detached=${byHand}`, vmlinux);
        expect(await sha256(btf)).toBe(await sha256(byHand));
        expect(record.btf.sha256).toBe(await sha256(byHand));
      },
      5 * MINUTE,
    );

    test(
      'bpftool counts the same types by kind as the record',
      async () => {
        expect(await kindsByBpftool(btf)).toEqual(record.btf.kinds);
      },
      MINUTE,
    );

    test(
      'a CO-RE program compiles against the header that bpftool makes of our BTF, and min_core_btf finds all it relocates',
      async () => {
        const object = await coreProgram(btf, work);
        const least = join(work, 'least.btf');
        await run('bpftool', 'gen', 'min_core_btf', btf, least, object);
        const dump = await run('bpftool', 'btf', 'dump', 'file', least);
        for (const [name, members] of Object.entries(RELOCATED)) {
          expect(dump).toMatch(new RegExp(`^\\[\\d+\\] STRUCT '${name}' `, 'm'));
          for (const member of members) expect(dump).toMatch(new RegExp(`^\\t'${member}' `, 'm'));
        }
      },
      MINUTE,
    );

    test(
      ownBtf
        ? "our BTF says of task_struct what the kernel's own BTF says, and has as many structs but for one in a hundred"
        : 'the record knows that this kernel has no BTF of its own',
      async () => {
        expect(record.vmlinux.embeddedBtf).toBe(ownBtf);
        if (!ownBtf) return;
        const [ours, own] = [await kindsByBpftool(btf), await kindsByBpftool(vmlinux)];
        process.stderr.write(`${kernel.uname}, ours: ${JSON.stringify(ours)}\n`);
        process.stderr.write(`${kernel.uname}, own:  ${JSON.stringify(own)}\n`);
        const task = await structByBpftool(vmlinux, 'task_struct');
        expect(task).toBeDefined();
        expect(await structByBpftool(btf, 'task_struct')).toEqual(task);
        expect((ours.STRUCT ?? 0) / (own.STRUCT ?? 0)).toBeCloseTo(1, 2);
      },
      MINUTE,
    );

    test(
      'SIGTERM while vmlinux is written leaves no file and no process',
      async () => {
        const output = join(work, 'interrupted');
        const { child, ended } = startBuild(kernel, { ...places, output }, join(work, 'peak2'));
        await fileAppears(places.temp, 'vmlinux');
        child.kill('SIGTERM');
        const { status } = await ended;
        expect(status).not.toBe(0);
        expect(await readdir(places.temp)).toEqual([]);
        expect(existsSync(join(output, record.tarball.path))).toBe(false);
        expect(() => process.kill(-Number(child.pid), 0)).toThrow('ESRCH');
      },
      MINUTE,
    );
  });
}

/** Resolves when a file of that name is anywhere below the folder. */
async function fileAppears(folder: string, name: string): Promise<void> {
  const done = new AbortController();
  await new Promise<void>((resolve) => {
    const watcher = watch(folder, { recursive: true, signal: done.signal }, async () => {
      const paths = await readdir(folder, { recursive: true }).catch(() => []);
      if (paths.some((path) => path.endsWith(name))) resolve();
    });
    watcher.on('error', () => resolve());
  });
  done.abort();
}
