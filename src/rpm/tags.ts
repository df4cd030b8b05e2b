/** Tags of the header that we read; numbers and names are those of rpm's `include/rpm/rpmtag.h`. */
export const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  arch: 1022,
  oldFileNames: 1027,
  fileSizes: 1028,
  fileModes: 1030,
  fileDigests: 1035,
  fileLinkTos: 1036,
  fileFlags: 1037,
  archiveSize: 1046,
  fileDevices: 1095,
  fileInodes: 1096,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  payloadFormat: 1124,
  payloadCompressor: 1125,
  payloadFlags: 1126,
  longFileSizes: 5008,
  fileDigestAlgorithm: 5011,
  payloadDigest: 5092,
  payloadDigestAlgorithm: 5093,
  payloadDigestUnpacked: 5097,
  payloadSize: 5112,
  payloadSizeUnpacked: 5113,
  rpmFormat: 5114,
} as const;

/** Tags of the signature header: a number space of its own above 1000. */
export const SIGNATURE_TAG = {
  dsa: 267,
  rsa: 268,
  sha1: 269,
  longSize: 270,
  longArchiveSize: 271,
  sha256: 273,
  openpgp: 278,
  sha3: 279,
  size: 1000,
  pgp: 1002,
  gpg: 1005,
  archiveSize: 1007,
} as const;

export type DigestAlgorithm =
  | 'md5'
  | 'sha1'
  | 'sha224'
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'sha3-256'
  | 'sha3-512';

/** OpenPGP's numbers of hash algorithms (RFC 9580, 9.5), which rpm uses for digests, by the names that node:crypto has. */
export const DIGEST_ALGORITHMS: ReadonlyMap<number, DigestAlgorithm> = new Map([
  [1, 'md5'],
  [2, 'sha1'],
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
  [11, 'sha224'],
  [12, 'sha3-256'],
  [14, 'sha3-512'],
]);

/** A digest as a package states it; `hex` in lower case. */
export interface Digest {
  readonly algorithm: DigestAlgorithm;
  readonly hex: string;
}
