import { availableParallelism } from 'node:os';
import { cachedReader, cacheKey, removeOthers } from '../archive/cached-reader.ts';
import { CheckDocument } from '../documents/verify.ts';
import { type CheckReport, checkObjects, readObjects } from '../jobs/check.ts';
import { archiveKernels, fileKernels } from '../jobs/check-kernels.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { selectKernels } from '../jobs/fetch/select.ts';
import type { Platform } from '../platform/platform.ts';
import { openProgress } from '../report/open.ts';
import { archiveOption, archiveSelection, modulesOption, toSelection } from './archive-options.ts';
import { annotateCheck, describeCheck, summariseCheck } from './check-report.ts';
import { defineCommand, flag, list, number, type Outcome, text } from './command.ts';

export const check = defineCommand({
  name: 'check',
  summary: 'say on which kernels eBPF objects will load',
  description:
    'Resolves the CO-RE relocations of eBPF objects against the BTF of kernels as libbpf does, and follows the programs as the verifier does, to see whether they reach a relocation that finds nothing. ' +
    'What a program asks for before it uses it (bpf_core_field_exists, bpf_core_type_exists, bpf_ksym_exists, an enumerator, LINUX_KERNEL_VERSION) is no error where it is missing. ' +
    'It also looks for what fentry, fexit, fmod_ret, tp_btf, LSM, iterator and struct_ops programs are attached to, and for kernel functions and variables (__ksym); these need a kernel that has BTF of its own. ' +
    'What kprobe, tracepoint and uprobe programs are attached to is in no BTF: the report says that it is not checked. ' +
    "'optional' is what is reached only after the loader has changed a constant in .rodata, or turned on a program that is off ('?' before its section).",
  options: {
    object: list(
      '<file>',
      'object file with eBPF programs, as clang or bpftool gen object writes it',
      {
        required: true,
        separator: 'lines',
      },
    ),
    archive: archiveOption,
    modules: modulesOption,
    btf: list(
      '<file>',
      'BTF of a kernel to check, in place of an archive: raw, in an ELF file, or a .btf.tar.xz',
      { separator: 'lines' },
    ),
    ...archiveSelection,
    cache: text(
      '<folder>',
      "folder that keeps the archive's tarballs between runs, so that each is downloaded once; 'none' keeps nothing",
    ),
    showCache: flag('only print the key under which a workflow should keep the cache'),
    jobs: number(
      '<number>',
      'kernels that are unpacked at the same time; by default as many as cores',
      { least: 1, most: 256 },
    ),
  },
  examples: [
    'btfhub check --object probe.bpf.o',
    'btfhub check --object tcp.bpf.o --object io.bpf.o --archive btfhub-archive --release 22.03 --arch aarch64',
    'btfhub check --object probe.bpf.o --btf /sys/kernel/btf/vmlinux',
  ],
  document: CheckDocument,
  run: async (platform, options): Promise<Outcome<typeof CheckDocument>> => {
    const { btf } = options;
    const jobs = options.jobs ?? availableParallelism();
    const objects = await readObjects(options.object);
    const progress = openProgress(platform);
    if (btf.length > 0) {
      const kernels = fileKernels(platform, btf);
      return outcome(platform, await checkObjects(platform, progress, objects, kernels, jobs));
    }
    const cache = options.cache === 'none' ? undefined : options.cache;
    const archive = await openReader(
      platform,
      options.archive,
      options.modules ? 'modules' : 'kernels',
      progress.warn,
    );
    const reader = cache === undefined ? archive : cachedReader(archive, cache);
    try {
      const selected = await selectKernels(reader, toSelection(options));
      if (options.showCache) {
        const key = await cacheKey(reader, selected);
        return { status: 0, document: { key }, text: `${key}\n`, outputs: { 'cache-key': key } };
      }
      const kernels = archiveKernels(platform, reader, selected);
      const report = await checkObjects(platform, progress, objects, kernels, jobs);
      if (cache !== undefined && report.unread.length === 0) {
        await removeOthers(reader, cache, selected);
      }
      return outcome(platform, report);
    } finally {
      await reader.close();
    }
  },
});

function outcome({ env }: Platform, report: CheckReport): Outcome<typeof CheckDocument> {
  const bad = new Set(
    report.results.flatMap(({ missing, line }) =>
      missing
        .filter(({ when }) => when === 'always')
        .flatMap(({ kernels }) => kernels.map((kernel) => `${line} ${kernel}`)),
    ),
  );
  const [first] = report.results;
  const lines = report.results.filter(({ object }) => object === first?.object);
  const kernels = lines.reduce((sum, line) => sum + line.kernels, 0);
  return {
    status: bad.size === 0 && report.unread.length === 0 ? 0 : 1,
    document: report,
    text: describeCheck(report),
    outputs: {
      kernels: `${kernels}`,
      good: `${kernels - bad.size}`,
      unread: `${report.unread.length}`,
    },
    summary: summariseCheck(report),
    failures: annotateCheck(report, env.GITHUB_WORKSPACE),
  };
}
