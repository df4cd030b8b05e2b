import type { Reason } from '../failure.ts';
import type { Arch, DistributionId, Release, Uname, VersionId } from '../names.ts';
import type { DwarfTools } from '../toolchain/dwarf-tools.ts';

/** Version of the record's shape; raised when a reader of the old shape would be misled. */
export const RECORD_SCHEMA = 1;

/**
 * What is known about one kernel's BTF: where it came from, what was verified, what made it, what
 * came out. Written beside the tarball as `records/<uname -r>.json`; the catalog is made of these.
 * All sums are SHA-256 in lower-case hex, all sizes bytes, all durations seconds.
 */
export type KernelRecord = DwarfRecord | EmbeddedRecord;

/** BTF that pahole made from the DWARF of vmlinux. */
export interface DwarfRecord extends RecordedBtf {
  /** Records of the time before there was another method do not have it. */
  readonly method: 'dwarf';
  readonly vmlinux: {
    readonly size: number;
    readonly sha256: string;
    /** Whether it has a `.BTF` section of its own. */
    readonly embeddedBtf: boolean;
  };
  readonly pahole: PaholeUse;
}

/** BTF that the kernel carries, taken out of its boot image. */
export interface EmbeddedRecord extends RecordedBtf {
  readonly method: 'embedded';
  readonly bootImage: BootImageUse;
}

export interface BootImageUse {
  /** Bytes of the image, as it is in the package. */
  readonly size: number;
  readonly sha256: string;
  /** What was unpacked, outermost first: `['bzImage', 'gzip', 'ELF']`. */
  readonly layers: readonly string[];
  /** Whether an ELF section named the BTF, or it was searched for. */
  readonly foundBy: 'section' | 'scan';
  /** Bytes of the package that were read; all of them unless the signature proved the image before. */
  readonly bytesRead: number;
}

/** What the other method gives for the same kernel, compared definition by definition. */
export type CrossCheck =
  | {
      readonly state: 'compared';
      readonly method: 'dwarf' | 'embedded';
      readonly nvra: string;
      readonly btf: { readonly size: number; readonly sha256: string };
      readonly equal: boolean;
      /** Number of names by kind: in both and equal, only in this file, only in the other, in both and different. */
      readonly kinds: Readonly<Record<string, CrossCheckCounts>>;
    }
  | { readonly state: 'failed'; readonly reason: Reason; readonly message: string };

export interface CrossCheckCounts {
  readonly equal: number;
  readonly onlyHere: number;
  readonly onlyThere: number;
  readonly different: number;
}

/** What records of both methods have. */
interface RecordedBtf {
  readonly schema: typeof RECORD_SCHEMA;
  readonly uname: Uname;
  /** `kernel-debuginfo-<version>-<release>.<arch>`, or `kernel-<version>-<release>.<arch>` */
  readonly nvra: string;
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  /** Every release that lists this very package. */
  readonly releases: readonly Release[];
  readonly arch: Arch;
  /** Where `verified.repodata` is false, size and sum are those that the repository's metadata gives. */
  readonly package: { readonly url: string; readonly size: number; readonly sha256: string };
  readonly verified: Verification;
  readonly crossCheck?: CrossCheck;
  readonly btf: {
    readonly size: number;
    readonly sha256: string;
    /** Number of types by kind, `{ INT: 20, PTR: 33000, ... }`, without `void`. */
    readonly kinds: Readonly<Record<string, number>>;
  };
  readonly tarball: { readonly path: string; readonly size: number; readonly sha256: string };
  /** The modules whose BTF is merged with the kernel's; only in the archive's branch `modules`. */
  readonly modules?: ModuleUse;
  readonly stages: Readonly<Record<StageName, Measured>>;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}

/** What stood between the mirror and us, from the outside in. */
export interface Verification {
  /**
   * The package's bytes have the sum that primary promises, whose own sum repomd promises. False where
   * reading stopped after a boot image that the signed header proves.
   */
  readonly repodata: boolean;
  /** The header has the SHA-256 that the signature header promises (old packages have none). */
  readonly header: boolean;
  /** vmlinux, or the boot image, has the digest that the header promises. */
  readonly file: boolean;
  /** The OpenPGP signature over the header: by which key, with which hash; or why not. */
  readonly signature:
    | { readonly status: 'good'; readonly key: string; readonly hash: string }
    | { readonly status: 'unsigned' | 'off' };
}

/** Which modules a file of BTF holds besides the kernel. */
export interface ModuleUse {
  /** The globs that were asked for. */
  readonly requested: readonly string[];
  /** Sorted by name. */
  readonly included: readonly string[];
  /** Modules that were found and left out, and why. */
  readonly excluded: readonly { readonly name: string; readonly why: string }[];
}

export interface PaholeUse {
  /** `1.31` */
  readonly version: string;
  /** The arguments that shape the output, without file names and -j. */
  readonly flags: readonly string[];
  /** Where it came from. */
  readonly origin: 'built' | 'cached' | 'system';
}

/** `download` and `decode` run together and are both timed from the first request; the others follow. */
export const STAGES = ['download', 'decode', 'pahole', 'check', 'compress'] as const;
export type StageName = (typeof STAGES)[number];

export interface Measured {
  readonly seconds: number;
  /** Of what the stage put out. */
  readonly bytes: number;
}

/**
 * What is left of a kernel that could not be built, in the place of its record. The catalog counts
 * these, so that the planner knows what to try again, and when.
 */
export interface FailureRecord {
  readonly schema: typeof RECORD_SCHEMA;
  readonly state: 'failed';
  readonly uname: Uname;
  readonly nvra: string;
  readonly distribution: DistributionId;
  readonly versionId: VersionId;
  readonly releases: readonly Release[];
  readonly arch: Arch;
  /** From the repository's metadata: the package may not have been downloaded. */
  readonly package: KernelRecord['package'];
  readonly reason: Reason;
  /** What happened, in whole sentences. */
  readonly message: string;
  /** Only of `unreadable-dwarf`: another version of these may read the debug information. */
  readonly tools?: DwarfTools;
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
}

export type BuildRecord = KernelRecord | FailureRecord;

/** Whether a record is of a kernel that failed. */
export function isFailureRecord(record: BuildRecord): record is FailureRecord {
  return 'state' in record;
}

/** `records/<uname -r>.json`, beside the tarballs' folders. */
export function recordPath(uname: Uname): string {
  return `records/${uname}.json`;
}
