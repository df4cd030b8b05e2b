import {
  type Arch,
  asArch,
  asDistributionId,
  asUname,
  asVersionId,
  type DistributionId,
  type Uname,
  type VersionId,
} from '../names.ts';

/** Where the archive keeps the kernels of one architecture of one VERSION_ID. */
export interface ArchiveFolder {
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  readonly arch: Arch;
}

/** One kernel of an archive. */
export interface KernelName extends ArchiveFolder {
  readonly uname: Uname;
}

/** The archive's folder is called `arm64` where `uname -m` and RPM say `aarch64`; all others agree. */
const FOLDER_OF_ARCH: Readonly<Record<string, string>> = { aarch64: 'arm64' };

export const TARBALL_SUFFIX = '.btf.tar.xz';

/**
 * `openEuler/22.03/arm64/<uname -r>.btf.tar.xz`: the layout of BTFHub's archive, and of openEuler's.
 * The names were checked when they got their types, so this is a safe relative path.
 */
export function tarballPath(folder: ArchiveFolder, uname: Uname): string {
  const archFolder = FOLDER_OF_ARCH[folder.arch] ?? folder.arch;
  return `${folder.distribution}/${folder.versionId}/${archFolder}/${uname}${TARBALL_SUFFIX}`;
}

/**
 * All paths that one tarball has in the archive. Arm has a second one, `aarch64`, because
 * bpf-compatible looks under `uname -m`; git keeps the same bytes once.
 */
export function archivePaths(folder: ArchiveFolder, uname: Uname): readonly string[] {
  const path = tarballPath(folder, uname);
  if (FOLDER_OF_ARCH[folder.arch] === undefined) return [path];
  const alias = `${folder.distribution}/${folder.versionId}/${folder.arch}/${uname}${TARBALL_SUFFIX}`;
  return [path, alias];
}

/** `openEuler/22.03/aarch64/...` for `openEuler/22.03/arm64/...`; undefined for a path that needs no alias. */
export function aliasPath(path: string): string | undefined {
  const parts = path.split('/');
  const arch = Object.keys(FOLDER_OF_ARCH).find((one) => FOLDER_OF_ARCH[one] === parts[2]);
  if (parts.length !== 4 || arch === undefined) return undefined;
  return [parts[0], parts[1], arch, parts[3]].join('/');
}

/** The kernel whose tarball a path is, by either of its names; undefined for any other file. */
export function parseTarballPath(path: string): KernelName | undefined {
  const parts = /^([^/]+)\/([^/]+)\/([^/]+)\/([^/]+)\.btf\.tar\.xz$/.exec(path);
  if (!parts) return undefined;
  const [, distribution = '', versionId = '', folder = '', uname = ''] = parts;
  try {
    return {
      distribution: asDistributionId(distribution),
      versionId: asVersionId(versionId),
      arch: asArch(ARCH_OF_FOLDER[folder] ?? folder),
      uname: asUname(uname),
    };
  } catch {
    return undefined;
  }
}

const ARCH_OF_FOLDER = Object.fromEntries(
  Object.entries(FOLDER_OF_ARCH).map(([arch, folder]) => [folder, arch]),
);
