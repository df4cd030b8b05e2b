import { resolve } from 'node:path';
import { KERNEL } from '../btf/check.ts';
import { BuildDocument } from '../documents/build.ts';
import { runBuild } from '../jobs/make-btf/run.ts';
import { SIGNATURE_POLICIES } from '../jobs/make-btf/signature-verifier.ts';
import { openProgress } from '../report/open.ts';
import { parseTrustOption } from '../rpm/keys.ts';
import { PROFILES } from '../toolchain/pahole-arguments.ts';
import { buildOutcome } from './build-report.ts';
import { choice, defineCommand, flag, list, number, text, type Values } from './command.ts';
import { buildPlanOptions, toBuildPlan } from './plan-options.ts';
import { toolchainOptions, toToolRequest } from './toolchain-options.ts';

/** How BTF is built: tools, checks, signatures and concurrency. */
export const buildOptions = {
  ...toolchainOptions,
  profile: choice(PROFILES, 'kinds of BTF types: all, or only those that libbpf before 0.8 reads', {
    default: 'default',
  }),
  minimumTypes: number('<number>', 'minimum number of types in the BTF of a kernel', {
    default: 10_000,
    least: 1,
    most: 10_000_000,
  }),
  signature: choice(
    SIGNATURE_POLICIES,
    'whether packages must be signed: all, those whose distribution or repository has known keys, or none',
    { default: 'prefer' },
  ),
  trustKey: list('<fingerprint|file>', "key to trust in addition to the distribution's keys", {
    separator: 'lines',
  }),
  crossCheck: flag(
    'also take the BTF out of the boot image, and put the comparison with it into the record',
  ),
  jobs: number(
    '<number>',
    'number of kernels to process at the same time; by default the number of cores',
    {
      least: 1,
      most: 256,
    },
  ),
  connections: number('<number>', 'number of connections to each mirror', {
    default: 4,
    least: 1,
    most: 64,
  }),
  modulesOutput: text(
    '<folder>',
    "folder for tarballs and records with modules; by default the one of --output with '-modules'",
  ),
  temp: text(
    '<folder>',
    'folder for vmlinux; by default in memory if there is enough, else TMPDIR',
  ),
} as const;

type BuildOptions = Values<typeof buildOptions> & {
  readonly modules: readonly string[] | undefined;
  readonly replaceMethod: boolean;
};

/** The options of `buildOptions`, and those of the plan that the build needs too, as `runBuild` takes them. */
export function toBuildRequest(options: BuildOptions, output: string) {
  const { profile, jobs, connections, temp, signature, crossCheck, replaceMethod } = options;
  const names = options.modules;
  const folder = resolve(options.modulesOutput ?? `${output}-modules`);
  return {
    profile,
    jobs,
    connections,
    temp,
    signature,
    modules: names === undefined ? undefined : { names, output: folder },
    crossCheck,
    replaceMethod,
    tools: toToolRequest(options),
    expectation: { kind: 'kernel', minimumTypes: options.minimumTypes ?? KERNEL.minimumTypes },
    trust: options.trustKey.map(parseTrustOption),
  } as const;
}

export const build = defineCommand({
  name: 'build',
  summary: 'build the BTF of kernels from their packages',
  description:
    'Downloads each kernel-debuginfo package as a stream, extracts vmlinux and makes BTF with pahole; for kernels without ' +
    'debuginfo it reads the kernel package up to its boot image and takes out the BTF that the kernel carries. Checks it and ' +
    'writes <output>/<ID>/<VERSION_ID>/<arch>/<uname -r>.btf.tar.xz and <output>/records/<uname -r>.json. ' +
    'Kernels that an earlier run has built are skipped. A kernel that fails does not stop the others.',
  options: {
    ...buildPlanOptions,
    output: text('<folder>', 'folder for tarballs and records', { default: 'btf' }),
    ...buildOptions,
  },
  examples: [
    'btfhub build --release 22.03-LTS-SP1 --arch x86_64 --output btf',
    "btfhub build --release 24.03-LTS --arch all --kernel '6.6.0-72.*' --mirror https://repo.openeuler.org/",
    'btfhub build --plan plan.json --output btf',
  ],
  document: BuildDocument,
  run: async (platform, options) => {
    const progress = openProgress(platform);
    const { plan, problems } = await toBuildPlan(platform, options, options, progress);
    const output = resolve(options.output);
    const { kernels, mirrors } = plan;
    const request = { kernels, output, mirrors, ...toBuildRequest(options, output) };
    const results = await runBuild(platform, request, progress);
    return buildOutcome(results, kernels.length - results.length, problems, output);
  },
});
