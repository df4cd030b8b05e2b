import { tarballPath } from '../archive/layout.ts';
import { SourcesDocument } from '../documents/plan.ts';
import { Failure } from '../failure.ts';
import { checkSource, type SourceCheck } from '../jobs/check-source.ts';
import { openProgress } from '../report/open.ts';
import { noCache } from '../rpmmd/cache.ts';
import { readSources } from '../sources/choose.ts';
import { defineCommand } from './command.ts';
import { selectionOptions } from './selection-options.ts';

export const sources = defineCommand({
  name: 'sources',
  summary: 'check files that describe distributions',
  description:
    "'btfhub sources check <file>' checks a source file, and says which addresses it looks for and where the search " +
    'stops if a server does not list its folders. With --mirror, or with a mirror list in the file and --release and ' +
    '--arch, it also reads the repositories and says what it finds. Exit status 1: nothing was found, or not all could be read.',
  operands: { shape: '<words...>', description: "'check' and one or more source files" },
  options: {
    mirror: selectionOptions.mirror,
    release: selectionOptions.release,
    arch: selectionOptions.arch,
    flavour: selectionOptions.flavour,
  },
  examples: [
    'btfhub sources check sources/ol.yaml',
    'btfhub sources check my.yaml --mirror https://mirror.example/linux/ --release 9 --arch x86_64',
  ],
  document: SourcesDocument,
  run: async (platform, options, [action, ...files]) => {
    if (action !== 'check' || files.length === 0) {
      throw new Failure('usage', "Say 'btfhub sources check <file>'.", 'One file or more.');
    }
    const progress = openProgress(platform);
    const checks: SourceCheck[] = [];
    for (const file of files) {
      for (const source of await readSources(file)) {
        const isAsked = options.mirror.length > 0 || isNamed(options.release, options.arch);
        const query = {
          source,
          mirrors: options.mirror,
          releases: options.release,
          arches: options.arch,
          kernels: [],
          flavours: options.flavour.length > 0 ? options.flavour : ['all'],
          method: 'auto' as const,
          cache: noCache,
        };
        checks.push(await checkSource(platform, source, isAsked ? query : undefined, progress));
      }
    }
    const isBad = ({ failure, found }: SourceCheck) =>
      failure !== undefined || (found !== undefined && found.problems.length > 0);
    return {
      status: checks.some(isBad) ? 1 : 0,
      document: { sources: checks },
      text: checks.map(asText).join('\n'),
    };
  },
});

/** Whether releases and architectures are named: only then the mirrors of the file itself are asked. */
function isNamed(...lists: readonly (readonly string[])[]): boolean {
  return lists.every((words) => words.length > 0 && !words.includes('all'));
}

function asText({ id, key, status, looksFor, found, failure }: SourceCheck): string {
  const lines = [
    `${key}: a source file of ${id}, ${status}`,
    ...looksFor.flatMap(({ repository, addresses, stops }) => [
      `  repository ${repository}`,
      ...addresses.map((address) => `    looks for ${address}`),
      ...stops.map((stop) => `    stops where ${stop}`),
    ]),
  ];
  if (failure) lines.push(`  found nothing: ${failure.message} ${failure.advice ?? ''}`.trimEnd());
  if (found) {
    lines.push(
      `  found ${found.kernels} kernels in ${found.repositories} repositories below ${found.mirrors.join(', ')}`,
      `    releases: ${found.releases.join(', ') || 'none'}`,
      `    architectures: ${found.arches.join(', ') || 'none'}`,
      ...found.examples.flatMap((one) => [
        `    ${one.nvra} is the kernel ${one.uname}`,
        `      package ${one.locations[0]}`,
        `      vmlinux ${one.vmlinuxPath}`,
        `      archive ${tarballPath({ distribution: id, versionId: one.versionId, arch: one.arch }, one.uname)}`,
      ]),
      ...found.problems.map(({ where, message }) => `    ${where}: ${message}`),
    );
  }
  return `${lines.join('\n')}\n`;
}
