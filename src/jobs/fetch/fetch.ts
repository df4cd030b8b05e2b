import type { KernelName } from '../../archive/layout.ts';
import type { ArchivedTarball, ArchiveReader } from '../../archive/reader.ts';
import { type BtfSummary, checkBtf, type Expectation } from '../../btf/check.ts';
import { unpackBtf } from '../../btf/tarball.ts';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { type Machine, OWN_BTF } from './machine.ts';
import { nearestKernels } from './nearest.ts';

/** The checked BTF of one kernel. */
export interface Fetched {
  readonly kernel: KernelName;
  /** Raw. */
  readonly btf: Buffer;
  readonly summary: BtfSummary;
  /** Whether the tarball has the SHA-256 that the archive's catalog names. */
  readonly promised: boolean;
}

/** The archive does not have a kernel. Names the nearest ones, and whether the kernel has its own BTF. */
export class NotArchived extends Failure {
  /** Undefined when the archive cannot be listed. */
  readonly nearest: readonly KernelName[] | undefined;
  readonly hasBtf: boolean;

  constructor(archive: string, machine: Machine, nearest: readonly KernelName[] | undefined) {
    const { kernel, hasBtf } = machine;
    const neighbours = describeNearest(kernel, nearest);
    const own = hasBtf
      ? `This kernel has its own BTF in /${OWN_BTF}, so it needs none from the archive.`
      : "Do not use the BTF of another kernel: its offsets can be wrong. 'btfhub build' makes the BTF of this one.";
    super('not-found', `${archive} has no BTF for ${kernel.uname}. ${neighbours}`, own);
    this.nearest = nearest;
    this.hasBtf = hasBtf;
  }

  override toJSON() {
    const { nearest, hasBtf } = this;
    return { ...super.toJSON(), nearest, hasBtf };
  }
}

function describeNearest(
  { uname, arch }: Machine['kernel'],
  nearest: readonly KernelName[] | undefined,
): string {
  if (nearest === undefined)
    return 'Other kernels of this archive cannot be listed: it has no catalog.';
  if (nearest.length === 0) return `It has no kernel ${uname.split('-', 1)[0]} for ${arch}.`;
  return `The nearest kernels in it: ${nearest.map((one) => one.uname).join(', ')}.`;
}

/**
 * Downloads the tarball of a machine's kernel, compares it with the catalog if there is one, unpacks it and
 * checks the BTF. Throws NotArchived, `checksum-mismatch`, `bad-archive` or `bad-btf`.
 */
export async function fetchBtf(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  reader: ArchiveReader,
  request: { readonly machine: Machine; readonly expectation: Expectation },
): Promise<Fetched> {
  const task = progress.begin(request.machine.kernel.uname);
  task.stage('download');
  try {
    const { kernel, tarball, promised } = await deliver(reader, request.machine);
    task.advance(tarball.length);
    task.stage('check');
    const btf = await unpackOf(platform, kernel, tarball, reader.name);
    const summary = checkBtf(btf, request.expectation);
    task.end(
      'fetched',
      promised ? 'SHA-256 matches the catalog' : 'no SHA-256 in a catalog to compare with',
    );
    return { kernel, btf, summary, promised };
  } catch (error) {
    task.end('failed');
    throw error;
  }
}

/** Unpacks a kernel's tarball. Throws `bad-archive`, also when the tarball contains another kernel's BTF. */
export async function unpackOf(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  kernel: KernelName,
  tarball: Uint8Array,
  archive: string,
): Promise<Buffer> {
  const { uname, btf } = await unpackBtf(platform.programs, tarball, {
    signal: platform.interrupted,
  });
  if (uname === kernel.uname) return btf;
  const what = `The tarball of ${kernel.uname} in ${archive}`;
  throw new Failure('bad-archive', `${what} contains the BTF of another kernel: ${uname}.`);
}

/**
 * Looks in the folder that the machine's os-release names, then for the same `uname -r` in all folders: in a
 * container, os-release can be that of another distribution than the kernel's.
 */
async function deliver(reader: ArchiveReader, machine: Machine): Promise<ArchivedTarball> {
  const { distribution, versionId, kernel } = machine;
  if (distribution !== undefined && versionId !== undefined) {
    const own = await first(reader.read([{ distribution, versionId, ...kernel }]));
    if (own) return own;
  }
  const all = await reader.list().catch((error) => {
    if (error instanceof Failure && error.reason === 'not-found') return undefined;
    throw error;
  });
  if (all === undefined) {
    if (versionId !== undefined) throw new NotArchived(reader.name, machine, undefined);
    throw new Failure(
      'usage',
      `${reader.name} has no catalog, and this machine does not say which VERSION_ID ${kernel.uname} is of.`,
      "Give --version-id, '22.03' for example, and --distribution.",
    );
  }
  const named = all.filter(({ uname, arch }) => uname === kernel.uname && arch === kernel.arch);
  const places = named.map((one) => `${one.distribution} ${one.versionId}`);
  if (named.length > 1) {
    throw new Failure(
      'usage',
      `${reader.name} has ${kernel.uname} several times: for ${places.join(', ')}.`,
      'Say which with --version-id.',
    );
  }
  const elsewhere = await first(reader.read(named));
  if (elsewhere) return elsewhere;
  throw new NotArchived(
    reader.name,
    machine,
    nearestKernels(all, { ...kernel, ...(versionId ? { versionId } : {}) }),
  );
}

async function first<Value>(values: AsyncIterable<Value>): Promise<Value | undefined> {
  for await (const value of values) return value;
  return undefined;
}
