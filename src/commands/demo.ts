import { existsSync } from 'node:fs';
import { type GenericSchema, strictObject } from 'valibot';
import { BuildDocument } from '../documents/build.ts';
import { VerifyDocument } from '../documents/verify.ts';
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

/** Next to the folder of the bundle. */
const REPOSITORY = new URL('../demo/repository', import.meta.url).pathname;
/** The demo's kernels are small C programs; a real kernel has about a hundred times as many types. */
const TYPES_OF_A_SMALL_KERNEL = '100';

/** The documents of both commands. */
const DemoDocument = strictObject({ build: BuildDocument, verify: VerifyDocument });

const { installDependencies: _, ...tools } = toolchainOptions;

const demoOptions = {
  output: text('<folder>', 'folder for tarballs and records', { default: 'btfhub-demo' }),
  ...tools,
} as const;

export const demo = defineCommand({
  name: 'demo',
  summary: 'build the small kernels of an included repository, to try btfhub',
  description:
    "Serves demo/repository, which has the layout of openEuler's, on the loopback interface, and runs build and verify on it. " +
    'Missing programs (pahole, xz) are installed with apt or dnf; without the right to install packages the message names the command to run.',
  options: demoOptions,
  examples: ['btfhub demo', 'btfhub demo --pahole system --output /tmp/demo'],
  document: DemoDocument,
  run: async (platform, options) => {
    if (!existsSync(REPOSITORY)) {
      throw new Failure(
        'not-found',
        `The demo repository ${REPOSITORY} does not exist.`,
        'Run demo from a clone of the project, which contains it.',
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
): Promise<Outcome<typeof DemoDocument>> {
  const { output, pahole, xz, toolCache, toolSource } = options;
  const built = await runAs(platform, build, [], {
    mirror: [mirror],
    output: [output],
    minimumTypes: [TYPES_OF_A_SMALL_KERNEL],
    pahole: [pahole],
    xz: [xz],
    toolSource,
    installDependencies: true,
    ...(toolCache === undefined ? {} : { toolCache: [toolCache] }),
    // The packages of the demo are not signed.
    signature: ['off'],
    cache: ['none'],
  });
  const verified = await runAs(platform, verify, [output], {
    minimumTypes: [TYPES_OF_A_SMALL_KERNEL],
  });
  return {
    status: built.status || verified.status,
    document: { build: built.document, verify: verified.document },
    text: `${built.text}\n${verified.text}\n${next(output)}`,
  };
}

/** Prints a command line, then runs the command with these options. */
async function runAs<Table extends OptionTable, Shape extends GenericSchema>(
  platform: Platform,
  command: Command<Table, Shape>,
  operands: readonly string[],
  given: Given,
): Promise<Outcome<Shape>> {
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
    `Each tarball contains one file, <uname -r>.btf, for libbpf's btf_custom_path:\n` +
    `  tar xOf ${output}/openEuler/22.03/x86_64/<uname -r>.btf.tar.xz > kernel.btf\n` +
    `The same for one kernel from openEuler's repository:\n` +
    `  btfhub build --release 22.03-LTS-SP1 --arch x86_64 --kernel '5.10.0-136.12.*' --output btf\n`
  );
}
