import { resolve } from 'node:path';
import { KERNEL } from '../btf/check.ts';
import { SIGNATURE_POLICIES } from '../jobs/build/notary.ts';
import { runBuild } from '../jobs/build/run.ts';
import { openProgress } from '../report/open.ts';
import { parseTrustOption } from '../rpm/keys.ts';
import { PROFILES } from '../toolchain/encode.ts';
import { buildOutcome } from './build-report.ts';
import { choice, defineCommand, list, number, text, type Values } from './command.ts';
import { buildPlanOptions, toBuildPlan } from './plan-options.ts';
import { toolchainOptions, wishesOf } from './toolchain-options.ts';

/** How BTF is made: the options that `build` and `demo` share. */
export const makingOptions = {
  ...toolchainOptions,
  profile: choice(PROFILES, 'kinds of BTF: all, or only those that libbpf older than 0.8 knows', {
    default: 'default',
  }),
  minimumTypes: number('<number>', 'least number of types that a kernel must have', {
    ...{ default: 10_000, least: 1, most: 10_000_000 },
  }),
  signature: choice(
    SIGNATURE_POLICIES,
    'whether packages must be signed: all of them, those of repositories that publish a key, or none',
    { default: 'prefer' },
  ),
  trustKey: list('<fingerprint|file>', "key to trust besides the distribution's own"),
  jobs: number('<number>', 'kernels at work at the same time; by default as many as cores', {
    ...{ least: 1, most: 256 },
  }),
  connections: number('<number>', 'connections to each mirror at the same time', {
    ...{ default: 4, least: 1, most: 64 },
  }),
  temp: text('<folder>', 'where vmlinux goes; by default memory when there is enough, else TMPDIR'),
} as const;

/** What the options of making ask of a build. */
export function toMaking(options: Values<typeof makingOptions>) {
  const { profile, jobs, connections, temp, signature } = options;
  return {
    ...{ profile, jobs, connections, temp, signature },
    tools: wishesOf(options),
    expectation: { kind: 'kernel', minimumTypes: options.minimumTypes ?? KERNEL.minimumTypes },
    trust: options.trustKey.map(parseTrustOption),
  } as const;
}

export const build = defineCommand({
  name: 'build',
  summary: 'make the BTF of kernels, from their packages to tarballs',
  description:
    'Streams each kernel-debuginfo package, takes its vmlinux, makes BTF with pahole, checks it and ' +
    'writes <output>/<ID>/<VERSION_ID>/<arch>/<uname -r>.btf.tar.xz and <output>/records/<uname -r>.json. ' +
    'Kernels that are there from an earlier run are left as they are; one that fails does not stop the others.',
  options: {
    ...buildPlanOptions,
    output: text('<folder>', 'folder for tarballs and records', { default: 'btf' }),
    ...makingOptions,
  },
  examples: [
    'btfhub build --release 22.03-LTS-SP1 --arch x86_64 --output btf',
    "btfhub build --release 24.03-LTS --arch all --kernel '6.6.0-72.*' --mirror https://repo.openeuler.org/",
    'btfhub build --plan plan.json --output btf',
  ],
  run: async (platform, options) => {
    const progress = openProgress(platform);
    const { plan, problems } = await toBuildPlan(platform, options, progress);
    const output = resolve(options.output);
    const { kernels, mirrors } = plan;
    const request = { kernels, output, mirrors, ...toMaking(options) };
    return buildOutcome(await runBuild(platform, request, progress), problems, output);
  },
});
