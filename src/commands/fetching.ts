import { resolve } from 'node:path';
import type { Attested } from '../attestation/verify.ts';
import type { Expectation } from '../btf/check.ts';
import { Failure } from '../failure.ts';
import { type Fetched, fetchBtf } from '../jobs/fetch/fetch.ts';
import { type Machine, OWN_BTF, readMachine } from '../jobs/fetch/machine.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { fetchFromPackage } from '../jobs/make-btf/fetch-from-package.ts';
import { DEFAULT_MODULES } from '../jobs/make-btf/modules.ts';
import { SIGNATURE_POLICIES } from '../jobs/make-btf/signature-verifier.ts';
import { asArch, asDistributionId, asUname, asVersionId } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import type { Progress } from '../report/progress.ts';
import { parseTrustOption } from '../rpm/keys.ts';
import { noCache } from '../rpmmd/cache.ts';
import { chooseSource } from '../sources/choose.ts';
import {
  archiveOption,
  expectationOf,
  minimumTypesOption,
  modulesOption,
} from './archive-options.ts';
import { attestationOptions, requiredAttestation } from './attestation-options.ts';
import { choice, flag, list, text, type Values } from './command.ts';

/** The kernel, the machine and the archive: the options of `fetch` and `install`. */
export const fetchingOptions = {
  uname: text('<uname>', "'uname -r' of the kernel; by default the running kernel"),
  arch: text('<arch>', "architecture of the kernel; by default from its name, else this machine's"),
  archive: archiveOption,
  modules: modulesOption,
  distribution: text(
    '<ID>',
    "ID in the os-release of the kernel's distribution; by default from the name of the kernel, else this machine's",
  ),
  versionId: text(
    '<VERSION_ID>',
    "VERSION_ID in the os-release of the kernel's distribution; by default from the name of the kernel, else this machine's",
  ),
  root: text('<folder>', 'root folder of an image or a chroot to use instead of this machine', {
    default: '/',
  }),
  minimumTypes: minimumTypesOption,
  ...attestationOptions,
  fromKernelPackage: flag(
    "take the BTF out of the kernel's package on the distribution's mirrors (about 12 MB; with --modules up to all of it) instead of the archive",
  ),
  mirror: list(
    '<URL>',
    "root URL of a mirror for --from-kernel-package; default: the distribution's own mirrors",
  ),
  signature: choice(
    SIGNATURE_POLICIES,
    'for --from-kernel-package: whether the package must be signed: always, if the keys of its distribution or repository are known, or never',
    { default: 'prefer' },
  ),
  trustKey: list(
    '<fingerprint|file>',
    "key to trust for --from-kernel-package, in addition to the distribution's keys",
    { separator: 'lines' },
  ),
  sources: list(
    '<file>',
    'file that describes another distribution (JSON or YAML), for --from-kernel-package',
    { separator: 'lines' },
  ),
} as const;

type Options = Values<typeof fetchingOptions>;

/** The machine and kernel that the options select. */
export async function toMachine(platform: Platform, options: Options): Promise<Machine> {
  const { uname, arch, distribution, versionId } = options;
  return readMachine(platform, {
    root: resolve(options.root),
    uname: uname === undefined ? undefined : asUname(uname),
    arch: arch === undefined ? undefined : asArch(arch),
    distribution: distribution === undefined ? undefined : asDistributionId(distribution),
    versionId: versionId === undefined ? undefined : asVersionId(versionId),
  });
}

/** Downloads the BTF of a machine's kernel from the archive of the options. */
export async function fetchFor(
  platform: Platform,
  progress: Progress,
  options: Options,
  machine: Machine,
): Promise<Fetched> {
  const expectation = expectationOf(options.minimumTypes);
  const attestation = await requiredAttestation(options);
  if (options.fromKernelPackage) {
    if (attestation !== undefined) throw notAttested('--from-kernel-package');
    return fromKernelPackage(platform, progress, options, machine, expectation);
  }
  const reader = await openReader(
    platform,
    options.archive,
    options.modules ? 'modules' : 'kernels',
    progress.warn,
  );
  try {
    return await fetchBtf(platform, progress, reader, { machine, expectation, attestation });
  } finally {
    await reader.close();
  }
}

/** Who made a tarball, as a line of text. */
export function attestedBy(attested: Attested | undefined): string {
  return attested === undefined ? '' : `Made by ${attested.repository}: ${attested.signer}.\n`;
}

/** What is not out of the archive has no attestation. */
export function notAttested(option: string): Failure {
  return new Failure(
    'usage',
    `--attestation is about tarballs of the archive, and ${option} takes none.`,
    'Leave one of them out.',
  );
}

/** Says that the kernel has its own BTF, before anything is downloaded. */
export function noteOwnBtf(progress: Progress, { hasBtf }: Machine): void {
  if (!hasBtf) return;
  progress.note(`The running kernel has its own BTF in ${OWN_BTF}, which loaders use first.`);
}

async function fromKernelPackage(
  platform: Platform,
  progress: Progress,
  { mirror, signature, trustKey, sources, modules }: Options,
  { kernel, places }: Machine,
  expectation: Expectation,
): Promise<Fetched> {
  const [place] = places;
  const source = await chooseSource(place?.distribution ?? 'openEuler', sources);
  const request = {
    kernel,
    versionId: place?.versionId,
    query: { source, mirrors: mirror, cache: noCache },
    signature,
    trust: trustKey.map(parseTrustOption),
    expectation,
    modules: modules ? DEFAULT_MODULES : undefined,
  };
  const { btf, summary, kernel: found } = await fetchFromPackage(platform, request, progress);
  const { uname, arch } = found;
  return {
    kernel: { distribution: found.distribution, versionId: found.versionId, uname, arch },
    btf: Buffer.from(btf),
    summary,
    promised: false,
  };
}
