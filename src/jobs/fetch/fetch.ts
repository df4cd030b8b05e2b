import { archivePaths, type KernelName } from '../../archive/layout.ts';
import type { ArchivedTarball, ArchiveReader } from '../../archive/reader.ts';
import {
  type AttestationDemand,
  type Attested,
  verifyAttestation,
} from '../../attestation/verify.ts';
import { type BtfSummary, checkBtf, type Expectation } from '../../btf/check.ts';
import { unpackBtf } from '../../btf/tarball.ts';
import { Failure } from '../../failure.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Progress } from '../../report/progress.ts';
import { sha256 } from '../../sha256.ts';
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
  /** Who made the tarball; absent where it was not asked. */
  readonly attested?: Attested;
}

/** The proof that a tarball must have. */
export interface RequiredAttestation extends AttestationDemand {
  /** The text of a file with Sigstore bundles; undefined for those that the archive keeps. */
  readonly bundles: string | undefined;
}

/** The archive does not have a kernel. Names the nearest ones, and whether the kernel has its own BTF. */
export class NotArchived extends Failure {
  /** Undefined when the archive cannot be listed. */
  readonly nearest: readonly KernelName[] | undefined;
  readonly hasBtf: boolean;

  constructor(archive: string, machine: Machine, nearest: readonly KernelName[] | undefined) {
    const { kernel, hasBtf } = machine;
    const where = nearest === undefined ? pathsNotFound(machine) : describeNearest(kernel, nearest);
    const advice = [
      ...(hasBtf
        ? [`This kernel has its own BTF in ${OWN_BTF}, so it needs none from the archive.`]
        : []),
      ...(nearest === undefined
        ? ['If the kernel belongs to another release, give --version-id and --distribution.']
        : hasBtf
          ? []
          : [
              "Do not use the BTF of another kernel: its offsets can be wrong. 'btfhub build' makes the BTF of this one.",
            ]),
    ];
    super(
      'not-found',
      `${archive} has no BTF for ${kernel.uname} (${kernel.arch}). ${where}`,
      advice.join(' '),
    );
    this.nearest = nearest;
    this.hasBtf = hasBtf;
  }

  override toJSON() {
    const { nearest, hasBtf } = this;
    return { ...super.toJSON(), nearest, hasBtf };
  }
}

/** What was requested of an archive without a catalog, which cannot be listed. */
function pathsNotFound({ places, kernel }: Machine): string {
  const paths = places.flatMap((place) => archivePaths({ ...place, ...kernel }, kernel.uname));
  return `It has no catalog to list its kernels, and no file ${paths.join(' or ')}.`;
}

function describeNearest(
  { uname, arch }: Machine['kernel'],
  nearest: readonly KernelName[],
): string {
  if (nearest.length === 0) return `It has no kernel ${uname.split('-', 1)[0]} for ${arch}.`;
  return `The nearest kernels in it: ${nearest.map((one) => one.uname).join(', ')}.`;
}

/**
 * Downloads the tarball of a machine's kernel, compares it with the catalog if there is one, unpacks it and
 * checks the BTF. Throws NotArchived, `checksum-mismatch`, `bad-archive` or `bad-btf`; with a required attestation also
 * `no-attestation` or `bad-attestation`, before anything is unpacked.
 */
export async function fetchBtf(
  platform: Pick<Platform, 'programs' | 'interrupted'>,
  progress: Progress,
  reader: ArchiveReader,
  request: {
    readonly machine: Machine;
    readonly expectation: Expectation;
    readonly attestation?: RequiredAttestation | undefined;
  },
): Promise<Fetched> {
  const task = progress.begin(request.machine.kernel.uname);
  task.stage('download');
  try {
    const { kernel, tarball, promised } = await deliver(reader, request.machine);
    task.advance(tarball.length);
    task.stage('check');
    const attested = await attest(reader, kernel, tarball, request.attestation);
    const btf = await unpackOf(platform, kernel, tarball, reader.name);
    const summary = checkBtf(btf, request.expectation);
    task.end(
      'fetched',
      promised ? 'SHA-256 matches the catalog' : 'no SHA-256 in a catalog to compare with',
    );
    if (attested === undefined) return { kernel, btf, summary, promised };
    return { kernel, btf, summary, promised, attested };
  } catch (error) {
    task.end('failed');
    throw error;
  }
}

async function attest(
  reader: ArchiveReader,
  { uname }: KernelName,
  tarball: Uint8Array,
  required: RequiredAttestation | undefined,
): Promise<Attested | undefined> {
  if (required === undefined) return undefined;
  const sum = sha256(tarball);
  const bundles = required.bundles ?? (await reader.attestation(sum));
  return verifyAttestation(`the tarball of ${uname}`, sum, bundles, required);
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
 * Looks in the folders that the kernel's name and the machine's os-release tell, then for the same `uname -r` in
 * all folders: in a container, os-release can be that of another distribution than the kernel's.
 */
async function deliver(reader: ArchiveReader, machine: Machine): Promise<ArchivedTarball> {
  const { places, kernel } = machine;
  for (const place of places) {
    const found = await first(reader.read([{ ...place, ...kernel }]));
    if (found) return found;
  }
  const all = await reader.list().catch((error) => {
    if (error instanceof Failure && error.reason === 'not-found') return undefined;
    throw error;
  });
  if (all === undefined) {
    if (places.length > 0) throw new NotArchived(reader.name, machine, undefined);
    throw new Failure(
      'usage',
      `${reader.name} has no catalog to list its kernels, and nothing tells the VERSION_ID of ${kernel.uname}.`,
      "Give --version-id, for example '22.03', and --distribution.",
    );
  }
  const named = all.filter(({ uname, arch }) => uname === kernel.uname && arch === kernel.arch);
  if (named.length > 1) {
    const folders = named.map((one) => `${one.distribution} ${one.versionId}`);
    throw new Failure(
      'usage',
      `${reader.name} has ${kernel.uname} several times: for ${folders.join(', ')}.`,
      'Choose one with --version-id and --distribution.',
    );
  }
  const found = await first(reader.read(named));
  if (found) return found;
  const versionId = places[0]?.versionId;
  const wanted = versionId === undefined ? kernel : { ...kernel, versionId };
  throw new NotArchived(reader.name, machine, nearestKernels(all, wanted));
}

async function first<Value>(values: AsyncIterable<Value>): Promise<Value | undefined> {
  for await (const value of values) return value;
  return undefined;
}
