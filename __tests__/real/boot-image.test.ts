import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrossCheckCounts, DwarfRecord, EmbeddedRecord } from '../../src/archive/record.ts';
import { makePlain } from '../../src/btf/plain.ts';
import { type Served, serveFolder } from '../../src/download/static-server.ts';
import type { Plan } from '../../src/jobs/plan/plan.ts';
import { checked } from '../schemas.ts';
import { type BootRepository, bootRepository } from './boot-repository.ts';
import { run } from './by-hand.ts';
import { BUNDLE, type BuildDocument } from './run-build.ts';

const MINUTE = 60_000;

/** What is known of a kernel, of Debian's build of it. */
interface Kernel {
  readonly title: string;
  /** Options of scripts/make-boot-repository.sh. */
  readonly options: readonly string[];
  readonly layers: readonly string[];
  readonly foundBy: 'section' | 'scan';
  /** Where kernel-debuginfo is published too: how many definitions pahole makes otherwise, by kind. */
  readonly different?: Readonly<Record<string, number>>;
}

const KERNELS: readonly Kernel[] = [
  {
    title: "Debian's 6.1 for x86_64",
    options: ['--kernel', '6.1-amd64'],
    layers: ['bzImage', 'lz4', 'ELF'],
    foundBy: 'section',
    different: {},
  },
  {
    title: "Debian's 5.10 for x86_64",
    options: ['--kernel', '5.10-amd64'],
    layers: ['bzImage', 'lz4', 'ELF'],
    foundBy: 'section',
    // Its pahole cut enumerators of 64 bits off: HMM_PFN_ERROR is 0.
    different: { ENUM: 3 },
  },
  {
    title: "Debian's 6.12 for aarch64, as Image.gz",
    options: ['--kernel', '6.12-arm64', '--image', 'gzip'],
    layers: ['gzip', 'arm64 Image'],
    foundBy: 'scan',
    different: {},
  },
  {
    title: "Debian's 6.1 for aarch64, without debuginfo",
    options: ['--kernel', '6.1-arm64', '--debuginfo', 'none'],
    layers: ['arm64 Image'],
    foundBy: 'scan',
  },
  {
    title: "Debian's 7.2 for riscv64, without debuginfo",
    options: ['--kernel', '7.2-riscv64', '--debuginfo', 'none'],
    layers: ['riscv64 Image'],
    foundBy: 'scan',
  },
];

/** The kinds whose layout eBPF programs depend on. */
const LAYOUTS = ['STRUCT', 'UNION', 'TYPEDEF', 'FUNC'];

describe.each(KERNELS)('$title', (kernel) => {
  const published = kernel.different !== undefined;
  let work: string;
  let repository: BootRepository;
  let server: Served;
  let record: EmbeddedRecord;

  beforeAll(async () => {
    repository = await bootRepository(...kernel.options);
    server = await serveFolder(repository.mirror);
    work = await mkdtemp(join(tmpdir(), 'btfhub-boot-'));
  }, 60 * MINUTE);

  afterAll(async () => {
    await server?.close();
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  });

  const ask = (command: string, ...options: readonly string[]) =>
    btfhub(command, [
      ...['--distribution', 'debian', '--sources', repository.source, '--mirror', server.url],
      ...['--cache', 'none', '--json', ...options],
    ]);

  async function build(name: string, ...options: readonly string[]) {
    const { status, stdout } = await ask('build', '--output', join(work, name), ...options);
    const { kernels }: BuildDocument = checked('build', JSON.parse(stdout));
    expect([status, kernels.map(({ state }) => state)]).toEqual([0, ['built']]);
    return kernels[0]?.record;
  }

  test(
    'plan offers the kernel, with vmlinux where that is published, and says what each method costs',
    async () => {
      const { status, stdout } = await ask('plan');
      const plan: Plan = checked('plan', JSON.parse(stdout));
      expect(status).toBe(0);
      expect(plan.kernels).toMatchObject([
        { uname: repository.uname, method: published ? 'dwarf' : 'embedded' },
      ]);
      expect(plan.prices.dwarf.kernels).toBe(published ? 1 : 0);
      expect(plan.prices.embedded.kernels).toBe(1);
    },
    MINUTE,
  );

  test(
    'the BTF made out of the kernel package is that of the vmlinux that Debian publishes, byte for byte',
    async () => {
      const made = await build('embedded', ...(published ? ['--method', 'embedded'] : []));
      if (made?.method !== 'embedded') throw new Error('not made out of the boot image');
      record = made;
      expect(made).toMatchObject({
        uname: repository.uname,
        verified: { repodata: false, header: true, file: true, signature: { status: 'good' } },
        bootImage: { layers: kernel.layers, foundBy: kernel.foundBy },
      });
      await run('tar', '-xJf', join(work, 'embedded', made.tarball.path), '-C', work);
      const btf = await readFile(join(work, `${repository.uname}.btf`));
      expect(btf.equals(makePlain(repository.own))).toBe(true);
    },
    10 * MINUTE,
  );

  test('reading stops behind the boot image: the modules in the package are not downloaded', () => {
    const { bytesRead, size } = record.bootImage;
    const share = `${Math.round((100 * bytesRead) / record.package.size)} %`;
    process.stderr.write(
      `${kernel.title}: ${bytesRead} bytes of ${record.package.size} (${share}) read\n`,
    );
    // The rest of what is read is the header, and what was on its way already.
    expect(bytesRead).toBeLessThan(Math.min(record.package.size, size + 8e6));
  });

  test(
    'verify and compare take the boot image itself',
    async () => {
      const verified = await btfhub('verify', [repository.image, '--json']);
      expect([verified.status, verified.stdout]).toEqual([0, expect.any(String)]);
      expect(checked('verify', JSON.parse(verified.stdout))).toMatchObject({
        files: [{ uname: repository.uname, btf: { sha256: record.btf.sha256 } }],
      });
      const tarball = join(work, 'embedded', record.tarball.path);
      const compared = await btfhub('compare', [repository.image, tarball, '--json']);
      expect(compared.status).toBe(0);
      expect(checked('compare', JSON.parse(compared.stdout))).toMatchObject({ equal: true });
    },
    5 * MINUTE,
  );

  (published ? test : test.skip)(
    "the cross-check finds the known differences to pahole's BTF, and compare finds the same",
    async () => {
      const made = (await build('dwarf', '--cross-check')) as DwarfRecord;
      const check = made.crossCheck;
      if (check?.state !== 'compared') throw new Error(`no comparison: ${JSON.stringify(check)}`);
      expect(check.btf.sha256).toBe(record.btf.sha256);
      process.stderr.write(
        `${kernel.title}, pahole ${made.pahole.version}: ${table(check.kinds)}\n`,
      );
      // Functions are counted below: one name may have several signatures, of which pahole leaves some out.
      const different = Object.entries(check.kinds).filter(
        ([kind, counts]) => kind !== 'FUNC' && counts.different > 0,
      );
      const numbers = different.map(([kind, counts]): [string, number] => [kind, counts.different]);
      expect(Object.fromEntries(numbers)).toEqual(kernel.different);
      for (const kind of LAYOUTS) expect(check.kinds[kind]?.equal).toBeGreaterThan(500);

      const [ours, own] = [
        join(work, 'dwarf', made.tarball.path),
        join(work, 'embedded', record.tarball.path),
      ];
      const { status, stdout } = await btfhub('compare', [ours, own, '--json']);
      expect(status).toBe(check.equal ? 0 : 1);
      const { kinds }: { kinds: readonly ComparedKind[] } = checked('compare', JSON.parse(stdout));
      const counted = kinds.map((one): [string, CrossCheckCounts] => [
        one.kind,
        {
          equal: one.equal,
          onlyHere: one.onlyFirst.length,
          onlyThere: one.onlySecond.length,
          different: one.different.length,
        },
      ]);
      expect(Object.fromEntries(counted)).toEqual(check.kinds);
      const functions = kinds.find((one) => one.kind === 'FUNC');
      const contradictory = functions?.different.filter(
        (one) => one.onlyFirst.length > 0 && one.onlySecond.length > 0,
      );
      expect(contradictory).toEqual([]);
    },
    20 * MINUTE,
  );
});

interface ComparedKind {
  readonly kind: string;
  readonly equal: number;
  readonly onlyFirst: readonly unknown[];
  readonly onlySecond: readonly unknown[];
  readonly different: readonly {
    readonly onlyFirst: readonly string[];
    readonly onlySecond: readonly string[];
  }[];
}

function table(kinds: Readonly<Record<string, CrossCheckCounts>>): string {
  return Object.entries(kinds)
    .map(
      ([kind, { equal, onlyHere, onlyThere, different }]) =>
        `${kind} ${equal} equal, ${onlyHere} only in ours, ${onlyThere} only in its own, ${different} different`,
    )
    .join('; ');
}

/** Runs the bundle as a user does. */
async function btfhub(command: string, args: readonly string[]) {
  const child = spawn(process.execPath, [BUNDLE, command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  for await (const chunk of child.stdout) stdout += chunk;
  const status = child.exitCode ?? (await new Promise((resolve) => child.once('close', resolve)));
  return { status, stdout };
}
