import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { undiciHttp } from '../../../src/download/http.ts';
import type { KernelResult } from '../../../src/jobs/make-btf/build-kernels.ts';
import { type BuildRequest, runBuild } from '../../../src/jobs/make-btf/run.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { systemPrograms } from '../../../src/platform/programs.ts';
import type { Progress } from '../../../src/report/progress.ts';
import { noCache } from '../../../src/rpmmd/cache.ts';
import { findKernels } from '../../../src/sources/discover.ts';
import type { KernelPackage } from '../../../src/sources/kernels.ts';
import { OPENEULER } from '../../../src/sources/openeuler.ts';

const root = join(import.meta.dirname, '..', '..', '..');
export const DEMO = join(root, 'demo', 'repository');

const REPOSITORY = 'openEuler-22.03-LTS-SP1/debuginfo/x86_64';

/** Where `makeMirror` and the demonstration have their packages of x86_64. */
export const packagesOf = (mirror: string) => join(mirror, REPOSITORY, 'Packages');

/** Kernels of that release, by a number of their own, and the files of their packages. */
export const unameOf = (number: number) => `5.10.0-136.${number}.0.0.oe2203sp1.x86_64`;
export const rpmOf = (number: number) => `kernel-debuginfo-${unameOf(number)}.rpm`;

/** A folder for a test file, with places for mirrors, output, and what is to be gone afterwards. */
export function makeSetting() {
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-build-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return {
    fresh: (name: string) => {
      count += 1;
      const path = join(folder, `${count}-${name}`);
      mkdirSync(path);
      return path;
    },
  };
}

/** Runs a body with a small disk, and expects it to leave nothing there; says so where none can be mounted. */
export async function onSmallDisk(
  setting: { readonly fresh: (name: string) => string },
  body: (disk: string) => Promise<void>,
  size = '64k',
): Promise<void> {
  const disk = setting.fresh('disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk], { stdio: 'pipe' });
  } catch {
    process.stderr.write('skipping: this machine does not let us mount a small disk\n');
    return;
  }
  try {
    await body(disk);
    expect(readdirSync(disk)).toEqual([]);
  } finally {
    execFileSync('umount', [disk]);
  }
}

/** The real platform, with the given changes. */
export function realPlatform(changes: Partial<Platform> = {}): Platform {
  return {
    env: process.env,
    clock: systemClock,
    http: undiciHttp({}),
    programs: systemPrograms(process.env),
    stdout: process.stdout,
    stderr: process.stderr,
    interrupted: new AbortController().signal,
    ...changes,
  };
}

/** Keeps what was told. */
export function listening(): Progress & { readonly lines: string[] } {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  return {
    lines,
    note,
    warn: note,
    begin: (name) => ({
      stage: () => {},
      advance: () => {},
      end: (result) => note(`${name} ${result}`),
    }),
  };
}

export async function kernelsOn(
  platform: Platform,
  mirror: string,
): Promise<readonly KernelPackage[]> {
  const all = { releases: ['all'], arches: ['all'], kernels: ['all'], flavours: [] };
  const query = {
    source: OPENEULER,
    mirrors: [mirror],
    ...all,
    method: 'auto',
    cache: noCache,
  } as const;
  return (await findKernels(platform, query, listening())).kernels;
}

export interface Run {
  readonly output: string;
  readonly temp: string;
  readonly mirrors: readonly string[];
}

/** Builds by the machine's own tools, with the size check of a kernel relaxed. */
export function build(
  platform: Platform,
  kernels: readonly KernelPackage[],
  run: Run,
  changes: Partial<BuildRequest> = {},
  progress: Progress = listening(),
): Promise<readonly KernelResult[]> {
  const tools = { pahole: 'system', xz: 'system', sources: [], allowInstall: false };
  return runBuild(
    platform,
    {
      ...run,
      kernels,
      tools,
      connections: undefined,
      jobs: 2,
      profile: 'default',
      signature: 'off',
      trust: [],
      modules: undefined,
      crossCheck: false,
      replaceMethod: false,
      expectation: { kind: 'kernel', minimumTypes: 100 },
      ...changes,
    },
    progress,
  );
}

/** What a package of `makeMirror` has where vmlinux should be. */
export interface Content {
  readonly uname: string;
  readonly vmlinux: Uint8Array | undefined;
  /** Modules by their path below `kernel`. */
  readonly modules?: Readonly<Record<string, Uint8Array>>;
}

/** A mirror with one repository of packages made by real rpmbuild, described by real createrepo_c. */
export function makeMirror(
  folder: string,
  packages: readonly Content[],
  spoilBefore: (packages: string) => void = () => {},
): string {
  const repository = join(folder, REPOSITORY);
  const to = packagesOf(folder);
  for (const { uname, vmlinux, modules: files = {} } of packages) {
    const tree = join(folder, 'tree', uname);
    const modules = join(tree, 'usr/lib/debug/lib/modules', uname);
    mkdirSync(join(modules, 'kernel'), { recursive: true });
    writeFileSync(join(modules, 'kernel', 'a.ko.debug'), 'not a module');
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(modules, 'kernel', path)), { recursive: true });
      writeFileSync(join(modules, 'kernel', path), content);
    }
    if (vmlinux) writeFileSync(join(modules, 'vmlinux'), vmlinux);
    const args = ['--root', tree, '--uname', uname, '--to', to];
    execFileSync(join(root, 'scripts', 'pack-kernel.sh'), args, { stdio: 'pipe' });
  }
  rmSync(join(folder, 'tree'), { recursive: true });
  spoilBefore(to);
  execFileSync('createrepo_c', ['--quiet', '--no-database', repository], { stdio: 'pipe' });
  return folder;
}

/** A copy of the demonstration's repository that may be spoilt. */
export function copyOfDemo(folder: string): string {
  cpSync(DEMO, folder, { recursive: true });
  return folder;
}

/** The vmlinux of the demonstration's first package of x86_64. */
export function demoVmlinux(): Buffer {
  const folder = packagesOf(DEMO);
  return vmlinuxOf(join(folder, readdirSync(folder)[0] ?? ''));
}

/** The vmlinux of one of the demonstration's packages, taken out by rpm's own tools. */
export function vmlinuxOf(rpm: string): Buffer {
  const cpio = execFileSync('rpm2cpio', [rpm], { maxBuffer: 1 << 28 });
  const pattern = '*/vmlinux';
  return execFileSync('cpio', ['-i', '--to-stdout', '--quiet', pattern], {
    input: cpio,
    maxBuffer: 1 << 28,
  });
}

/** As dwz leaves an ELF file: a part of its debug information is in another file, which the section names. */
export function withSupplement(folder: string, elf: Uint8Array): Buffer {
  const [file, link] = [join(folder, 'dwz'), join(folder, 'link')];
  writeFileSync(file, elf);
  writeFileSync(link, Buffer.concat([Buffer.from('/usr/lib/debug/.dwz/k\0'), Buffer.alloc(20, 7)]));
  execFileSync('objcopy', ['--add-section', `.gnu_debugaltlink=${link}`, file]);
  return readFileSync(file);
}
