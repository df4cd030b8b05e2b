import { existsSync } from 'node:fs';
import { serveFolder } from '../download/static-server.ts';
import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import { build } from './build.ts';
import {
  type Command,
  defineCommand,
  type OptionTable,
  type Outcome,
  text,
  type Values,
} from './command.ts';
import { toolchainOptions } from './toolchain-options.ts';
import { type Given, kebab, readOptions } from './values.ts';
import { verify } from './verify.ts';

/** Beside the folder of the bundle. */
const REPOSITORY = new URL('../demo/repository', import.meta.url).pathname;
/** The demonstration's kernels are small C programs: a whole kernel has a hundred times as many types. */
const TYPES_OF_A_SMALL_KERNEL = '100';

const { installDependencies: _, ...tools } = toolchainOptions;

const demoOptions = {
  output: text('<folder>', 'folder for tarballs and records', { default: 'btfhub-demo' }),
  ...tools,
} as const;

export const demo = defineCommand({
  name: 'demo',
  summary: 'build small kernels out of a repository that comes along, to see all of it work',
  description:
    'Serves the repository in demo/repository on the loopback interface, shaped like openEuler’s, and runs build and verify on it. ' +
    'What is missing on this machine (pahole, xz) it installs by apt or dnf, and says so; without the right to install it says which command does.',
  options: demoOptions,
  examples: ['btfhub demo', 'btfhub demo --pahole system --output /tmp/demo'],
  run: async (platform, options) => {
    if (!existsSync(REPOSITORY)) {
      throw new Failure(
        'not-found',
        `The demonstration's repository is not in ${REPOSITORY}.`,
        'Run demo from a clone of the project, which has it.',
      );
    }
    const served = await serveFolder(REPOSITORY);
    try {
      return await demonstrate(platform, options, served.url);
    } finally {
      await served.close();
    }
  },
});

async function demonstrate(
  platform: Platform,
  options: Values<typeof demoOptions>,
  mirror: string,
): Promise<Outcome> {
  const { output, pahole, xz, toolCache, toolSource } = options;
  const built = await runAs(platform, build, [], {
    ...{ mirror: [mirror], output: [output], minimumTypes: [TYPES_OF_A_SMALL_KERNEL] },
    ...{ pahole: [pahole], xz: [xz], toolSource, installDependencies: true },
    ...(toolCache === undefined ? {} : { toolCache: [toolCache] }),
    cache: ['none'],
  });
  if (built.status === 2) return built;
  const verified = await runAs(platform, verify, [output], {
    minimumTypes: [TYPES_OF_A_SMALL_KERNEL],
  });
  return {
    status: built.status || verified.status,
    document: { build: built.document, verify: verified.document },
    text: `${built.text}\n${verified.text}\n${next(output)}`,
  };
}

/** Says the command line, then runs the command as if it had been given. */
async function runAs<Table extends OptionTable>(
  platform: Platform,
  command: Command<Table>,
  operands: readonly string[],
  given: Given,
): Promise<Outcome> {
  const words = Object.entries(given).flatMap(([name, values]) =>
    values === true
      ? [`--${kebab(name)}`]
      : (values ?? []).map((value) => `--${kebab(name)} ${value}`),
  );
  platform.stderr.write(`$ btfhub ${[command.name, ...operands, ...words].join(' ')}\n`);
  const values = readOptions(command.options, given, {}) as Values<Table>;
  return command.run(platform, values, operands);
}

function next(output: string): string {
  return (
    `Each tarball holds one file, <uname -r>.btf, that libbpf takes as btf_custom_path:\n` +
    `  tar xOf ${output}/openEuler/22.03/x86_64/<uname -r>.btf.tar.xz > kernel.btf\n` +
    `The same from openEuler's own site, for one kernel:\n` +
    `  btfhub build --release 22.03-LTS-SP1 --arch x86_64 --kernel '5.10.0-136.12.*' --output btf\n`
  );
}
