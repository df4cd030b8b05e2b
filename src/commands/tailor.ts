import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { cachedReader, cacheKey, removeOthers } from '../archive/cached-reader.ts';
import { TailorDocument } from '../documents/use.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { selectKernels } from '../jobs/fetch/select.ts';
import { LAYOUTS } from '../jobs/tailor/output.ts';
import { isTarball, tailor as runTailor, type Tailored } from '../jobs/tailor/tailor.ts';
import { openProgress } from '../report/open.ts';
import { bytes, counted } from '../report/units.ts';
import { archiveOption, archiveSelection, modulesOption, toSelection } from './archive-options.ts';
import { choice, defineCommand, flag, list, number, type Outcome, text } from './command.ts';

/** The name that bpf-compatible's header links against. */
const OUTPUT = 'min_core_btfs.tar.gz';

export const tailor = defineCommand({
  name: 'tailor',
  summary: 'make the minimal BTF that ships with eBPF programs, for every kernel of the archive',
  description:
    "For each kernel, 'bpftool gen min_core_btf' keeps the types that the objects' CO-RE relocations need: a few kB in the place of megabytes. " +
    "The result is packed as bpf-compatible's library reads it, the same bytes on any machine, ready to be linked into a program or to be shipped with it. " +
    'Only the kernels that are selected are moved.',
  options: {
    object: list('<file>', 'eBPF object file, as clang writes it', {
      required: true,
      separator: 'lines',
    }),
    archive: archiveOption,
    modules: modulesOption,
    ...archiveSelection,
    cache: text(
      '<folder>',
      "where to keep tarballs between runs, so that none is moved twice; 'none' keeps nothing",
    ),
    showCache: flag('only say under which key a workflow should keep the cache'),
    layout: choice(
      LAYOUTS,
      "names of the files: below ./btfhub-archive/ as bpf-compatible's library asks for them, or without that folder",
      { default: 'bpf-compatible' },
    ),
    output: text('<file|folder>', 'a .tar.gz to write, or an empty folder', { default: OUTPUT }),
    jobs: number('<number>', 'kernels at work at the same time; by default as many as cores', {
      least: 1,
      most: 256,
    }),
  },
  examples: [
    'btfhub tailor --object probe.bpf.o',
    "btfhub tailor --object tcp.bpf.o --object io.bpf.o --release 22.03 --kernel '5.10.0-136.*'",
    'btfhub tailor --object probe.bpf.o --archive ../btfhub-archive --arch aarch64 --layout plain --output btf',
  ],
  document: TailorDocument,
  run: async (platform, options): Promise<Outcome<typeof TailorDocument>> => {
    const { object, layout, output } = options;
    const progress = openProgress(platform);
    const cache = options.cache === 'none' ? undefined : options.cache;
    const archive = await openReader(
      platform,
      options.archive,
      options.modules ? 'modules' : 'kernels',
      progress.warn,
    );
    const reader = cache === undefined ? archive : cachedReader(archive, cache);
    try {
      if (options.showCache) {
        const key = await cacheKey(reader, await selectKernels(reader, toSelection(options)));
        return { status: 0, document: { key }, text: `${key}\n`, outputs: { 'cache-key': key } };
      }
      const made = await runTailor(platform, progress, reader, {
        objects: object,
        layout,
        output,
        selection: toSelection(options),
        jobs: options.jobs ?? availableParallelism(),
      });
      const { failed, kernels } = made;
      if (cache !== undefined && failed.length === 0) await removeOthers(reader, cache, kernels);
      return {
        status: failed.length > 0 ? 1 : 0,
        document: { output, layout, ...made },
        text: describe(made, output, object.length),
        outputs: { output, kernels: `${kernels.length}`, failed: `${failed.length}` },
        failures: failed.map(({ kernel, error }) => ({
          title: kernel.uname,
          message: error.message,
        })),
      };
    } finally {
      await reader.close();
    }
  },
});

function describe(made: Tailored, output: string, objects: number): string {
  const { kernels, failed, different, size, packedSize } = made;
  const lost = failed.map(({ kernel, error }) => `${kernel.uname}: ${error.message}\n`);
  const counts = `${counted(kernels.length, 'kernel')} for ${counted(objects, 'object')}`;
  const sizes = `${bytes(size)} of BTF, ${different} different`;
  const packed = packedSize === undefined ? '' : `, packed ${bytes(packedSize)}`;
  return `${lost.join('')}${output}: ${counts}, ${sizes}${packed}.\n${linking(output)}`;
}

function linking(output: string): string {
  if (!isTarball(output)) return '';
  const name = basename(output);
  return `To link it, in its folder: ld -r -b binary -o ${name.replace(/\..*$/, '')}.o ${name}\n`;
}
